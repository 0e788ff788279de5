package plan

import (
	"cmp"
	"fmt"
	"iter"

	"github.com/emersion/go-imap/v2"

	"postie/maildir"
)

// box is a mailbox at work. It holds what changed, never what did not.
type box struct {
	Mailbox
	policy   Policy // of this mailbox
	fixed    bool   // nothing that is in it on the server is changed
	trios    []*trio
	byUID    map[imap.UID]*trio
	files    []*newcomer[File]
	messages []*newcomer[Message]
	bodyless []*trio // pairs without a body that may be one of files
	sizes    map[int64]bool
	pending  map[imap.UID]bool
	unnamed  []Pair // without UID, whose file the view does not identify
}

// trio is a pair and what became of it: its file, in the box at (nil: gone), and its message, in the box on (nil: gone).
type trio struct {
	home    *box
	pair    Pair
	file    File
	at      *box
	was     State // of the row without UID that spoke of the file where it is; Agreed: none did
	message Message
	on      *box
	id      *Identity
}

// newcomer is a file or a message that no pair speaks of, or a pair that never had another side (state).
type newcomer[T any] struct {
	box   *box
	it    T
	state State
	taken bool
}

// observe compares both sides of a mailbox with its base.
func (b *box) observe(p Policy) error {
	b.policy = p.Of(&b.Mailbox)
	b.ReadOnly = b.ReadOnly && b.Exist&Remote != 0
	b.fixed = b.ReadOnly || !b.changes(Remote)
	b.byUID, b.sizes, b.pending = map[imap.UID]*trio{}, map[int64]bool{}, map[imap.UID]bool{}
	for _, w := range b.Pending {
		b.pending[w.UID] = true
	}
	if b.Known && b.UIDValidity != 0 && b.Base.UIDValidity != 0 && b.UIDValidity != b.Base.UIDValidity {
		return fmt.Errorf("UIDVALIDITY changed from %d to %d: the base has to be matched again", b.Base.UIDValidity, b.UIDValidity)
	}
	err := join(b.Base.ByKey, func(p *Pair) maildir.Key { return p.Key },
		b.Files, func(f *File) maildir.Key { return f.Key }, b.seeFile)
	if err != nil {
		return fmt.Errorf("compare the Maildir: %w", err)
	}
	err = join(b.Base.ByUID, func(p *Pair) imap.UID { return p.UID },
		b.Messages, func(m *Message) imap.UID { return m.UID }, b.seeMessage)
	if err != nil {
		return fmt.Errorf("compare the server: %w", err)
	}
	return nil
}

// changes says whether policy lets that side of the mailbox be changed.
func (b *box) changes(s Side) bool { return b.policy.Direction.Changes(s) }

// seeFile notes what a key tells: a pair without a file, a file without a pair, or a file that differs.
func (b *box) seeFile(p *Pair, f *File) {
	switch {
	case p == nil:
		b.newFile(*f, Agreed)
	case p.UID == 0 && f == nil:
		b.trio(*p).at = nil
	case p.UID == 0:
		held := *f
		if f.Still {
			held.Flags = p.Local
		}
		if held.ID == (Identity{}) {
			b.unnamed = append(b.unnamed, *p)
			held.ID = b.identify(*p)
		}
		b.newFile(held, p.State)
	case f == nil && p.State == Agreed:
		b.trio(*p).at = nil
	case f == nil: // a tombstone has no file
	case p.State != Agreed || !f.Still && !f.Flags.Same(p.Local):
		t := b.trio(*p)
		t.at = b
		t.file.Flags = p.Local
		if !f.Still {
			t.file = *f
		}
	}
}

func (b *box) newFile(f File, s State) {
	b.files = append(b.files, &newcomer[File]{box: b, it: f, state: s})
	for _, n := range f.ID.Sizes() {
		b.sizes[n] = true
	}
}

// seeMessage notes what a UID tells, and which pairs need a look though nothing happened to them: those without a body
// that policy wants, or that a new file may be; those with a pending change; those whose flags differ; tombstones.
func (b *box) seeMessage(p *Pair, m *Message) {
	switch {
	case p == nil:
		b.messages = append(b.messages, &newcomer[Message]{box: b, it: *m})
	case m == nil:
		b.trio(*p).on = nil
	case !m.Still && !m.Flags.Same(p.Remote):
		b.trio(*p).message = *m
	case p.State != Agreed, p.Key == "" && b.policy.Wants(*p), b.pending[p.UID], !p.Local.Same(p.Remote):
		t := b.trio(*p)
		t.message.ModSeq = m.ModSeq
	}
	if p != nil && m != nil && p.Key == "" && p.State == Agreed && b.sizes[p.Size] {
		b.bodyless = append(b.bodyless, b.born(*p))
	}
}

// trio is the record of a pair that needs a look, as agreed until something else is seen.
func (b *box) trio(p Pair) *trio {
	if t := b.byUID[p.UID]; t != nil && p.UID != 0 {
		return t
	}
	t := b.born(p)
	b.trios = append(b.trios, t)
	if p.UID != 0 {
		b.byUID[p.UID] = t
	}
	return t
}

func (b *box) born(p Pair) *trio {
	t := &trio{home: b, pair: p, file: File{Key: p.Key, Flags: p.Local}, message: Message{UID: p.UID, Flags: p.Remote}}
	if p.State == Agreed {
		t.at = b
	}
	if p.UID != 0 {
		t.on = b
	}
	return t
}

// identify says who a pair is. Of one that the view does not tell of only size and date are known.
func (b *box) identify(p Pair) Identity {
	if id, ok := b.Base.Known[p.ID()]; ok {
		return id
	}
	return Identity{Size: p.Size, Date: p.Date}
}

// who is the identity of a pair, looked up once.
func (t *trio) who() Identity {
	if t.id == nil {
		id := t.home.identify(t.pair)
		t.id = &id
	}
	return *t.id
}

// join walks two ascending sequences side by side, in memory that does not grow with them, and shows what they have of
// each key: nil for nothing. What it shows is valid during the call.
func join[K cmp.Ordered, A, B any](as iter.Seq2[A, error], keyA func(*A) K, bs iter.Seq2[B, error], keyB func(*B) K, see func(*A, *B)) error {
	b := pull(bs, keyB)
	defer b.stop()
	b.advance()
	a := cursor[K, A]{keyOf: keyA}
	for it, err := range each(as) {
		if a.stand(it, err); a.err != nil {
			return a.err
		}
		for b.ok && b.key < a.key {
			see(nil, &b.it)
			b.advance()
		}
		if b.err != nil {
			return b.err
		}
		if b.ok && b.key == a.key {
			see(&a.it, &b.it)
			b.advance()
		} else {
			see(&a.it, nil)
		}
	}
	for b.ok {
		see(nil, &b.it)
		b.advance()
	}
	return b.err
}

// cursor stands at one element of an ascending sequence.
type cursor[K cmp.Ordered, T any] struct {
	next  func() (T, error, bool)
	stop  func()
	keyOf func(*T) K
	it    T
	key   K
	begun bool
	ok    bool // it is an element; else the sequence is at its end, or err
	err   error
}

func pull[K cmp.Ordered, T any](s iter.Seq2[T, error], keyOf func(*T) K) *cursor[K, T] {
	c := &cursor[K, T]{keyOf: keyOf}
	c.next, c.stop = iter.Pull2(each(s))
	return c
}

// advance goes one on.
func (c *cursor[K, T]) advance() {
	if it, err, ok := c.next(); ok {
		c.stand(it, err)
	} else {
		c.ok = false
	}
}

// stand goes to an element. Order is checked, because what comes late would be taken for gone.
func (c *cursor[K, T]) stand(it T, err error) {
	last := c.key
	if c.it, c.err = it, err; err == nil {
		c.key = c.keyOf(&c.it)
	}
	if err == nil && c.begun && c.key <= last {
		c.err = fmt.Errorf("%v after %v: not in ascending order", c.key, last)
	}
	c.begun, c.ok = true, c.err == nil
}

// each is a sequence that may be nil.
func each[T any](s iter.Seq2[T, error]) iter.Seq2[T, error] {
	if s == nil {
		return Seq[T](nil)
	}
	return s
}

// Seq is a sequence, without errors, of what is in memory.
func Seq[T any](s []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range s {
			if !yield(v, nil) {
				return
			}
		}
	}
}
