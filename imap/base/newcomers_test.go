package base

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"postie/maildir"
	"postie/maildir/index"
)

// Agreements that are written down together lead to what they lead to one by one, whatever is known of their UIDs and keys already.
func TestTogetherAsOneByOne(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it compares thousands of transactions")
	}
	for seed := range uint64(12) {
		together, one := history(t, seed, 64), history(t, seed, 1)
		if together != one {
			t.Errorf("seed %d: together\n%s\none by one\n%s", seed, together, one)
		}
	}
}

// history writes agreements down, so many at a time, and shows what all tables hold then.
func history(t *testing.T, seed uint64, together int) string {
	s, a, in, _ := based(t)
	random := rand.New(rand.NewPCG(seed, 1))
	var as []Agreement
	for n := range 256 {
		uid, key := imap.UID(n+1), n
		if n > 0 && random.IntN(40) == 0 {
			uid = imap.UID(1 + random.IntN(n))
		}
		if n > 0 && random.IntN(40) == 0 {
			key = random.IntN(n)
		}
		g := paired(in, uid, fmt.Sprint("k", key))
		if random.IntN(9) == 0 {
			g.Message.Summary.References, g.Message.Summary.Cc = "a@x b@x", "Ann <ann@x>"
		}
		if random.IntN(9) == 0 {
			g.Message.Wire.Exact, g.Message.Own = false, [32]byte{9, byte(n)}
		}
		as = append(as, g)
	}
	for len(as) > 0 {
		n := min(together, len(as))
		rows, err := a.Arrive(t.Context(), as[:n])
		must(t, err)
		for i, r := range rows {
			if g := as[i]; r.UID != g.Pair.UID || r.Key != g.Pair.Key || r.Message != g.Message.ID || r.ID == 0 || r.Message == 0 {
				t.Fatalf("%+v of %+v", r, g)
			}
		}
		as = as[n:]
	}
	var out strings.Builder
	for _, table := range []string{"pair", "message", "detail", "own", "box"} {
		lines, err := index.Rows(t.Context(), s, func(rows *sql.Rows) (string, error) {
			columns, err := rows.Columns()
			must(t, err)
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(any)
			}
			err = rows.Scan(values...)
			line := table
			for _, v := range values {
				line += fmt.Sprint(" ", *v.(*any))
			}
			return line, err
		}, "SELECT * FROM "+table+" ORDER BY 1")
		must(t, err)
		out.WriteString(strings.Join(lines, "\n") + "\n")
	}
	return out.String()
}

// What is new costs a few statements for many messages, not some for each.
func TestNewcomersAllocations(t *testing.T) {
	_, a, in, _ := based(t)
	uid := imap.UID(0)
	const batch = 256
	n := testing.AllocsPerRun(4, func() {
		as := make([]Agreement, batch)
		for i := range as {
			uid++
			as[i] = paired(in, uid, fmt.Sprint("k", uid))
		}
		rows, err := a.Arrive(context.Background(), as)
		must(t, err, a.Arrived(context.Background(), rows, nil))
	}) / batch
	if t.Logf("%.0f allocations for each message", n); n > 60 {
		t.Errorf("%.0f allocations for each message", n)
	}
}

// UIDs that lie apart are read as those that lie together are, at the price of few statements.
func TestScattered(t *testing.T) {
	_, a, in, _ := based(t)
	const many = 3000
	as := make([]Agreement, many)
	for i := range as {
		as[i] = paired(in, imap.UID(2*i+1), fmt.Sprint("k", i))
	}
	_, err := a.Arrive(t.Context(), as)
	must(t, err)
	var set imap.UIDSet
	for uid := imap.UID(1); uid < 2*many; uid += 3 {
		set.AddNum(uid)
	}
	set.AddRange(1000, 2500) // more than a page
	read := func() (got []imap.UID) {
		for row, err := range a.ByUID(context.Background(), in.ID, set) {
			must(t, err)
			got = append(got, row.UID)
		}
		return got
	}
	var want []imap.UID
	for row, err := range a.ByUID(t.Context(), in.ID, nil) {
		if must(t, err); set.Contains(row.UID) {
			want = append(want, row.UID)
		}
	}
	if got := read(); !slices.Equal(got, want) {
		t.Errorf("%d rows, want %d", len(got), len(want))
	}
	each := testing.AllocsPerRun(2, func() { read() }) / float64(len(want))
	if t.Logf("%.0f allocations for each row", each); each > 40 {
		t.Errorf("%.0f allocations for each row", each)
	}
}

func TestEntries(t *testing.T) {
	_, a, in, other := based(t)
	must(t, a.Agree(t.Context(), []Agreement{paired(in, 1, "a"), paired(in, 2, "b"), paired(other, 1, "c")}))
	got, err := a.Entries(t.Context(), in.ID, []maildir.Key{"b", "c", "\xff", "d"})
	if must(t, err); len(got) != 1 || got[0] != maildir.EntryOf("b:2,S", false) {
		t.Errorf("%v", got)
	}
}

// What is new changes two rows, of the message and of the pair, and no third for each; and it enters no more indexes than are needed.
func TestNewcomersRows(t *testing.T) {
	s, a, in, _ := based(t)
	const batch = 256
	as := make([]Agreement, batch)
	for i := range as {
		as[i] = paired(in, imap.UID(i+1), fmt.Sprint("k", i))
	}
	changed := func() (n int64) {
		must(t, s.Write(t.Context(), func(tx *sql.Tx) error { return tx.QueryRow("SELECT total_changes()").Scan(&n) }))
		return n
	}
	before := changed()
	_, err := a.Arrive(t.Context(), as)
	must(t, err)
	if n := changed() - before; n > 2*batch+5 {
		t.Errorf("%d rows changed for %d messages", n, batch)
	}
	for statement, most := range map[string]int{pairing + " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)": 6, index.Insertion: 7} {
		steps, err := index.Rows(t.Context(), s, func(rows *sql.Rows) (step string, err error) {
			var rest any
			return step, rows.Scan(&rest, &step, &rest, &rest, &rest, &rest, &rest, &rest)
		}, "EXPLAIN "+strings.ReplaceAll(statement, "?", "1"))
		must(t, err)
		n := 0
		for _, step := range steps {
			if step == "IdxInsert" {
				n++
			}
		}
		if n > most {
			t.Errorf("%d indexes: %s", n, statement)
		}
	}
}
