package manifest

import (
	"bytes"
	"iter"
	"slices"
)

// Kind says what became of a message of a manifest.
type Kind uint8

const (
	Gone    Kind = iota + 1 // it is not there any more
	Changed                 // a message of the same mailbox and Message-ID has other octets
	Moved                   // it lies in another mailbox
	Flags                   // it has other flags or keywords
)

// Change is what became of one message.
type Change struct {
	Kind Kind
	Was  Entry
	Is   Entry // zero with Gone
}

// Counts are those of a Compare.
type Counts struct {
	Same int // messages that are there as they were
	New  int // that were not there
}

// Compare says what became of the messages of a manifest since: first what is there still, by hash, then what is not. now gives the
// sorted lines of what is there, as often as it is asked. Equal copies are matched by count. It keeps in memory what is gone.
func Compare(then iter.Seq2[Entry, error], now func() iter.Seq2[string, error], counts *Counts) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		c := &comparing{counts: counts, yield: yield}
		if !c.both(then, now()) || len(c.gone) == 0 {
			return
		}
		c.replaced(now())
	}
}

// comparing is one Compare at work.
type comparing struct {
	counts *Counts
	yield  func(Change, error) bool
	gone   []Entry
	fresh  []uint32 // of the lines that are now: the numbers of those that were not there, ascending
	at     uint32   // number of the next line
}

// both walks manifest and lines side by side, a group of equal hashes at a time. False: the loop was left.
func (c *comparing) both(then iter.Seq2[Entry, error], now iter.Seq2[string, error]) bool {
	next, stop := iter.Pull2(parsed(now))
	defer stop()
	is, err, more := next()
	var was []Entry
	group := func() bool { // what is now of the hash of was, and what comes before it
		var same []Entry
		first := c.at
		for more && err == nil && (len(was) == 0 || bytes.Compare(is.Wire.Hash[:], was[0].Wire.Hash[:]) <= 0) {
			if len(was) > 0 && is.Wire.Hash == was[0].Wire.Hash {
				if len(same) == 0 {
					first = c.at
				}
				same = append(same, is)
			} else {
				c.fresh = append(c.fresh, c.at)
			}
			c.at++
			is, err, more = next()
		}
		if err != nil {
			c.yield(Change{}, err)
			return false
		}
		return c.match(was, same, first)
	}
	for e, failed := range then {
		if failed != nil {
			c.yield(Change{}, failed)
			return false
		}
		if len(was) > 0 && was[0].Wire.Hash != e.Wire.Hash {
			if !group() {
				return false
			}
			was = was[:0]
		}
		was = append(was, e)
	}
	if len(was) > 0 && !group() {
		return false
	}
	was = nil
	ok := group()
	c.counts.New = len(c.fresh)
	return ok
}

// match pairs messages of equal octets: those that are as they were, those with other flags, and last those that were moved.
func (c *comparing) match(was, is []Entry, first uint32) bool {
	taken := make([]bool, len(is))
	for _, pass := range []struct {
		kind Kind
		same func(a, b *Entry) bool
	}{
		{0, func(a, b *Entry) bool { return a.Mailbox == b.Mailbox && a.Flags == b.Flags }},
		{Flags, func(a, b *Entry) bool { return a.Mailbox == b.Mailbox }},
		{Moved, func(a, b *Entry) bool { return true }},
	} {
		rest := was[:0:0]
		for _, w := range was {
			i := slices.IndexFunc(is, func(e Entry) bool { return pass.same(&w, &e) })
			for i >= 0 && taken[i] {
				j := slices.IndexFunc(is[i+1:], func(e Entry) bool { return pass.same(&w, &e) })
				if i += 1 + j; j < 0 {
					i = -1
				}
			}
			switch {
			case i < 0:
				rest = append(rest, w)
				continue
			case pass.kind == 0:
				c.counts.Same++
			case !c.yield(Change{pass.kind, w, is[i]}, nil):
				return false
			}
			taken[i] = true
		}
		was = rest
	}
	for i := range is {
		if !taken[i] {
			c.fresh = append(c.fresh, first+uint32(i))
		}
	}
	c.gone = append(c.gone, was...)
	return true
}

// replaced tells of what is gone: of those in whose place, by mailbox and Message-ID, something new is.
func (c *comparing) replaced(now iter.Seq2[string, error]) {
	type name struct{ mailbox, id string }
	by := map[name][]int{}
	for i, e := range c.gone {
		if n := (name{e.Mailbox, e.MessageID}); n.id != "" {
			by[n] = append(by[n], i)
		}
	}
	is := map[int]Entry{}
	at, fresh := uint32(0), c.fresh
	for e, err := range parsed(now) {
		if err != nil {
			c.yield(Change{}, err)
			return
		}
		if len(fresh) > 0 && fresh[0] == at {
			fresh = fresh[1:]
			n := name{e.Mailbox, e.MessageID}
			if those := by[n]; len(those) > 0 {
				is[those[0]], by[n] = e, those[1:]
			}
		}
		at++
	}
	for i, e := range c.gone {
		change := Change{Kind: Gone, Was: e}
		if by, ok := is[i]; ok {
			change.Kind, change.Is = Changed, by
			c.counts.New--
		}
		if !c.yield(change, nil) {
			return
		}
	}
}

// parsed gives the messages of lines.
func parsed(lines iter.Seq2[string, error]) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for line, err := range lines {
			var e Entry
			if err == nil {
				e, err = Parse(line)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}
