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

// begun is something that a run which was stopped had begun, where nobody knows whether it was done.
type begun struct {
	plan.Begun
	outcome plan.Outcome
	told    plan.Op        // without a kind: it is not told
	box     *box           // where the file or the original lies; nil: it is not there any more
	to      *box           // where it is to appear; nil likewise
	row     base.Row       // of a download
	intent  base.Intent    // of an upload or a copy
	target  changes.Target // what is looked for
	file    *index.Message // of an upload
}

// recovery is what a run does about one that was stopped.
type recovery struct {
	*agreements
	files     *files
	deletions *deletions
}

// recover is the first round: it settles what a run that was stopped left open, since what is compared afterwards stands on it.
func (c *recovery) recover(ctx context.Context) error {
	all, err := c.leftOpen(ctx)
	if err != nil {
		return err
	}
	for _, p := range all {
		p.outcome, p.told = plan.Resume(p.Begun)
	}
	if c.DryRun && len(all) > 0 {
		if err := c.rehearse(ctx); err != nil {
			return err
		}
	}
	return c.settle(ctx, all)
}

// leftOpen observes what a run that was stopped left open.
func (c *recovery) leftOpen(ctx context.Context) (all []*begun, err error) {
	for _, b := range c.boxes {
		if b.ID == 0 {
			continue
		}
		downloads, err := c.downloadsBegun(ctx, b)
		if err != nil {
			return nil, err
		}
		all = append(all, downloads...)
	}
	intended, err := c.intentsBegun(ctx)
	return append(all, intended...), err
}

// downloadsBegun finds out what became of the files that were about to be published in a mailbox.
func (c *recovery) downloadsBegun(ctx context.Context, b *box) ([]*begun, error) {
	rows, err := c.base.Arriving(ctx, b.ID)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	var here map[maildir.Key]look.Place
	if b.here {
		keys := map[maildir.Key]bool{}
		for _, row := range rows {
			keys[row.Key] = true
		}
		found, err := look.Find(ctx, []maildir.Dir{b.dir}, keys, look.Options{})
		if err := cmp.Or(err, found.Err); err != nil {
			return nil, err
		}
		here = found.At
	}
	all := make([]*begun, len(rows))
	for i, row := range rows {
		_, ok := here[row.Key]
		all[i] = &begun{box: b, row: row, Begun: plan.Begun{Here: ok, Op: plan.Op{Kind: plan.Download, Mailbox: b.Name, UID: row.UID, Key: row.Key}}}
	}
	return all, nil
}

// intentsBegun finds out what became of uploads and copies: of all that lead to one mailbox together.
func (c *recovery) intentsBegun(ctx context.Context) (all []*begun, err error) {
	intents, err := c.base.Intents(ctx)
	if err != nil {
		return nil, err
	}
	byID := map[int64]*box{}
	for _, b := range c.boxes {
		byID[b.ID] = b
	}
	open := map[*box][]*begun{}
	for _, i := range intents {
		p := &begun{intent: i, box: byID[i.Mailbox], to: byID[i.To], Begun: plan.Begun{Here: true, Tries: i.Tries, Op: plan.Op{Kind: plan.Upload, Key: i.Key, UID: i.UID}}}
		if p.Op.UID != 0 {
			p.Op.Kind = plan.Move
		}
		if p.box == nil || p.to == nil || p.box.remote == nil || p.to.remote == nil {
			p.Void = true
			all = append(all, p)
			continue
		}
		p.Op.Mailbox, p.Op.To = p.box.Name, p.to.Name
		open[p.to] = append(open[p.to], p)
	}
	for _, to := range c.boxes {
		if len(open[to]) == 0 {
			continue
		}
		if c.breakers.unseeable(to) {
			c.leaveBegun(to, open[to], nil)
			continue
		}
		known, err := c.seekAll(ctx, to, open[to])
		if err != nil && !single(err) {
			return nil, c.at(looking(to), err)
		} else if err != nil {
			c.leaveBegun(to, open[to], err)
			continue
		}
		all = append(all, known...)
	}
	return all, nil
}

// leaveBegun leaves mailboxes as they are: what may be there already must not be done again.
func (c *recovery) leaveBegun(to *box, all []*begun, err error) {
	for _, p := range all {
		p.box.outside = true
	}
	to.outside = true
	if err != nil {
		c.refuse(plan.Op{Mailbox: to.Name}, err)
	}
}

// seekAll looks for what was to appear in a mailbox. It leaves out that of which it cannot be told what it is.
func (c *recovery) seekAll(ctx context.Context, to *box, all []*begun) (known []*begun, err error) {
	var wanted []*changes.Target
	from := ^goimap.UID(0)
	for _, p := range all {
		err := c.describe(ctx, p)
		if p.Void = errors.Is(err, fs.ErrNotExist); p.Void {
			known = append(known, p)
			continue
		}
		if err != nil && !single(err) {
			return nil, err
		}
		if err != nil {
			c.fail(plan.Op{Mailbox: p.box.Name, UID: p.intent.UID, Key: p.intent.Key}, err)
			continue
		}
		known, wanted = append(known, p), append(wanted, &p.target)
		if st := to.remote.Status; st == nil || plan.UIDValidity(st.UIDValidity) != p.intent.UIDValidity {
			from = 1
		}
		from = min(from, max(p.intent.UIDNext, 1))
	}
	if len(wanted) > 0 {
		err = c.reader.Find(ctx, to.server, c.rows(to), from, wanted, map[goimap.UID]bool{})
	}
	for _, p := range known {
		p.Found = p.target.Found
	}
	return known, err
}

// describe says what to look for. An error that is fs.ErrNotExist: nobody knows.
func (c *recovery) describe(ctx context.Context, p *begun) error {
	if uid := p.intent.UID; uid != 0 {
		known, err := changes.Known(ctx, c.rows(p.box), uid)
		if err != nil || !known {
			return cmp.Or(err, error(fs.ErrNotExist))
		}
		id, _, err := c.base.Identify(ctx, p.box.ID, plan.Pair{UID: uid})
		p.target = changes.Target{MessageID: id.MessageID, Header: id.Header, EmailID: id.EmailID}
		return err
	}
	at, e, err := c.anywhere(ctx, p.box, p.intent.Key)
	if err == nil {
		p.file, err = c.files.readFile(ctx, at.dir, e)
	}
	if errors.Is(err, fs.ErrNotExist) || err == errEmpty || is[*maildir.NotMessage](err) {
		return p.recall()
	}
	if err == nil {
		p.file, err = c.files.sent(p.file, at.dir.Path(e))
	}
	if err != nil {
		return err
	}
	p.file.Mailbox, p.file.Entry, p.Here = p.box.Name, e, at == p.box
	p.target = changes.Target{MessageID: p.file.Summary.MessageID, Header: p.file.Header}
	return nil
}

// recall describes a file that is gone by what was noted of it. It may have got another key, which the comparison finds out: then
// its message must be known, or it would be doubled. Nothing else than that message will do.
func (p *begun) recall() error {
	i := &p.intent
	if i.Size == 0 {
		return fs.ErrNotExist
	}
	p.Here = false
	p.target = changes.Target{Header: i.Header, Size: i.Size}
	p.file = &index.Message{Mailbox: p.box.Name, Entry: maildir.EntryOf(string(i.Key), true), Header: i.Header,
		Wire: maildir.Wire{Size: i.Size, Hash: i.Hash, Exact: true}, Summary: message.Summary{MessageID: i.MessageID}}
	return nil
}

// anywhere finds the file of a key in its mailbox, or in the one that somebody moved it to.
func (c *recovery) anywhere(ctx context.Context, b *box, key maildir.Key) (*box, maildir.Entry, error) {
	e, err := c.files.entry(ctx, b, key)
	if !errors.Is(err, fs.ErrNotExist) {
		return b, e, err
	}
	for _, o := range c.boxes {
		if o == b || !o.here {
			continue
		}
		if e, ok, err := look.File(ctx, o.dir, key); ok || err != nil {
			return o, e, err
		}
	}
	return b, e, err
}
