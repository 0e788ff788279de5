package mirror

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/base"
	"postie/imap/changes"
	"postie/imap/plan"
	"postie/maildir"
)

// flags changes flags and keywords, on either side.
type flags struct {
	*agreements
	files *files
}

// flag carries flag changes both ways: first to the server, which may refuse, then to the files.
func (f *flags) flag(ctx context.Context, ops []plan.Op) error {
	b := f.byName[ops[0].Mailbox]
	if to := f.byName[ops[0].To]; to != nil {
		b = to
	}
	for part := range slices.Chunk(ops, maildir.BatchMessages) {
		part, err := f.push(ctx, b, part)
		if err != nil {
			return err
		}
		done, as, err := f.pull(ctx, b, part)
		if err != nil {
			return err
		}
		if err := f.agree(ctx, done, as); err != nil {
			return err
		}
	}
	return nil
}

// push stores flags on the server. It gives the operations that may go on; what somebody else changed in the meantime is
// read again and merged by the next pass.
func (f *flags) push(ctx context.Context, b *box, ops []plan.Op) ([]plan.Op, error) {
	type change struct {
		plan.Change
		since plan.ModSeq
	}
	groups := map[change]goimap.UIDSet{}
	var order []change
	for _, op := range ops {
		c := change{op.Push, op.Since}
		if c.Change == (plan.Change{}) {
			continue
		}
		set, ok := groups[c]
		if !ok {
			order = append(order, c)
		}
		set.AddNum(target(op))
		groups[c] = set
	}
	if len(order) == 0 {
		return ops, nil
	}
	if err := f.opened(ctx, b); err != nil {
		return nil, err
	}
	var modified goimap.UIDSet
	now := map[goimap.UID]maildir.Flags{}
	for _, c := range order {
		m, err := f.store(ctx, b, groups[c], c.Change, imap.ModSeq(c.since), now)
		if err != nil {
			return nil, err
		}
		modified.AddSet(m)
	}
	ops = slices.DeleteFunc(slices.Clone(ops), func(op plan.Op) bool {
		late := op.Push != (plan.Change{}) && modified.Contains(target(op))
		if late {
			f.again = true
			f.spoil(op)
		}
		return late
	})
	return ops, f.taken(ctx, b, ops, now)
}

// taken finds out which flags the server has taken, and agrees no others: some servers say OK, and keep what they had. now is what it
// said already; of the others it is asked once.
func (f *flags) taken(ctx context.Context, b *box, ops []plan.Op, now map[goimap.UID]maildir.Flags) error {
	var untold goimap.UIDSet
	for _, op := range ops {
		if _, told := now[target(op)]; op.Push != (plan.Change{}) && !told {
			untold.AddNum(target(op))
		}
	}
	if len(untold) > 0 {
		for m, err := range f.session.FetchFlags(ctx, untold, 0, nil) {
			if err != nil && !single(err) {
				return err
			}
			if err == nil && m.Flags != nil {
				now[m.UID] = changes.FlagsOf(m.Flags)
			}
		}
	}
	var ignored maildir.Flags
	for i := range ops {
		op := &ops[i]
		has, told := now[target(*op)]
		if op.Push == (plan.Change{}) || !told {
			continue
		}
		lost := plan.Change{Add: op.Push.Add.Without(has), Remove: op.Push.Remove.And(has)}
		op.Pair.Remote = op.Pair.Remote.Without(lost.Add).Or(lost.Remove)
		op.Push = plan.Change{Add: op.Push.Add.Without(lost.Add), Remove: op.Push.Remove.Without(lost.Remove)}
		ignored = ignored.Or(lost.Add).Or(lost.Remove)
	}
	if ignored == (maildir.Flags{}) {
		return nil
	}
	f.note(b.Name, "the server says OK to the flags "+plan.Change{Add: ignored}.String()[1:]+" and does not keep them: such changes stay here, and are tried again after 30 days")
	b.Ignored = base.Ignored{Flags: b.Ignored.Or(ignored), At: f.Now().UnixMilli()}
	return f.base.Record(ctx, b.Mailbox)
}

// target is the message, in the mailbox where it is, that a push is for.
func target(op plan.Op) goimap.UID {
	if op.Kind == plan.Move && op.Side == plan.Remote || op.Pair.UID == 0 {
		return op.UID
	}
	return op.Pair.UID
}

// store changes flags of messages in the selected mailbox, and names those that somebody else changed after since. now gets the flags
// that they have afterwards, as far as the server says it.
func (f *flags) store(ctx context.Context, b *box, set goimap.UIDSet, c plan.Change, since imap.ModSeq, now map[goimap.UID]maildir.Flags) (modified goimap.UIDSet, err error) {
	b.pushed = true
	if !f.reader.ModSeqs() {
		since = 0
	}
	for _, half := range []struct {
		op    goimap.StoreFlagsOp
		flags maildir.Flags
	}{{goimap.StoreFlagsAdd, c.Add}, {goimap.StoreFlagsDel, c.Remove}} {
		if half.flags == (maildir.Flags{}) {
			continue
		}
		f.step("store")
		done, err := f.session.Store(ctx, set, half.op, changes.IMAPFlags(half.flags), since)
		if e, ok := errors.AsType[*imap.Error](err); ok && since != 0 && e.Status == "BAD" { // CONDSTORE is offered, and not known
			f.session.Lose(goimap.CapCondStore)
			since = 0
			done, err = f.session.Store(ctx, set, half.op, changes.IMAPFlags(half.flags), 0)
		}
		if err != nil {
			return nil, err
		}
		modified.AddSet(done.Modified)
		set = changes.Less(set, done.Modified)
		for _, m := range done.Changed {
			if m.Flags != nil {
				now[m.UID] = changes.FlagsOf(m.Flags)
			}
		}
		for _, m := range done.Changed { // what the second half finds changed is our own doing
			if since != 0 {
				since = max(since, m.ModSeq)
			}
		}
	}
	return modified, nil
}

// pull changes the flags of files. Letters that the keyword table does not list are somebody else's and stay. A file that is
// gone, or changes all the time, is the next run's.
func (f *flags) pull(ctx context.Context, b *box, ops []plan.Op) (done []plan.Op, as []base.Agreement, err error) {
	pulled := slices.DeleteFunc(slices.Clone(ops), func(op plan.Op) bool { return op.Pull == (plan.Change{}) })
	if err := f.files.seek(ctx, b, pulled); err != nil {
		return nil, nil, err
	}
	changed := false
	for _, op := range ops {
		a := f.agreement(op, op.Pair)
		if op.Pull != (plan.Change{}) && op.Pair.Key != "" {
			e, err := f.setFlags(ctx, b, op.Pair.Key, op.Pull)
			if err != nil {
				if maildir.Hopeless(err) {
					return nil, nil, err
				}
				if !errors.Is(err, fs.ErrNotExist) {
					f.fail(op, err)
				}
				f.spoil(op)
				if op.Kind != plan.Move {
					continue
				}
				a.Pair = unpulled(op) // its message has moved all the same, and must not look as if others had done that
			} else {
				a.Entry, changed = e, true
			}
		}
		done, as = append(done, op), append(as, a)
	}
	if changed {
		f.step("fsync-dir " + b.Name)
		err = b.dir.Sync()
	}
	return done, as, err
}

// unpulled is the pair of an operation whose file did not get its new flags: they are still to be seen as changed there.
func unpulled(op plan.Op) plan.Pair {
	p, undo := op.Pair, plan.Change{Add: op.Pull.Remove, Remove: op.Pull.Add}
	p.Local, p.Remote = undo.On(p.Local), undo.On(p.Remote)
	return p
}

// renames is how often a file is looked for that others rename meanwhile.
const renames = 3

// setFlags applies a change to a file as it is now.
func (f *flags) setFlags(ctx context.Context, b *box, key maildir.Key, c plan.Change) (maildir.Entry, error) {
	table, err := b.dir.AddKeywords(c.Add.Keywords)
	if err != nil {
		return maildir.Entry{}, err
	}
	for try := 1; ; try++ {
		e, err := f.files.entry(ctx, b, key)
		if err != nil {
			return e, err
		}
		keywords, unlisted := table.Keywords(e.Letters)
		now := c.On(maildir.Flags{Set: e.Set, Keywords: keywords})
		letters, without := table.Letters(now.Keywords)
		if without != "" {
			f.note(b.Name, "has more than 26 keywords: "+string(without)+" is kept in the index only")
		}
		f.step("flags " + string(key))
		if e, err = b.dir.SetFlags(e, now.Set, letters+unlisted); err == nil {
			b.entries[key] = e
			return e, nil
		}
		if delete(b.entries, key); try == renames || !errors.Is(err, fs.ErrNotExist) {
			return e, err
		}
	}
}
