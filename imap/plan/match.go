package plan

import (
	"cmp"
	"iter"
	"slices"

	"postie/maildir"
)

// Same says whether two identities are one message. Of what both know, the strongest counts: the bytes, then the
// server's own word, then Message-ID and size, and without a Message-ID header and size.
func (a Identity) Same(b Identity) bool {
	var none [32]byte
	switch {
	case a.Hash != none && b.Hash != none:
		return a.Hash == b.Hash
	case a.EmailID != "" && b.EmailID != "":
		return a.EmailID == b.EmailID
	case a.MessageID != "" || b.MessageID != "":
		return a.MessageID == b.MessageID && a.fits(b)
	}
	return a.Header != none && a.Header == b.Header && a.fits(b)
}

// Sizes are the octets that a message may have elsewhere: all of them, without the marks of other programs, or those of its file.
func (a Identity) Sizes() []int64 {
	sizes := []int64{a.Size}
	if a.Marks != 0 {
		sizes = append(sizes, a.Size-a.Marks)
	}
	if a.Own != 0 && a.Own != a.Size {
		sizes = append(sizes, a.Own)
	}
	return sizes
}

// fits says whether two sizes may be those of one message. One side may be marked where the other is not, or may not
// know that it is: the base keeps what the server reported.
func (a Identity) fits(b Identity) bool {
	return a.Size == b.Size || slices.ContainsFunc(a.Sizes(), func(n int64) bool { return slices.Contains(b.Sizes(), n) })
}

// mark is one of the things that equal messages have in common: what pools are searched by.
type mark struct {
	text string
	sum  [32]byte
	size int64
}

func (a Identity) marks() []mark {
	var ms []mark
	var none [32]byte
	if a.Hash != none {
		ms = append(ms, mark{sum: a.Hash})
	}
	if a.EmailID != "" {
		ms = append(ms, mark{text: a.EmailID})
	}
	for _, n := range a.Sizes() {
		if a.MessageID != "" {
			ms = append(ms, mark{text: a.MessageID, size: n})
		} else if a.Header != none {
			ms = append(ms, mark{sum: a.Header, size: n})
		}
	}
	return ms
}

// pool holds newcomers, to be found by identity. Each is taken once, so equal copies are matched by count.
type pool[T any] struct {
	by map[mark][]*newcomer[T]
	id func(*T) Identity
}

func newPool[T any](id func(*T) Identity) *pool[T] {
	return &pool[T]{by: map[mark][]*newcomer[T]{}, id: id}
}

func filesOf(f *File) Identity       { return f.ID }
func messagesOf(m *Message) Identity { return m.ID }

func (p *pool[T]) add(n *newcomer[T]) {
	for _, m := range p.id(&n.it).marks() {
		p.by[m] = append(p.by[m], n)
	}
}

// all gives the untaken newcomers that are the message id, in the order of what was seen, some of them more than once.
func (p *pool[T]) all(id Identity) iter.Seq[*newcomer[T]] {
	return func(yield func(*newcomer[T]) bool) {
		for _, m := range id.marks() {
			for _, n := range p.by[m] {
				if !n.taken && id.Same(p.id(&n.it)) && !yield(n) {
					return
				}
			}
		}
	}
}

// find gives the first of those that are the message id; nil: none. fit, if not nil, must be true of it.
func (p *pool[T]) find(id Identity, fit func(*newcomer[T]) bool) *newcomer[T] {
	for n := range p.all(id) {
		if fit == nil || fit(n) {
			return n
		}
	}
	return nil
}

// in is a fit: in that mailbox; exact: with that date too. It is tried first, so that of equal copies those find each
// other that are most alike.
func in[T any](p *pool[T], b *box, id Identity, exact bool) func(*newcomer[T]) bool {
	return func(n *newcomer[T]) bool {
		return n.box == b && (!exact || p.id(&n.it).Date.Equal(id.Date))
	}
}

// locate finds where the missing halves of pairs went, and which newcomers are halves of one message. The order
// matters: a file that was only renamed must not be taken for the partner of an equal message that came by chance; and a
// file serves first those pairs whose message is there. One whose message is gone would have it removed, while another's
// would be deleted for want of it: both halves of one message.
func (d *differ) locate() {
	for _, exact := range []bool{true, false} {
		d.each(func(t *trio) { d.renamed(t, exact, true) })
	}
	d.each(d.bothMoved)
	for _, exact := range []bool{true, false} {
		for _, b := range d.boxes {
			for _, f := range b.files {
				d.met(f, exact)
			}
		}
	}
	for _, b := range d.boxes {
		b.embody()
	}
	d.each(d.fileMoved)
	for _, exact := range []bool{true, false} {
		d.each(func(t *trio) { d.renamed(t, exact, false) })
	}
	d.each(d.messageMoved)
	d.each(d.parted)
	d.each(d.withheldMoved)
	d.reunite()
	for _, exact := range []bool{true, false} {
		for _, b := range d.boxes {
			for _, f := range b.files {
				d.strayed(f, exact)
			}
		}
	}
}

func (d *differ) each(do func(*trio)) {
	for _, b := range d.boxes {
		for _, t := range b.trios {
			do(t)
		}
	}
}

// renamed finds a file under another key in the same mailbox, for pairs whose message is there or for the others. For a
// tombstone that is a message that came back.
func (d *differ) renamed(t *trio, exact, there bool) {
	if t.at != nil || t.pair.Key == "" || t.pair.UID == 0 || (t.on != nil) != there {
		return
	}
	fits := in(d.files, t.home, t.who(), exact)
	came := func(f *newcomer[File]) bool { return fits(f) && (t.pair.State == Agreed || f.state != Archived) } // what stayed here did not come back
	if f := d.files.find(t.who(), came); f != nil {
		t.take(f)
	}
}

// bothMoved finds a pair whose file and message are both gone from where they were, together in another mailbox.
func (d *differ) bothMoved(t *trio) {
	if t.at != nil || t.on != nil || t.pair.State != Agreed || t.pair.Key == "" {
		return
	}
	var m *newcomer[Message]
	f := d.files.find(t.who(), func(f *newcomer[File]) bool {
		m = d.messages.find(t.who(), func(m *newcomer[Message]) bool { return m.box == f.box })
		return m != nil
	})
	if f != nil {
		t.take(f)
		t.follow(m)
	}
}

// met pairs a new file with a new message that is the same: it was put on both sides, by other programs or by a run that
// was stopped before it could write that down.
func (d *differ) met(f *newcomer[File], exact bool) {
	if f.taken {
		return
	}
	if m := d.messages.find(f.it.ID, in(d.messages, f.box, f.it.ID, exact)); m != nil {
		t := f.box.trio(Pair{UID: m.it.UID, Size: m.it.ID.Size, Date: m.it.ID.Date})
		base := united(f.it.Flags, m.it.Flags)
		t.pair.Local, t.pair.Remote = base, base
		t.take(f)
		t.follow(m)
	}
}

// embody gives a new file to a pair that had no body, if it is its message.
func (b *box) embody() {
	for _, f := range b.files {
		i := slices.IndexFunc(b.bodyless, func(t *trio) bool { return !f.taken && t.pair.Key == "" && t.who().Same(f.it.ID) })
		if i < 0 {
			continue
		}
		t := b.trio(b.bodyless[i].pair)
		b.bodyless = slices.Delete(b.bodyless, i, i+1)
		base := united(f.it.Flags, t.message.Flags)
		t.pair.Local, t.pair.Remote = base, base
		t.take(f)
	}
}

// moved is where the file of a pair went, whose file is missing; nil: nowhere.
func (d *differ) moved(t *trio) *newcomer[File] {
	f, _ := maildir.Moved(t.pair.Key, d.files.all(t.who()), func(f *newcomer[File]) maildir.Key { return f.it.Key })
	return f
}

// fileMoved finds a file that left its message behind for another mailbox.
func (d *differ) fileMoved(t *trio) {
	if t.pair.State == Agreed && t.at == nil && t.on != nil && t.pair.Key != "" {
		if f := d.moved(t); f != nil {
			t.take(f)
		}
	}
}

// messageMoved finds a message that left its file behind for another mailbox.
func (d *differ) messageMoved(t *trio) {
	if t.pair.State == Agreed && t.on == nil && t.at != nil {
		m := d.messages.find(t.who(), in(d.messages, t.home, t.who(), false))
		if m = cmp.Or(m, d.messages.find(t.who(), nil)); m != nil {
			t.follow(m)
		}
	}
}

// withheldMoved finds a message that was moved there after its file had been moved or deleted here, which was not to be done there: it
// does not come once more.
func (d *differ) withheldMoved(t *trio) {
	oneWay := func(b *box) bool { return !b.changes(Remote) && !b.policy.reverts() }
	if t.pair.State != Withheld || t.pair.UID == 0 || t.at != nil || t.on != nil || !oneWay(t.home) {
		return
	}
	fits := func(m *newcomer[Message]) bool {
		return m.box != t.home && d.takes(m.box, Local) && oneWay(m.box)
	}
	if m := d.messages.find(t.who(), fits); m != nil {
		t.follow(m)
	}
}

// parted finds a pair whose file was moved to one mailbox, and whose message to another.
func (d *differ) parted(t *trio) {
	if t.at != nil || t.on != nil || t.pair.State != Agreed || t.pair.Key == "" {
		return
	}
	f := d.moved(t)
	if m := d.messages.find(t.who(), nil); f != nil && m != nil {
		t.take(f)
		t.follow(m)
	}
}

// reunite joins a file whose message is gone with a message whose file is gone, if both were known by one key: the base knows
// the file in two mailboxes, because a run that saw only one of them met it there on its way.
func (d *differ) reunite() {
	lone := map[maildir.Key]*trio{}
	d.each(func(t *trio) {
		if t.pair.State == Agreed && t.pair.Key != "" && t.at != nil && t.on == nil {
			lone[t.pair.Key] = t
		}
	})
	d.each(func(t *trio) {
		f := lone[t.pair.Key]
		if f != nil && t.pair.State == Agreed && t.at == nil && t.on != nil && t.who().Same(f.who()) {
			t.file, t.at, f.at = f.file, f.at, nil
			delete(lone, t.pair.Key)
		}
	})
}

// strayed finds in another mailbox the message of an orphan, which was moved there while its own got new UIDs, or while the base was lost; or
// of what was archived, which is back there. Where nothing was ever agreed, folders that only their user has, and copies, are left as they
// are (lone), unless the server is the original.
func (d *differ) strayed(f *newcomer[File], exact bool) {
	if f.taken || !strays(f) || f.box.Outside || f.box.Fresh && f.box.changes(Remote) && !d.lone(f) {
		return
	}
	m := d.messages.find(f.it.ID, func(m *newcomer[Message]) bool {
		return m.box != f.box && d.takes(m.box, Local) && (!exact || m.it.ID.Date.Equal(f.it.ID.Date))
	})
	if m == nil {
		return
	}
	t := f.box.trio(Pair{Key: f.it.Key, Size: m.it.ID.Size, Date: m.it.ID.Date})
	base := united(f.it.Flags, m.it.Flags)
	t.pair.Local, t.pair.Remote = base, base
	t.take(f)
	t.follow(m)
}

// lone says of an orphan that no base speaks of whether it can only be the message that was moved on the server: its mailbox is on both
// sides, and it is the one file without a message, and has the one message without a file.
func (d *differ) lone(f *newcomer[File]) bool {
	return f.box.mayStray() && one(d.files, f.it.ID) && one(d.messages, f.it.ID)
}

// mayStray says whether an orphan of the mailbox may be a message that was moved on the server. A folder that only its user has is none
// that a message was moved out of there.
func (b *box) mayStray() bool { return !b.Fresh || b.Exist == Both || !b.changes(Remote) }

// strays says whether the message of a file without one may be in another mailbox.
func strays(f *newcomer[File]) bool {
	return (f.state == Orphan || f.state == Archived) && f.box.mayStray()
}

// one says whether exactly one untaken newcomer is the message id.
func one[T any](p *pool[T], id Identity) bool {
	first := p.find(id, nil)
	return first != nil && p.find(id, func(n *newcomer[T]) bool { return n != first }) == nil
}

func (t *trio) take(f *newcomer[File]) {
	f.taken, t.file, t.at, t.was = true, f.it, f.box, f.state
}

func (t *trio) follow(m *newcomer[Message]) {
	m.taken, t.message, t.on = true, m.it, m.box
}
