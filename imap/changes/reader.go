package changes

import (
	"context"
	"errors"
	"fmt"
	"iter"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/plan"
)

// Reader reads mailboxes over a session. Who changes something over the same session tells it by Forget, or uses Select.
type Reader struct {
	session  *imap.Session
	selected *imap.Selected // nil: no mailbox is selected
}

// NewReader returns a Reader of a session.
func NewReader(s *imap.Session) *Reader { return &Reader{session: s} }

// Problem is an error about one message or mailbox, which leaves all others as they are.
type Problem string

func (p Problem) Error() string { return string(p) }

const (
	ErrUIDs   = Problem("the server keeps no UIDs for it, so it cannot be synchronised")
	ErrUntold = Problem("it is there, but the server said nothing of it when it was asked")
)

// Select selects a mailbox, by its name on the server, unless it is selected. What a Resync brings is only there when it was not.
func (r *Reader) Select(ctx context.Context, name string, since *imap.Resync) (*imap.Selected, error) {
	if r.Selected(name) && since == nil {
		return r.selected, nil
	}
	r.selected = nil
	s, err := r.session.Select(ctx, name, since)
	if err != nil {
		return nil, err
	}
	if s.UIDValidity == 0 || s.NotSticky {
		return nil, fmt.Errorf("select %q: %w", name, ErrUIDs)
	}
	r.selected = s
	return s, nil
}

// Selected says whether that mailbox is selected.
func (r *Reader) Selected(name string) bool { return r.selected != nil && r.selected.Name == name }

// ModSeqs says whether the messages of the selected mailbox have mod-sequences.
func (r *Reader) ModSeqs() bool { return r.selected != nil && r.selected.HighestModSeq != 0 }

// Forget says that another mailbox may be selected now, or that this one is to be selected anew.
func (r *Reader) Forget() { r.selected = nil }

// Leave leaves the selected mailbox, if there is one: some servers neither rename nor delete one that is open.
func (r *Reader) Leave(ctx context.Context) error {
	if r.selected == nil {
		return nil
	}
	r.selected = nil
	err := r.session.Unselect(ctx)
	if e, ok := errors.AsType[*imap.Error](err); ok && e.Status != "BYE" {
		return nil
	}
	return err
}

// Rows are what is known of the messages of one mailbox: its base.
type Rows interface {
	// ByUID gives the pairs of a set, nil: all that have a UID, ascending.
	ByUID(ctx context.Context, set goimap.UIDSet) iter.Seq2[plan.Pair, error]

	// Held is how many pairs have a UID.
	Held(ctx context.Context) (int64, error)

	// AlwaysInView gives pairs that may have to be in view though nothing happened to them, each once.
	AlwaysInView(ctx context.Context) ([]plan.Pair, error)

	// Shows says whether a pair to which nothing happened has to be in view.
	Shows(plan.Pair) bool
}

// Known says whether rows have a message.
func Known(ctx context.Context, rows Rows, uid goimap.UID) (bool, error) {
	for _, err := range rows.ByUID(ctx, goimap.UIDSetNum(uid)) {
		return true, err
	}
	return false, nil
}
