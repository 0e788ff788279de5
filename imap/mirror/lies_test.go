package mirror

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"postie/testdata/dovecot"
)

// Both sides change at random, and in each run the server lies in some answers. Whatever it says: what nobody deleted stays on
// either side, a run that left something out says so, and a run or two with an honest server make both sides equal, nothing lost and
// nothing doubled. POSTIE_TEST_SEED asks for another history, POSTIE_TEST_ROUNDS or POSTIE_TEST_LONG=1 for a longer one.
func TestLies(t *testing.T) {
	seed, rounds := uint64(1), 8
	if os.Getenv("POSTIE_TEST_LONG") != "" {
		seed, rounds = uint64(time.Now().UnixNano()), 300
	}
	fmt.Sscan(os.Getenv("POSTIE_TEST_SEED"), &seed)
	fmt.Sscan(os.Getenv("POSTIE_TEST_ROUNDS"), &rounds)
	t.Logf("POSTIE_TEST_SEED=%d", seed)
	w := newStreet(t, dovecot.Options{})
	for name, rung := range map[string]quirks{"QRESYNC": nil, "CONDSTORE": condstore(), "old": old()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newLyingHistory(w.device(t), rung, rand.New(rand.NewPCG(seed, uint64(len(name)))))
			for range rounds {
				h.lyingRun()
				if h.Failed() || h.kind == "APPEND says OK only" || h.rand.IntN(3) == 0 { // who says twice that it is there is not given a file again
					h.settle()
				}
			}
			h.settle()
			t.Logf("%d runs with lies: %v", rounds, h.lies)
		})
	}
}

// lyingHistory is what happens to one account of a server that lies.
type lyingHistory struct {
	*device
	*chaos
	rung    quirks
	deleted map[int]bool   // letters that somebody deleted, on either side
	moved   map[int]bool   // since all was well
	kept    bool           // a row that the server left out may have told of flags
	deaf    bool           // it did not keep flags, though it said OK: that is remembered
	kind    string         // of lies in the last run
	lies    map[string]int // runs with such lies
}

func newLyingHistory(d *device, rung quirks, r *rand.Rand) *lyingHistory {
	d.text = longLetter
	d.quirks = rung
	s := d.remote()
	h := &lyingHistory{device: d, rung: rung, deleted: map[int]bool{}, moved: map[int]bool{}, lies: map[string]int{},
		chaos: &chaos{t: d.T, rand: r, boxes: []string{"INBOX", "A", "A/B"}, s: s, a: d, next: 24}}
	d.create(s, "A")
	d.create(s, "A/B")
	d.put(s, "INBOX", 0, 12)
	d.put(s, "A", 12, 18)
	d.put(s, "A/B", 18, 24)
	d.sync()
	return h
}

// longLetter is one of which a part is no matter of some octets.
func longLetter(n int) string { return letter(n) + strings.Repeat("And so on.\r\n", 100+n%50) }

// letters are those of one side, by number: the mailboxes that hold them. One that is not whole is none.
func (h *lyingHistory) letters(m mails) map[int][]string {
	h.Helper()
	all := map[int][]string{}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		for _, line := range m[name] {
			n := -1
			if _, text, ok := strings.Cut(line, "letter "); ok {
				fmt.Sscan(text, &n)
			}
			if !strings.Contains(line, fmt.Sprintf(" %x ", sha256.Sum256([]byte(longLetter(n))))) {
				h.Errorf("not what was sent: %s", line)
			}
			all[n] = append(all[n], name)
		}
	}
	return all
}

// sides are the letters here and there.
func (h *lyingHistory) sides() [2]map[int][]string {
	h.Helper()
	return [2]map[int][]string{h.letters(h.here()), h.letters(h.there())}
}

// changes lets people and their programs change both sides.
func (h *lyingHistory) changes() {
	h.Helper()
	before, first := h.sides(), h.next
	for range 1 + h.rand.IntN(6) {
		h.change(h.device)
	}
	for range 1 + h.rand.IntN(4) {
		h.changeThere()
	}
	after := h.sides()
	for ; first < h.next; first++ { // those that came and went
		if len(after[0][first])+len(after[1][first]) == 0 {
			h.deleted[first] = true
		}
	}
	for i := range before {
		for n := range before[i] {
			if len(after[i][n]) == 0 {
				h.deleted[n] = true
			} else if !slices.Equal(before[i][n], after[i][n]) {
				h.moved[n] = true
			}
		}
	}
}

// lyingRun is one run with a server that lies, after changes on both sides.
func (h *lyingHistory) lyingRun() {
	h.Helper()
	h.changes()
	before := h.sides()
	kinds := slices.Sorted(maps.Keys(falsehoods()))
	kind := kinds[h.rand.IntN(len(kinds))]
	h.kind = kind
	l := &liar{rand: h.rand, odds: []int{1, 2, 5}[h.rand.IntN(3)]}
	h.quirks = append(slices.Clip(h.rung), falsehoods()[kind](l))
	h.policy.AllowMassDelete = h.rand.IntN(2) == 0
	r, err := h.run(nil)
	h.quirks, h.policy.AllowMassDelete = h.rung, false
	if len(l.told) > 0 {
		h.lies[kind]++
		h.deaf = h.deaf || kind == "STORE says OK only"
		h.kept = h.kept || kind == "FETCH leaves a row out" || kind == "FETCH says OK only"
	}
	h.did = append(h.did, fmt.Sprintf("run: %s: %+v, %v, %q, %v", kind, r, err, h.failures(), l.told))
	for _, e := range h.events {
		if done, ok := e.(Done); ok {
			h.did = append(h.did, "did: "+done.Op.String())
		}
	}
	after := h.sides()
	for i, side := range []string{"here", "there"} {
		for n := range before[i] {
			left := len(after[i][n]) > 0 || h.moved[n] && len(after[1-i][n]) > 0 // of a move the one half may have been told, and the other not
			if !left && !h.deleted[n] {
				h.Errorf("letter %d was %s, and is lost", n, side)
			}
		}
	}
	silent := err == nil && r.Failed == 0 && len(r.Guards) == 0 && !strings.HasSuffix(kind, "E says OK only") // what is only said, and once
	if a, b := h.contents(h.here()), h.contents(h.there()); silent && len(a.less(b))+len(b.less(a)) > 0 {
		h.Errorf("not a word of what was left out:\nonly here: %q\nonly there: %q", a.less(b), b.less(a))
	}
}

// contents are mails without their flags.
func (h *lyingHistory) contents(m mails) mails {
	for _, lines := range m {
		for i, line := range lines {
			lines[i], _, _ = strings.Cut(line, " [")
		}
	}
	return m
}

// auditAll compares each mailbox whole: with mod-sequences the server does not tell again of flags that it left out, and nothing
// contradicts that. What it was caught at is forgotten: it is honest now, and is to be asked in all ways.
func (h *lyingHistory) auditAll() {
	h.Helper()
	for range h.boxes {
		if r, err := h.run(func(o *Options) { o.AuditEvery = time.Nanosecond }); err != nil || r.Failed > 0 {
			h.Errorf("%+v, %v, %q", r, err, h.failures())
		}
	}
	h.opened(func() {
		h.ok(h.store.Write(context.Background(), func(tx *sql.Tx) error {
			_, err := tx.Exec("DELETE FROM refused")
			return err
		}))
	})
	h.kept = false
}

// settle demands that two runs with an honest server make all good.
func (h *lyingHistory) settle() {
	h.Helper()
	h.sync()
	h.sync()
	if h.kept {
		h.auditAll()
	}
	sides := h.sides()
	for n := range h.next {
		for i, side := range []string{"here", "there"} {
			least, most := 1, 1
			if h.deleted[n] {
				least, most = 0, 0
			}
			if h.deleted[n] && h.moved[n] {
				most = 1 // moved on the one side and deleted on the other: either may win
			}
			if found := len(sides[i][n]); found < least || found > most {
				h.Errorf("letter %d is in %q %s; deleted: %v, moved: %v", n, sides[i][n], side, h.deleted[n], h.moved[n])
			}
		}
		h.deleted[n] = len(sides[0][n]) == 0
	}
	here, there := h.here(), h.there()
	if h.deaf {
		here, there = h.contents(here), h.contents(there)
	}
	if a, b := here.less(there), there.less(here); len(a)+len(b) > 0 {
		h.Errorf("only here: %q\nonly there: %q", a, b)
	}
	if h.Failed() {
		h.Fatalf("since all was well:\n%s", strings.Join(h.did, "\n"))
	}
	h.rest()
	h.did = nil
	clear(h.moved)
}
