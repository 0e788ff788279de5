package plan

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"postie/maildir"
)

// merged is what flags should become that both sides may have changed: what either toggled is toggled.
func merged(base, local, remote maildir.Flags) (f maildir.Flags) {
	f.Set = base.Set ^ ((base.Set ^ local.Set) | (base.Set ^ remote.Set))
	for _, k := range []string{"home", "work"} {
		has := func(f maildir.Flags) bool { return slices.Contains(f.Keywords.Names(), k) }
		if has(base) != (has(base) != has(local) || has(base) != has(remote)) {
			f.Keywords = maildir.NewKeywords(string(f.Keywords), k)
		}
	}
	return f
}

// Flags that both sides change at once, of messages that they may move at the same time, are merged one by one; also by
// a run that was stopped and another that ended it.
func TestFlagsAreMerged(t *testing.T) {
	histories(t, 5000, func(t *rapid.T) {
		p := newPeople(t, newWorld())
		p.begin()
		want := map[string]maildir.Flags{}
		for _, box := range []string{"INBOX", "Archive"} {
			for _, r := range slices.Clone(p.w.base[box].rows) {
				local, remote := p.toggles(r.Local), p.toggles(r.Local)
				want[r.content] = merged(r.Local, local, remote)
				key, here, there := r.Key, box, box
				if p.chance(3) {
					here = []string{"INBOX", "Archive"}[p.n(2)]
					key = []maildir.Key{r.Key, ""}[p.n(2)]
				} else if p.chance(3) {
					there = []string{"INBOX", "Archive"}[p.n(2)]
				}
				delete(p.w.local[box], r.Key)
				p.w.file(here, key, r.content, local)
				p.w.modseq++
				if m := p.w.server[box].msgs[r.UID]; there == box {
					m.flags, m.modseq = remote, p.w.modseq
				} else {
					delete(p.w.server[box].msgs, r.UID)
					p.w.put(there, r.content, remote)
				}
			}
		}
		stop := p.n(8)
		p.sync(nil, func(bool) bool { stop--; return stop >= 0 })
		p.rest()
		for _, b := range p.w.local {
			for _, f := range b {
				if !f.flags.Same(want[f.content]) {
					p.Fatalf("%s has %+v, want %+v\n%s", f.content, f.flags, want[f.content], p.w)
				}
			}
		}
	})
}

// toggles changes some flags.
func (p *people) toggles(f maildir.Flags) maildir.Flags {
	if p.chance(3) {
		return f
	}
	return p.flags()
}
