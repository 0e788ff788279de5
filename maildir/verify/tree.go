package verify

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"path/filepath"
	"slices"
	"time"

	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/look"
)

// page is how many rows are read at once.
const page = 1024

// ErrRestless is the error of folders in which others change so much that nothing may be said of what is missing.
var ErrRestless = errors.New("the folders did not come to rest while they were read: what is missing there is not told; try again")

// Tree is where the files of a root are, against what the index has.
type Tree struct {
	Options
	Mailboxes []index.Folder
	Closed    map[string]error // mailboxes whose folder cannot be read
	view      *look.View[row]
	folders   []*look.Folder
	at        map[int64]Place // of messages that do not lie where the index says
	missing   map[int64]bool  // messages whose file was not found
	known     map[string]bool // of the files that the index does not know: those that proved to be known messages, by path
}

// Place is where a file was found.
type Place struct {
	Mailbox string
	Dir     maildir.Dir
	Entry   maildir.Entry
}

// Options say what is compared.
type Options struct {
	Store  *index.Store
	Root   string
	Layout maildir.Layout
	Now    func() time.Time // nil: time.Now
}

// row is a message that ought to have a file.
type row struct {
	id       int64
	file     maildir.Entry
	arriving bool // its file may be about to be published, or about to go
}

func (r row) File() maildir.Entry { return r.file }
func (r row) Expected() bool      { return !r.arriving }

// rows gives the rows of a folder to look.
type rows struct{ *index.Store }

func (rows) Same(*look.Folder) (func(row, maildir.Entry) bool, error) { return nil, nil }

// ByKey sorts the rows of one mailbox in the database, which keeps what does not fit into memory elsewhere.
func (s rows) ByKey(ctx context.Context, f *look.Folder) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		if f.ID == 0 {
			return
		}
		all, err := s.Reader().QueryContext(ctx, `SELECT id, key || tail, new, EXISTS (SELECT 1 FROM pair WHERE pair.message = message.id AND state = ?)
			FROM message WHERE mailbox = ? AND key <> '' ORDER BY key, twin`, index.Arriving, f.ID)
		if err != nil {
			yield(row{}, s.Blame(err))
			return
		}
		defer all.Close()
		for all.Next() {
			var r row
			var name string
			var inNew bool
			err := all.Scan(&r.id, &name, &inNew, &r.arriving)
			r.file = maildir.EntryOf(name, inNew)
			if !yield(r, s.Blame(err)) || err != nil {
				return
			}
		}
		if err := all.Err(); err != nil {
			yield(row{}, s.Blame(err))
		}
	}
}

// Look finds out where the files are. No file is opened but those that may be a message under another key. Errors: ErrRestless, those of
// the index and of the system; a folder that cannot be read is in Closed.
func Look(ctx context.Context, o Options) (*Tree, error) {
	t := &Tree{Options: o, Closed: map[string]error{}, at: map[int64]Place{}, missing: map[int64]bool{}, known: map[string]bool{}}
	var err error
	if t.Mailboxes, err = o.Store.Folders(ctx); err != nil {
		return nil, err
	}
	if err := t.others(); err != nil {
		return nil, err
	}
	for _, m := range t.Mailboxes {
		t.folders = append(t.folders, &look.Folder{ID: m.ID, Dir: m.Dir, Known: m.ID != 0})
	}
	if t.view, err = look.Look(ctx, t.folders, rows{o.Store}, look.Options{Now: o.Now, Looks: 10}); err != nil {
		return nil, err
	}
	for i, m := range t.Mailboxes {
		t.take(m, t.view.Of(t.folders[i]))
	}
	if err := t.find(ctx); err != nil {
		return nil, err
	}
	if len(t.missing) > 0 && !t.view.Steady() && len(t.Closed) == 0 {
		return nil, ErrRestless
	}
	return t, nil
}

// Begin locks what is compared, so that no run changes it meanwhile, chooses the sample (nil: no octets are compared), and looks where the files
// are. What cannot be written is not locked. Errors: those of lock, of Sample.Pick and of Look.
func Begin(ctx context.Context, o Options, sample *Sample, lock func(context.Context) (*index.Lock, error)) (t *Tree, release func() error, err error) {
	release = func() error { return nil }
	if o.Store.Writable() == nil {
		held, err := lock(ctx)
		if err != nil {
			return nil, release, err
		}
		release = held.Release
	}
	if sample != nil {
		err = sample.Pick(ctx, o.Store)
	}
	if err == nil {
		t, err = Look(ctx, o)
	}
	return t, release, err
}

// others adds the Maildirs that the index does not know.
func (t *Tree) others() error {
	found, err := t.Layout.Maildirs(t.Root, false)
	if err != nil {
		return err
	}
	for folder, err := range found.Closed {
		t.Closed[folder] = err
	}
	for _, folder := range found.Maildirs {
		dir := maildir.Dir(filepath.Join(t.Root, folder))
		if !slices.ContainsFunc(t.Mailboxes, func(m index.Folder) bool { return filepath.Clean(string(m.Dir)) == filepath.Clean(string(dir)) }) {
			t.Mailboxes = append(t.Mailboxes, index.Folder{Mailbox: folder, Dir: dir})
		}
	}
	return nil
}

// take notes what does not lie where the index says.
func (t *Tree) take(m index.Folder, d *look.Delta[row]) {
	if d.Err != nil {
		t.Closed[m.Mailbox] = d.Err
		return
	}
	for _, seen := range d.Files {
		t.at[seen.Row.id] = Place{m.Mailbox, m.Dir, seen.File}
	}
	for _, rows := range [][]row{d.Missing, d.Lost} {
		for _, r := range rows {
			t.missing[r.id] = true
		}
	}
	for _, r := range d.Absent {
		t.at[r.id] = Place{} // it is on its way
	}
	for _, twins := range d.Twins {
		for i, r := range twins.Rows {
			if i < len(twins.Files) {
				t.at[r.id] = Place{m.Mailbox, m.Dir, twins.Files[i]}
			} else {
				t.missing[r.id] = true
			}
		}
	}
}

// strays gives the files that have no row.
func (t *Tree) strays() iter.Seq[Place] {
	return func(yield func(Place) bool) {
		for i, m := range t.Mailboxes {
			d := t.view.Of(t.folders[i])
			for e := range d.New.All() {
				if !yield(Place{m.Mailbox, m.Dir, e}) {
					return
				}
			}
			for _, twins := range d.Twins {
				for _, e := range twins.Files[min(len(twins.Rows), len(twins.Files)):] {
					if !yield(Place{m.Mailbox, m.Dir, e}) {
						return
					}
				}
			}
		}
	}
}

// find finds files of messages that are missing, in another folder or under another key.
func (t *Tree) find(ctx context.Context) error {
	if len(t.missing) == 0 {
		return nil
	}
	byKey, byWire := map[maildir.Key][]int64{}, map[maildir.Wire][]int64{}
	for ids := range slices.Chunk(keys(t.missing), page) {
		ms, err := t.Store.ByIDs(ctx, ids)
		if err != nil {
			return err
		}
		owns, err := t.Store.Owns(ctx, ids)
		if err != nil {
			return err
		}
		for _, m := range ms {
			byKey[m.Entry.Key] = append(byKey[m.Entry.Key], m.ID)
			w := maildir.Wire{Hash: cmp.Or(owns[m.ID], m.Wire.Hash)}
			byWire[w] = append(byWire[w], m.ID)
		}
	}
	take := func(ids []int64, p Place) bool {
		i := slices.IndexFunc(ids, func(id int64) bool { return t.missing[id] })
		if i < 0 {
			return false
		}
		t.at[ids[i]], t.known[p.Dir.Path(p.Entry)] = p, true
		delete(t.missing, ids[i])
		return true
	}
	for p := range t.strays() {
		take(byKey[p.Entry.Key], p)
	}
	for p := range t.strays() {
		if len(t.missing) == 0 || ctx.Err() != nil {
			break
		}
		if t.known[p.Dir.Path(p.Entry)] {
			continue
		}
		if w, err := maildir.WireAt(p.Dir.Path(p.Entry)); err == nil {
			take(byWire[maildir.Wire{Hash: w.Hash}], p)
		}
	}
	return ctx.Err()
}

func keys(m map[int64]bool) []int64 {
	all := make([]int64, 0, len(m))
	for id := range m {
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}

// Unknown gives the files that the index does not know.
func (t *Tree) Unknown() iter.Seq[Place] {
	return func(yield func(Place) bool) {
		for p := range t.strays() {
			if !t.known[p.Dir.Path(p.Entry)] && !yield(p) {
				return
			}
		}
	}
}

// Place says where the file of a message is. It says false where it is missing, or on its way.
func (t *Tree) Place(m index.Message) (p Place, ok bool) {
	if t.missing[m.ID] || m.Entry.Name == "" {
		return Place{}, false
	}
	if p, ok := t.at[m.ID]; ok {
		return p, p.Entry.Name != ""
	}
	return Place{m.Mailbox, t.Store.DirOf(m), m.Entry}, true
}

// Missing says whether the file of a message is not there.
func (t *Tree) Missing(id int64) bool { return t.missing[id] }
