package index

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"postie/maildir"
)

// Follow looks what other programs did to mailboxes that mirror keeps, which Refresh leaves alone: rows follow files
// that were renamed. Nothing is decided about what is missing or new; that is for the next sync, which knows the server.
// It returns the NUMBERs that are not to be shown until then: their file is gone, or a wish takes them away.
func (s *Store) Follow(ctx context.Context) (hidden map[int64]bool, err error) {
	hidden = map[int64]bool{}
	ids, err := query(ctx, s, number, "SELECT p.message FROM wish w JOIN pair p ON p.box = w.box AND p.uid = w.uid WHERE w.remove <> 0 OR w.dest <> ''")
	if err != nil {
		return nil, verb("read index", err)
	}
	for _, id := range ids {
		hidden[id] = true
	}
	folders, err := query(ctx, s, func(rows *sql.Rows) (f folder, err error) {
		var path string
		err = rows.Scan(&f.id, &f.name, &f.stamp, &path)
		f.dir = s.dirOf(Message{folder: path})
		return f, err
	}, "SELECT id, name, stamp, folder FROM mailbox WHERE folder IS NOT NULL ORDER BY id")
	for i := 0; i < len(folders) && err == nil; i++ {
		err = s.follow(ctx, folders[i], hidden)
	}
	return hidden, verb("look into folders", err)
}

func (s *Store) follow(ctx context.Context, f folder, hidden map[int64]bool) error {
	began := s.now()
	stamp, err := f.dir.Stamp()
	if errors.Is(err, fs.ErrNotExist) || err == nil && f.stamp == text(stamp) {
		return nil // a folder that vanished is sync's to judge
	}
	if err != nil {
		return err
	}
	k, err := s.known(ctx, f.id)
	if err != nil {
		return err
	}
	renamed, err := s.renamed(ctx, f, k)
	if err != nil {
		return err
	}
	gone, err := s.gone(ctx, k)
	if err != nil {
		return err
	}
	for _, id := range gone {
		hidden[id] = true
	}
	settled := len(gone) == 0 && stamp.Settled(began)
	if len(renamed) == 0 && !settled {
		return nil
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		for i := range renamed {
			if err := place(tx, &renamed[i], f.name); err != nil {
				return err
			}
		}
		if !settled {
			return nil
		}
		_, err := tx.Exec("UPDATE mailbox SET stamp = ? WHERE id = ?", text(stamp), f.id)
		return err
	})
}

// renamed lists the known messages of a folder whose files have other names now, as they are now, and lets k see them all.
func (s *Store) renamed(ctx context.Context, f folder, k *known) ([]Message, error) {
	table, err := f.dir.Keywords()
	if err != nil {
		return nil, err
	}
	var renamed []Message
	for e, err := range f.dir.Scan() {
		if err != nil {
			return nil, err
		}
		if k.see(e) {
			continue
		}
		ms, err := s.messages(ctx, "m.mailbox = ? AND m.key = ? AND m.twin = 0", f.id, string(e.Key))
		if err != nil {
			return nil, err
		}
		if len(ms) == 1 {
			m := ms[0]
			listed, _ := table.Keywords(e.Letters)
			_, unlettered := table.Letters(m.Flags.Keywords)
			m.Entry, m.Flags = e, maildir.Flags{Set: e.Set, Keywords: maildir.NewKeywords(append(listed.Names(), unlettered.Names()...)...)}
			renamed = append(renamed, m)
			k.moved[m.ID] = true
		}
	}
	return renamed, nil
}

// gone lists the rows of a folder that have a body, but no file.
func (s *Store) gone(ctx context.Context, k *known) (ids []int64, err error) {
	for _, id := range k.missing() {
		ms, err := s.messages(ctx, "m.id = ? AND m.key <> ''", id)
		if err != nil {
			return nil, err
		}
		if len(ms) > 0 && !exists(s.Path(ms[0])) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// Count is how many messages a mailbox has.
type Count struct {
	Mailbox  string
	Messages int
	Unread   int
	Flagged  int
	Waiting  int // to be pushed to the server by the next sync, as far as can be told without a scan
}

// Counts counts the messages of each mailbox, INBOX first, then by name. hidden is what Follow returned.
func (s *Store) Counts(ctx context.Context, hidden map[int64]bool) ([]Count, error) {
	all, err := s.counts(ctx)
	if err != nil || len(hidden) == 0 {
		return all, verb("count messages", err)
	}
	ms, err := s.byIDs(ctx, slices.Sorted(maps.Keys(hidden)))
	for _, m := range ms {
		i := slices.IndexFunc(all, func(c Count) bool { return c.Mailbox == m.Mailbox })
		if i < 0 {
			continue // it came since
		}
		c := &all[i]
		c.Messages--
		c.Unread -= int(^m.Flags.Set & maildir.FlagSeen / maildir.FlagSeen)
		c.Flagged -= int(m.Flags.Set & maildir.FlagFlagged / maildir.FlagFlagged)
		if m.Entry.Name != "" { // a file is missing; wishes are counted already
			c.Waiting++
		}
	}
	return all, verb("count messages", err)
}

func (s *Store) counts(ctx context.Context) ([]Count, error) {
	return query(ctx, s, func(rows *sql.Rows) (c Count, err error) {
		return c, rows.Scan(&c.Mailbox, &c.Messages, &c.Unread, &c.Flagged, &c.Waiting)
	}, fmt.Sprintf(`WITH
		every AS (SELECT mailbox, count(*) n FROM message INDEXED BY message_mailbox GROUP BY mailbox),
		unread AS (SELECT mailbox, count(*) n FROM message INDEXED BY message_unread WHERE flags & 16 = 0 GROUP BY mailbox),
		flagged AS (SELECT mailbox, count(*) n FROM message INDEXED BY message_flagged WHERE flags & 2 <> 0 GROUP BY mailbox),
		changed AS (SELECT b.mailbox, count(*) n FROM box b JOIN pair p ON p.box = b.id JOIN message m ON m.id = p.message
			WHERE p.state <> %d AND (m.flags <> p.local OR m.keywords <> p.local_keywords OR m.mailbox <> b.mailbox
			OR EXISTS (SELECT 1 FROM wish w WHERE w.box = p.box AND w.uid = p.uid)) GROUP BY b.mailbox)
		SELECT b.name, coalesce(every.n, 0), coalesce(unread.n, 0), coalesce(flagged.n, 0), coalesce(changed.n, 0) FROM mailbox b
		LEFT JOIN every ON every.mailbox = b.id LEFT JOIN unread ON unread.mailbox = b.id
		LEFT JOIN flagged ON flagged.mailbox = b.id LEFT JOIN changed ON changed.mailbox = b.id
		WHERE coalesce(every.n, 0) > 0 OR b.name = '`+Inbox+`' OR b.folder IS NOT NULL ORDER BY b.name <> '`+Inbox+`', b.name`, arriving))
}
