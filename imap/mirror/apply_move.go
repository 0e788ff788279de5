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

// moves moves messages from one mailbox to another, on either side.
type moves struct {
	*agreements
	files     *files
	flags     *flags
	downloads *downloads
	deletions *deletions
	rescanner *rescanner
}

// moveThere moves messages on the server whose files were moved here.
func (v *moves) moveThere(ctx context.Context, ops []plan.Op) error {
	b, to := v.byName[ops[0].Mailbox], v.byName[ops[0].To]
	for part := range slices.Chunk(ops, maildir.BatchMessages) {
		part, err := v.flags.push(ctx, b, part)
		if err != nil {
			return err
		}
		t, err := v.transfer(ctx, b, to, part)
		if err != nil {
			return err
		}
		part = except(part, t.lost)
		var moved []plan.Op
		for _, op := range part {
			if op.Pair.UID = t.dest[op.UID]; op.Pair.UID == 0 {
				v.spoil(op) // the next pass finds both halves in their new place
				continue
			}
			moved = append(moved, op)
		}
		done, as, err := v.flags.pull(ctx, to, moved)
		if err != nil {
			return err
		}
		stones, err := v.tombstones(ctx, b, part, t.marked)
		if err != nil {
			return err
		}
		if err := v.agree(ctx, done, append(as, stones...)); err != nil {
			return err
		}
		if err := v.downloadMoved(ctx, done); err != nil {
			return err
		}
	}
	return nil
}

// trash moves messages into the trash on the server.
func (v *moves) trash(ctx context.Context, ops []plan.Op) error {
	b, to := v.byName[ops[0].Mailbox], v.byName[ops[0].To]
	for part := range slices.Chunk(ops, maildir.BatchMessages) {
		part, err := v.rescanner.stillGone(ctx, b, part)
		if err != nil {
			return err
		}
		t, err := v.transfer(ctx, b, to, part)
		if err != nil {
			return err
		}
		part = except(part, t.lost)
		stones, err := v.tombstones(ctx, b, part, t.marked)
		if err != nil {
			return err
		}
		var as []base.Agreement
		for i := range part {
			op := &part[i]
			if op.Pair.UID = t.dest[op.UID]; op.Pair.UID == 0 || !to.kept() {
				op.Pair, op.Body = plan.Pair{}, false // if it comes down from there, then as any other would
			}
			if op.Pair != (plan.Pair{}) || !t.marked.Contains(op.UID) {
				as = append(as, v.agreement(*op, op.Pair))
			}
		}
		if len(t.dest) < len(part) {
			v.spoil(plan.Op{Mailbox: to.Name})
		}
		if err := v.agree(ctx, part, append(as, stones...)); err != nil {
			return err
		}
		if err := v.downloadMoved(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// downloadMoved fetches what policy wants of messages that moved and that nobody has here.
func (v *moves) downloadMoved(ctx context.Context, ops []plan.Op) error {
	var wanted []plan.Op
	for _, op := range ops {
		if op.Body && op.Pair.UID != 0 {
			wanted = append(wanted, plan.Op{Kind: op.Kind, Mailbox: op.To, UID: op.Pair.UID, Pair: op.Pair})
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	return v.downloads.download(ctx, wanted)
}

// except are the operations but those on messages of a set.
func except(ops []plan.Op, set goimap.UIDSet) []plan.Op {
	return slices.DeleteFunc(slices.Clone(ops), func(op plan.Op) bool { return set.Contains(op.UID) })
}

// transferred is the outcome of a move.
type transferred struct {
	dest   map[goimap.UID]goimap.UID // where the server says it
	marked goimap.UIDSet             // copied, and only marked where they were
	lost   goimap.UIDSet             // neither moved nor copied, though the server said OK
}

// transfer moves messages. Without MOVE that is COPY, \Deleted and EXPUNGE, step by step: an intent tells a run that comes
// after a crash that the copy is no new message.
func (v *moves) transfer(ctx context.Context, b, to *box, ops []plan.Op) (t transferred, err error) {
	set := uids(ops, opUID)
	if len(set) == 0 {
		return t, nil
	}
	if err := v.opened(ctx, b); err != nil {
		return t, err
	}
	b.pushed = true
	var intents []base.Intent
	move, verb := v.session.Move, "move"
	if !v.session.Has(goimap.CapMove) || b.forbids.Expunge { // RFC 6851 section 4.1: MOVE needs that right
		move, verb = v.session.Copy, "copy"
		if intents, err = v.intendCopies(ctx, b, to, ops); err != nil {
			return t, err
		}
	}
	v.step(verb)
	copied, err := move(ctx, set, to.server)
	if e, ok := errors.AsType[*imap.Error](err); ok && verb == "move" && e.Misunderstood() {
		v.session.Lose(goimap.CapMove)
		return v.transfer(ctx, b, to, ops)
	}
	if err != nil {
		return t, errors.Join(err, v.forgo(ctx, intents, err))
	}
	t.dest = map[goimap.UID]goimap.UID{}
	if to.kept() {
		to.pushed = true
		if to.delta.Now.UIDValidity == 0 || plan.UIDValidity(copied.UIDValidity) == to.delta.Now.UIDValidity {
			for i, uid := range copied.Source {
				t.dest[uid] = copied.Dest[i]
			}
		}
	}
	if len(copied.Source) < len(ops) {
		if t.lost, err = v.happened(ctx, b, to, ops, t.dest, verb); err != nil {
			return t, err
		}
	}
	to.comes += len(ops) - changes.Count(t.lost)
	if verb == "copy" {
		if t.marked, err = v.deletions.expunge(ctx, b, changes.Less(set, t.lost)); err != nil {
			return t, err
		}
	}
	v.step("settle copies")
	return t, v.base.Settled(ctx, intents...)
}

// happened looks for moved messages, where the server did not say what became of them (no UIDPLUS). That it said OK is no proof: what it
// did not copy must not be deleted. It gives those that are where they were and nowhere else.
func (v *moves) happened(ctx context.Context, b, to *box, ops []plan.Op, dest map[goimap.UID]goimap.UID, verb string) (lost goimap.UIDSet, err error) {
	found := dest
	if !to.kept() {
		found = map[goimap.UID]goimap.UID{}
	}
	if verb == "copy" || to.kept() {
		if err := v.seek(ctx, b, to, ops, found); err != nil {
			return nil, err
		}
	}
	more := v.reader.Selected(to.server) && v.session.Tally().Exists >= int64(to.delta.Now.Messages)+int64(to.comes+len(ops))
	v.again = v.again || to.kept() && len(found) < len(ops) // the next pass finds them
	if err := v.opened(ctx, b); err != nil || len(found) == len(ops) {
		return nil, err
	}
	for _, op := range ops {
		if found[op.UID] == 0 {
			lost.AddNum(op.UID)
		}
	}
	if verb == "copy" {
		if more && to.kept() {
			return nil, nil // they are there, and the server made something else of them
		}
		v.failAll(ops, lost, errNotCopied)
		return lost, nil
	}
	lost, err = v.stillIn(ctx, lost)
	if len(lost) > 0 {
		v.session.Lose(goimap.CapMove)
		v.again = true // by COPY
		v.spoil(ops[0])
	}
	return lost, err
}

// stillIn are those of some messages that are in the selected mailbox.
func (v *moves) stillIn(ctx context.Context, set goimap.UIDSet) (there goimap.UIDSet, err error) {
	for m, err := range v.session.FetchFlags(ctx, set, 0, nil) {
		if err != nil {
			return there, err
		}
		if set.Contains(m.UID) {
			there.AddNum(m.UID)
		}
	}
	return there, nil
}

// failAll tells of those of the operations whose messages are in a set.
func (v *moves) failAll(ops []plan.Op, set goimap.UIDSet, err error) {
	for _, op := range ops {
		if set.Contains(op.UID) {
			v.fail(op, err)
		}
	}
}

// seek finds moved messages in their new mailbox where the server did not say what became of them (no UIDPLUS).
func (v *moves) seek(ctx context.Context, b, to *box, ops []plan.Op, dest map[goimap.UID]goimap.UID) error {
	from := max(to.delta.Now.UIDNext, to.next, 1)
	if to.remote != nil && to.remote.Status != nil && !to.kept() {
		from = max(from, to.remote.Status.UIDNext)
	}
	var wanted []*changes.Target
	var whose []goimap.UID
	for _, op := range ops {
		if dest[op.UID] != 0 {
			continue
		}
		id, _, err := v.base.Identify(ctx, b.ID, plan.Pair{UID: op.UID})
		if err != nil {
			return err
		}
		wanted = append(wanted, &changes.Target{MessageID: id.MessageID, Header: id.Header, EmailID: id.EmailID})
		whose = append(whose, op.UID)
	}
	if err := v.reader.Find(ctx, to.server, v.rows(to), from, wanted, map[goimap.UID]bool{}); err != nil {
		return err
	}
	for i, q := range wanted {
		if q.Found != 0 {
			dest[whose[i]] = q.Found
			to.next = max(to.next, q.Found+1)
		}
	}
	return nil
}

// forgo forgets intents that the server refused: nothing was copied.
func (v *moves) forgo(ctx context.Context, intents []base.Intent, err error) error {
	if !single(err) {
		return nil
	}
	return v.base.Settled(ctx, intents...)
}

func (v *moves) intendCopies(ctx context.Context, b, to *box, ops []plan.Op) ([]base.Intent, error) {
	if !to.kept() {
		return nil, nil // a trash that is not synchronised: a second copy in it does no harm
	}
	intents := make([]base.Intent, len(ops))
	for i, op := range ops {
		intents[i] = base.Intent{Mailbox: b.ID, UID: op.UID, Key: op.Key, To: to.ID, UIDValidity: to.delta.Now.UIDValidity, UIDNext: to.delta.Now.UIDNext}
	}
	v.step("intend copies")
	return intents, v.base.Intend(ctx, intents)
}

// tombstones are the agreements about messages that could only be marked. They come after those of their operations,
// which take the old rows away.
func (v *moves) tombstones(ctx context.Context, b *box, ops []plan.Op, marked goimap.UIDSet) (as []base.Agreement, err error) {
	for _, op := range ops {
		if marked.Contains(op.UID) {
			a, err := v.deletions.tombstone(ctx, b, op)
			if err != nil {
				return nil, err
			}
			a.Pair.Key = ""
			as = append(as, a)
		}
	}
	return as, nil
}

// moveHere moves files whose messages were moved on the server.
func (v *moves) moveHere(ctx context.Context, ops []plan.Op) error {
	b, to := v.byName[ops[0].At()], v.byName[ops[0].To]
	for part := range slices.Chunk(ops, maildir.BatchMessages) {
		part, err := v.flags.push(ctx, to, part)
		if err != nil {
			return err
		}
		var moved []plan.Op
		for _, op := range part {
			if op.Key != "" {
				if err := v.moveFile(ctx, b, to, op.Key); err != nil {
					if maildir.Hopeless(err) {
						return err
					}
					if !errors.Is(err, fs.ErrNotExist) {
						v.fail(op, err)
					}
					v.spoil(op)
					continue
				}
			}
			moved = append(moved, op)
		}
		done, as, err := v.flags.pull(ctx, to, moved)
		if err != nil {
			return err
		}
		if err := v.agree(ctx, done, as); err != nil {
			return err
		}
		if err := v.downloadMoved(ctx, done); err != nil {
			return err
		}
	}
	return nil
}

func (v *moves) moveFile(ctx context.Context, b, to *box, key maildir.Key) error {
	e, err := v.files.entry(ctx, b, key)
	if err != nil {
		return err
	}
	v.step("rename " + string(key))
	if e, err = b.dir.MoveTo(e, to.dir); err == nil {
		to.entries[key] = e
		delete(b.entries, key)
	}
	return err
}
