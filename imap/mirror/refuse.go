package mirror

import (
	"context"
	"errors"

	"postie/imap"
	"postie/imap/plan"
)

// refuse takes care of what the server would not do. That its user has no right to it is said once and is no failure, since it
// would be one in each run: rights come back without a word, so it is tried again each time.
func (r *run) refuse(op plan.Op, err error) {
	if !forbidden(err) {
		r.fail(op, err)
		return
	}
	r.spoil(op)
	text := "the server does not permit to " + op.Kind.String() + " there: it is left as it is, and tried again"
	switch op.Kind {
	case 0:
		text = "the server does not permit to read it: it is left as it is"
	case plan.Move, plan.Trash:
		text = "the server does not permit to move from there to " + op.To + ": it is left as it is, and tried again"
	}
	r.note(op.Mailbox, text)
}

// forbidden: RFC 5530 section 3, NOPERM: access control does not permit it.
func forbidden(err error) bool {
	refused, ok := errors.AsType[*imap.Error](err)
	return ok && refused.Code == "NOPERM"
}

// refusedUpload looks whether it is the mailbox that is read-only by now, which an APPEND does not tell: then the plan is to be
// made again with that known.
func (r *run) refusedUpload(ctx context.Context, b *box, p *parcel, err error) error {
	r.current, r.state = "", nil
	if err := r.opened(ctx, b); err != nil {
		return err
	}
	r.refuse(p.op, err)
	return nil
}
