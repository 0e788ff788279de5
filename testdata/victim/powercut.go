package victim

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Op is a system call that changed files: what a power cut may undo as long as no fsync vouches for it.
type Op struct {
	Do       string // open, write, truncate, fsync, rename, link, unlink, mkdir; at the end of a log: end
	Path, To string
	Offset   int64
	Data     []byte
	New, Cut bool // of open: it made the file, or emptied it
	Before   int  // how many calls had ended when this one began: those are what an fsync vouches for
	Count    int  // of end: how many calls were counted
}

// Ops reads the log of a Fault, and how many calls were counted.
func Ops(path string) (ops []Op, count int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	for lines := json.NewDecoder(f); ; {
		var op Op
		if err := lines.Decode(&op); errors.Is(err, io.EOF) {
			return ops, count, nil
		} else if err != nil {
			return nil, 0, err
		}
		if op.Do == "end" {
			return ops, op.Count, nil
		}
		ops = append(ops, op)
	}
}

// disk is a tree of files as a kernel has it, and what of that has reached the disk.
type disk struct {
	root  string
	names map[string]*inode // as programs see them
	solid map[string]*inode // as they are on the disk
	loose []naming          // changes of names that no fsync vouches for
}

// inode is a file or a folder.
type inode struct {
	folder  bool
	solid   []byte // what is on the disk
	pending []change
}

// change is one of a file's content that no fsync vouches for.
type change struct {
	at     int // number of the call
	offset int64
	data   []byte // nil: the file ends at offset
}

// naming gives a name in a folder to a file, or takes it away. The two of a rename are one, as file systems with a journal have it.
type naming struct {
	at    int
	path  string
	to    *inode // nil: the name is gone
	needs int    // index of the naming without which this one is not; -1: none
}

// load reads a tree that is on the disk as it is.
func load(root string) (*disk, error) {
	d := &disk{root: root, names: map[string]*inode{}, solid: map[string]*inode{}}
	return d, filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		n := &inode{folder: e.IsDir()}
		if e.Type().IsRegular() {
			n.solid, err = os.ReadFile(path)
		}
		d.names[path], d.solid[path] = n, n
		return err
	})
}

// do carries out the call of number at. original is the root that its paths name.
func (d *disk) do(at int, op Op, original string) {
	here := func(path string) string { return d.root + strings.TrimPrefix(path, original) }
	path, to := here(op.Path), here(op.To)
	n := d.names[path]
	switch op.Do {
	case "open":
		if n == nil || op.New {
			n = &inode{}
			d.name(at, path, n, -1)
		} else if op.Cut {
			n.pending = append(n.pending, change{at, 0, nil})
		}
	case "mkdir":
		d.name(at, path, &inode{folder: true}, -1)
	case "write":
		if n != nil {
			n.pending = append(n.pending, change{at, op.Offset, append([]byte{}, op.Data...)})
		}
	case "truncate":
		if n != nil {
			n.pending = append(n.pending, change{at, op.Offset, nil})
		}
	case "link":
		d.name(at, to, n, -1)
	case "rename":
		for old, m := range d.names { // what lies in a folder goes with it
			if rest, in := strings.CutPrefix(old, path+"/"); in {
				d.name(at, to+"/"+rest, m, -1)
			}
		}
		d.name(at, to, n, -1)
		d.name(at, path, nil, len(d.loose)-1)
	case "unlink":
		d.name(at, path, nil, -1)
	case "fsync":
		d.sync(path, n, op.Before)
	}
}

func (d *disk) name(at int, path string, n *inode, needs int) {
	if d.names[path] = n; n == nil {
		delete(d.names, path)
	}
	d.loose = append(d.loose, naming{at, path, n, needs})
}

// sync makes what was done to a file, or to the names in a folder, before a call solid.
func (d *disk) sync(path string, n *inode, before int) {
	if n == nil {
		return
	}
	var rest []change
	for _, c := range n.pending {
		if c.at < before {
			n.solid = c.apply(n.solid, false)
		} else {
			rest = append(rest, c)
		}
	}
	n.pending = rest
	if !n.folder {
		return
	}
	kept := make([]bool, len(d.loose))
	for i, c := range d.loose {
		if c.at < before && filepath.Dir(c.path) == path {
			for k := i; k >= 0; k = d.loose[k].needs {
				kept[k] = true
			}
		}
	}
	for i, c := range d.loose {
		kept[i] = kept[i] || c.needs >= 0 && kept[c.needs]
	}
	d.settle(kept)
}

// settle makes namings solid, and forgets them; the others stay pending.
func (d *disk) settle(kept []bool) {
	var rest []naming
	place := make([]int, len(kept))
	for i, c := range d.loose {
		if kept[i] {
			set(d.solid, c)
			continue
		}
		if place[i] = len(rest); c.needs >= 0 {
			if c.needs = place[c.needs]; kept[d.loose[i].needs] {
				c.needs = -1
			}
		}
		rest = append(rest, c)
	}
	d.loose = rest
}

func set(names map[string]*inode, c naming) {
	if names[c.path] = c.to; c.to == nil {
		delete(names, c.path)
	}
}

// apply is a content after a change; torn: of which only the first half was written.
func (c change) apply(content []byte, torn bool) []byte {
	if c.data == nil {
		if int64(len(content)) > c.offset {
			return slices.Clip(content[:c.offset])
		}
		return append(slices.Clip(content), make([]byte, c.offset-int64(len(content)))...)
	}
	content = slices.Clone(content)
	if end := int(c.offset) + len(c.data); end > len(content) {
		content = append(content, make([]byte, end-len(content))...)
	}
	data := c.data
	if torn {
		data = data[:len(data)/2]
	}
	copy(content[c.offset:], data)
	return content
}

// Images is how many of the trees that a power cut may leave are no chance.
const Images = 4

// AfterPowerCut makes the tree that was at root when ops began, and of which before is a copy, as a power cut may leave it behind ops: what an
// fsync vouches for is there; of all else, image 0 keeps nothing, 1 names only, 2 contents only, 3 everything, and any further one what
// chance has it, contents also in part. The memory that processes share (-shm) is gone.
func AfterPowerCut(before, root string, ops []Op, image int, into string) error {
	d, err := load(before)
	if err != nil {
		return err
	}
	for at, op := range ops {
		d.do(at, op, root)
	}
	random := rand.New(rand.NewPCG(uint64(image), uint64(len(ops))))
	chance := func(always bool) bool {
		if image < Images {
			return always
		}
		return random.IntN(2) == 0
	}
	kept := make([]bool, len(d.loose))
	for i, c := range d.loose {
		kept[i] = chance(image == 1 || image == 3)
		if c.needs >= 0 {
			kept[i] = kept[c.needs]
		}
	}
	d.settle(kept)
	for _, path := range sorted(d.solid) {
		n := d.solid[path]
		to := into + strings.TrimPrefix(path, before)
		if parent := d.solid[filepath.Dir(path)]; path != before && (parent == nil || !parent.folder) || strings.HasSuffix(path, "-shm") {
			delete(d.solid, path) // with the folder it was in
			continue
		}
		if n.folder {
			err = os.Mkdir(to, 0o700)
		} else {
			content := n.solid
			for _, c := range n.pending {
				if chance(image >= 2) {
					content = c.apply(content, image >= Images && random.IntN(3) == 0)
				}
			}
			err = os.WriteFile(to, content, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func sorted(names map[string]*inode) (all []string) {
	for path := range names {
		all = append(all, path)
	}
	slices.Sort(all)
	return all
}
