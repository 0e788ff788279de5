package mirror

import (
	"cmp"
	"context"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/base"
	"postie/imap/changes"
	"postie/imap/plan"
	"postie/maildir"
)

// settle carries out what was decided of the things that a run which was stopped had begun. A dry run does it in a copy of the index, and
// does nothing to disk or server, so that it can plan what the next run will do after it.
func (c *recovery) settle(ctx context.Context, all []*begun) error {
	downloads, intended := map[*box][]*begun{}, map[*box][]*begun{}
	for _, p := range all {
		if p.Op.Kind == plan.Download {
			downloads[p.box] = append(downloads[p.box], p)
		} else {
			intended[p.to] = append(intended[p.to], p)
		}
	}
	for _, b := range c.boxes {
		if err := c.settleDownloads(ctx, b, downloads[b]); err != nil {
			return err
		}
	}
	if !c.DryRun {
		if err := c.base.ApplyPending(ctx, c.Layout); err != nil {
			return err
		}
	}
	if err := c.settleIntents(ctx, nil, intended[nil]); err != nil {
		return err
	}
	for _, to := range c.boxes {
		if err := c.settleIntents(ctx, to, intended[to]); err != nil && !single(err) {
			return c.at(looking(to), err)
		} else if err != nil {
			c.leaveBegun(to, intended[to], err)
		}
	}
	return nil
}

// settleDownloads confirms the files that are there, after their names are durable: one may have been renamed without its folder being
// fsynced. The others are asked for again.
func (c *recovery) settleDownloads(ctx context.Context, b *box, all []*begun) error {
	if len(all) == 0 {
		return nil
	}
	if b.here && !c.DryRun {
		parts, err := b.dir.Parts()
		if err != nil {
			return err
		}
		c.step("fsync-dir " + b.Name)
		if err := b.dir.SyncBut(parts.Lost); err != nil {
			return err
		}
	}
	var found, lost []base.Row
	for _, p := range all {
		if p.outcome == plan.Happened {
			found = append(found, p.row)
		} else {
			lost = append(lost, p.row)
		}
	}
	b.AlwaysInView = b.AlwaysInView || len(lost) > 0
	c.step("base resume")
	return c.base.Arrived(ctx, found, lost)
}

// settleIntents records what became of uploads and copies to one mailbox: an upload that was done is agreed; a copy that was done is completed
// by deleting the original, and the comparison then finds message and file in their new place.
func (c *recovery) settleIntents(ctx context.Context, to *box, all []*begun) error {
	var void []base.Intent
	var as []base.Agreement
	var uploaded []plan.Op
	copied := map[*box][]*begun{}
	for _, p := range all {
		switch p.outcome {
		case plan.GivenUp:
			p.box.stuck = append(p.box.stuck, p.intent.Key)
		case plan.Undone:
			void = append(void, p.intent)
		case plan.Halfway:
			copied[p.box] = append(copied[p.box], p)
		case plan.Happened:
			as, uploaded = append(as, p.agreement()), append(uploaded, p.told)
			p.box.Stamp = maildir.Stamp{} // the file is to be compared
		}
	}
	if err := c.close(ctx, as, void); err != nil {
		return err
	}
	for _, op := range uploaded {
		c.settled(op)
	}
	for _, b := range c.boxes {
		if err := c.completeMoves(ctx, b, copied[b]); err != nil {
			return err
		}
	}
	return nil
}

// agreement is that about a file that is on the server. What its flags differ in counts as changed here.
func (p *begun) agreement() base.Agreement {
	f := changes.FlagsOf(p.target.Message.Flags)
	return base.Agreement{Mailbox: p.box.ID, Key: p.intent.Key, EmailID: p.target.Message.EmailID, Entry: p.file.Entry, Message: p.file, Intent: p.intent.ID,
		Pair: plan.Pair{UID: p.Found, Key: p.intent.Key, Local: f, Remote: f, Size: max(p.target.Message.Size, 0), Date: p.target.Message.Date}}
}

// completeMoves deletes the originals of copies.
func (c *recovery) completeMoves(ctx context.Context, b *box, all []*begun) error {
	if len(all) == 0 {
		return nil
	}
	marked, err := c.expungeCopied(ctx, b, uids(all, func(p *begun) goimap.UID { return p.intent.UID }))
	if err != nil && !forbidden(err) {
		return err
	}
	var void []base.Intent
	var as []base.Agreement
	for _, p := range all {
		if !marked.Contains(p.intent.UID) {
			void = append(void, p.intent)
			continue
		}
		a, err := c.deletions.tombstone(ctx, b, plan.Op{UID: p.intent.UID})
		if err != nil {
			return err
		}
		a.Intent, a.Pair.Key = p.intent.ID, ""
		as = append(as, a)
	}
	b.remote.Status = nil // it is another since
	if err := c.close(ctx, as, void); err != nil {
		return err
	}
	for _, p := range all {
		c.settled(p.told)
	}
	return nil
}

// expungeCopied takes the originals of copies away; those that stay are marked only. In a dry run they are no more than left out of view.
func (c *recovery) expungeCopied(ctx context.Context, b *box, set goimap.UIDSet) (marked goimap.UIDSet, err error) {
	if c.DryRun {
		b.finished = set
		return nil, nil
	}
	s, err := c.selected(ctx, b, nil)
	if err != nil {
		return nil, err
	}
	if s.ReadOnly || b.uidsReassigned(changes.State{UIDValidity: plan.UIDValidity(s.UIDValidity), UIDNext: s.UIDNext}) {
		return nil, nil
	}
	return c.deletions.expunge(ctx, b, set)
}

// close records what became of intents.
func (c *recovery) close(ctx context.Context, as []base.Agreement, void []base.Intent) error {
	if len(as)+len(void) == 0 {
		return nil
	}
	c.step("base resume")
	return cmp.Or(c.base.Agree(ctx, as), c.base.Settled(ctx, void...))
}

// settled tells of something that a run which was stopped left open. A dry run has it in its plan.
func (c *recovery) settled(op plan.Op) {
	if c.DryRun {
		c.unsettled = append(c.unsettled, op)
	} else {
		c.agreements.done(op)
	}
}
