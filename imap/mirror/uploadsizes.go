package mirror

import (
	"context"
	"slices"

	goimap "github.com/emersion/go-imap/v2"
)

// uploadSizes asks what the server made of uploads: its size and date are what it will be known by when it is moved there, or when the
// mailbox has to be matched again. Exchange and gluon store other octets than they got, or count them otherwise. Of what is not
// told, what was sent counts.
func (u *uploads) uploadSizes(ctx context.Context, b *box, batch []*upload) error {
	set := uids(batch, func(p *upload) goimap.UID { return p.uid })
	if len(set) == 0 {
		return nil
	}
	if _, err := u.selected(ctx, b, nil); err != nil {
		return err
	}
	var there goimap.UIDSet
	for m, err := range u.session.FetchSizes(ctx, set) {
		if err != nil {
			return err
		}
		there.AddNum(m.UID)
		for _, p := range batch {
			if p.uid != m.UID {
				continue
			}
			if m.Size > 0 {
				p.op.Pair.Size = m.Size
			}
			if !m.Date.IsZero() { // RFC 9051 section 7.5.2: one message, several responses
				p.op.Pair.Date = m.Date
			}
		}
	}
	return u.notThere(ctx, batch, there)
}

// notThere tells of uploads of which the server said where they are, and that are not there. If that were agreed, the file would be
// removed as if somebody had deleted the message.
func (u *uploads) notThere(ctx context.Context, batch []*upload, there goimap.UIDSet) error {
	if slices.ContainsFunc(batch, func(p *upload) bool { return p.uid != 0 && !there.Contains(p.uid) }) {
		all, err := u.session.SearchAll(ctx) // two answers have to agree
		if err != nil {
			return err
		}
		there.AddSet(all)
	}
	for _, p := range batch {
		if p.uid == 0 || there.Contains(p.uid) {
			continue
		}
		p.uid = 0
		u.fail(p.op, errLost)
		if err := u.base.Fruitless(ctx, p.intent); err != nil {
			return err
		}
	}
	return nil
}
