package mirror

import (
	"context"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/changes"
	"postie/imap/plan"
)

// newcomers asks who the messages are that the base does not know. There may be very many of them: those for whom there is no
// room in this plan wait for a window of their own, unless one of them may be something that is new or missing here.
func (o *remoteObserver) newcomers(ctx context.Context, b *box) error {
	set, rest, ask := b.delta.New, goimap.UIDSet(nil), changes.Ask{}
	switch {
	case b.mustMatch:
		set, ask.Header = slices.Clone(set), true
		set.AddSet(uids(b.delta.Messages, messageUID))
	case len(b.fresh) > 0:
		ask.Header = true
	case set.Dynamic():
		o.room -= int(o.session.Tally().Exists)
	default:
		set, rest = changes.Cut(set, o.room)
		o.room -= changes.Count(set)
	}
	b.delta.New = rest
	if len(set) == 0 {
		return nil
	}
	gone, err := o.identifier.identifyThere(ctx, b, set, ask)
	if len(gone) > 0 {
		b.delta.Messages = slices.DeleteFunc(b.delta.Messages, func(m plan.Message) bool { return gone.Contains(m.UID) })
	}
	return err
}
