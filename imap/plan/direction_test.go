package plan

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Whatever people do on either side, and wherever a run is stopped: nothing on the side of the original is changed, what is to stay here
// stays here, and the run after the next does nothing, or, where there are equal copies, two runs later.
func TestDirections(t *testing.T) {
	histories(t, 10000, func(t *rapid.T) {
		p := newPeople(t, newWorld())
		p.copies = p.chance(3)
		p.begin()
		if p.chance(3) {
			p.policy()
		}
		p.w.policy.Trash = ""
		terms := Terms{Direction: Direction(1 + p.n(3)), Revert: p.chance(2), Bodies: p.w.policy.Bodies}
		p.w.policy.Terms = terms
		for range 1 + p.n(4) {
			p.change(8)
			stop := -1
			if p.chance(2) {
				stop = p.n(6)
			}
			p.oneWay(terms, func(bool) bool { stop--; return stop != -1 })
		}
		p.oneWay(terms, nil)
		if p.copies { // what stayed here is taken for an equal copy that is there
			p.oneWay(terms, nil)
			p.oneWay(terms, nil)
		}
		if plan := p.oneWay(terms, nil); len(plan.Ops)+len(plan.Guards) > 0 {
			p.Fatalf("%v: a plan after the last is not empty: %v %v\n%s", terms, plan.Ops, plan.Guards, p.w)
		}
	})
}

// A server that deletes, empties, renames, moves, makes mailboxes anew and gives new UIDs, while nobody changes anything here: a Maildir that
// is pulled is the server's copy; an archive has all that ever was there, and nothing twice.
func TestArchive(t *testing.T) {
	histories(t, 10000, func(t *rapid.T) {
		p := newPeople(t, newWorld())
		p.begin()
		terms := Terms{Direction: []Direction{Pull, Archive}[p.n(2)], Revert: p.chance(2)}
		p.w.policy.Terms = terms
		for range 1 + p.n(5) {
			for range p.n(8) {
				p.disaster()
			}
			stop := -1
			if p.chance(2) {
				stop = p.n(6)
			}
			p.oneWay(terms, func(bool) bool { stop--; return stop != -1 })
			p.oneWay(terms, nil)
			if plan := p.oneWay(terms, nil); len(plan.Ops)+len(plan.Guards) > 0 {
				p.Fatalf("%v: a plan after the last is not empty: %v %v\n%s", terms, plan.Ops, plan.Guards, p.w)
			}
			here, there := p.contents()
			for c, n := range here {
				if n > 1 || terms.Direction == Pull && there[c] == 0 && !p.renumbered {
					p.Fatalf("%v: %s is here %d times, there %d times\n%s", terms, c, n, there[c], p.w)
				}
			}
			for c := range there {
				if here[c] == 0 {
					p.Fatalf("%v: %s did not come\n%s", terms, c, p.w)
				}
			}
		}
	})
}

// disaster is what a server may do.
func (p *people) disaster() {
	w := p.w
	box, ok := pick(p, w.server)
	switch action := p.n(8); {
	case action < 5 || !ok:
		p.there()
	case action == 5 && box != "INBOX":
		delete(w.server, box)
	case action == 6 && box != "INBOX":
		w.rename(Op{Side: Remote, Mailbox: box, To: []string{"Work", "Home", "Archive", "Lists"}[p.n(4)]})
	case action == 6:
		clear(w.server[box].msgs)
	default:
		p.renumbered = true // and with new UIDs nobody can tell what vanished from what was new here
		msgs := w.server[box].msgs
		w.makeServer(box)
		for _, u := range slices.Sorted(maps.Keys(msgs)) {
			w.put(box, msgs[u].content, msgs[u].flags)
		}
	}
}

// contents counts what is here and there.
func (p *people) contents() (here, there map[string]int) {
	here, there = map[string]int{}, map[string]int{}
	for _, b := range p.w.local {
		for _, f := range b {
			here[f.content]++
		}
	}
	for _, s := range p.w.server {
		for _, m := range s.msgs {
			there[m.content]++
		}
	}
	return here, there
}

// oneWay is a run that changes nothing on the side of the original, and takes nothing away here that is to stay.
func (p *people) oneWay(terms Terms, after func(bool) bool) Plan {
	p.Helper()
	sides := func() (here, there string) {
		for _, name := range p.w.names() {
			for _, k := range slices.Sorted(maps.Keys(p.w.local[name])) {
				here += fmt.Sprintln(name, k, *p.w.local[name][k])
			}
			if s := p.w.server[name]; s != nil {
				there += fmt.Sprintln(name, s.validity)
				for _, u := range slices.Sorted(maps.Keys(s.msgs)) {
					there += fmt.Sprintln(name, u, *s.msgs[u])
				}
			}
		}
		return here, there
	}
	here, there := sides()
	kept, _ := p.contents()
	plan := p.sync(nil, after)
	hereAfter, thereAfter := sides()
	if !terms.Direction.Changes(Local) && here != hereAfter || !terms.Direction.Changes(Remote) && there != thereAfter {
		p.Fatalf("%v: the original was changed: %v\nbefore\n%s%s\nafter\n%s", terms, p.w.ops, here, there, p.w)
	}
	left, _ := p.contents()
	for c, n := range kept {
		if terms.Direction.Keeps() && left[c] < n {
			p.Fatalf("%v: %s was here %d times and is %d times: %v\n%s", terms, c, n, left[c], p.w.ops, p.w)
		}
	}
	return plan
}

// The tombstone of a message that was deleted here goes with it to another mailbox without its name: a copy of its file, which has the
// same, may lie there, unchanged and so in no view, and a name speaks of one pair.
func TestTombstoneGoesWithoutName(t *testing.T) {
	who := Identity{Size: 7, MessageID: "a", Header: [32]byte{1}, Hash: [32]byte{1}}
	old := Pair{UID: 1, Key: "k", State: Withheld, Size: 7}
	empty := func(name string) Mailbox {
		return Mailbox{Name: name, Known: true, Exist: Both, Base: Base{ByUID: Seq([]Pair(nil)), ByKey: Seq([]Pair(nil))}, Files: Seq([]File(nil)), Messages: Seq([]Message(nil))}
	}
	inbox, other := empty("INBOX"), empty("Other")
	inbox.Base.ByUID, inbox.Base.ByKey = Seq([]Pair{old}), Seq([]Pair{old})
	inbox.Base.Known = map[PairID]Identity{old.ID(): who}
	other.Messages = Seq([]Message{{UID: 7, ID: who}})
	p, err := Diff([]Mailbox{inbox, other}, Policy{Terms: Terms{Direction: Archive}})
	if err != nil || len(p.Ops) != 1 || p.Ops[0].To != "Other" || p.Ops[0].Key != "k" || p.Ops[0].Pair.Key != "" || p.Ops[0].Pair.UID != 7 {
		t.Errorf("%+v, %v", p.Ops, err)
	}
}
