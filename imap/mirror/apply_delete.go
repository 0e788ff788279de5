package mirror

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/base"
	"postie/imap/plan"
	"postie/maildir"
)

// deletions deletes messages, on either side.
type deletions struct {
	*agreements
	files     *files
	flags     *flags
	rescanner *rescanner
}

// delete deletes messages on the server whose files are gone, or only marks them, as policy says.
func (d *deletions) delete(ctx context.Context, ops []plan.Op) error {
	b := d.byName[ops[0].Mailbox]
	if err := d.opened(ctx, b); err != nil {
		return err
	}
	for part := range slices.Chunk(ops, maildir.BatchMessages) {
		part, err := d.rescanner.stillGone(ctx, b, part)
		if err != nil {
			return err
		}
		if len(part) == 0 {
			continue
		}
		var marked goimap.UIDSet
		if part[0].Kind == plan.Mark {
			if err = d.mark(ctx, b, uids(part, opUID)); err == nil {
				marked = slices.Clone(b.withheld)
			}
		} else {
			marked, err = d.expunge(ctx, b, uids(part, opUID))
		}
		if err != nil {
			return err
		}
		done := part[:0:0]
		var as []base.Agreement
		for _, op := range part {
			a := d.agreement(op, op.Pair)
			if marked.Contains(op.UID) {
				if b.marks(op.UID) {
					continue // it was tried before, and counted
				}
				if a, err = d.tombstone(ctx, b, op); err != nil {
					return err
				}
				if a.Pair.State == plan.Withheld {
					op.Kind = plan.RecordOnly // nothing was done
				}
			}
			done, as = append(done, op), append(as, a)
		}
		if err := d.agree(ctx, done, as); err != nil {
			return err
		}
	}
	return nil
}

// marks says whether a message was deleted here before, and could only be marked, or not even that.
func (b *box) marks(uid goimap.UID) bool {
	p := at(b.delta.Pairs, uid, func(p plan.Pair) goimap.UID { return p.UID })
	return p != nil && p.State != plan.Agreed
}

// tombstone is the agreement about a message that was to be expunged and could only be marked.
func (d *deletions) tombstone(ctx context.Context, b *box, op plan.Op) (base.Agreement, error) {
	a := base.Agreement{Mailbox: b.ID, UID: op.UID}
	for row, err := range d.base.ByUID(ctx, b.ID, goimap.UIDSetNum(op.UID)) {
		if err != nil {
			return a, err
		}
		a.Pair = row.Pair
	}
	if a.Pair == (plan.Pair{}) {
		return a, errGone
	}
	if b.withheld.Contains(op.UID) {
		a.Pair.State = plan.Withheld
		d.note(b.Name, "the server does not permit to delete there: what was deleted here stays there")
		return a, nil
	}
	a.Pair.State = plan.Marked
	a.Pair.Remote.Set |= maildir.FlagTrashed
	return a, nil
}

// remove deletes files whose messages are gone.
func (d *deletions) remove(ctx context.Context, ops []plan.Op) error {
	b := d.byName[ops[0].At()]
	for part := range slices.Chunk(ops, maildir.BatchMessages) {
		var done []plan.Op
		var as []base.Agreement
		for _, op := range part {
			e, err := d.files.entry(ctx, b, op.Key)
			if err == nil {
				d.step("remove " + string(op.Key))
				err = b.dir.Remove(e)
				if err != nil && displaced(b.dir.Path(e)) {
					err = nil // a folder that took the place of the message stays, and is none
				}
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				d.fail(op, err)
				continue
			}
			done, as = append(done, op), append(as, d.agreement(op, plan.Pair{}))
		}
		d.step("fsync-dir " + b.Name)
		if err := b.dir.Sync(); err != nil {
			return err
		}
		if err := d.agree(ctx, done, as); err != nil {
			return err
		}
	}
	return nil
}

// displaced says whether something that is no message lies where one was.
func displaced(path string) bool {
	file, _, err := maildir.Open(path)
	if err == nil {
		file.Close()
	}
	return is[*maildir.NotMessage](err)
}
