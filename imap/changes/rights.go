package changes

import (
	"context"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/plan"
	"postie/maildir"
)

// Forbidden are the rights that the user lacks in a mailbox (RFC 4314 section 2.1), as far as the server tells.
type Forbidden struct{ Insert, Delete, Expunge bool }

// In is what a plan may do in a mailbox where that is forbidden.
func (f Forbidden) In(v plan.Mailbox) plan.Mailbox {
	v.Closed, v.Expunges = f.Insert, v.Expunges && !f.Expunge
	if f.Delete {
		v.PermanentFlags.Set &^= maildir.FlagTrashed
	}
	return v
}

// Forbidden asks what the user may not do in a mailbox, where the server tells. Rights come back without a word, and nobody had looked if
// nothing else had changed: then d gets what the mailbox keeps by now.
func (r *Reader) Forbidden(ctx context.Context, mailbox string, d *Delta) (f Forbidden, err error) {
	if !r.session.Has(goimap.CapACL) {
		return f, nil
	}
	may, err := r.session.MyRights(ctx, mailbox)
	if err != nil && r.session.Alive() {
		return f, nil // then what is tried tells
	} else if err != nil {
		return f, err
	}
	if d.Now.ReadOnly && (may.Insert || may.Delete) || d.Now.PermanentFlags.Set&maildir.FlagTrashed == 0 && may.Delete {
		s, err := r.Select(ctx, mailbox, nil)
		if err != nil {
			return f, err
		}
		d.Now.PermanentFlags, d.Now.ReadOnly = PermanentFlags(s), s.ReadOnly
	}
	return Forbidden{!may.Insert, !may.Delete, !may.Expunge}, nil
}

// OnlyOurs says whether an EXPUNGE of a mailbox would take nothing along but messages of a set: it takes everything that is marked, by
// whomever. With UIDPLUS that is no question.
func (r *Reader) OnlyOurs(ctx context.Context, mailbox string, ours goimap.UIDSet) (bool, error) {
	if _, err := r.Select(ctx, mailbox, nil); err != nil {
		return false, err
	}
	marked, err := r.session.SearchDeleted(ctx)
	for _, part := range marked {
		for uid := range imap.UIDs(goimap.UIDSet{part}) {
			if !ours.Contains(uid) {
				return false, err
			}
		}
	}
	return err == nil, err
}
