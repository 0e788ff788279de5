package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"postie/maildir"
)

// differ is one comparison of a whole account.
type differ struct {
	policy   Policy
	boxes    []*box
	byName   map[string]*box
	files    *pool[File]
	messages *pool[Message]
	unread   []*newcomer[File] // new files that could not be read
	restless bool              // some Maildir is unstable: what is missing elsewhere may be in it
	later    bool              // some mailbox was not looked at yet: what is missing elsewhere on the server may be in it
	damaged  bool              // some Maildir has got a damaged copy
	ops      []Op
	notices  map[Notice]int // Count is 0 in the keys
	open     map[string]bool
	tally    map[*box]*tally
}

// Diff decides what makes the account's Maildirs and mailboxes agree. boxes are all mailboxes that either side has or
// the base knows, each once; their sequences may be walked more than once. Errors are those of the sequences, and of
// views that contradict themselves: then there is no plan.
func Diff(boxes []Mailbox, p Policy) (Plan, error) {
	repairs := repairs(boxes)
	boxes, renames, err := renamed(boxes, p)
	if err != nil {
		return Plan{}, err
	}
	d, err := observe(boxes, p)
	if err != nil {
		return Plan{}, err
	}
	d.locate()
	for _, b := range d.boxes {
		d.applyPending(b)
	}
	d.each(d.decide)
	for _, b := range d.boxes {
		d.newcomers(b)
		d.clear(b)
	}
	for _, b := range d.boxes {
		d.place(b)
	}
	d.ops = slices.Concat(d.ops, repairs, renames)
	return d.plan(), nil
}

// repairs are those of the Maildirs, by the names that their mailboxes have here.
func repairs(boxes []Mailbox) (ops []Op) {
	for _, m := range boxes {
		for _, r := range m.Defects {
			if !m.Outside && m.Exist&Local != 0 {
				ops = append(ops, Op{Kind: Repair, Side: Local, Mailbox: m.Name, Key: r.Key, Reason: r.Reason})
			}
		}
	}
	return ops
}

// observe compares each mailbox with its base, and puts what has no pair into pools.
func observe(boxes []Mailbox, p Policy) (*differ, error) {
	d := &differ{policy: p, byName: map[string]*box{}, files: newPool(filesOf), messages: newPool(messagesOf),
		notices: map[Notice]int{}, open: map[string]bool{}, tally: map[*box]*tally{}}
	for _, m := range boxes {
		b := &box{Mailbox: m}
		d.later = d.later || b.Later
		d.restless, d.damaged = d.restless || b.Unstable, d.damaged || b.Damaged
		if d.byName[b.Name] != nil {
			return nil, fmt.Errorf("mailbox %q twice", b.Name)
		}
		if err := b.observe(p); err != nil {
			return nil, fmt.Errorf("mailbox %q: %w", b.Name, err)
		}
		d.boxes, d.byName[b.Name], d.tally[b] = append(d.boxes, b), b, &tally{}
		for _, f := range b.files {
			d.files.add(f)
			if f.it.ID.Hash == [32]byte{} {
				d.unread = append(d.unread, f)
			}
		}
		for _, m := range b.messages {
			d.messages.add(m)
		}
	}
	return d, nil
}

// applyPending applies the pending changes: on a pair without a body they stand for what a file would show. One for a pair that
// has got its body has nothing to be applied to. Of one for a message that was moved on the server meanwhile the flags count.
func (d *differ) applyPending(b *box) {
	for _, w := range b.Pending {
		t := b.byUID[w.UID]
		if t == nil || t.file.Key != "" || t.pair.State != Agreed {
			continue
		}
		if w.Flags != nil {
			t.file.Flags = *w.Flags
		}
		if t.on != b || t.message.UID != w.UID {
			continue
		}
		switch to := d.byName[w.To]; {
		case w.Delete:
			t.at = nil
		case to != nil:
			t.at = to
		case w.To != "":
			d.wait("to be moved to "+w.To+", which is not there", b)
		}
	}
}

// plan sorts the operations and lets the guard take out what it must.
func (d *differ) plan() Plan {
	plan := Plan{Ops: d.ops}
	guarded := map[string]Cause{}
	for _, b := range d.boxes {
		plan.Guards = append(plan.Guards, d.guard(b, guarded)...)
	}
	plan.Ops = slices.DeleteFunc(plan.Ops, func(op Op) bool {
		if taken(op, guarded) {
			d.open[op.Mailbox], d.open[op.To], d.open[op.From] = true, true, true
			return true
		}
		return false
	})
	for _, g := range plan.Guards {
		d.open[g.Mailbox] = true
	}
	delete(d.open, "")
	plan.Open = slices.Sorted(maps.Keys(d.open))
	slices.SortStableFunc(plan.Ops, func(a, b Op) int { return cmp.Or(cmp.Compare(d.stage(a), d.stage(b)), order(a, b)) })
	for n, count := range d.notices {
		n.Count = count
		plan.Notices = append(plan.Notices, n)
	}
	slices.SortFunc(plan.Notices, Notice.compare)
	return plan
}

// stage keeps the lives of a mailbox apart that is made anew on the server: its UIDs begin again, so the rows of its
// first life are done with before it is made, and it is made before anything comes in.
func (d *differ) stage(op Op) int {
	b := d.byName[op.Mailbox]
	anew := b != nil && b.Known && b.Exist&Remote == 0
	switch {
	case op.Kind == Repair:
		return -1
	case anew && op.Kind == Create:
		return 2
	case anew && (op.Kind == Remove || op.Kind == Forget || op.Pair.State == Archived || op.To != ""):
		return 1
	case op.Kind == Create || op.Kind == Rename:
		return 0
	}
	return 3
}

// add plans an operation. What it takes away from, or brings to, a mailbox is counted for the guard and for place.
func (d *differ) add(b *box, op Op) {
	op.Mailbox = b.Name
	d.ops = append(d.ops, op)
	d.tally[b].count(op, b)
	if to := d.byName[op.To]; to != nil && op.Pair != (Pair{}) {
		d.tally[to].comes++
		if op.Kind == Move && op.Side == Remote {
			d.tally[to].puts++
		}
	}
}

func (d *differ) notice(b *box, text string) { d.notices[Notice{Mailbox: b.Name, Text: text}]++ }

// wait puts something off that these mailboxes have to be looked at again for.
func (d *differ) wait(text string, boxes ...*box) {
	d.notice(boxes[0], text)
	for _, b := range boxes {
		d.open[b.Name] = true
	}
}

// takes says whether something can be put into a mailbox on that side, where it is made if need be.
func (d *differ) takes(b *box, s Side) bool {
	return !b.Outside && (b.Exist|d.policy.Create)&s != 0 && b.changes(s) && (s == Local || !b.fixed && !b.Closed)
}

// yields says whether messages can be taken out of a mailbox on the server. Who may not delete finds \Deleted missing
// from PERMANENTFLAGS (RFC 4314 section 5.1.1).
func (b *box) yields() bool { return !b.fixed && b.PermanentFlags.Set&trashed != 0 }

// newcomers gives what has no pair to the other side.
func (d *differ) newcomers(b *box) {
	if b.Outside {
		return
	}
	d.ops = slices.Grow(d.ops, len(b.files)+len(b.messages)) // in a first run the plan is what needs most memory
	for _, f := range b.files {
		if !f.taken {
			d.upload(b, f.it, f.state, Op{Reason: "new here"})
		}
	}
	for _, m := range b.messages {
		if !m.taken {
			pair := Pair{UID: m.it.UID, Local: b.comes(m.it.Flags), Remote: m.it.Flags, Size: m.it.ID.Size, Date: m.it.ID.Date}
			d.download(b, Op{Pair: pair, Reason: "new there"})
		}
	}
}

// comes are the flags with which a message comes here: into an archive without \Deleted.
func (b *box) comes(f maildir.Flags) maildir.Flags {
	if b.policy.Direction == Archive {
		f.Set &^= trashed
	}
	return f
}

// upload plans the way up of a file that the server does not have; op says why, and which row speaks of it.
func (d *differ) upload(b *box, f File, s State, op Op) {
	d.tally[b].comes++
	op.Kind, op.Side, op.Key = Upload, Remote, f.Key
	op.Pair = Pair{Key: f.Key, Local: f.Flags, Remote: b.PermanentFlags.only(f.Flags), Size: f.ID.Size, Date: f.ID.Date}
	switch {
	case s == Archived:
	case s == Orphan && b.Partial:
		d.open[b.Name] = true // whoever could not tell has said so
	case s == Orphan && b.policy.Direction == BothWays && !d.policy.AllowMassDelete:
		d.tally[b].orphans++
	case f.ID.Hash == [32]byte{}:
		d.open[b.Name] = true // whoever could not read it has said so
	case d.takes(b, Remote):
		d.add(b, op)
		d.refused(b, f.Flags)
	case (b.fixed || b.Closed) && (s == Agreed || s == Orphan && !b.changes(Remote)):
		d.withhold(b, s, op)
	}
}

// withhold plans that a file stays here alone, and says why.
func (d *differ) withhold(b *box, s State, op Op) {
	op.Kind, op.Side = RecordOnly, 0
	op.Pair.State, op.Pair.Remote = Withheld, maildir.Flags{}
	switch {
	case s == Orphan && b.policy.Direction == Archive:
		op.Pair.State, op.Reason = Archived, "not there any more: it stays here"
	case !b.changes(Remote):
		op.Reason = "new here, and nothing is put there"
	case b.ReadOnly:
		op.Reason = "new here, but the mailbox is read-only: not uploaded"
		d.notice(b, readOnly)
	default:
		op.Reason = "new here, but nothing may be put there"
		d.notice(b, closed)
	}
	d.add(b, op)
}

// download plans the way down of op.Pair, with its body if policy wants it.
func (d *differ) download(b *box, op Op) {
	d.tally[b].comes++
	if !d.takes(b, Local) {
		return
	}
	op.Kind, op.Side = FetchSummary, Local
	if b.policy.Wants(op.Pair) {
		op.Kind, op.Pair.Freed = Download, false
	}
	d.add(b, op)
}

// refused says which flags the server will not keep. They are remembered in the pair, so it is said once.
func (d *differ) refused(b *box, wanted maildir.Flags) {
	lost := wanted.Without(b.PermanentFlags.only(wanted))
	if lost != (maildir.Flags{}) && !b.fixed {
		d.notice(b, "the server cannot keep "+Change{Add: lost}.String()[1:])
	}
}
