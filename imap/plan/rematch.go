package plan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/emersion/go-imap/v2"

	"postie/maildir"
)

// Rematch makes a base for a mailbox whose UIDs mean nothing any more (a new UIDVALIDITY: m.Known, with its old base), or
// that has none at all though both sides may be full (a lost database, a first run). m shows everything, messages with
// their identity. It only says which file is which message; an ordinary Diff against the new base does the rest.
//
// A file that matches nothing becomes an Orphan, unless the base would know it: then it is new. Flags keep what the
// base says, but that the server lacks some is not taken for a change that somebody made; with no base they are united.
//
// The headers of the messages that MatchDoubts names are to be in the view, and the fields of those and of the files that it names. alike counts the messages that were matched though they
// may not be the file's octets (alike.go). Errors are those of m's sequences.
func Rematch(m Mailbox) (pairs []Pair, alike int, err error) {
	r, err := rematchOf(m)
	if err != nil {
		return nil, 0, err
	}
	r.exact()
	r.dated()
	r.headed()
	r.held()
	r.most()
	return r.pairs(m.Known), r.alike, nil
}

// MatchDoubts names the messages of a view for Rematch that only their Message-ID and header can tell, and the files that may be
// one of those whose header the server changed. Mostly there are none.
func MatchDoubts(m Mailbox) (uids []imap.UID, files []maildir.Key, err error) {
	r, err := rematchOf(m)
	if err != nil {
		return nil, nil, err
	}
	r.exact()
	r.dated()
	uids, files = r.doubts()
	return uids, files, nil
}

// rematchOf sorts what is there.
func rematchOf(m Mailbox) (*rematch, error) {
	b := &box{Mailbox: m}
	r := &rematch{messages: newPool(messagesOf)}
	err := join(m.Base.ByKey, func(p *Pair) maildir.Key { return p.Key }, m.Files, func(f *File) maildir.Key { return f.Key },
		func(p *Pair, f *File) { r.add(b, p, f) })
	for p, e := range each(m.Base.ByUID) {
		if err = cmp.Or(err, e); err == nil && p.Key == "" {
			r.gone = append(r.gone, candidate{pair: p, id: b.identify(p)})
		}
	}
	for msg, e := range each(m.Messages) {
		err = cmp.Or(err, e)
		n := &newcomer[Message]{box: b, it: msg}
		r.all = append(r.all, n)
		r.messages.add(n)
	}
	if err != nil {
		return nil, fmt.Errorf("match mailbox %q again: %w", m.Name, err)
	}
	return r, nil
}

// exact matches what is the same. Files that are here come first: where there are fewer messages than pairs, those were
// expunged that are not here.
func (r *rematch) exact() {
	for _, cs := range [][]candidate{r.here, r.gone, r.fresh} {
		for _, exact := range []bool{true, false} {
			for i := range cs {
				r.match(&cs[i], exact)
			}
		}
	}
}

// rematch holds one mailbox in recovery: pairs whose file is here, pairs without, and files without a pair.
type rematch struct {
	here, gone, fresh []candidate
	messages          *pool[Message]
	all               []*newcomer[Message]
	alike             int // matched, but perhaps not the same octets
}

type candidate struct {
	pair    Pair
	file    File
	id      Identity
	matched bool
}

func (r *rematch) add(b *box, p *Pair, f *File) {
	switch {
	case p == nil:
		r.fresh = append(r.fresh, candidate{pair: Pair{Key: f.Key}, file: *f, id: f.ID})
	case f != nil:
		file := *f
		if f.Still {
			file.Flags = p.Local
		}
		id := b.identify(*p)
		id.Fields = f.ID.Fields
		r.here = append(r.here, candidate{pair: *p, file: file, id: id})
	case p.UID != 0:
		r.gone = append(r.gone, candidate{pair: *p, id: b.identify(*p)})
	}
}

func (r *rematch) match(c *candidate, exact bool) {
	if c.matched {
		return
	}
	n := r.messages.find(c.id, func(n *newcomer[Message]) bool { return !exact || n.it.ID.Date.Equal(c.id.Date) })
	if n != nil {
		c.take(n)
	}
}

func (c *candidate) take(n *newcomer[Message]) {
	n.taken, c.matched = true, true
	p, m := &c.pair, n.it
	if p.UID == 0 {
		p.State, p.Local = Agreed, united(c.file.Flags, m.Flags)
		p.Remote = p.Local
	} else {
		lost := p.Remote.Without(m.Flags)
		lost.Set &^= trashed
		p.Remote = p.Remote.Without(lost)
	}
	p.UID, p.Size, p.Date = m.UID, m.ID.Size, m.ID.Date
}

// pairs is the new base: what was matched, and what has to be remembered of the rest.
func (r *rematch) pairs(known bool) (ps []Pair) {
	for _, c := range slices.Concat(r.here, r.gone, r.fresh) {
		fresh := c.pair.UID == 0 && c.pair.State == Agreed
		switch {
		case c.matched:
			ps = append(ps, c.pair)
		case c.pair.UID == 0 && !fresh:
			ps = append(ps, c.pair) // waits on
		case fresh && known, c.file.Key == "":
		default:
			ps = append(ps, Pair{Key: c.file.Key, State: Orphan, Local: c.file.Flags, Size: c.id.Size, Date: c.id.Date})
		}
	}
	return ps
}

// BaseOf puts pairs in the order that a Base wants.
func BaseOf(pairs []Pair) Base {
	uids := slices.DeleteFunc(slices.Clone(pairs), func(p Pair) bool { return p.UID == 0 })
	keys := slices.DeleteFunc(slices.Clone(pairs), func(p Pair) bool { return p.Key == "" })
	slices.SortFunc(uids, func(a, b Pair) int { return cmp.Compare(a.UID, b.UID) })
	slices.SortFunc(keys, func(a, b Pair) int { return cmp.Compare(a.Key, b.Key) })
	return Base{ByUID: Seq(uids), ByKey: Seq(keys)}
}
