package mirror

import (
	"context"
	"slices"
	"time"

	"postie/imap/plan"
	"postie/maildir"
)

const (
	looks = 3                     // how often a folder is read that others change meanwhile
	tick  = 20 * time.Millisecond // within which two changes may get the same mtime: twice that of the slowest kernel
)

// snapshot finds what changed in the Maildirs, all of them as they were at one moment: a file on its way from one to another
// must be seen in one of them, and in one only. Where every stamp is still what it was before its folder was read, all hold at
// the moment of the last reading. What changes all the time is unstable in the end.
func (r *run) snapshot(ctx context.Context) error {
	for _, b := range r.boxes {
		if !b.outside && !r.oneSided(b) {
			if err := r.visit(ctx, b); err != nil {
				return err
			}
		}
	}
	return r.steady(ctx)
}

// steady reads folders again until nothing that matters happens any more. Where no file is missing and none is new, no
// reading of another folder could change what follows.
func (r *run) steady(ctx context.Context) error {
	missing, news := r.strange()
	if missing+news == 0 {
		return nil
	}
	for _, b := range r.boxes {
		// A file that is missing may be in any folder; one that is new may come from any that we know.
		if b.here && b.looked == 0 && (missing > 0 || b.known) {
			if err := r.visit(ctx, b); err != nil {
				return err
			}
		}
	}
	for look := 1; ; look++ {
		late := r.moving()
		if len(late) == 0 {
			return r.strangers(missing)
		}
		if look == looks {
			for _, b := range late {
				b.unstable = true
			}
			return nil
		}
		if err := r.pause(ctx, late); err != nil {
			return err
		}
		for _, b := range late {
			if err := r.visit(ctx, b); err != nil {
				return err
			}
		}
	}
}

// strange counts files that are missing, and those that are new or there twice.
func (r *run) strange() (missing, news int) {
	for _, b := range r.boxes {
		missing += len(b.missing)
		news += b.news + b.twins
	}
	return missing, news
}

// visit reads one folder. One that is there and cannot be read must not look as if it were empty: what is missing may be in it.
func (r *run) visit(ctx context.Context, b *box) error {
	if b.blind {
		return nil
	}
	err := r.local(ctx, b, b.mustMatch && !b.outside)
	if err != nil && single(err) {
		b.byKey, b.files, b.missing = nil, nil, nil
		b.outside, b.unstable, b.blind = true, true, true
		r.fail(plan.Op{Mailbox: b.Name}, err)
		return nil
	}
	return err
}

// moving names the folders whose last reading does not tell how they are now. What is missing is believed after two readings,
// for the sake of file systems whose mtimes lag behind.
func (r *run) moving() (late []*box) {
	for _, b := range r.boxes {
		if b.looked == 0 || !b.here || b.blind {
			continue
		}
		stamp, lost, err := b.dir.Parts()
		if err != nil || stamp != b.seen || !slices.Equal(lost, b.lost) || !b.firm || b.looked == 1 && len(b.missing)+b.twins > 0 {
			late = append(late, b)
		}
	}
	return late
}

// pause waits until a change would give each of these folders another mtime than it has.
func (r *run) pause(ctx context.Context, boxes []*box) error {
	var wait time.Duration
	for _, b := range boxes {
		if stamp, _, err := b.dir.Parts(); err == nil {
			wait = max(wait, tick-age(stamp, r.Now()))
		}
	}
	if wait <= 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(min(wait, tick)):
		return nil
	}
}

// age is how long ago something changed in a folder.
func age(s maildir.Stamp, now time.Time) time.Duration {
	return now.Sub(time.Unix(0, max(s.New, s.Cur)))
}

// strangers looks for Maildirs that were made since the run began, or cannot be looked into: what is missing may be in them.
func (r *run) strangers(missing int) error {
	if missing == 0 {
		return nil
	}
	found, err := r.Layout.Maildirs(r.Root, false)
	isNew := func(folder string) bool { return !slices.Contains(r.found, folder) }
	if len(found.Closed) > 0 || slices.ContainsFunc(found.Maildirs, isNew) {
		r.doubtAll()
	}
	return err
}

// doubtAll makes what is missing wait for the next run.
func (r *run) doubtAll() {
	for _, b := range r.boxes {
		b.unstable = b.unstable || len(b.missing) > 0
	}
}
