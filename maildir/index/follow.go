package index

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"path"
	"slices"

	"postie/maildir"
	"postie/maildir/look"
)

// Follow looks what other programs did to mailboxes that mirror keeps, which Refresh leaves alone. Rows follow files that
// were renamed, or moved to another of these mailboxes; a file that is new gets a row, and with it a NUMBER. What that
// means for the server is decided by the next sync: the base stays as it is. It returns the NUMBERs that are not to be shown
// until then: their file is gone, or a pending change deletes them. They are true also beside an error, for whoever can only read.
func (s *Store) Follow(ctx context.Context) (hidden map[int64]bool, err error) {
	w := &following{s: s, reader: refresh{s: s}, with: map[int64]string{}, hidden: map[int64]bool{}, placed: map[int64]bool{}, again: map[string]bool{}}
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
	folders []folder
	seen    []*look.Folder // of folders
	view    *look.View[knownRow]
	changed []folder         // that were read; as they are to be recorded
	with    map[int64]string // the folder that those of missing were lost with
	renamed []Message        // as they are now, as are those below
	missing []Message        // their file was not seen; as they were
	strays  []Message        // files without a row: Mailbox, Entry and folder are known
	added   []Message
	again   map[string]bool        // mailboxes that are to be read again next time
	placed  map[int64]bool         // missing, and found elsewhere
	byHash  map[[32]byte][]Message // missing
}

// look reads the folders that have changed.
func (w *following) look(ctx context.Context) (err error) {
	w.folders, err = query(ctx, w.s, func(rows *sql.Rows) (f folder, err error) {
		err = rows.Scan(&f.id, &f.name, &f.stamp, &f.path, &f.agreed)
		f.dir = w.s.DirOf(Message{folder: f.path})
		return f, err
	}, "SELECT id, name, stamp, folder, EXISTS (SELECT 1 FROM box WHERE mailbox = mailbox.id) FROM mailbox WHERE folder IS NOT NULL ORDER BY id")
	for _, f := range w.folders {
		w.seen = append(w.seen, f.look())
	}
	if err == nil {
		w.view, err = look.Look(ctx, w.seen, known{s: w.s}, look.Options{Now: w.s.now})
	}
	if err != nil {
		return err
	}
	var closed error
	for i, f := range w.folders {
		d := w.view.Of(w.seen[i])
		closed = errors.Join(closed, d.Err)
		switch {
		case d.Gone && !f.agreed: // with its folder a mailbox goes that no account knows; else it is sync's to judge
			err = w.gone(ctx, d.Lost, func(knownRow) string { return f.name })
		case d.Read && !d.Gone:
			err = w.folder(ctx, f, d)
		}
		if err != nil {
			return err
		}
	}
	return closed
}

// folder takes what one folder and its rows differ in.
func (w *following) folder(ctx context.Context, f folder, d *look.Delta[knownRow]) error {
	table, err := f.dir.Keywords()
	if err != nil {
		return err
	}
	for e := range d.New.All() {
		w.strays = append(w.strays, Message{Mailbox: f.name, Entry: e, folder: f.path})
	}
	files := d.Files
	for _, t := range d.Twins { // sync parts them
		w.again[f.name] = true
		if len(t.Rows) == 0 {
			w.strays = append(w.strays, Message{Mailbox: f.name, Entry: t.Files[0], folder: f.path})
		} else if t.Rows[0].file.Rel() != t.Files[0].Rel() {
			files = append(files, look.Seen[knownRow]{Row: t.Rows[0], File: t.Files[0]})
		}
	}
	for _, seen := range files {
		ms, err := w.s.messages(ctx, "m.id = ?", seen.Row.id)
		if err != nil {
			return err
		}
		for _, m := range ms { // one, or none by now
			m.Entry, m.Flags = seen.File, table.Flags(seen.File, m.Flags.Keywords)
			w.renamed = append(w.renamed, m)
		}
	}
	f.now = d
	w.changed = append(w.changed, f)
	if err := w.gone(ctx, lostAnew(d), func(row knownRow) string { return f.name + "/" + path.Dir(row.file.Rel()) }); err != nil {
		return err
	}
	return w.gone(ctx, d.Missing, func(knownRow) string { return "" })
}

// gone takes the rows of a folder that have a body, but no file. Of those that were Arriving, or being freed, when a run was stopped,
// the server has the message. with says with which folder a row was lost.
func (w *following) gone(ctx context.Context, rows []knownRow, with func(knownRow) string) error {
	for _, row := range rows {
		ms, err := w.s.messages(ctx, "m.id = ? AND m.key <> '' AND NOT EXISTS (SELECT 1 FROM pair WHERE message = m.id AND state = ?)", row.id, Arriving)
		if err != nil {
			return err
		}
		if len(ms) > 0 && !exists(w.s.Path(ms[0])) {
			w.missing = append(w.missing, ms[0])
			w.with[row.id] = with(row)
			w.again[ms[0].Mailbox] = true
		}
	}
	return nil
}

// place finds out what each stray is: a message that was moved here, under its key or another, or a new one.
func (w *following) place(ctx context.Context) error {
	for _, stray := range w.strays {
		table, err := w.s.DirOf(stray).Keywords()
		if err != nil {
			return err
		}
		known, err := w.s.messages(ctx, "m.key = ? AND m.twin = 0 AND b.folder IS NOT NULL", string(stray.Entry.Key))
		if err != nil {
			return err
		}
		var m *Message // read only if its key does not tell
		read := func() *Message {
			var again bool
			m, again = w.reader.read(folder{name: stray.Mailbox, dir: w.s.DirOf(stray)}, stray.Entry)
			w.again[stray.Mailbox] = w.again[stray.Mailbox] || again
			return m
		}
		moved, ok := maildir.Moved(stray.Entry.Key, w.like(known, read), keyOf)
		switch {
		case ok:
		case m == nil:
			w.doubt(stray.Mailbox)
			continue
		default:
			m.folder, m.Flags = stray.folder, table.Flags(stray.Entry, "")
			w.added = append(w.added, *m)
			continue
		}
		from, err := w.s.DirOf(moved).Keywords()
		if err != nil {
			return err
		}
		moved.Flags = maildir.Flags{Set: stray.Entry.Set, Keywords: maildir.Carried(stray.Entry.Letters, moved.Entry.Letters, moved.Flags.Keywords, &from, &table)}
		moved.Mailbox, moved.folder, moved.Entry = stray.Mailbox, stray.folder, stray.Entry
		w.renamed = append(w.renamed, moved)
		w.placed[moved.ID] = true
	}
	for _, m := range w.missing {
		if w.view.Steady() && !w.placed[m.ID] {
			w.hidden[m.ID] = true
		}
	}
	return nil
}

// doubt passes on that a file of a mailbox was gone when it was to be read.
func (w *following) doubt(mailbox string) {
	for i, f := range w.folders {
		if w.reader.vanished && f.name == mailbox {
			w.view.Doubt(w.seen[i])
		}
	}
	w.reader.vanished = false
}

// like are the messages that a file may be: of known, which have its key, one whose own file is gone; and those whose file is missing and that
// have its content, for which it is read.
func (w *following) like(known []Message, read func() *Message) iter.Seq[Message] {
	if w.byHash == nil {
		w.byHash = map[[32]byte][]Message{}
		for _, o := range w.missing {
			w.byHash[o.Wire.Hash] = append(w.byHash[o.Wire.Hash], o)
		}
	}
	return func(yield func(Message) bool) {
		for _, o := range known {
			if w.left(&o) && !w.placed[o.ID] && !yield(o) {
				return
			}
		}
		m := read()
		if m == nil {
			return
		}
		for _, o := range w.byHash[m.Wire.Hash] {
			if m.is(&o) && !w.placed[o.ID] && !yield(o) {
				return
			}
		}
	}
}

// left reports whether the file of a message is not in its folder any more, under whatever name.
func (w *following) left(m *Message) bool {
	i := slices.IndexFunc(w.folders, func(f folder) bool { return f.name == m.Mailbox })
	return i >= 0 && w.view.Lacks(w.seen[i], m.Entry.Key) && !exists(w.s.Path(*m))
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
		stamp := f.now.Stamp
		if w.again[f.name] {
			stamp = maildir.Stamp{}
		}
		text := maildir.Record(stamp, f.now.Places)
		if text != f.stamp && w.s.why == nil && len(f.now.Without) == 0 && w.view.Steady() { // a copy does not last
			f.stamp = text
			stamps = append(stamps, f)
		}
	}
	var gone []Message
	if w.view.Steady() {
		gone = w.missing
	}
	if len(w.renamed)+len(gone)+len(stamps) == 0 {
		return nil
	}
	return w.s.write(ctx, func(tx *sql.Tx) error {
		for i := range w.renamed {
			if err := place(tx, &w.renamed[i], w.renamed[i].Mailbox); err != nil {
				return err
			}
		}
		// A row that the base does not know goes with its file.
		err := each(tx, "DELETE FROM message WHERE id = ? AND key = ? AND mailbox = (SELECT id FROM mailbox WHERE name = ?) AND "+Unpaired,
			gone, func(m *Message) []any { return []any{m.ID, string(m.Entry.Key), m.Mailbox} }, nil)
		if err != nil {
			return err
		}
		for _, m := range gone {
			if with := w.with[m.ID]; with != "" && !w.placed[m.ID] {
				if err := lostWith(tx, m.Entry.Key, with); err != nil {
					return err
				}
			}
		}
		return each(tx, "UPDATE mailbox SET stamp = ? WHERE id = ?", stamps, func(f *folder) []any { return []any{f.stamp, f.id} }, nil)
	})
}
