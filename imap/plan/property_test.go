package plan

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/emersion/go-imap/v2"
	"pgregory.net/rapid"

	"postie/maildir"
)

// histories runs a property over so many random histories.
func histories(t *testing.T, n int, property func(*rapid.T)) {
	t.Helper()
	if testing.Short() || raced { // the race detector keeps some 100 KiB for every iter.Pull, for good
		n /= 20
	}
	checks, files := flag.Lookup("rapid.checks"), flag.Lookup("rapid.nofailfile")
	defer checks.Value.Set(checks.Value.String())
	defer files.Value.Set(files.Value.String())
	if checks.Value.String() == checks.DefValue { // nobody asked for another number
		checks.Value.Set(fmt.Sprint(n))
	}
	files.Value.Set("true")
	rapid.Check(t, property)
}

// After any changes on both sides, one run makes them equal, and the next does nothing; nothing is lost, nothing comes
// back; also when both go on changing while a run is under way, and when a run is stopped at any point.
func TestConverges(t *testing.T) {
	histories(t, 10000, func(t *rapid.T) {
		p := newPeople(t, newWorld())
		p.begin()
		for range 1 + p.n(3) {
			p.change(8)
			if p.chance(2) {
				stop := p.n(8)
				p.sync(func(Plan) { p.change(p.n(2) * 3) }, func(bool) bool { stop--; return stop >= 0 })
			}
			if p.chance(2) {
				p.sync(func(Plan) { p.change(3) }, nil)
			}
		}
		p.rest()
		p.respected()
	})
}

// Equal copies are matched by count: none is lost, none is made.
func TestConvergesWithCopies(t *testing.T) {
	histories(t, 5000, func(t *rapid.T) {
		p := newPeople(t, newWorld())
		p.copies = true
		p.begin()
		for range 1 + p.n(2) {
			p.change(6)
			p.sync(func(Plan) { p.change(p.n(2) * 3) }, nil)
		}
		p.rest()
	})
}

// Whatever the policy, the next run does nothing, what nobody deleted is not lost, and both sides are equal but for
// what policy and server keep apart.
func TestConvergesUnderAnyPolicy(t *testing.T) {
	histories(t, 10000, func(t *rapid.T) {
		p := newPeople(t, newWorld())
		if p.chance(2) {
			p.w.makeServer("Trash")
		}
		p.policy()
		p.begin()
		for range 1 + p.n(3) {
			if p.chance(4) {
				p.policy()
			}
			p.change(6)
			if p.chance(2) {
				p.narrow()
				stop := p.n(8)
				p.sync(func(Plan) { p.change(p.n(2) * 3) }, func(bool) bool { stop--; return stop >= 0 })
				p.w.hidden, p.w.only = nil, ""
			}
		}
		p.rest()
		p.kept()
	})
}

// A message that one side moves is moved on the other: nothing comes down and nothing goes up, under whatever new key or
// UID it is found again.
func TestMovesCarryNothing(t *testing.T) {
	histories(t, 5000, func(t *rapid.T) {
		p := newPeople(t, newWorld())
		p.w.makeServer("Lists")
		p.begin()
		for _, box := range []string{"INBOX", "Archive"} {
			for _, r := range slices.Clone(p.w.base[box].rows) {
				to := []string{"INBOX", "Archive", "Lists"}[p.n(3)]
				switch p.n(5) {
				case 0:
					delete(p.w.local[box], r.Key)
					p.w.file(to, []maildir.Key{r.Key, ""}[p.n(2)], r.content, p.flags())
				case 1:
					delete(p.w.server[box].msgs, r.UID)
					p.w.put(to, r.content, p.flags())
				case 2:
					delete(p.w.local[box], r.Key)
					delete(p.w.server[box].msgs, r.UID)
					p.w.file(to, "", r.content, p.flags())
					p.w.put(to, r.content, p.flags())
				case 3:
					delete(p.w.local[box], r.Key)
					delete(p.w.server[box].msgs, r.UID)
					p.w.file(to, []maildir.Key{r.Key, ""}[p.n(2)], r.content, p.flags())
					p.w.put([]string{"INBOX", "Archive", "Lists"}[p.n(3)], r.content, p.flags())
				}
			}
		}
		stop := p.n(8)
		var done []Op
		p.sync(nil, func(bool) bool { stop--; return stop >= 0 })
		done = append(done, p.w.ops...)
		p.rest()
		for _, op := range append(done, p.w.ops...) {
			if !slices.Contains([]Kind{RecordOnly, Move, Flags}, op.Kind) {
				p.Fatalf("a move needed %s\nall: %v\n%s", op, done, p.w)
			}
		}
		p.respected()
	})
}

// A lost base, a new UIDVALIDITY: nothing is deleted, nothing is fetched or sent again, and no copy is made.
func TestRecovery(t *testing.T) {
	histories(t, 5000, func(t *rapid.T) {
		p := newPeople(t, newWorld())
		p.copies = p.chance(2)
		p.begin()
		p.w.policy.AllowMassDelete = false
		for name, s := range p.w.server {
			if p.chance(2) {
				p.w.base[name] = &baseBox{} // its validity is none of the server's
			}
			p.w.validity++
			s.validity, s.next = p.w.validity, 1+imap.UID(p.n(3))
			msgs := map[imap.UID]*mail{}
			for _, u := range slices.Backward(slices.Sorted(maps.Keys(s.msgs))) {
				msgs[s.next] = s.msgs[u]
				s.next++
			}
			s.msgs = msgs
		}
		if p.chance(2) {
			for _, b := range p.w.local {
				for _, k := range slices.Sorted(maps.Keys(b)) {
					b[k].flags = p.flags()
				}
			}
		}
		p.sync(nil, nil)
		for _, op := range p.w.ops {
			if !slices.Contains([]Kind{RecordOnly, Flags}, op.Kind) {
				p.Fatalf("recovery needed %s\n%s", op, p.w)
			}
		}
		p.rest()
	})
}

// The guard leaves a mailbox untouched, and goes on with the others.
func TestGuardTouchesNothing(t *testing.T) {
	histories(t, 2000, func(t *rapid.T) {
		p := newPeople(t, newWorld())
		p.w.policy.AllowMassDelete = false
		p.w.policy.MaxDelete = 0.3
		p.w.makeServer("Archive")
		p.begin()
		for range 12 + p.n(5) {
			p.w.put("Archive", p.content(), p.flags())
		}
		p.rest()
		side, box := p.n(2), p.w.base["Archive"]
		n := p.n(len(box.rows) + 1)
		for _, r := range box.rows[:n] {
			if side == 0 {
				delete(p.w.local["Archive"], r.Key)
			} else {
				delete(p.w.server["Archive"].msgs, r.UID)
			}
		}
		p.w.put("INBOX", p.content(), p.flags())
		before := fmt.Sprint(p.w.base["Archive"].rows, len(p.w.local["Archive"]), len(p.w.server["Archive"].msgs))
		plan := p.sync(nil, nil)
		touched := before != fmt.Sprint(p.w.base["Archive"].rows, len(p.w.local["Archive"]), len(p.w.server["Archive"].msgs))
		many := n > 10 && float64(n) > 0.3*float64(len(box.rows))
		if many != (len(plan.Guards) == 1) || many && touched || !many && n > 0 && !touched {
			p.Fatalf("%d of %d deleted: guards %v, touched %v", n, len(box.rows), plan.Guards, touched)
		}
		p.w.policy.AllowMassDelete = true
		p.rest()
	})
}
