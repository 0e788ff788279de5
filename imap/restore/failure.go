package restore

import (
	"errors"
	"io/fs"

	"postie/imap"
	"postie/imap/changes"
	"postie/maildir/source"
)

// single says whether an error is about one message or mailbox only, so that the run goes on with the others. A refusal that may
// pass is none: a retry goes on there.
func single(err error) bool {
	if e, ok := errors.AsType[*imap.Error](err); ok {
		return !e.Temporary()
	}
	return is[changes.Problem](err) || is[*changes.Contradiction](err) || is[*imap.UnsupportedError](err) || is[*imap.MissingError](err) ||
		is[*imap.UnreadableError](err) || is[*fs.PathError](err) || errors.Is(err, errName) || errors.Is(err, source.ErrChanged)
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
