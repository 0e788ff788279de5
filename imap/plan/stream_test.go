package plan

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"unsafe"

	"github.com/emersion/go-imap/v2"

	"postie/maildir"
)

// large is a mailbox of n pairs, of which every step-th was flagged there (0: none). Nothing of it is held in memory but
// what is given as keys.
func large(keys []maildir.Key, step int) Mailbox {
	seen := maildir.Flags{Set: maildir.FlagSeen}
	pairs := func(yield func(Pair, error) bool) {
		for i, k := range keys {
			if !yield(Pair{UID: imap.UID(i + 1), Key: k, Local: seen, Remote: seen}, nil) {
				return
			}
		}
	}
	files := func(yield func(File, error) bool) {
		for _, k := range keys {
			if !yield(File{Key: k, Flags: seen}, nil) {
				return
			}
		}
	}
	messages := func(yield func(Message, error) bool) {
		for i := range keys {
			m := Message{UID: imap.UID(i + 1), Flags: seen}
			if step > 0 && i%step == 0 {
				m.Flags.Set |= maildir.FlagFlagged
			}
			if !yield(m, nil) {
				return
			}
		}
	}
	return Mailbox{Name: "INBOX", Known: true, Exist: Both, Count: len(keys), Base: Base{ByUID: pairs, ByKey: pairs}, Files: files, Messages: messages}
}

func keys(n int) []maildir.Key {
	ks := make([]maildir.Key, n)
	for i := range ks {
		ks[i] = maildir.Key(fmt.Sprintf("1700000000.M%09dP1.host", i))
	}
	return ks
}

// Memory follows what changed, not what is there.
func TestUnchangedCostsNoMemory(t *testing.T) {
	allocs := func(n int) float64 {
		box := []Mailbox{large(keys(n), 0)}
		return testing.AllocsPerRun(2, func() {
			plan, err := Diff(box, Policy{Create: Both})
			if err != nil || len(plan.Ops) > 0 {
				t.Fatal(plan, err)
			}
		})
	}
	if few, many := allocs(10), allocs(50_000); many > few+5 {
		t.Errorf("%v allocations for 10 pairs, %v for 50,000", few, many)
	}
}

func TestOpStaysSmall(t *testing.T) {
	if size := unsafe.Sizeof(Op{}); size > 384 { // a first run plans one for each message
		t.Errorf("an Op has %d bytes", size)
	}
}

func BenchmarkDiff(b *testing.B) {
	all := keys(1_000_000)
	for _, step := range []int{0, 1000, 10} {
		b.Run(fmt.Sprintf("pairs=1M/changed=1:%d", step), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Diff([]Mailbox{large(all, step)}, Policy{Create: Both}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFirstRun(b *testing.B) {
	box := large(keys(100_000), 0)
	box.Base, box.Files, box.Known, box.Count = Base{}, nil, false, 0
	b.ReportAllocs()
	for b.Loop() {
		if plan, err := Diff([]Mailbox{box}, Policy{Create: Both}); err != nil || len(plan.Ops) != 100_000 {
			b.Fatal(len(plan.Ops), err)
		}
	}
}

// A view that contradicts itself makes no plan: what comes late in a sequence would be taken for deleted.
func TestDiffRefuses(t *testing.T) {
	broken := errors.New("disk on fire")
	fails := func(yield func(Message, error) bool) {
		if yield(Message{UID: 1}, nil) {
			yield(Message{}, broken)
		}
	}
	ok := Mailbox{Name: "INBOX", Known: true, Exist: Both}
	change := func(f func(*Mailbox)) []Mailbox { m := ok; f(&m); return []Mailbox{m} }
	for name, test := range map[string]struct {
		boxes []Mailbox
		want  string
	}{
		"messages out of order": {change(func(m *Mailbox) { m.Messages = Seq([]Message{{UID: 2}, {UID: 1}}) }), "1 after 2"},
		"a message twice":       {change(func(m *Mailbox) { m.Messages = Seq([]Message{{UID: 2}, {UID: 2}}) }), "2 after 2"},
		"files out of order":    {change(func(m *Mailbox) { m.Files = Seq([]File{{Key: "b"}, {Key: "a"}}) }), "a after b"},
		"base out of order":     {change(func(m *Mailbox) { m.Base.ByUID = Seq([]Pair{{UID: 2}, {UID: 1}}) }), "1 after 2"},
		"a sequence that fails": {change(func(m *Mailbox) { m.Messages = iter.Seq2[Message, error](fails) }), "disk on fire"},
		"a mailbox twice":       {[]Mailbox{ok, ok}, "twice"},
		"a new UIDVALIDITY":     {change(func(m *Mailbox) { m.Base.UIDValidity, m.UIDValidity = 1, 2 }), "UIDVALIDITY changed from 1 to 2"},
	} {
		t.Run(name, func(t *testing.T) {
			plan, err := Diff(test.boxes, Policy{})
			if err == nil || !strings.Contains(err.Error(), test.want) || plan.Ops != nil {
				t.Errorf("%v, plan %v; want %q", err, plan, test.want)
			}
		})
	}
	m := ok
	m.Messages = fails
	if _, _, err := Rematch(m); !errors.Is(err, broken) {
		t.Errorf("Rematch: %v", err)
	}
}

// What comes late in a sequence would be taken for gone: it is an error, on either side and in the base.
func TestSequencesAscend(t *testing.T) {
	uids := []Pair{{UID: 2, Key: "a"}, {UID: 1, Key: "b"}}
	keys := []Pair{{UID: 1, Key: "b"}, {UID: 2, Key: "a"}}
	for name, b := range map[string]Mailbox{
		"base by UID": {Base: Base{ByUID: Seq(uids)}},
		"base by key": {Base: Base{ByKey: Seq(keys)}},
		"files":       {Files: Seq([]File{{Key: "b"}, {Key: "a"}})},
		"messages":    {Messages: Seq([]Message{{UID: 2}, {UID: 1}})},
		"twice":       {Messages: Seq([]Message{{UID: 2}, {UID: 2}})},
	} {
		b.Name, b.Known, b.Exist = "INBOX", true, Both
		if p, err := Diff([]Mailbox{b}, Policy{Create: Both}); err == nil || !strings.Contains(err.Error(), "ascending") {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
}
