package mirror

import (
	"errors"
	"io/fs"
	"os"

	"postie/imap"
	"postie/imap/changes"
	"postie/maildir"
)

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
	errNoInbox     = problem("the account has no INBOX yet, without which it can have no other mailbox")
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
