package index

import (
	"context"
	"database/sql"
	"encoding/json"

	"postie/maildir"
)

// Folder is where the messages of a mailbox lie.
type Folder struct {
	ID      int64 // 0: the index does not know it
	Mailbox string
	Dir     maildir.Dir
}

// Folders lists the Maildirs of the mailboxes that are known, by name.
func (s *Store) Folders(ctx context.Context) ([]Folder, error) {
	all, err := query(ctx, s, func(rows *sql.Rows) (f Folder, err error) {
		var folder string
		err = rows.Scan(&f.ID, &f.Mailbox, &folder)
		f.Dir = s.DirOf(Message{Mailbox: f.Mailbox, folder: folder})
		return f, err
	}, "SELECT id, name, coalesce(folder, '') FROM mailbox ORDER BY name")
	return all, verb("read index", err)
}

// Owns gives the hash of the wire form that a file gives, by NUMBER, of messages that are not Wire.Exact, as far as it is known.
func (s *Store) Owns(ctx context.Context, ids []int64) (map[int64][32]byte, error) {
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	owns := map[int64][32]byte{}
	_, err = query(ctx, s, func(rows *sql.Rows) (id int64, err error) {
		var hash sql.RawBytes
		err = rows.Scan(&id, &hash)
		var own [32]byte
		copy(own[:], hash)
		owns[id] = own
		return id, err
	}, "SELECT message, hash FROM own WHERE message IN (SELECT value FROM json_each(?))", string(list))
	return owns, verb("read index", err)
}
