package mirror

import (
	"bytes"
	"cmp"
	"iter"
	"slices"

	"postie/maildir"
)

// listing are the names of the files of a folder. There may be a million of them: none costs much more than its octets.
type listing struct {
	blocks [][]byte // each name behind its folder's letter and before a NUL, which no name has
	at     []uint32 // where each begins: block and octet
}

// A block holds far more than the longest name that there can be; all together hold four GiB.
const blockBits = 16

// add takes an entry.
func (l *listing) add(e maildir.Entry) {
	last := len(l.blocks) - 1
	if last < 0 || len(l.blocks[last])+len(e.Name)+2 > 1<<blockBits {
		l.blocks = append(l.blocks, nil)
		last++
	}
	block := l.blocks[last]
	l.at = append(l.at, uint32(last<<blockBits|len(block)))
	sub := byte('c')
	if e.New {
		sub = 'n'
	}
	l.blocks[last] = append(append(append(block, sub), e.Name...), 0)
}

// name is a name behind its folder's letter.
func (l *listing) name(at uint32) []byte {
	rest := l.blocks[at>>blockBits][at&(1<<blockBits-1):]
	return rest[:bytes.IndexByte(rest, 0)]
}

func (l *listing) key(at uint32) []byte {
	name := l.name(at)[1:]
	if i := bytes.IndexAny(name, ",:"); i >= 0 {
		return name[:i]
	}
	return name
}

func (l *listing) entry(at uint32) maildir.Entry {
	name := l.name(at)
	return maildir.EntryOf(string(name[1:]), name[0] == 'n')
}

// sort puts them in the order of their keys; those of one key stay in the order in which they were read.
func (l *listing) sort() {
	slices.SortFunc(l.at, func(a, b uint32) int { return cmp.Or(bytes.Compare(l.key(a), l.key(b)), cmp.Compare(a, b)) })
}

// all gives the entries in their order.
func (l *listing) all() iter.Seq[maildir.Entry] {
	return func(yield func(maildir.Entry) bool) {
		for _, at := range l.at {
			if !yield(l.entry(at)) {
				return
			}
		}
	}
}

// find is the entry of a key in a listing that is sorted and holds it.
func (l *listing) find(key maildir.Key) maildir.Entry {
	i, _ := slices.BinarySearchFunc(l.at, string(key), func(at uint32, key string) int { return cmp.Compare(string(l.key(at)), key) })
	return l.entry(l.at[i])
}

// unique sorts a listing. Of several that have the same key, which renaming makes, that is taken which is there; twins are
// those of which more are there.
func (b *box) unique(l *listing) (twins []maildir.Entry) {
	l.sort()
	out := l.at[:0]
	for _, at := range l.at {
		last := len(out) - 1
		if last < 0 || !bytes.Equal(l.key(out[last]), l.key(at)) {
			out = append(out, at)
			continue
		}
		switch first, e := l.entry(out[last]), l.entry(at); {
		case first.Rel() == e.Rel():
		case !exists(b.dir.Path(first)):
			out[last] = at
		case exists(b.dir.Path(e)):
			twins = append(twins, e)
		}
	}
	l.at = out
	return twins
}
