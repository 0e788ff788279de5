package look

import (
	"bytes"
	"cmp"
	"io/fs"
	"os"
	"slices"

	"postie/maildir"
)

// listing are the names of the files of a folder. There may be a million of them: none costs much more than its octets.
type listing struct {
	blocks [][]byte // each name behind its folder's letter and before a NUL, which no name has
	at     []uint32 // where each begins: block and octet

	odd map[uint32]fs.FileMode // the types of those that are no files
}

// A block holds far more than the longest name that there can be; all together hold four GiB.
const blockBits = 16

// take takes what a reading met.
func (l *listing) take(e maildir.Lying) {
	l.add(e.Entry)
	if e.Type == 0 {
		return
	}
	if l.odd == nil {
		l.odd = map[uint32]fs.FileMode{}
	}
	l.odd[l.at[len(l.at)-1]] = e.Type
}

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
	for _, end := range []byte{',', ':'} { // sorting does little else, and IndexAny takes longer
		if i := bytes.IndexByte(name, end); i >= 0 {
			name = name[:i]
		}
	}
	return name
}

func (l *listing) entry(at uint32) maildir.Entry {
	name := l.name(at)
	return maildir.EntryOf(string(name[1:]), name[0] == 'n')
}

// lies says whether a name is that of an entry.
func (l *listing) lies(at uint32, e maildir.Entry) bool {
	name := l.name(at)
	return (name[0] == 'n') == e.New && string(name[1:]) == e.Name
}

// sort puts them in the order of their keys; those of one key stay in the order in which they were read.
func (l *listing) sort() {
	slices.SortFunc(l.at, func(a, b uint32) int { return cmp.Or(bytes.Compare(l.key(a), l.key(b)), cmp.Compare(a, b)) })
}

// has says whether one of these, which are sorted, has that key.
func (l *listing) has(sorted []uint32, key maildir.Key) bool {
	_, ok := slices.BinarySearchFunc(sorted, string(key), func(at uint32, key string) int { return cmp.Compare(string(l.key(at)), key) })
	return ok
}

// group is how many names of a sorted listing, from the first on, have one key.
func (l *listing) group(at []uint32) int {
	n := 1
	for n < len(at) && bytes.Equal(l.key(at[0]), l.key(at[n])) {
		n++
	}
	return n
}

// there are the files of one key that are there: a reading during renames meets a file under its old name and its new one.
func (l *listing) there(dir maildir.Dir, at []uint32) (there []maildir.Entry) {
	for _, n := range at {
		e := l.entry(n)
		known := slices.ContainsFunc(there, func(o maildir.Entry) bool { return o.Rel() == e.Rel() })
		if _, err := os.Lstat(dir.Path(e)); err == nil && !known {
			there = append(there, e)
		}
	}
	if len(there) == 0 { // it has one more name by now, which another reading will meet
		there = append(there, l.entry(at[len(at)-1]))
	}
	return there
}
