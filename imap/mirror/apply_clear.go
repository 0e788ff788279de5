package mirror

import (
	"context"
	"errors"
	"slices"

	"postie/imap/base"
	"postie/imap/plan"
	"postie/maildir"
)

// errCopyChanged says that a file is not what it was when it was verified.
var errCopyChanged = errors.New("its copy here is not what it was when it was verified, so it stays on the server; `postie verify --local` says more")

// clear expunges messages whose copies here, read once more, are what they were when they were verified.
func (d *deletions) clear(ctx context.Context, ops []plan.Op) error {
	b := d.byName[ops[0].Mailbox]
	if err := d.opened(ctx, b); err != nil {
		return err
	}
	for part := range slices.Chunk(ops, maildir.BatchMessages) {
		sound := part[:0:0]
		for _, op := range part {
			if err := d.sound(ctx, b, op); err != nil {
				d.fail(op, err)
				continue
			}
			sound = append(sound, op)
		}
		marked, err := d.expunge(ctx, b, uids(sound, opUID))
		if err != nil {
			return err
		}
		done := sound[:0:0]
		var as []base.Agreement
		for _, op := range sound {
			if marked.Contains(op.UID) {
				d.spoil(op)
				d.note(b.Name, "the server only marks what is deleted there: what is archived stays there")
				continue
			}
			done, as = append(done, op), append(as, d.agreement(op, op.Pair))
		}
		b.pushed = true
		if err := d.agree(ctx, done, as); err != nil {
			return err
		}
	}
	return nil
}

// sound reads the copy of a message once more.
func (d *deletions) sound(ctx context.Context, b *box, op plan.Op) error {
	e, err := d.files.entry(ctx, b, op.Key)
	if err != nil {
		return err
	}
	wire, err := maildir.WireAt(b.dir.Path(e))
	if hash, ok := b.copies[op.UID]; err == nil && (!ok || wire.Hash != hash) {
		err = errCopyChanged
	}
	return err
}
