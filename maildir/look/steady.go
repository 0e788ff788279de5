package look

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"postie/maildir"
)

const (
	looks = 3                     // how often a folder is read that others change meanwhile
	tick  = 20 * time.Millisecond // within which two changes may get the same mtime: twice that of the slowest kernel
)

// reading is how a folder was when it was last read.
type reading struct {
	*Folder
	looked   int           // how often it was looked at
	read     bool          // it was read, and not only asked for its mtimes
	seen     maildir.Stamp // from before the last reading
	places   maildir.Places
	without  []string      // those of new/ and cur/ that were not there
	gone     bool          // both
	firm     bool          // a change after that reading must show in the mtimes
	rested   maildir.Stamp // that it kept for a tick
	stamp    maildir.Stamp // to be recorded; zero: none
	unsteady bool          // it did not come to rest, or could not be read
	err      error         // it could not be read
}

// observer is who wants to know what a watch reads.
type observer interface {
	compare(context.Context, *reading, *listing) error // with what is known; the last time counts
	finished(*reading)                                 // it was read, or need not be, or cannot be
	doubts(*reading) doubts                            // after that
}

// doubts are the reasons to look again: files that are missing in a folder, that came into it, and those among these whose key another
// one has.
type doubts struct{ missing, come, twins int }

// watch reads folders until what is missing in them can be believed.
type watch struct {
	Options
	all      []*reading
	observer observer
}

func watchOf(folders []*Folder, o Options, by observer) watch {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Looks = cmp.Or(o.Looks, looks)
	w := watch{Options: o, observer: by}
	for _, f := range folders {
		w.all = append(w.all, &reading{Folder: f})
	}
	return w
}

func (w *watch) of(f *Folder) *reading {
	return w.all[slices.IndexFunc(w.all, func(r *reading) bool { return r.Folder == f })]
}

// Steady says whether what is missing may be believed to be gone.
func (w *watch) Steady() bool {
	return !slices.ContainsFunc(w.all, func(r *reading) bool { return r.unsteady })
}

// look reads what changed, all folders as they were at one moment: a file on its way from one to another must be seen in one of
// them, and in one only. Where the mtimes are still what they were before their folder was read, all hold at the moment of the
// last reading.
func (w *watch) look(ctx context.Context) error {
	for _, r := range w.all {
		if !r.Aside {
			if err := w.visit(ctx, r); err != nil {
				return err
			}
		}
	}
	return w.Settle(ctx)
}

// Settle reads folders again until nothing that matters happens any more. Where no file is missing and none is new, no reading of
// another folder could change what follows.
func (w *watch) Settle(ctx context.Context) error {
	all := w.counts()
	if all.missing+all.come == 0 {
		return nil
	}
	for _, r := range w.all {
		// A file that is missing may be in any folder; one that is new may come from any that we know.
		if r.looked == 0 && (all.missing > 0 || r.Known) {
			if err := w.visit(ctx, r); err != nil {
				return err
			}
		}
	}
	for look := 1; ; look++ {
		late := w.late()
		if len(late) == 0 {
			return w.complete()
		}
		if look == w.Looks {
			for _, r := range late {
				r.unsteady = true
			}
			return nil
		}
		if err := w.pause(ctx, late...); err != nil {
			return err
		}
		for _, r := range late {
			if err := w.visit(ctx, r); err != nil {
				return err
			}
		}
	}
}

func (w *watch) counts() (all doubts) {
	for _, r := range w.all {
		d := w.observer.doubts(r)
		all.missing, all.come = all.missing+d.missing, all.come+d.come
	}
	return all
}

// late are the folders whose last reading does not tell how they are now. What is missing is believed after two readings,
// for the sake of file systems whose mtimes lag behind.
func (w *watch) late() (late []*reading) {
	for _, r := range w.all {
		if r.looked == 0 || r.err != nil {
			continue
		}
		parts, err := r.Dir.Parts()
		d := w.observer.doubts(r)
		if err != nil || parts.Stamp != r.seen || !slices.Equal(parts.Lost, r.without) || !r.firm || r.looked == 1 && d.missing+d.twins > 0 {
			late = append(late, r)
		}
	}
	return late
}

// complete asks for Maildirs that were made since, or that nobody wanted to have looked at: what is missing may be in them.
func (w *watch) complete() error {
	if w.More == nil || w.counts().missing == 0 {
		return nil
	}
	more, err := w.More()
	for _, r := range w.all {
		r.unsteady = r.unsteady || more && w.observer.doubts(r).missing > 0
	}
	return err
}

// pause waits until a change would give each of these folders another mtime than it has. Where the clock of the file system is not
// ours, that they kept them all the while has to do.
func (w *watch) pause(ctx context.Context, rs ...*reading) error {
	before := make([]maildir.Stamp, len(rs))
	wait := false
	for i, r := range rs {
		parts, _ := r.Dir.Parts() // what cannot be read is seen by the next reading
		before[i] = parts.Stamp
		wait = wait || age(before[i], w.Now()) < tick
	}
	if !wait {
		return nil
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(tick):
	}
	for i, r := range rs {
		if after, err := r.Dir.Parts(); err == nil && after.Stamp == before[i] {
			r.rested = after.Stamp
		}
	}
	return nil
}

// age is how long ago something changed in a folder.
func age(s maildir.Stamp, now time.Time) time.Duration {
	return now.Sub(time.Unix(0, max(s.New, s.Cur)))
}

// visit looks at a folder, and reads it if something happened in it. One that cannot be read must not look as if it were empty.
func (w *watch) visit(ctx context.Context, r *reading) error {
	if r.err != nil {
		return nil
	}
	err := w.open(ctx, r)
	if unreadable(err) {
		r.err, r.unsteady, err = err, true, nil
	}
	w.observer.finished(r)
	return err
}

func (w *watch) open(ctx context.Context, r *reading) error {
	r.looked++
	now, err := r.Dir.Parts()
	if err != nil {
		return err
	}
	if r.looked == 1 && !r.Whole && now.Stamp == r.Stamp && now.Stamp != (maildir.Stamp{}) && len(now.Lost) == 0 {
		r.stamp, r.seen, r.places, r.firm = now.Stamp, now.Stamp, now.Places, true
		return nil
	}
	return w.scan(r, func(names *listing) error { return w.observer.compare(ctx, r, names) })
}

// scan reads a folder once.
func (w *watch) scan(r *reading, compare func(*listing) error) (err error) {
	began := w.Now()
	parts, err := r.Dir.Parts()
	if err != nil {
		return err
	}
	r.seen, r.places, r.without = parts.Stamp, parts.Places, parts.Lost
	r.firm = age(r.seen, began) >= tick || r.seen == r.rested
	r.read, r.gone, r.stamp = true, len(r.without) == 2, maildir.Stamp{}
	var names listing
	for e, err := range r.Dir.ScanKinds(r.without) {
		if err != nil {
			return err
		}
		names.take(e)
	}
	if err := compare(&names); err != nil {
		return err
	}
	after, err := r.Dir.Parts()
	if err == nil && after.Settled(began) && len(after.Lost) == 0 {
		r.stamp = after.Stamp
	}
	return err
}

// unreadable: an error about one folder, which the others do not share.
func unreadable(err error) bool {
	_, ok := errors.AsType[*fs.PathError](err)
	return ok && !maildir.Hopeless(err)
}
