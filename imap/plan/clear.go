package plan

import (
	"github.com/emersion/go-imap/v2"

	"postie/maildir"
)

// clear plans that the server is rid of messages of which an archive has had a verified copy for long enough. Whatever has changed about one,
// on either side, puts it off.
func (d *differ) clear(b *box) {
	terms := b.policy.Terms
	if terms.Direction != Archive || terms.DeleteAfter == 0 || b.Outside || b.Unstable || b.Exist != Both {
		return
	}
	for _, p := range b.Due {
		switch {
		case p.State != Agreed, p.Key == "", p.UID == 0, b.stirs(p.UID):
		case (p.Local.Set|p.Remote.Set)&maildir.FlagFlagged != 0 && !terms.DeleteFlagged:
		case b.ReadOnly, !b.Expunges, b.PermanentFlags.Set&trashed == 0:
			d.notice(b, "the server lets nothing be deleted there: what is archived stays there")
			return
		default:
			op := Op{Kind: Clear, Side: Remote, UID: p.UID, Key: p.Key, Pair: p, Reason: "its copy here was verified long enough ago"}
			op.Pair.UID, op.Pair.State = 0, Archived
			d.add(b, op)
		}
	}
}

// stirs says whether anything happened to a pair, on either side.
func (b *box) stirs(uid imap.UID) bool {
	t := b.byUID[uid]
	return t != nil && (t.at != b || t.on != b || !t.file.Flags.Same(t.pair.Local) || !t.message.Flags.Same(t.pair.Remote))
}
