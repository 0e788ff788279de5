package index

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"slices"

	"postie/maildir"
	"postie/maildir/look"
)

// sibling is a row of the same key in the same folder.
type sibling struct {
	id, twin int64
	entry    maildir.Entry
	wire     maildir.Wire
	keywords maildir.Keywords
}

func scanSibling(rows *sql.Rows) (b sibling, err error) {
	var name string
	var inNew bool
	var hash sql.RawBytes
	err = rows.Scan(&b.id, &b.twin, &name, &inNew, &b.wire.Size, &hash, &b.keywords)
	b.entry = maildir.EntryOf(name, inNew)
	copy(b.wire.Hash[:], hash)
	return b, err
}

// sort finds out what each file is that does not lie where a row says: one that was renamed, a new one, a twin, or
// another name of a known one. Files are read before the transaction begins.
func (r *refresh) sort(ctx context.Context, f folder, table *maildir.KeywordTable, es []maildir.Entry) error {
	var found finds
	for _, e := range es {
		siblings, err := query(ctx, r.s, scanSibling, `SELECT id, twin, key || tail, new, size, hash, keywords FROM message
			WHERE key = ? AND mailbox = ? ORDER BY twin`, string(e.Key), f.id)
		if err != nil {
			return err
		}
		keywords, _ := table.Keywords(e.Letters)
		b, m := r.whose(f, e, siblings)
		switch {
		case b != nil && b.entry.Rel() == e.Rel():
			r.met[b.id] = true
		case b != nil:
			r.met[b.id] = true
			_, unlettered := table.Letters(b.keywords) // kept in the index only
			keywords = maildir.NewKeywords(string(keywords), string(unlettered))
			found.renamed = append(found.renamed, Message{ID: b.id, Entry: e, Flags: maildir.Flags{Set: e.Set, Keywords: keywords}})
		case m != nil && len(siblings) > 0:
			m.Flags.Keywords = keywords
			found.twins = append(found.twins, twin{[]Message{*m}, siblings[len(siblings)-1].twin + 1})
		case m != nil:
			m.Flags.Keywords = keywords
			found.added = append(found.added, *m)
		}
	}
	return r.enter(ctx, found)
}

// finds is what sort found: messages that changed their name (ID, Entry and Flags are set), new ones, and new ones
// whose key the folder has already.
type finds struct {
	renamed, added []Message
	twins          []twin
}

type twin struct {
	message []Message // one
	number  int64
}

// whose finds the row that a file belongs to: the one that names this very file, or one whose own file is not there
// (among twins: of the same content). Without a row it is a new message, or neither: a second name of a known content,
// or nothing that can be read.
func (r *refresh) whose(f folder, e maildir.Entry, siblings []sibling) (*sibling, *Message) {
	var homeless []*sibling
	for i := range siblings {
		b := &siblings[i]
		if b.entry.Rel() == e.Rel() {
			return b, nil
		}
		if !exists(f.dir.Path(b.entry)) {
			homeless = append(homeless, b)
		}
	}
	if len(siblings) == 1 && len(homeless) == 1 {
		return homeless[0], nil // renamed: no need to read it
	}
	m, _ := r.read(f, e)
	if m == nil {
		return nil, nil
	}
	for _, b := range homeless {
		if b.wire.Hash == m.Wire.Hash {
			return b, nil
		}
	}
	if slices.ContainsFunc(siblings, func(b sibling) bool { return b.wire.Hash == m.Wire.Hash }) {
		return nil, nil
	}
	return nil, m
}

// onKnownKey ends an insertion: another process may enter the same file at this moment.
const onKnownKey = `ON CONFLICT DO UPDATE SET
	tail = excluded.tail, new = excluded.new, flags = excluded.flags, keywords = excluded.keywords`

// enter puts into the table what was found. Another process may do the same at this moment.
func (r *refresh) enter(ctx context.Context, found finds) error {
	if len(found.renamed)+len(found.added)+len(found.twins) == 0 {
		return nil
	}
	now := r.s.now()
	err := r.s.write(ctx, func(tx *sql.Tx) error {
		// drop looks for moved messages from here on, also when this refresh is stopped and a later one ends it.
		if _, err := tx.Exec("UPDATE meta SET refresh = (SELECT coalesce(max(id), 0) + 1 FROM message) WHERE refresh IS NULL"); err != nil {
			return err
		}
		if err := insert(tx, found.added, 0, now, onKnownKey); err != nil {
			return err
		}
		for _, t := range found.twins {
			if err := insert(tx, t.message, t.number, now, onKnownKey); err != nil {
				return err
			}
		}
		return each(tx, "UPDATE message SET tail = ?, new = ?, flags = ?, keywords = ? WHERE id = ?", found.renamed, func(m *Message) []any {
			return []any{m.Entry.Name[len(m.Entry.Key):], m.Entry.New, m.Flags.Set, string(m.Flags.Keywords), m.ID}
		}, nil)
	})
	r.done.Added += len(found.added) + len(found.twins)
	r.done.Changed += len(found.renamed)
	return err
}

// read makes a message of a file. It returns nil for what is no message; with again, which is to be tried by the next look, for what
// vanished meanwhile or cannot be read, which is counted.
func (r *refresh) read(f folder, e maildir.Entry) (m *Message, again bool) {
	path := f.dir.Path(e)
	c, err := look.Read(path, &r.header)
	switch none, ok := errors.AsType[*maildir.NotMessage](err); {
	case ok:
		r.s.log.Debug("no message", "path", path, "is", none.Kind)
		return nil, false
	case errors.Is(err, fs.ErrNotExist):
		r.vanished = true
		return nil, true
	case err != nil:
		r.done.Unreadable++
		r.s.log.Warn("message cannot be read", "path", path, "err", err)
		return nil, true
	}
	m = MessageOf(c)
	m.Mailbox, m.Entry, m.Flags = f.name, e, maildir.Flags{Set: e.Set}
	return m, false
}
