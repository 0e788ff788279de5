package index

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"postie/maildir"
)

func TestList(t *testing.T) {
	s := open(t, newRoot(t), nil)
	l := ledger(t, s, "alice")
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	var ms []Message
	for n := range 1000 { // 100 of each of ten days, in two mailboxes
		m, _ := sample(n)
		m.Date, m.Mailbox = day(1+n/100), []string{Inbox, "Box"}[n%2]
		if n%3 == 0 {
			m.Flags.Set |= maildir.FlagSeen
		}
		if n%250 == 0 {
			m.Flags.Set |= maildir.FlagFlagged
		}
		ms = append(ms, m)
	}
	if err := l.Stored(t.Context(), ms); err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(ms, func(a, b Message) int {
		if c := b.Date.Compare(a.Date); c != 0 {
			return c
		}
		return int(b.ID - a.ID)
	})
	for _, o := range []ListOptions{
		{}, {Limit: 3}, {Limit: listPage}, {Limit: listPage + 1}, {Limit: 2000}, {Mailboxes: []string{"Box"}}, {Mailboxes: []string{"none"}}, {Mailboxes: []string{"Box", Inbox}, Unread: true},
		{Unread: true}, {Unread: true, Mailboxes: []string{Inbox}, Limit: 20}, {Flagged: true}, {Flagged: true, Unread: true},
		{Since: day(4)}, {Until: day(4)}, {Since: day(3), Until: day(5), Unread: true}, {Until: day(1)}, {Since: day(11)},
	} {
		var got, wanted []int64
		for m, err := range s.List(t.Context(), o) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, m.ID)
		}
		for _, m := range ms {
			if (o.Mailboxes == nil || slices.Contains(o.Mailboxes, m.Mailbox)) && !(o.Unread && m.Flags.Set&maildir.FlagSeen != 0) &&
				!(o.Flagged && m.Flags.Set&maildir.FlagFlagged == 0) && !m.Date.Before(o.Since) &&
				(o.Until.IsZero() || m.Date.Before(o.Until)) && (o.Limit == 0 || len(wanted) < o.Limit) {
				wanted = append(wanted, m.ID)
			}
		}
		want(t, fmt.Sprintf("%+v", o), got, wanted)
	}
	// The caller may write while it reads, and stop early.
	for m, err := range s.List(t.Context(), ListOptions{}) {
		if err != nil || l.Adopt(t.Context(), []Adoption{{Message: m.ID, UIDL: "u"}}) != nil {
			t.Fatal(err)
		}
		break
	}
	want(t, "adopted", len(receipts(t, l)), 1)
}

// TestListPlan: no list may sort, or read more than it gives.
func TestListPlan(t *testing.T) {
	s := open(t, newRoot(t), nil)
	for _, o := range []ListOptions{{}, {Mailboxes: []string{Inbox}}, {Unread: true}, {Flagged: true}, {Since: time.Now(), Until: time.Now()}} {
		q, args := o.query()
		plan, err := s.r.Query("EXPLAIN QUERY PLAN "+q, append(args, 1, 1, 1, 1)...)
		if err != nil {
			t.Fatal(err)
		}
		for plan.Next() {
			var a, b, c int
			var step string
			if err := plan.Scan(&a, &b, &c, &step); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(step, "TEMP B-TREE") || strings.HasPrefix(step, "SCAN m") {
				t.Errorf("%+v: %s", o, step)
			}
		}
		plan.Close()
	}
}
