package mirror

import (
	"cmp"
	"context"
	"errors"
	"io/fs"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/base"
	"postie/imap/changes"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/look"
	"postie/maildir/message"
)

// pending is an intent of which nobody knows whether it was carried out.
type pending struct {
	base.Intent
	target changes.Target
	box    *box           // where the file or the original lies
	to     string         // the mailbox that it is to appear in
	file   *index.Message // of an upload
	away   bool           // it lies in another mailbox by now
	gone   bool           // it is not to be found under its key
}

// resolve looks which intents were carried out: of all that lead to one mailbox together.
func (r *run) resolve(ctx context.Context) error {
	intents, err := r.base.Intents(ctx)
	if err != nil {
		return err
	}
	byID := map[int64]*box{}
	for _, b := range r.boxes {
		byID[b.ID] = b
	}
	open := map[*box][]*pending{}
	var void []base.Intent
	for _, i := range intents {
		b, to := byID[i.Mailbox], byID[i.To]
		if b == nil || to == nil || b.remote == nil || to.remote == nil {
			void = append(void, i)
			continue
		}
		open[to] = append(open[to], &pending{Intent: i, box: b, to: to.Name})
	}
	if err := r.base.Settled(ctx, void...); err != nil {
		return err
	}
	for _, to := range r.boxes {
		if len(open[to]) == 0 {
			continue
		}
		if err := r.settled(ctx, to, open[to]); err != nil && !single(err) {
			return err
		} else if err != nil { // what may be there already must not be done again
			for _, p := range open[to] {
				p.box.outside = true
			}
			to.outside = true
			r.refuse(plan.Op{Mailbox: to.Name}, err)
		}
	}
	return nil
}

// settled looks whether intents were carried out. An upload that was is agreed; a copy that was is completed by
// deleting the original, and the comparison then finds message and file in their new place.
func (r *run) settled(ctx context.Context, to *box, all []*pending) error {
	all, void, err := r.seekAll(ctx, to, all)
	if err != nil {
		return err
	}
	var as []base.Agreement
	copied := map[*box][]*pending{}
	for _, p := range all {
		switch {
		case p.target.Found == 0 && p.UID == 0 && !p.away && !p.gone:
			if p.Tries >= 2 {
				r.stuck[p.box.Name+"\x00"+string(p.Key)] = true
			}
			// If it is tried again, that is counted.
		case p.target.Found == 0:
			void = append(void, p.Intent)
		case p.UID != 0:
			copied[p.box] = append(copied[p.box], p)
		default:
			as = append(as, p.uploaded())
			p.box.Stamp = maildir.Stamp{} // the file is to be compared
		}
	}
	if err := r.close(ctx, as, void); err != nil {
		return err
	}
	r.count(func(p *Report) { p.Uploaded += len(as) })
	for _, a := range as {
		r.resumed(plan.Op{Side: plan.Remote, Mailbox: to.Name, Key: a.Key, UID: a.Pair.UID, Reason: "uploaded by a run that was stopped"})
	}
	for _, b := range r.boxes {
		if err := r.finishMoves(ctx, b, copied[b]); err != nil {
			return err
		}
	}
	return nil
}

// seekAll looks for what was to appear in a mailbox. Intents of which nothing is left to look for are void.
func (r *run) seekAll(ctx context.Context, to *box, all []*pending) (looked []*pending, void []base.Intent, err error) {
	var wanted []*changes.Target
	from := ^goimap.UID(0)
	for _, p := range all {
		err := r.describe(ctx, p)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			void = append(void, p.Intent)
			continue
		case err != nil && !single(err):
			return nil, nil, err
		case err != nil:
			r.fail(plan.Op{Mailbox: p.box.Name, UID: p.UID, Key: p.Key}, err)
			continue
		}
		looked, wanted = append(looked, p), append(wanted, &p.target)
		if st := to.remote.Status; st == nil || plan.UIDValidity(st.UIDValidity) != p.UIDValidity {
			from = 1
		}
		from = min(from, max(p.UIDNext, 1))
	}
	if len(wanted) > 0 {
		err = r.reader.Find(ctx, to.server, r.rows(to), from, wanted, map[goimap.UID]bool{})
	}
	return looked, void, err
}

// describe says what to look for.
func (r *run) describe(ctx context.Context, p *pending) error {
	if p.UID != 0 {
		known, err := changes.Known(ctx, r.rows(p.box), p.UID)
		if err != nil || !known {
			return cmp.Or(err, error(fs.ErrNotExist))
		}
		id, err := r.base.Identify(ctx, p.box.ID, plan.Pair{UID: p.UID})
		p.target = changes.Target{MessageID: id.MessageID, Header: id.Header, EmailID: id.EmailID}
		return err
	}
	at, e, err := r.anywhere(ctx, p.box, p.Key)
	if err == nil {
		p.file, err = r.readFile(ctx, at.dir, e)
	}
	if errors.Is(err, fs.ErrNotExist) || err == errEmpty || is[*maildir.NotMessage](err) {
		return p.recall()
	}
	if err == nil {
		p.file, err = r.sent(p.file, at.dir.Path(e))
	}
	if err != nil {
		return err
	}
	p.file.Mailbox, p.file.Entry, p.away = p.box.Name, e, at != p.box
	p.target = changes.Target{MessageID: p.file.Summary.MessageID, Header: p.file.Header}
	return nil
}

// recall describes a file that is gone by what was noted of it. It may have got another key, which the comparison finds out: then
// its message must be known, or it would be doubled. Nothing else than that message will do.
func (p *pending) recall() error {
	if p.Size == 0 {
		return fs.ErrNotExist
	}
	p.gone = true
	p.target = changes.Target{Header: p.Header, Size: p.Size}
	p.file = &index.Message{Mailbox: p.box.Name, Entry: maildir.EntryOf(string(p.Key), true), Header: p.Header,
		Wire: maildir.Wire{Size: p.Size, Hash: p.Hash, Exact: true}, Summary: message.Summary{MessageID: p.MessageID}}
	return nil
}

// anywhere finds the file of a key in its mailbox, or in the one that somebody moved it to.
func (r *run) anywhere(ctx context.Context, b *box, key maildir.Key) (*box, maildir.Entry, error) {
	e, err := r.entry(ctx, b, key)
	if !errors.Is(err, fs.ErrNotExist) {
		return b, e, err
	}
	for _, o := range r.boxes {
		if o == b || !o.here {
			continue
		}
		if e, ok, err := look.File(ctx, o.dir, key); ok || err != nil {
			return o, e, err
		}
	}
	return b, e, err
}

// uploaded is the agreement about a file that is on the server. What its flags differ in counts as changed here.
func (p *pending) uploaded() base.Agreement {
	f := changes.FlagsOf(p.target.Message.Flags)
	return base.Agreement{Mailbox: p.box.ID, Key: p.Key, EmailID: p.target.Message.EmailID, Entry: p.file.Entry, Message: p.file, Intent: p.ID,
		Pair: plan.Pair{UID: p.target.Found, Key: p.Key, Local: f, Remote: f, Size: max(p.target.Message.Size, 0), Date: p.target.Message.Date}}
}

// finishMoves deletes the originals of copies.
func (r *run) finishMoves(ctx context.Context, b *box, all []*pending) error {
	if len(all) == 0 {
		return nil
	}
	s, err := r.selected(ctx, b, nil)
	if err != nil {
		return err
	}
	set := uids(all, func(p *pending) goimap.UID { return p.UID })
	var marked goimap.UIDSet
	if r.DryRun {
		b.finished = set
	} else if !s.ReadOnly && !b.uidsReassigned(changes.State{UIDValidity: plan.UIDValidity(s.UIDValidity), UIDNext: s.UIDNext}) {
		marked, err = r.expunge(ctx, b, set)
	}
	if err != nil && !forbidden(err) {
		return err
	}
	var void []base.Intent
	var as []base.Agreement
	for _, p := range all {
		if !marked.Contains(p.UID) {
			void = append(void, p.Intent)
			continue
		}
		a, err := r.tombstone(ctx, b, plan.Op{UID: p.UID})
		if err != nil {
			return err
		}
		a.Intent, a.Pair.Key = p.ID, ""
		as = append(as, a)
	}
	b.remote.Status = nil // it is another since
	if err := r.close(ctx, as, void); err != nil {
		return err
	}
	for _, p := range all {
		r.resumed(plan.Op{Side: plan.Remote, Mailbox: b.Name, To: p.to, Key: p.Key, UID: p.UID, Reason: "copied by a run that was stopped"})
	}
	return nil
}

// close records what became of intents.
func (r *run) close(ctx context.Context, as []base.Agreement, void []base.Intent) error {
	if len(as)+len(void) == 0 {
		return nil
	}
	r.step("base resume")
	return cmp.Or(r.base.Agree(ctx, as), r.base.Settled(ctx, void...))
}
