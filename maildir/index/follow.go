package index

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"path"
	"slices"

	"postie/maildir"
)

// Follow looks what other programs did to mailboxes that mirror keeps, which Refresh leaves alone. Rows follow files that
// were renamed, or moved to another of these mailboxes; a file that is new gets a row, and with it a NUMBER. What that
// means for the server is decided by the next sync: the base stays as it is. It returns the NUMBERs that are not to be shown
// until then: their file is gone, or a wish deletes them. They are true also beside an error, for whoever can only read.
func (s *Store) Follow(ctx context.Context) (hidden map[int64]bool, err error) {
	w := &following{s: s, reader: refresh{s: s}, hidden: map[int64]bool{}, keys: map[maildir.Dir]map[maildir.Key]bool{}}
	ids, err := query(ctx, s, number, "SELECT p.message FROM wish w JOIN pair p ON p.box = w.box AND p.uid = w.uid WHERE w.remove <> 0")
	for _, id := range ids {
		w.hidden[id] = true
	}
	if err == nil {
		err = w.look(ctx)
	}
	if err == nil {
		err = w.place(ctx)
	}
	if err == nil {
		err = w.record(ctx)
	}
	return w.hidden, verb("look into folders", err)
}

// following is one Follow at work.
type following struct {
	s       *Store
	reader  refresh
	hidden  map[int64]bool
	changed []folder  // that were scanned
	renamed []Message // as they are now, as are those below
	missing []Message // their file is gone; as they were
	strays  []Message // files without a row: Mailbox, Entry and folder are known
	added   []Message
	wild    map[string]bool                      // mailboxes that are to be scanned again next time
	byHash  map[[32]byte][]Message               // missing
	keys    map[maildir.Dir]map[maildir.Key]bool // in folders that were scanned once more
}

// look scans the folders that have changed.
func (w *following) look(ctx context.Context) error {
	folders, err := query(ctx, w.s, func(rows *sql.Rows) (f folder, err error) {
		err = rows.Scan(&f.id, &f.name, &f.stamp, &f.path, &f.agreed)
		f.dir = w.s.dirOf(Message{folder: f.path})
		return f, err
	}, "SELECT id, name, stamp, folder, EXISTS (SELECT 1 FROM box WHERE mailbox = mailbox.id) FROM mailbox WHERE folder IS NOT NULL ORDER BY id")
	w.wild = map[string]bool{}
	for i := 0; i < len(folders) && err == nil; i++ {
		err = w.folder(ctx, folders[i])
	}
	return err
}

func (w *following) folder(ctx context.Context, f folder) error {
	began := w.s.now()
	stamp, lost, err := f.dir.Parts()
	if len(lost) == 2 && !f.agreed { // with its folder a mailbox goes that no account knows
		lost = nil
	} else if f.lost = lost; err != nil || len(lost) == 2 || f.stamp == text(stamp) {
		return err // what vanished is sync's to judge
	}
	k, err := w.s.known(ctx, f.id)
	if err == nil && stamp != (maildir.Stamp{}) {
		err = w.scan(ctx, f, k)
	}
	if err == nil {
		err = w.gone(ctx, f, k)
	}
	f.stamp = text(stamp)
	w.changed = append(w.changed, f)
	w.wild[f.name] = w.wild[f.name] || !stamp.Settled(began)
	return err
}

// scan finds the files of a folder that have other names now, or no row, and lets k see them all.
func (w *following) scan(ctx context.Context, f folder, k *known) error {
	table, err := f.dir.Keywords()
	if err != nil {
		return err
	}
	for e, err := range f.dir.ScanBut(f.lost) {
		if err != nil {
			return err
		}
		if k.see(e) {
			continue
		}
		ms, err := w.s.messages(ctx, "m.mailbox = ? AND m.key = ? AND m.twin = 0", f.id, string(e.Key))
		if err != nil {
			return err
		}
		if len(ms) == 0 {
			w.strays = append(w.strays, Message{Mailbox: f.name, Entry: e, folder: f.path})
			continue
		}
		m := ms[0]
		m.Entry, m.Flags = e, table.Flags(e, m.Flags.Keywords)
		w.renamed = append(w.renamed, m)
		k.moved[m.ID] = true
	}
	return nil
}

// gone finds the rows of a folder that have a body, but no file. Of those that were arriving, or being freed, when a run was stopped,
// the server has the message.
func (w *following) gone(ctx context.Context, f folder, k *known) error {
	for _, id := range k.missing() {
		ms, err := w.s.messages(ctx, "m.id = ? AND m.key <> '' AND NOT EXISTS (SELECT 1 FROM pair WHERE message = m.id AND state = ?)", id, arriving)
		if err != nil {
			return err
		}
		if len(ms) > 0 && !exists(w.s.Path(ms[0])) && !slices.Contains(f.lost, path.Dir(ms[0].Entry.Rel())) {
			w.missing = append(w.missing, ms[0])
			w.hidden[id] = true
			w.wild[ms[0].Mailbox] = true
		}
	}
	return nil
}

// place finds out what each stray is: a message that was moved here, under its key or another, or a new one.
func (w *following) place(ctx context.Context) error {
	for _, stray := range w.strays {
		table, err := w.s.dirOf(stray).Keywords()
		if err != nil {
			return err
		}
		ms, err := w.s.messages(ctx, "m.key = ? AND m.twin = 0 AND b.folder IS NOT NULL", string(stray.Entry.Key))
		if err != nil {
			return err
		}
		var m *Message
		if len(ms) == 0 || !w.left(&ms[0]) {
			var again bool
			if m, again = w.reader.read(folder{name: stray.Mailbox, dir: w.s.dirOf(stray)}, stray.Entry); m == nil {
				w.wild[stray.Mailbox] = w.wild[stray.Mailbox] || again
				continue
			}
			ms = w.like(m)
		}
		if len(ms) == 0 {
			m.folder, m.Flags = stray.folder, table.Flags(stray.Entry, "")
			w.added = append(w.added, *m)
			continue
		}
		moved := ms[0]
		from, err := w.s.dirOf(moved).Keywords()
		if err != nil {
			return err
		}
		moved.Flags = maildir.Flags{Set: stray.Entry.Set, Keywords: maildir.Carried(stray.Entry.Letters, moved.Entry.Letters, moved.Flags.Keywords, &from, &table)}
		moved.Mailbox, moved.folder, moved.Entry = stray.Mailbox, stray.folder, stray.Entry
		w.renamed = append(w.renamed, moved)
		delete(w.hidden, moved.ID)
	}
	return nil
}

// like is the first message whose file is gone and had this content, if there is one.
func (w *following) like(m *Message) []Message {
	if w.byHash == nil {
		w.byHash = map[[32]byte][]Message{}
		for _, o := range w.missing {
			w.byHash[o.Wire.Hash] = append(w.byHash[o.Wire.Hash], o)
		}
	}
	for _, o := range w.byHash[m.Wire.Hash] {
		if w.hidden[o.ID] && o.Header == m.Header && o.Wire.Size == m.Wire.Size && w.left(&o) {
			return []Message{o}
		}
	}
	return nil
}

// left reports whether the file of a message is not in its folder any more, under whatever name: a second scan did not see
// it either, one for all messages of a folder.
func (w *following) left(m *Message) bool {
	if exists(w.s.Path(*m)) {
		return false
	}
	dir := w.s.dirOf(*m)
	if w.keys[dir] == nil {
		seen := map[maildir.Key]bool{}
		for e, err := range dir.Scan() {
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return false
			}
			seen[e.Key] = true
		}
		w.keys[dir] = seen
	}
	return !w.keys[dir][m.Entry.Key]
}

// record writes down what was found, in short transactions, and last that the folders were seen.
func (w *following) record(ctx context.Context) error {
	for ms := range slices.Chunk(w.added, refreshChunk) {
		if err := w.s.write(ctx, func(tx *sql.Tx) error { return insert(tx, ms, 0, w.s.now(), onKnownKey) }); err != nil {
			return err
		}
	}
	var stamps []folder
	for _, f := range w.changed {
		if !w.wild[f.name] && w.s.why == nil { // a copy does not last
			stamps = append(stamps, f)
		}
	}
	if len(w.renamed)+len(w.missing)+len(stamps) == 0 {
		return nil
	}
	return w.s.write(ctx, func(tx *sql.Tx) error {
		for i := range w.renamed {
			if err := place(tx, &w.renamed[i], w.renamed[i].Mailbox); err != nil {
				return err
			}
		}
		// A row that the base does not know goes with its file.
		err := each(tx, "DELETE FROM message WHERE id = ? AND key = ? AND mailbox = (SELECT id FROM mailbox WHERE name = ?) AND "+unpaired,
			w.missing, func(m *Message) []any { return []any{m.ID, string(m.Entry.Key), m.Mailbox} }, nil)
		if err != nil {
			return err
		}
		return each(tx, "UPDATE mailbox SET stamp = ? WHERE id = ?", stamps, func(f *folder) []any { return []any{f.stamp, f.id} }, nil)
	})
}
