package mirror

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/base"
	"postie/imap/changes"
	"postie/imap/plan"
	"postie/maildir"
)

// observe looks at both sides of every mailbox, and puts together what a plan is made of: at all Maildirs first, and together,
// since the files in them move.
func (r *run) observe(ctx context.Context) ([]plan.Mailbox, error) {
	r.room = cmp.Or(r.Window, window)
	for _, b := range r.boxes {
		b.mustMatch = b.matches() || r.onlyHere(b)
	}
	if err := r.snapshot(ctx); err != nil {
		return nil, err
	}
	if err := r.moveIn(ctx); err != nil {
		return nil, err
	}
	reread, lost := false, false
	for _, b := range r.boxes {
		if b.outside || r.oneSided(b) {
			continue
		}
		if err := r.observeMailbox(ctx, b); err != nil {
			return nil, err
		}
		reread, lost = reread || b.whole && !b.folder.Whole, lost || b.known && b.remote == nil
	}
	for _, b := range r.boxes { // what is missing elsewhere may be here
		if b.outside || !r.oneSided(b) || !(b.looked || b.remote != nil && lost) {
			continue
		}
		if err := r.observeMailbox(ctx, b); err != nil {
			return nil, err
		}
	}
	if reread {
		if err := r.lookAgain(ctx); err != nil {
			return nil, err
		}
	}
	if err := r.viewAllNewcomers(ctx); err != nil {
		return nil, err
	}
	if err := r.pairsLost(ctx); err != nil {
		return nil, err
	}
	r.tellFiles()
	return r.views(ctx)
}

// pairsLost says, by an error, of the mailboxes in which something is new, whether the base lost some of what it knew of them.
func (r *run) pairsLost(ctx context.Context) error {
	for _, b := range r.boxes {
		if b.known && b.ID != 0 && b.newbase == nil && (len(b.fresh) > 0 || b.delta.Read) {
			if err := r.base.Whole(ctx, b.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// views are all mailboxes as a plan sees them.
func (r *run) views(ctx context.Context) ([]plan.Mailbox, error) {
	var views []plan.Mailbox
	for _, b := range r.boxes {
		if b.outside && !b.looked && b.Name != r.Policy.Trash {
			continue
		}
		if b.outside { // a file that is missing elsewhere may be here
			b.delta.Pairs, b.delta.Messages, b.delta.New = nil, nil, nil
		}
		v, err := r.view(ctx, b)
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	return r.doubts(ctx, views)
}

// oneSided: it is on one side only, and is not to be created on the other. Nothing comes of what is in it, however much that is, unless a
// file or a mailbox has gone there: what only left for it on the server is gone as well as if it had been expunged.
func (r *run) oneSided(b *box) bool {
	missing := plan.Both &^ b.exist()
	return !b.known && missing != 0 && (r.Policy.Create&missing == 0 || !r.policy(b).Direction.Changes(missing))
}

// observeMailbox looks at one mailbox. One that is there, and cannot be looked at, must not look as if it were gone.
func (r *run) observeMailbox(ctx context.Context, b *box) error {
	if r.unseeable(b) {
		return nil
	}
	err := r.at(looking(b), r.observeServer(ctx, b))
	if err != nil && single(err) {
		b.outside = true
		r.refuse(plan.Op{Mailbox: b.Name}, err)
		err = nil
	}
	return err
}

// observeServer looks at the server's side of one mailbox.
func (r *run) observeServer(ctx context.Context, b *box) (err error) {
	if b.known {
		if b.pending, err = r.base.Pending(ctx, b.ID); err != nil {
			return err
		}
	}
	if err := r.serverChanges(ctx, b); err != nil {
		return err
	}
	replaced, err := r.messagesReplaced(ctx, b)
	if replaced {
		b.mustMatch = true
		err = cmp.Or(r.reread(ctx, b), r.serverChanges(ctx, b))
	}
	if err == nil && b.mustMatch {
		err = r.rematch(ctx, b)
	}
	if err != nil {
		return err
	}
	return r.permissions(ctx, b)
}

// view is the mailbox as a plan sees it.
func (r *run) view(ctx context.Context, b *box) (plan.Mailbox, error) {
	if err := r.due(ctx, b); err != nil {
		return plan.Mailbox{}, err
	}
	v := plan.Mailbox{
		Name: b.Name, Known: b.known, Exist: b.exist(), Outside: b.outside, Unstable: b.unstable, Lost: b.emptied, Anew: b.anew, Called: b.Called, Deleted: b.Deleted,
		UIDValidity: b.delta.Now.UIDValidity, MailboxID: b.delta.Now.MailboxID, ModSeq: b.delta.Now.ModSeq, PermanentFlags: b.delta.Now.PermanentFlags, ReadOnly: b.delta.Now.ReadOnly,
		Terms: b.terms, Due: b.due, Expunges: b.expunges, Files: plan.Seq(b.files), Messages: plan.Seq(b.delta.Messages), Pending: b.pending,
		Base: plan.Base{UIDValidity: b.UIDValidity, MailboxID: b.MailboxID, ByUID: plan.Seq(b.delta.Pairs), ByKey: plan.Seq(b.byKey)},
	}
	if es := b.left[empty]; len(es) > 0 {
		v.Damaged = !slices.Contains(r.before, b.Name+": "+leftAlone(empty, es))
	}
	if r.Policy.Now.UnixMilli()-b.Ignored.At < refusalLasts.Milliseconds() {
		v.PermanentFlags.Not = b.Ignored.Flags
	}
	v.Partial = b.partial
	v.Later = r.breaks.waits(looking(b))
	v = b.forbids.In(v)
	if b.remote == nil {
		v.UIDValidity, v.MailboxID = 0, ""
		b.Ignored = base.Ignored{}
		v.PermanentFlags, v.ReadOnly = plan.PermanentFlags{Flags: maildir.Flags{Set: changes.AllFlags}, Any: true}, false // what is made anew, in all likelihood
	}
	if b.newbase != nil {
		v.Fresh = !b.known
		v.Known, v.Count, v.Base = b.known || b.remote != nil, len(b.newbase), plan.BaseOf(b.newbase)
	}
	if b.newbase == nil && (!b.intact() || len(b.due) > 0 || len(b.pending) > 0 || b.exist() != plan.Both) { // something may be deleted
		var err error
		if v.Count, err = r.base.Count(ctx, b.ID); err != nil {
			return v, err
		}
	}
	v.Base.Known = map[plan.PairID]plan.Identity{}
	return v, nil
}

// know puts into a view who the messages of pairs are.
func (r *run) know(ctx context.Context, b *box, v plan.Mailbox, pairs ...plan.Pair) error {
	for _, p := range pairs {
		if _, known := v.Base.Known[p.ID()]; known {
			continue
		}
		id, err := r.who(ctx, b, p)
		if err != nil {
			return err
		}
		v.Base.Known[p.ID()] = id
	}
	return nil
}

// who says what is known of a pair's message.
func (r *run) who(ctx context.Context, b *box, p plan.Pair) (plan.Identity, error) {
	if m := b.fresh[p.Key]; m != nil && p.Key != "" {
		id := identityOf(m)
		if p.UID != 0 {
			id.Size, id.Marks, id.Date = p.Size, 0, p.Date
		}
		return id, nil
	}
	if b.newbase != nil && p.Key == "" {
		if m := b.message(p.UID); m != nil {
			return m.ID, nil
		}
	}
	id, exact, err := r.base.Identify(ctx, b.ID, p)
	if err == nil && !exact && p.Key != "" {
		id.Own = r.ownSize(ctx, b, p.Key)
	}
	return id, err
}

// ownSize is how many octets a file gives, on the wire; 0: it is not there, or cannot be read.
func (r *run) ownSize(ctx context.Context, b *box, key maildir.Key) int64 {
	e, err := r.entry(ctx, b, key)
	if err != nil {
		return 0
	}
	w, err := maildir.WireAt(b.dir.Path(e))
	if err != nil {
		return 0
	}
	return w.Size
}

// rematch finds out which file is which message, where the UIDs do not tell.
func (r *run) rematch(ctx context.Context, b *box) error {
	v, err := r.view(ctx, b)
	if err != nil {
		return err
	}
	if err := r.know(ctx, b, v, slices.Concat(b.delta.Pairs, b.byKey)...); err != nil {
		return err
	}
	doubts, err := plan.MatchDoubts(v)
	if err == nil && len(doubts) > 0 {
		_, err = r.identifyThere(ctx, b, goimap.UIDSetNum(doubts...), changes.Ask{Header: true, Whole: true})
		v.Messages = plan.Seq(b.delta.Messages)
	}
	alike := 0
	if err == nil {
		b.newbase, alike, err = plan.Rematch(v)
	}
	if err != nil {
		return err
	}
	if alike > 0 {
		r.note(b.Name, fmt.Sprintf("%d messages have another size or header on the server than here: they were matched by Message-ID, header or date, and not fetched again", alike))
	}
	if b.newbase == nil {
		b.newbase = []plan.Pair{}
	}
	// Pending changes go by the old UIDs. Those of messages that were found again are made when the new ones are recorded.
	r.again = r.again || len(b.pending) > 0
	b.pending = nil
	return nil
}

// doubts finds out what a plan depends on besides what the views show: headers of messages, and who is missing.
func (r *run) doubts(ctx context.Context, views []plan.Mailbox) ([]plan.Mailbox, error) {
	all, missing, err := plan.Doubts(views, r.Policy)
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	more := false // files that give other octets than came
	byName := map[string]plan.Mailbox{}
	for _, v := range views {
		byName[v.Name] = v
	}
	for _, m := range missing {
		if err := r.know(ctx, r.byName[m.Mailbox], byName[m.Mailbox], m.Pair); err != nil {
			return nil, err
		}
		more = more || byName[m.Mailbox].Base.Known[m.Pair.ID()].Own != 0
	}
	if more {
		if all, _, err = plan.Doubts(views, r.Policy); err != nil {
			return nil, fmt.Errorf("plan: %w", err)
		}
	}
	sets := map[string]goimap.UIDSet{}
	for _, d := range all {
		set := sets[d.Mailbox]
		set.AddNum(d.UID)
		sets[d.Mailbox] = set
	}
	for i := range views {
		b := r.byName[views[i].Name]
		if len(sets[b.Name]) == 0 {
			continue
		}
		gone, err := r.identifyThere(ctx, b, sets[b.Name], changes.Ask{Header: true, Whole: true})
		if err != nil {
			return nil, r.at(looking(b), err)
		}
		if b.partial { // they are newcomers, and take no part in the plan
			b.delta.Messages = slices.DeleteFunc(slices.Clone(b.delta.Messages), func(m plan.Message) bool { return gone.Contains(m.UID) })
			views[i].Messages, views[i].Partial = plan.Seq(b.delta.Messages), true
		}
	}
	return views, nil // they share the slices that the headers were put into
}
