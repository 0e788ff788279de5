package mirror

import (
	"context"
	"errors"
	"io/fs"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
)

// resume settles what a run that was stopped left open, before anything is compared.
func (r *run) resume(ctx context.Context) error {
	for _, b := range r.boxes {
		if b.ID == 0 {
			continue
		}
		if err := r.arrivedAll(ctx, b); err != nil {
			return err
		}
	}
	if r.DryRun {
		return nil
	}
	if err := r.base.Honour(ctx, r.Layout); err != nil {
		return err
	}
	intents, err := r.base.Intents(ctx)
	if err != nil {
		return err
	}
	byID := map[int64]*box{}
	for _, b := range r.boxes {
		byID[b.ID] = b
	}
	for _, i := range intents {
		b, to := byID[i.Mailbox], byID[i.To]
		if b == nil || to == nil || b.remote == nil || to.remote == nil {
			if err := r.base.Settled(ctx, i); err != nil {
				return err
			}
			continue
		}
		err := r.resumeIntent(ctx, b, to, i)
		if err != nil && !single(err) {
			return err
		}
		if err != nil {
			r.fail(plan.Op{Mailbox: b.Name, UID: i.UID, Key: i.Key}, err)
		}
	}
	return nil
}

// arrivedAll finds the files that were about to be published. One that is there may have been renamed without its folder
// being fsynced.
func (r *run) arrivedAll(ctx context.Context, b *box) error {
	rows, err := r.base.Arriving(ctx, b.ID)
	if err != nil || len(rows) == 0 {
		return err
	}
	here := map[maildir.Key]bool{}
	if b.here {
		for range 2 { // others may rename meanwhile
			for e, err := range b.dir.Scan() {
				if err != nil {
					return err
				}
				here[e.Key] = true
			}
		}
		r.step("fsync-dir " + b.Name)
		if err := b.dir.Sync(); err != nil {
			return err
		}
	}
	var found, lost []index.Row
	for _, row := range rows {
		if here[row.Key] {
			found = append(found, row)
		} else {
			lost = append(lost, row)
		}
	}
	b.Odd += len(lost)
	r.step("base resume")
	return r.base.Arrived(ctx, found, lost)
}

// resumeIntent looks whether an intent was carried out. An upload that was is agreed; a copy that was is completed by
// deleting the original, and the comparison then finds message and file in their new place.
func (r *run) resumeIntent(ctx context.Context, b, to *box, i index.Intent) error {
	q, err := r.questOf(ctx, b, i)
	if errors.Is(err, fs.ErrNotExist) {
		return r.base.Settled(ctx, i)
	}
	if err != nil {
		return err
	}
	from := i.UIDNext
	if st := to.remote.Status; st == nil || plan.UIDValidity(st.UIDValidity) != i.UIDValidity {
		from = 1
	}
	wanted := []quest{q}
	if err := r.find(ctx, to, from, wanted, map[goimap.UID]bool{}); err != nil {
		return err
	}
	q = wanted[0]
	switch {
	case q.found == 0 && i.UID == 0 && !q.away:
		if i.Tries >= 2 {
			r.stuck[b.Name+"\x00"+string(i.Key)] = true
		}
		return nil // and if it is tried again, that is counted
	case q.found == 0:
		return r.base.Settled(ctx, i)
	case i.UID == 0:
		return r.foundUpload(ctx, b, i, q)
	}
	return r.finishMove(ctx, b, i)
}

// questOf says what to look for.
func (r *run) questOf(ctx context.Context, b *box, i index.Intent) (quest, error) {
	if i.UID != 0 {
		known, err := r.known(ctx, b, i.UID)
		if err == nil && !known {
			err = fs.ErrNotExist
		}
		if err != nil {
			return quest{}, err
		}
		id, err := r.base.Identify(ctx, b.ID, plan.Pair{UID: i.UID})
		return quest{messageID: id.MessageID, header: id.Header, emailID: id.EmailID}, err
	}
	at, e, err := r.anywhere(ctx, b, i.Key)
	if err != nil {
		return quest{}, err
	}
	m, err := r.readFile(ctx, at.dir, e)
	if err == nil && m == nil {
		err = fs.ErrNotExist
	}
	if err != nil {
		return quest{}, err
	}
	if m, err = r.sent(m, at.dir.Path(e)); err != nil {
		return quest{}, err
	}
	m.Mailbox, m.Entry = b.Name, e
	b.fresh[i.Key] = m
	return quest{messageID: m.Summary.MessageID, header: m.Header, away: at != b}, nil
}

// anywhere finds the file of a key in its mailbox, or in the one that somebody moved it to.
func (r *run) anywhere(ctx context.Context, b *box, key maildir.Key) (*box, maildir.Entry, error) {
	e, err := r.entry(ctx, b, key)
	if !errors.Is(err, fs.ErrNotExist) {
		return b, e, err
	}
	for _, o := range r.boxes {
		if o == b || !o.here {
			continue
		}
		if e, ok, err := o.dir.Find(key); ok || err != nil {
			return o, e, err
		}
	}
	return b, e, err
}

// foundUpload agrees on a file that is on the server. What its flags differ in counts as changed here.
func (r *run) foundUpload(ctx context.Context, b *box, i index.Intent, q quest) error {
	f := flagsOf(q.message.Flags)
	m := b.fresh[i.Key]
	r.step("base resume")
	err := r.base.Agree(ctx, []index.Agreement{{Mailbox: b.ID, Key: i.Key, EmailID: q.message.EmailID, Entry: m.Entry, Message: m, Intent: i.ID,
		Pair: plan.Pair{UID: q.found, Key: i.Key, Local: f, Remote: f, Size: max(q.message.Size, 0), Date: q.message.Date}}})
	delete(b.fresh, i.Key)
	if b.Stamp = (maildir.Stamp{}); err == nil { // the file is to be compared
		r.count(func(p *Report) { p.Uploaded++ })
	}
	return err
}

// finishMove deletes the original of a copy.
func (r *run) finishMove(ctx context.Context, b *box, i index.Intent) error {
	if _, err := r.selected(ctx, b, nil); err != nil {
		return err
	}
	marked, err := r.expunge(ctx, b, goimap.UIDSetNum(i.UID))
	if err != nil {
		return err
	}
	if len(marked) > 0 {
		a, err := r.tombstone(ctx, b, plan.Op{UID: i.UID})
		if err != nil {
			return err
		}
		a.Intent, a.Pair.Key = i.ID, ""
		r.step("base resume")
		return r.base.Agree(ctx, []index.Agreement{a})
	}
	r.step("base resume")
	return r.base.Settled(ctx, i)
}
