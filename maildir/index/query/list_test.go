package query

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"postie/maildir"
	"postie/maildir/index"
)

func TestList(t *testing.T) {
	s, _ := opened(t)
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	fill(t, s, 1000, func(n int, m *index.Message) { // 100 of each of ten days, in two mailboxes
		m.Date, m.Mailbox = day(1+n/100), []string{index.Inbox, "Box"}[n%2]
		if n%3 == 0 {
			m.Flags.Set |= maildir.FlagSeen
		}
		if n%250 == 0 {
			m.Flags.Set |= maildir.FlagFlagged
		}
	})
	ms := all(t, s)
	slices.SortStableFunc(ms, func(a, b index.Message) int {
		if c := b.Date.Compare(a.Date); c != 0 {
			return c
		}
		return int(b.ID - a.ID)
	})
	for _, o := range []ListOptions{
		{}, {Limit: 3}, {Limit: listPage}, {Limit: listPage + 1}, {Limit: 2000}, {Mailboxes: []string{"Box"}}, {Mailboxes: []string{"none"}}, {Mailboxes: []string{"Box", index.Inbox}, Unread: true},
		{Unread: true}, {Unread: true, Mailboxes: []string{index.Inbox}, Limit: 20}, {Flagged: true}, {Flagged: true, Unread: true},
		{Since: day(4)}, {Until: day(4)}, {Since: day(3), Until: day(5), Unread: true}, {Until: day(1)}, {Since: day(11)},
	} {
		var got, wanted []int64
		for m, err := range List(t.Context(), s, o) {
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
	for m, err := range List(t.Context(), s, ListOptions{}) {
		if err == nil {
			err = s.Write(t.Context(), func(tx *sql.Tx) error {
				_, err := tx.Exec("DELETE FROM message WHERE id = ?", m.ID)
				return err
			})
		}
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	want(t, "written", len(all(t, s)), 999)
}

// TestListPlan: no list may sort, or read more than it gives.
func TestListPlan(t *testing.T) {
	s, _ := opened(t)
	for _, o := range []ListOptions{{}, {Mailboxes: []string{index.Inbox}}, {Unread: true}, {Flagged: true}, {Since: time.Now(), Until: time.Now()}} {
		by, where, args := o.query()
		steps, err := index.Rows(t.Context(), s, func(rows *sql.Rows) (step string, err error) {
			var a, b, c int
			return step, rows.Scan(&a, &b, &c, &step)
		}, "EXPLAIN QUERY PLAN "+index.Selection(by, where), append(args, 1, 1, 1, 1)...)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range steps {
			if strings.Contains(step, "TEMP B-TREE") || strings.HasPrefix(step, "SCAN m") {
				t.Errorf("%+v: %s", o, step)
			}
		}
	}
}

// BenchmarkList asks an index of 200,000 messages, each tenth read, each thousandth flagged.
func BenchmarkList(b *testing.B) {
	s, _ := opened(b)
	fill(b, s, 200000, func(i int, m *index.Message) {
		if i%10 == 0 {
			m.Flags.Set |= maildir.FlagSeen
		}
		if i%1000 == 0 {
			m.Flags.Set |= maildir.FlagFlagged
		}
	})
	for name, o := range map[string]ListOptions{
		"newest50":  {Limit: 50},
		"mailbox50": {Limit: 50, Mailboxes: []string{index.Inbox}},
		"flagged":   {Flagged: true, Unread: false},
		"unread50":  {Unread: true, Limit: 50},
		"old50":     {Until: time.UnixMilli(1763763600000 + 1000), Limit: 50},
		"all":       {},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				for _, err := range List(b.Context(), s, o) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
