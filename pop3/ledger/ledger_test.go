package ledger

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"postie/maildir"
	"postie/maildir/index"
)

// receipts shows a ledger as "UIDL state key read", with IDs left out.
func receipts(t *testing.T, l *Ledger) (out []string) {
	t.Helper()
	rs, err := l.Receipts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rs {
		out = append(out, fmt.Sprintf("%s %d %s %v", r.UIDL, r.State, r.Key, r.Read))
	}
	return out
}

func TestLedgerLife(t *testing.T) {
	now := time.Date(2026, 5, 6, 7, 8, 9, 123456789, time.FixedZone("", 3600))
	s := open(t, newRoot(t), &index.Options{Now: func() time.Time { return now }})
	l, ctx := of(t, s, "alice"), t.Context()
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	fresh := func() bool {
		t.Helper()
		f, err := l.Fresh(ctx)
		do(err)
		return f
	}
	want(t, "fresh at first", fresh(), true)

	m, r := sample(7)
	r.UIDL, r.Wire.Exact = "odd \x00\xff\"' uidl", false
	twin := Receipt{UIDL: r.UIDL, Key: "k2", Read: false}
	ids, err := l.Arriving(ctx, []Receipt{r, twin, {UIDL: "c", Key: "k3"}})
	do(err)
	rs, err := l.Receipts(ctx)
	do(err)
	r.ID, r.State, r.At = ids[0], Arriving, now.UTC().Truncate(time.Millisecond)
	want(t, "first receipt", rs[0], r)
	want(t, "ids", []int64{rs[0].ID, rs[1].ID, rs[2].ID}, ids)

	now = now.Add(time.Hour)
	m.Receipt = ids[0]
	do(l.Stored(ctx, []index.Message{m}))
	do(l.Confirm(ctx, ids[1:2]))
	want(t, "stored and confirmed", receipts(t, l), []string{r.UIDL + " 2 " + string(r.Key) + " true", r.UIDL + " 2 k2 false", "c 1 k3 false"})
	rs, _ = l.Receipts(ctx)
	want(t, "times", []any{rs[0].At, rs[1].At}, []any{now.UTC().Truncate(time.Millisecond), r.At})

	do(l.Gone(ctx, ids[:1]))
	do(l.Confirm(ctx, ids[:1])) // Confirm is only for what is Arriving
	do(l.Forget(ctx, ids[2:]))
	want(t, "gone and forgotten", receipts(t, l), []string{r.UIDL + " 3 " + string(r.Key) + " true", r.UIDL + " 2 k2 false"})

	local, _, err := s.ByKey(ctx, m.Entry.Key)
	do(err)
	do(l.Match(ctx, []Match{{ID: ids[1], UIDL: "new", Listed: 5}, {Message: local.ID, UIDL: "found", Listed: 6}, {Message: 999, UIDL: "vanished"},
		{ID: ids[1], Message: local.ID, UIDL: "new", Listed: 5, Read: true}}))
	want(t, "matched", receipts(t, l), []string{r.UIDL + " 3 " + string(r.Key) + " true", "new 2 k2 true", "found 2 " + string(r.Key) + " false"})
	rs, _ = l.Receipts(ctx)
	want(t, "matched message", []any{rs[2].Listed, rs[2].Wire, rs[2].Header, rs[2].At}, []any{6, m.Wire, m.Header, m.Date.UTC()})

	want(t, "fresh before the end", fresh(), true)
	left := Seen{List: [32]byte{1}, Oldest: now.UTC().Truncate(time.Millisecond)}
	do(l.Finished(ctx, now, left))
	seen, err := l.Seen(ctx)
	want(t, "seen", []any{seen, err}, []any{left, nil})
	want(t, "fresh after the end", fresh(), false)
	want(t, "a stranger's ledger", receipts(t, of(t, s, "Alice")), "[]")
	want(t, "the same in another case", len(receipts(t, of(t, s, "alice"))), 3)
}

// TestStoredIsWhole: one bad receipt, and nothing of the batch is there.
func TestStoredIsWhole(t *testing.T) {
	s := open(t, newRoot(t), nil)
	l, bob := of(t, s, "alice"), of(t, s, "bob")
	m, r := sample(1)
	ids, err := l.Arriving(t.Context(), []Receipt{r})
	if err != nil {
		t.Fatal(err)
	}
	for _, ids := range [][]int64{{ids[0], 77}, {ids[0] + 1}} {
		var ms []index.Message
		for _, id := range ids {
			m.Receipt = id
			ms = append(ms, m)
		}
		if err := l.Stored(t.Context(), ms); err == nil {
			t.Error("a receipt that is not there was stored")
		}
	}
	m.Receipt = ids[0]
	if err := bob.Stored(t.Context(), []index.Message{m}); err == nil {
		t.Error("another maildrop's receipt was stored")
	}
	want(t, "receipts", receipts(t, l), []string{r.UIDL + " 1 " + string(r.Key) + " true"})
	want(t, "messages", len(all(t, s)), 0)
}

// TestStoredAfterRefresh: a Refresh of another process may see the file before it is recorded as stored.
func TestStoredAfterRefresh(t *testing.T) {
	root := newRoot(t)
	s := open(t, root, nil)
	l := of(t, s, "alice")
	if err := os.WriteFile(filepath.Join(string(root), "cur", "a:2,S"), []byte("Subject: x\n\nbody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	ids, err := l.Arriving(t.Context(), []Receipt{{UIDL: "u", Key: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	ms := []index.Message{{Receipt: ids[0], Entry: maildir.EntryOf("a", true), Wire: maildir.Wire{Size: 3}}}
	if err := l.Stored(t.Context(), ms); err != nil {
		t.Fatal(err)
	}
	got := all(t, s)
	want(t, "messages", len(got), 1)
	want(t, "where it lies, and what it holds", []any{got[0].Entry.Name, got[0].Wire.Size, got[0].Wire.Exact, ms[0].ID}, []any{"a:2,S", 3, false, got[0].ID})
}

// TestSideBySide: maildrops of one process, and of several stores, fill one database at the same time.
func TestSideBySide(t *testing.T) {
	root := newRoot(t)
	stores := []*index.Store{open(t, root, nil), open(t, root, nil)}
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			l, err := Open(context.Background(), stores[n%2], index.Login{User: fmt.Sprint(n), Host: "h"})
			if err != nil {
				t.Error(err)
				return
			}
			for i := range 20 {
				m, r := sample(n*1000 + i)
				ids, err := l.Arriving(context.Background(), []Receipt{r})
				if err != nil {
					t.Error(err)
					return
				}
				m.Receipt = ids[0]
				if err := l.Stored(context.Background(), []index.Message{m}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	want(t, "messages", len(all(t, stores[0])), 80)
}

func TestCancelled(t *testing.T) {
	s := open(t, newRoot(t), nil)
	l := of(t, s, "alice")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := l.Arriving(ctx, []Receipt{{UIDL: "u"}})
	if err == nil || ctx.Err() == nil || len(receipts(t, l)) != 0 {
		t.Errorf("Arriving: %v", err)
	}
	if _, err := s.Refresh(ctx); err == nil {
		t.Error("Refresh went on")
	}
}

// TestBreakers: they are those of one maildrop, and replaced as a whole.
func TestBreakers(t *testing.T) {
	root := newRoot(t)
	s := open(t, root, nil)
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000000, time.UTC)
	for range 2 {
		l := of(t, s, "alice")
		ts := []Breaker{{"a", 5, 1, at}, {"a", 6, 2, at}, {"b \xff", 0, 3, at}}
		if err := l.SetBreakers(t.Context(), ts); err != nil {
			t.Fatal(err)
		}
		got, err := l.Breakers(t.Context())
		want(t, "breakers", []any{got, err}, []any{ts, nil})
		got, err = of(t, s, "bob").Breakers(t.Context())
		want(t, "another's", []any{got, err}, "[[] <nil>]")
		s.Close()
		s = open(t, root, nil)
	}
}
