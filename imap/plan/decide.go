package plan

import (
	"slices"

	"postie/maildir"
)

const (
	trashed  = maildir.FlagTrashed
	unstable = "the Maildirs did not come to rest: deletions wait for the next run"
	closed   = "the server takes no messages from us there: what is new here stays here"
	readOnly = "the mailbox is read-only on the server, wholly or for deletions: changes here stay here"
)

// decide says what follows from where a pair's file and message are now.
func (d *differ) decide(t *trio) {
	switch {
	case t.home.Outside:
		if t.at != nil && t.at != t.home {
			d.wait("moved here from "+t.home.Name+", which is not part of this run", t.at, t.home)
			if m := d.messages.find(t.who(), nil); m != nil { // nobody looked whether its message was moved too
				m.taken = true
				d.open[m.box.Name] = true
			}
		}
	case t.on == nil && d.later:
		d.postpone(t)
	case t.at == nil && t.on == nil:
		d.forget(t)
	case t.on == nil:
		d.removed(t, "deleted there")
	case t.at == nil:
		d.deleted(t)
	case t.at == t.on:
		d.agree(t)
	case t.on == t.home:
		d.movedHere(t)
	default:
		d.movedThere(t)
	}
}

// op is an operation on a pair. Its agreement is still to be given.
func (t *trio) op(k Kind, s Side, reason string) Op {
	op := Op{Kind: k, Side: s, UID: t.pair.UID, Key: t.file.Key, Reason: reason}
	if s == Local && t.at != nil && t.at != t.home {
		op.From = t.at.Name
	}
	return op
}

// settle merges the flags, into the agreement and what leads there.
func (d *differ) settle(t *trio, op Op) Op {
	k := t.on.PermanentFlags
	if t.on.fixed {
		k = PermanentFlags{}
	}
	switch policy := t.on.policy; {
	case policy.Direction == Push:
		op.Push, op.Pair = k.of(between(t.message.Flags, t.file.Flags)), t.pair
		op.Pair.Local, op.Pair.Remote = t.file.Flags, op.Push.On(t.message.Flags)
	case policy.reverts():
		op.Pull, op.Pair = between(t.file.Flags, t.message.Flags), t.pair
		op.Pair.Local, op.Pair.Remote = t.message.Flags, t.message.Flags
	default:
		op.Push, op.Pull, op.Pair = merge(t.pair, t.file.Flags, t.message.Flags, k)
	}
	if t.on.policy.Direction == Archive { // a mail program may remove for good what is marked so
		op.Pull.Add.Set &^= trashed
		op.Pair.Local = op.Pull.On(t.file.Flags)
	}
	op.Pair.Key, op.Pair.UID, op.Pair.State = t.file.Key, t.message.UID, Agreed
	op.Pair.Freed = t.pair.Freed && op.Pair.Key == ""
	op.Since = max(t.message.ModSeq, t.on.ModSeq)
	if op.Push == (Change{}) {
		op.Since = 0
	}
	if t.at != t.home || t.on != t.home {
		op.Body = op.Key == "" && t.on.policy.Wants(op.Pair)
	}
	d.refused(t.on, t.file.Flags.Without(t.pair.Local))
	return op
}

// agree: both halves are in one mailbox.
func (d *differ) agree(t *trio) {
	op := d.settle(t, t.op(RecordOnly, 0, ""))
	if op.Push != (Change{}) {
		op.Kind, op.Side = Flags, Remote
	}
	if op.Pull != (Change{}) {
		op.Kind, op.Side = Flags, op.Side|Local
	}
	if t.on != t.home {
		op.To = t.on.Name
	}
	op.Reason = t.why(op)
	switch {
	case op.Key == "" && t.on == t.home && t.on.policy.Wants(t.pair) && t.on.changes(Local):
		op.Pull, op.Reason = Change{}, "its body is wanted now" // the file comes with the flags that both will have
		d.download(t.home, op)
	case op.Kind == Flags || op.To != "" || op.Pair != t.pair:
		if t.on.ReadOnly && t.on.changes(Remote) && !op.Pair.Local.Same(op.Pair.Remote) {
			d.notice(t.on, readOnly)
		}
		d.add(t.home, op)
	}
}

// why is the reason of an operation on a pair whose halves are together.
func (t *trio) why(op Op) string {
	switch {
	case t.pair.State != Agreed:
		return "back again here"
	case op.To != "":
		return "moved on both sides"
	case op.Kind == Flags && t.on.policy.reverts() && !t.file.Flags.Same(t.pair.Local):
		return "changed here: put back"
	case op.Kind == Flags && !t.on.changes(Local) && t.file.Flags.Same(t.pair.Local):
		return "changed there: put back"
	case op.Kind == Flags:
		return [...]string{Local: "changed there", Remote: "changed here", Both: "changed on both sides"}[op.Side]
	case t.pair.Key != "" && t.pair.Key != op.Key:
		return "renamed here"
	case !op.Pair.Local.Same(op.Pair.Remote) && !t.on.changes(Remote):
		return "changed here: it stays here"
	case !op.Pair.Local.Same(op.Pair.Remote):
		return "changed here, which the server does not keep"
	}
	return "the same on both sides"
}

// postpone: the message may be in a mailbox that is looked at later. A file that may be its is not new meanwhile.
func (d *differ) postpone(t *trio) {
	d.open[t.home.Name] = true
	if t.at != nil {
		return
	}
	if f := d.files.find(t.who(), nil); f != nil {
		f.taken = true
		d.open[f.box.Name] = true
	}
}

// forget: both halves are gone.
func (d *differ) forget(t *trio) {
	if d.restless && t.pair.Key != "" && (t.pair.State == Agreed || t.pair.UID == 0) {
		// A file that is somewhere all the same would be taken for a new one, and its message, if it was moved, too.
		if m := d.messages.find(t.who(), nil); m != nil {
			t.follow(m)
			d.open[m.box.Name] = true
		}
		d.wait(unstable, t.home)
		return
	}
	d.add(t.home, t.op(Forget, 0, "gone on both sides"))
}

// removed: the message was expunged on the server, and went nowhere that we know of.
func (d *differ) removed(t *trio, reason string) {
	switch {
	case t.pair.State != Agreed: // it was deleted here and came back
		t.file.ID = t.who()
		d.upload(t.at, t.file, Agreed, Op{UID: t.pair.UID, Reason: "back again here, and gone there"})
	case t.file.Key == "":
		d.add(t.home, t.op(Forget, 0, reason))
	case t.home.policy.Direction.Keeps():
		op := t.op(RecordOnly, 0, reason+": it stays here")
		op.Pair = t.pair
		op.Pair.UID, op.Pair.Key, op.Pair.State, op.Pair.Local = 0, t.file.Key, Archived, t.file.Flags
		if t.at != t.home {
			op.To = t.at.Name
		}
		d.add(t.home, op)
	default:
		d.add(t.home, t.op(Remove, Local, reason))
		d.left(t)
	}
}

// deleted: the file is gone, and is nowhere else. A tombstone comes here too, with every run, and mostly stays.
func (d *differ) deleted(t *trio) {
	b, op := t.home, t.op(0, Remote, "deleted here")
	known, why := t.pair.State, d.doubt(t)
	switch {
	case t.on != b: // withheldMoved
		op.Kind, op.Side, op.To, op.Reason = RecordOnly, 0, t.on.Name, "moved there, and moved or deleted here before"
		op.Key, op.Pair = t.pair.Key, t.tombstone(Withheld)
		op.Pair.Key = "" // a file of that name may be there, as a copy has it
		d.add(b, op)
	case known == Marked && t.message.Flags.Set&trashed == 0:
		d.revive(t, "undeleted there")
	case d.damaged && known == Agreed && t.pair.Key != "" && !d.restless:
		d.revive(t, "gone here, and a damaged copy is new: it may be this one")
	case why != "":
		d.wait(why, b)
	case b.policy.reverts():
		d.revive(t, "deleted here: put back")
	case !b.yields() && known == Agreed:
		op.Kind, op.Side, op.Reason = RecordOnly, 0, "deleted here, but not to be deleted there"
		op.Pair = t.tombstone(Withheld)
		d.add(b, op)
		if b.changes(Remote) {
			d.notice(b, readOnly)
		} else {
			d.tally[b].omits++
		}
	case !b.yields():
	case known != Marked && d.policy.Trash != "" && d.policy.Trash != b.Name: // what is marked went its way before
		d.discard(t, op)
	case d.policy.Expunge && b.Expunges:
		if op.Kind = Expunge; known == Marked {
			op.Reason = "deleted here before"
			d.tally[b].before++
		}
		d.add(b, op)
	case known != Marked:
		op.Kind = Mark
		op.Pair = t.tombstone(Marked)
		op.Pair.Remote.Set |= trashed
		d.add(b, op)
	}
}

// doubt is the reason to put a deletion off, if there is one: the file may be somewhere where we could not look.
func (d *differ) doubt(t *trio) string {
	if t.pair.State != Agreed || t.pair.Key == "" {
		return ""
	}
	if d.restless {
		return unstable
	}
	if slices.ContainsFunc(d.unread, func(f *newcomer[File]) bool { return f.it.ID.Size == 0 || f.it.ID.Size == t.pair.Size }) {
		return "new files could not be read, and may be what is missing: deletions wait for the next run"
	}
	return ""
}

func (t *trio) tombstone(s State) Pair {
	p := t.pair
	p.UID, p.State, p.Remote = t.message.UID, s, t.message.Flags
	return p
}

// discard moves a message to the trash. It comes down there as any other would. A trash that is not part of this run
// takes messages all the same.
func (d *differ) discard(t *trio, op Op) {
	op.Kind, op.To = Trash, d.policy.Trash
	trash := d.byName[op.To]
	if trash == nil || trash.ReadOnly || trash.Closed || (trash.Exist|d.policy.Create)&Remote == 0 {
		d.wait("the trash takes nothing: deletions have to wait", t.home)
		return
	}
	if d.takes(trash, Local) {
		f := t.message.Flags
		op.Pair = Pair{Local: f, Remote: f, Size: t.pair.Size, Date: t.pair.Date, Freed: t.pair.Freed}
		op.Body = trash.policy.Wants(t.pair)
	}
	d.tally[trash].trashed++
	d.add(t.home, op)
}

// revive brings a message back: one whose \Deleted somebody else took away, or whose copy here was damaged.
func (d *differ) revive(t *trio, reason string) {
	op := t.op(Download, Local, reason)
	op.Key = ""
	op.Pair = t.tombstone(Agreed)
	op.Pair.Key, op.Pair.Local = "", t.home.comes(t.message.Flags)
	d.download(t.home, op)
}

// movedHere: the file lies in another Maildir now, the message where it was.
func (d *differ) movedHere(t *trio) {
	switch {
	case t.home.policy.reverts() && t.file.Key != "":
		op := d.settle(t, t.op(Move, Local, "moved here: put back"))
		op.To = t.home.Name
		d.add(t.home, op)
		d.left(t)
	case t.home.Unstable, t.at.Outside, !d.takes(t.at, Remote) && t.at.changes(Remote), !t.home.yields() && t.file.Key == "":
		d.wait("moved here to "+t.at.Name+", which has to wait", t.home, t.at)
	case !t.home.yields():
		op := t.op(RecordOnly, 0, "moved away here, but not to be deleted there")
		op.Key, op.Pair = t.pair.Key, t.tombstone(Withheld)
		d.add(t.home, op)
		if t.home.changes(Remote) {
			d.notice(t.home, readOnly)
		}
		d.upload(t.at, t.file, Agreed, Op{Reason: "moved here, out of a mailbox that keeps it there"})
	default:
		op := d.settle(t, t.op(Move, Remote, "moved here"))
		if op.UID != t.message.UID { // it was put there again, under another UID
			again := Op{Kind: RecordOnly, UID: op.UID, Key: t.pair.Key, Pair: t.pair, Reason: "the same on both sides"}
			again.Pair.UID, op.UID = t.message.UID, t.message.UID
			d.add(t.home, again)
		}
		op.To, op.Pair.UID = t.at.Name, 0
		d.add(t.home, op)
	}
}

// movedThere: the message is in another mailbox now. The file is where it was, or was moved to a third one: there is one message, and
// the server's move wins.
func (d *differ) movedThere(t *trio) {
	apart := t.at != t.home
	switch {
	case t.on.Outside:
		d.wait("moved there to "+t.on.Name+", which is not part of this run", t.home, t.at)
	case t.at.Outside:
		d.wait("moved here to "+t.at.Name+", which is not part of this run", t.home, t.at, t.on)
	case apart && d.restless:
		d.wait(unstable, t.home, t.at, t.on)
	case !d.takes(t.on, Local):
		d.removed(t, "moved there to "+t.on.Name+", which is not kept here")
	default:
		op := d.settle(t, t.op(Move, Local, "moved there"))
		if op.To = t.on.Name; apart {
			op.Reason = "moved on both sides, there to " + t.on.Name
		}
		d.add(t.home, op)
		d.left(t)
	}
}

// left forgets a row that spoke of a file in a mailbox that it is taken out of again.
func (d *differ) left(t *trio) {
	if t.at != t.home && t.was != Agreed {
		d.add(t.at, Op{Kind: Forget, Key: t.file.Key, Reason: "moved there to " + t.on.Name})
	}
}
