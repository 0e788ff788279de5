package mirror

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/base"
	"postie/imap/changes"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/look"
	"postie/maildir/message"
)

// observer puts together what a plan is made of. It changes nothing anywhere.
type observer struct {
	*account
	breakers   *breakers
	firstSync  *firstSync
	identifier *identifier
	here       *localObserver
	there      *remoteObserver
}

// observe looks at both sides of every mailbox, and puts together what a plan is made of: at all Maildirs first, and together,
// since the files in them move.
func (o *observer) observe(ctx context.Context) ([]plan.Mailbox, error) {
	o.there.room = cmp.Or(o.Window, window)
	for _, b := range o.boxes {
		b.mustMatch = b.matches() || o.firstSync.onlyHere(b)
	}
	if err := o.here.snapshot(ctx); err != nil {
		return nil, err
	}
	if err := o.moveIn(ctx); err != nil {
		return nil, err
	}
	reread, lost := false, false
	for _, b := range o.boxes {
		if b.outside || o.oneSided(b) {
			continue
		}
		if err := o.observeMailbox(ctx, b); err != nil {
			return nil, err
		}
		reread, lost = reread || b.whole && !b.folder.Whole, lost || b.known && b.remote == nil
	}
	for _, b := range o.boxes { // what is missing elsewhere may be here
		if b.outside || !o.oneSided(b) || !(b.looked || b.remote != nil && lost) {
			continue
		}
		if err := o.observeMailbox(ctx, b); err != nil {
			return nil, err
		}
	}
	if reread {
		if err := o.here.lookAgain(ctx); err != nil {
			return nil, err
		}
	}
	if err := o.viewAllNewcomers(ctx); err != nil {
		return nil, err
	}
	if err := o.here.archived(ctx); err != nil {
		return nil, err
	}
	if err := o.pairsLost(ctx); err != nil {
		return nil, err
	}
	o.here.tellFiles()
	return o.views(ctx)
}

// pairsLost says, by an error, of the mailboxes in which something is new, whether the base lost some of what it knew of them.
func (o *observer) pairsLost(ctx context.Context) error {
	for _, b := range o.boxes {
		if b.known && b.ID != 0 && b.newbase == nil && (len(b.fresh) > 0 || b.delta.Read) {
			if err := o.base.Whole(ctx, b.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// views are all mailboxes as a plan sees them.
func (o *observer) views(ctx context.Context) ([]plan.Mailbox, error) {
	var views []plan.Mailbox
	for _, b := range o.boxes {
		if b.outside && !b.looked && b.Name != o.Policy.Trash {
			continue
		}
		if b.outside { // a file that is missing elsewhere may be here
			b.delta.Pairs, b.delta.Messages, b.delta.New = nil, nil, nil
		}
		v, err := o.view(ctx, b)
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	return o.doubts(ctx, views)
}

// observeMailbox looks at one mailbox. One that is there, and cannot be looked at, must not look as if it were gone.
func (o *observer) observeMailbox(ctx context.Context, b *box) error {
	if o.breakers.unseeable(b) {
		return nil
	}
	err := o.at(looking(b), o.observeServer(ctx, b))
	if err != nil && single(err) {
		b.outside = true
		o.refuse(plan.Op{Mailbox: b.Name}, err)
		err = nil
	}
	return err
}

// observeServer looks at the server's side of one mailbox.
func (o *observer) observeServer(ctx context.Context, b *box) (err error) {
	if b.known {
		if b.pending, err = o.base.Pending(ctx, b.ID); err != nil {
			return err
		}
	}
	if err := o.there.serverChanges(ctx, b); err != nil {
		return err
	}
	replaced, err := o.there.messagesReplaced(ctx, b)
	if replaced {
		b.mustMatch = true
		err = cmp.Or(o.here.reread(ctx, b), o.there.serverChanges(ctx, b))
	}
	if err == nil && b.mustMatch {
		err = o.rematch(ctx, b)
	}
	if err != nil {
		return err
	}
	return o.there.permissions(ctx, b)
}

// view is the mailbox as a plan sees it.
func (o *observer) view(ctx context.Context, b *box) (plan.Mailbox, error) {
	if err := o.due(ctx, b); err != nil {
		return plan.Mailbox{}, err
	}
	v := plan.Mailbox{
		Name: b.Name, Known: b.known, Exist: b.exist(), Outside: b.outside, Unstable: b.unstable, Lost: b.emptied, Anew: b.anew, Called: b.Called, Deleted: b.Deleted,
		UIDValidity: b.delta.Now.UIDValidity, MailboxID: b.delta.Now.MailboxID, ModSeq: b.delta.Now.ModSeq, PermanentFlags: b.delta.Now.PermanentFlags, ReadOnly: b.delta.Now.ReadOnly,
		Terms: b.terms, Due: b.due, Expunges: b.expunges, Defects: b.defects(), Files: plan.Seq(b.files), Messages: plan.Seq(b.delta.Messages), Pending: b.pending,
		Base: plan.Base{UIDValidity: b.UIDValidity, MailboxID: b.MailboxID, ByUID: plan.Seq(b.delta.Pairs), ByKey: plan.Seq(b.byKey)},
	}
	if es := b.left[empty]; len(es) > 0 {
		v.Damaged = !slices.Contains(o.before, b.Name+": "+leftAlone(empty, es))
	}
	if o.Policy.Now.UnixMilli()-b.Ignored.At < refusalLasts.Milliseconds() {
		v.PermanentFlags.Not = b.Ignored.Flags
	}
	v.Partial = b.partial
	v.Later = o.breakers.breaks.waits(looking(b))
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
		if v.Count, err = o.base.Count(ctx, b.ID); err != nil {
			return v, err
		}
	}
	v.Base.Known = map[plan.PairID]plan.Identity{}
	return v, nil
}

// know puts into a view who the messages of pairs are.
func (o *observer) know(ctx context.Context, b *box, v plan.Mailbox, pairs ...plan.Pair) error {
	for _, p := range pairs {
		if _, known := v.Base.Known[p.ID()]; known {
			continue
		}
		id, err := o.who(ctx, b, p)
		if err != nil {
			return err
		}
		v.Base.Known[p.ID()] = id
	}
	return nil
}

// who says what is known of a pair's message.
func (o *observer) who(ctx context.Context, b *box, p plan.Pair) (plan.Identity, error) {
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
	id, exact, err := o.base.Identify(ctx, b.ID, p)
	if err == nil && !exact && p.Key != "" {
		id.Own = o.ownSize(ctx, b, p.Key)
	}
	return id, err
}

// ownSize is how many octets a file gives, on the wire; 0: it is not there, or cannot be read.
func (o *observer) ownSize(ctx context.Context, b *box, key maildir.Key) int64 {
	e, err := o.here.files.entry(ctx, b, key)
	if err != nil {
		return 0
	}
	w, err := maildir.WireAt(b.dir.Path(e))
	if err != nil {
		return 0
	}
	return w.Size
}

// fields are those of the header of a file; "": it is not there, or cannot be read.
func (o *observer) fields(ctx context.Context, b *box, key maildir.Key) string {
	e, err := o.here.files.entry(ctx, b, key)
	if err != nil {
		return ""
	}
	var header message.Header
	if _, err := look.Read(b.dir.Path(e), &header); err != nil {
		return ""
	}
	return header.Fields()
}

// rematch finds out which file is which message, where the UIDs do not tell.
func (o *observer) rematch(ctx context.Context, b *box) error {
	v, err := o.view(ctx, b)
	if err != nil {
		return err
	}
	if err := o.know(ctx, b, v, slices.Concat(b.delta.Pairs, b.byKey)...); err != nil {
		return err
	}
	doubts, files, err := plan.MatchDoubts(v)
	if err == nil && len(doubts) > 0 {
		_, err = o.identifier.identifyThere(ctx, b, goimap.UIDSetNum(doubts...), changes.Ask{Header: true, Whole: true, Fields: true})
		v.Messages = plan.Seq(b.delta.Messages)
	}
	for _, key := range files {
		if f := at(b.files, key, func(f plan.File) maildir.Key { return f.Key }); f != nil {
			f.ID.Fields = o.fields(ctx, b, key)
		}
	}
	alike := 0
	if err == nil {
		b.newbase, alike, err = plan.Rematch(v)
	}
	if err != nil {
		return err
	}
	if alike > 0 {
		o.note(b.Name, fmt.Sprintf("%d messages have another size or header on the server than here: they were matched by Message-ID, header or date, and not fetched again", alike))
	}
	if b.newbase == nil {
		b.newbase = []plan.Pair{}
	}
	// Pending changes go by the old UIDs. Those of messages that were found again are made when the new ones are recorded.
	o.again = o.again || len(b.pending) > 0
	b.pending = nil
	return nil
}

// doubts finds out what a plan depends on besides what the views show: headers of messages, and who is missing.
func (o *observer) doubts(ctx context.Context, views []plan.Mailbox) ([]plan.Mailbox, error) {
	all, missing, err := plan.Doubts(views, o.Policy)
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	more := false // files that give other octets than came
	byName := map[string]plan.Mailbox{}
	for _, v := range views {
		byName[v.Name] = v
	}
	for _, m := range missing {
		if err := o.know(ctx, o.byName[m.Mailbox], byName[m.Mailbox], m.Pair); err != nil {
			return nil, err
		}
		own := byName[m.Mailbox].Base.Known[m.Pair.ID()].Own
		more = more || own != 0 && own != m.Pair.Size
	}
	if more {
		if all, _, err = plan.Doubts(views, o.Policy); err != nil {
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
		b := o.byName[views[i].Name]
		if len(sets[b.Name]) == 0 {
			continue
		}
		gone, err := o.identifier.identifyThere(ctx, b, sets[b.Name], changes.Ask{Header: true, Whole: true})
		if err != nil {
			return nil, o.at(looking(b), err)
		}
		if b.partial { // they are newcomers, and take no part in the plan
			b.delta.Messages = slices.DeleteFunc(slices.Clone(b.delta.Messages), func(m plan.Message) bool { return gone.Contains(m.UID) })
			views[i].Messages, views[i].Partial = plan.Seq(b.delta.Messages), true
		}
	}
	return views, nil // they share the slices that the headers were put into
}

// due reads which messages of an archive were verified long enough ago to go from the server.
func (o *observer) due(ctx context.Context, b *box) error {
	b.due, b.copies = nil, nil
	after := o.policy(b).DeleteAfter
	if after == 0 || b.ID == 0 || b.newbase != nil || b.UIDValidity == 0 || b.UIDValidity != b.delta.Now.UIDValidity && b.delta.Now.UIDValidity != 0 {
		return nil
	}
	rows, copies, err := o.base.VerifiedBefore(ctx, b.ID, b.UIDValidity, o.Now().Add(-after), time.Time{})
	for _, row := range rows {
		b.due = append(b.due, row.Pair)
	}
	b.copies = copies
	return err
}
