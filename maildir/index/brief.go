package index

import (
	"context"
	"database/sql"
	"time"

	"postie/maildir"
)

// Brief is what tells a local message from others: of all of them it fits the memory.
type Brief struct {
	ID     int64 // Message.ID
	Key    maildir.Key
	Wire   maildir.Wire
	Header [32]byte
	Date   time.Time // arrival
}

// Briefs returns all local messages. It reads the whole table: it is for the few times when nothing else is known.
func (s *Store) Briefs(ctx context.Context) ([]Brief, error) {
	all, err := query(ctx, s, func(rows *sql.Rows) (b Brief, err error) {
		var hash, header sql.RawBytes
		var date int64
		err = rows.Scan(&b.ID, &b.Key, &b.Wire.Size, &hash, &b.Wire.Exact, &header, &date)
		copy(b.Wire.Hash[:], hash)
		copy(b.Header[:], header)
		b.Date = time.UnixMilli(date).UTC()
		return b, err
	}, "SELECT id, key, size, hash, exact, header, date FROM message WHERE key <> '' ORDER BY id")
	return all, verb("read index", err)
}
