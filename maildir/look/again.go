package look

import (
	"context"
	"os"
	"slices"

	"postie/maildir"
)

// later is a folder as Again saw it last.
type later[R Row] struct {
	reading
	delta  *Delta[R]
	passed Passage[R]
}

// Passage is what came into a folder and what left it since Look.
type Passage[R Row] struct {
	Folder  *Folder
	Came    []maildir.Entry
	Left    []R             // rows whose file was there
	LeftNew []maildir.Entry // files without a row that were there
}

// Again reads the folders again that changed since they were last read, just before something is done that cannot be taken back:
// a deletion, or a copy of what may only have been moved. What did not change is not read, but for those that are demanded and were
// not read again yet. It gives what passed in each folder that changed since Look, now or before an earlier Again. [View.Rests] says
// whether that is all.
func (v *View[R]) Again(ctx context.Context, demanded ...*Folder) (all []Passage[R], err error) {
	for _, f := range demanded { // first: while they are read, something may pass into the others
		if r := v.of(f); v.later[f] == nil && r.looked > 0 && r.err == nil {
			if err := v.reread(ctx, r, true); err != nil {
				return nil, err
			}
		}
	}
	for _, r := range v.all {
		if r.looked == 0 || r.err != nil {
			continue
		}
		if err := v.reread(ctx, r, false); err != nil {
			return nil, err
		}
		if l := v.later[r.Folder]; l != nil {
			l.passed = v.passage(r.Folder)
			all = append(all, l.passed)
		}
	}
	return all, nil
}

// reread reads a folder, if it changed or force says so, until a reading holds. One that never does stays unsteady.
func (v *View[R]) reread(ctx context.Context, r *reading, force bool) error {
	times := v.Looks
	if r.unsteady {
		times = 1 // it has no rest
	}
	for range times {
		last := r
		if l := v.later[r.Folder]; l != nil {
			last = &l.reading
		}
		parts, err := r.Dir.Parts()
		rests := err == nil && parts.Stamp == last.seen && slices.Equal(parts.Lost, last.without)
		switch {
		case rests && last.firm && !force:
			if last != r {
				last.unsteady = false
			}
			return nil
		case err == nil && !last.firm:
			if err := v.pause(ctx, r); err != nil {
				return err
			}
		}
		force = false
		l := &later[R]{reading: reading{Folder: r.Folder, unsteady: true, rested: r.rested}, delta: &Delta[R]{}}
		v.later[r.Folder] = l
		if lost := func(sub string) bool { return !slices.Contains(r.without, sub) }; slices.ContainsFunc(parts.Lost, lost) {
			return nil // what went with a folder of its own is not looked into now
		}
		err = v.scan(&l.reading, func(names *listing) (err error) {
			l.delta, err = compare(ctx, v.known, r.Folder, names, l.without, l.places)
			return err
		})
		if unreadable(err) {
			return nil // it is gone, or on its way: nothing is believed of it
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// passage compares both readings of a folder.
func (v *View[R]) passage(f *Folder) Passage[R] {
	then, now := v.deltas[f], v.later[f].delta
	p := Passage[R]{Folder: f}
	for _, rows := range [][]R{now.Missing, now.Lost} {
		for _, row := range rows {
			if !then.lacks(row.File().Key) {
				p.Left = append(p.Left, row)
			}
		}
	}
	for e := range then.New.All() {
		if _, err := os.Lstat(f.Dir.Path(e)); err != nil && !now.has(e.Key) {
			p.LeftNew = append(p.LeftNew, e)
		}
	}
	for e := range now.unknown() {
		if !then.has(e.Key) {
			p.Came = append(p.Came, e)
		}
	}
	return p
}

// unknown are the files without a row, one of each key.
func (d *Delta[R]) unknown() func(func(maildir.Entry) bool) {
	return func(yield func(maildir.Entry) bool) {
		for e := range d.New.All() {
			if !yield(e) {
				return
			}
		}
		for _, t := range d.Twins {
			if len(t.Rows) == 0 && !yield(t.Files[0]) {
				return
			}
		}
	}
}

// has says whether the folder has a file of that key, and no row.
func (d *Delta[R]) has(key maildir.Key) bool {
	return d.New.Has(key) || slices.ContainsFunc(d.Twins, func(t Twins[R]) bool { return len(t.Rows) == 0 && t.Files[0].Key == key })
}

// Rests says whether what Again saw may be believed: nothing changes any more.
func (v *View[R]) Rests() bool {
	for _, l := range v.later {
		if l.unsteady {
			return false
		}
	}
	return true
}

// Changed says whether a message came into a folder or left it since Look, or the folder has no rest. That a file got another name, by
// the run itself for one, is no such change.
func (v *View[R]) Changed(f *Folder) bool {
	l := v.later[f]
	if l == nil {
		return v.of(f).unsteady
	}
	return l.unsteady || len(l.passed.Came)+len(l.passed.Left)+len(l.passed.LeftNew) > 0
}

// Lacks says whether a row has no file in the folder, by its last reading.
func (v *View[R]) Lacks(f *Folder, key maildir.Key) bool {
	if l := v.later[f]; l != nil {
		return l.delta.lacks(key)
	}
	return v.deltas[f].lacks(key)
}
