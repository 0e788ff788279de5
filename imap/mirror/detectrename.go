package mirror

import (
	"context"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
)

// replacement is what a run does about mailboxes that were replaced by others of their names.
type replacement struct {
	*agreements
	finder    *finder
	mailboxes *mailboxChanges
}

// putAside is a round for mailboxes that were renamed on the server and whose name was given to a new one: an archive that was put
// aside. Compared by name the old files would be orphans, and their messages new. A dry run notes the new names in a copy of the index,
// where the Maildirs stay as they lie.
func (c *replacement) putAside(ctx context.Context) error {
	ops, err := c.find(ctx)
	if err != nil || len(ops) == 0 {
		return err
	}
	for _, op := range ops {
		if err := c.rename(ctx, op); err != nil && !single(err) {
			return err
		} else if err != nil {
			c.leave(op, err)
		}
	}
	return c.finder.folders(ctx)
}

// find finds such mailboxes, and plans to give their Maildirs the names that they have now.
func (c *replacement) find(ctx context.Context) (ops []plan.Op, err error) {
	for _, old := range c.boxes {
		for _, b := range c.boxes {
			claimed := func(op plan.Op) bool { return op.To == b.Name }
			if !mayBeRenamed(old, b) || slices.ContainsFunc(ops, claimed) {
				continue
			}
			op := plan.Op{Kind: plan.Rename, Side: plan.Local, Mailbox: old.Name, To: b.Name, Reason: "is called that there, and its name is another's: the same UIDVALIDITY, UIDs and sizes"}
			if c.breakers.unseeable(b) {
				old.outside = true // nobody can tell
				continue
			}
			same, err := c.same(ctx, b, old)
			if err != nil && !single(err) {
				return ops, c.at(looking(b), err)
			}
			if err != nil {
				c.leave(op, err)
			}
			if err == nil && same {
				ops = append(ops, op)
				break
			}
		}
	}
	return ops, nil
}

// leave leaves two mailboxes as they are.
func (c *replacement) leave(op plan.Op, err error) {
	c.byName[op.Mailbox].outside, c.byName[op.To].outside = true, true
	c.fail(plan.Op{Kind: plan.Rename, Mailbox: op.Mailbox, To: op.To}, err)
}

// mayBeRenamed says whether the base of old may be that of b, of which nothing is known: old has another UIDVALIDITY now, and b has its.
func mayBeRenamed(old, b *box) bool {
	if !old.known || b.known || old.outside || b.outside || old.remote == nil || b.remote == nil || old.here == b.here || old.Name == index.Inbox {
		return false
	}
	now, was := old.remote.Status, b.remote.Status
	return now != nil && was != nil && old.UIDValidity != 0 && plan.UIDValidity(now.UIDValidity) != old.UIDValidity &&
		plan.UIDValidity(was.UIDValidity) == old.UIDValidity
}

// sample is how many messages tell whether a mailbox is another: servers give one UIDVALIDITY to all that are made in the same second.
const sample = 32

// same says whether most of the first messages of a base are in the mailbox b, under the same UIDs and in the same sizes.
func (c *replacement) same(ctx context.Context, b, old *box) (bool, error) {
	sizes := map[goimap.UID]int64{}
	for row, err := range c.base.ByUID(ctx, old.ID, nil) {
		if err != nil {
			return false, err
		}
		if sizes[row.UID] = row.Size; len(sizes) == sample {
			break
		}
	}
	if len(sizes) == 0 {
		return false, nil
	}
	if s, err := c.selected(ctx, b, nil); err != nil || old.MailboxID != "" && s.MailboxID != "" && s.MailboxID != old.MailboxID {
		return false, err
	}
	var set goimap.UIDSet
	for uid := range sizes {
		set.AddNum(uid)
	}
	same := 0
	for m, err := range c.reader.Headers(ctx, set, "Message-ID") {
		if err != nil && !is[*imap.MissingError](err) {
			return false, err
		}
		if err == nil && m.Size == sizes[m.UID] {
			same++
		}
	}
	return 2*same > len(sizes), nil
}

// rename gives the base and the Maildir of a mailbox the name that it has now. A run that was stopped in between finds the Maildir there already.
func (c *replacement) rename(ctx context.Context, op plan.Op) error {
	old, b := c.byName[op.Mailbox], c.byName[op.To]
	to := old.Mailbox
	to.Name, to.Folder, to.Stamp, to.Places = b.Name, b.Folder, maildir.Stamp{}, maildir.Places{}
	if c.DryRun {
		if err := c.rehearse(ctx); err != nil {
			return err
		}
		if old.here {
			to.Folder = old.Folder
			c.aside = append(c.aside, old.Name)
		}
		c.unsettled = append(c.unsettled, op)
		return c.base.Enter(ctx, &to)
	}
	if old.here {
		if err := c.mailboxes.renameHere(old, b); err != nil {
			return err
		}
	}
	c.step("base rename")
	if err := c.base.Enter(ctx, &to); err != nil {
		return err
	}
	c.agreements.done(op)
	return nil
}
