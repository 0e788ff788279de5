package mirror

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"postie/imap"
	"postie/imap/changes"
	"postie/imap/plan"
	"postie/maildir"
)

// fail tells of one operation that failed, counts it, and sees to it that the next run looks again.
func (r *run) fail(op plan.Op, err error) {
	r.spoil(op)
	r.tell(op, err)
}

// tell tells of one operation that failed, and counts it.
func (r *run) tell(op plan.Op, err error) {
	uid := cmp.Or(op.UID, op.Pair.UID)
	id := fmt.Sprint(op.Kind, op.Mailbox, uid, op.Key, err)
	if r.told[id] {
		return // another pass met it too
	}
	r.told[id] = true
	r.count(func(p *Report) {
		p.Failed++
		if uid == 0 && op.Key == "" {
			p.Mailboxes++
		}
	})
	r.Log.Info("operation failed", "op", op.String(), "err", err)
	switch {
	case op.Kind == 0: // it was only to be looked at
	case op.Key != "" && op.Side == plan.Remote:
		err = fmt.Errorf("%s %s: %w", op.Kind, op.Key, err)
	case uid != 0:
		err = fmt.Errorf("%s UID %d: %w", op.Kind, uid, err)
	default:
		err = fmt.Errorf("%s: %w", op.Kind, err)
	}
	r.emit(Failed{op.Mailbox, uid, op.Key, err})
}

// spoil marks the mailboxes of an operation that was not done: what was read of them must be read again.
func (r *run) spoil(op plan.Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range []string{op.Mailbox, op.To, op.From} {
		if b := r.byName[name]; b != nil {
			b.spoiled = true
		}
	}
}

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

// ErrUIDs: the server keeps no UIDs for a mailbox, of which it is the Err of a Failed in each run.
const ErrUIDs = errUIDs

// single says whether an error is about one message or mailbox only, so that the run goes on with the others.
func single(err error) bool {
	if maildir.Hopeless(err) {
		return false
	}
	if e, ok := errors.AsType[*imap.Error](err); ok {
		return e.Status != "BYE"
	}
	return is[problem](err) || is[*changes.Contradiction](err) || is[*imap.UnsupportedError](err) || is[*imap.MissingError](err) || is[*imap.UnreadableError](err) || is[*fs.PathError](err) || is[*os.LinkError](err)
}

// is says whether an error of that type is in the chain.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

type problem = changes.Problem

const (
	errUIDs        = changes.ErrUIDs
	errValidity    = problem("its UIDVALIDITY changed meanwhile")
	errUntold      = changes.ErrUntold
	errLists       = problem("the server lists no mailbox at all: of those that are not known here only INBOX can be looked at")
	errName        = problem("its name on the server cannot be used in a command: rename it there, with another program")
	errGone        = problem("the message is not there any more")
	errEmpty       = problem("the file holds nothing")
	errRewritten   = problem("the file was rewritten meanwhile")
	errPassing     = problem("it may be on its way from another folder")
	errLost        = problem("it was uploaded and cannot be found there")
	errNotCopied   = problem("the server says OK to COPY, and the messages are not to be found there: nothing was deleted where they were")
	errNowReadOnly = problem("it is read-only now")
	errUnfound     = problem("it was uploaded twice and could not be found there")
	errExists      = problem("there is one of that name already")
	errFilled      = problem("it is not empty")
)
