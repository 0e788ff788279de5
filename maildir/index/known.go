package index

import (
	"context"
	"database/sql"
	"iter"
	"math"

	"postie/maildir"
	"postie/maildir/look"
)

// known is what the index knows of folders, for look.
type known struct {
	s     *Store
	twins bool // also of files whose key another one has
}

// knownRow is a row of the message table with a file.
type knownRow struct {
	id, twin int64
	file     maildir.Entry // Name, Key and New are set
}

func (r knownRow) File() maildir.Entry { return r.file }
func (r knownRow) Expected() bool      { return true }

// knownPage is how many rows are read at once: memory stays small however many there are.
const knownPage = 4096

// ByKey gives the rows of a mailbox.
func (k known) ByKey(ctx context.Context, f *look.Folder) iter.Seq2[knownRow, error] {
	last := int64(0)
	if k.twins {
		last = math.MaxInt64
	}
	return func(yield func(knownRow, error) bool) {
		for at := (knownRow{twin: math.MaxInt64}); ; {
			page, err := query(ctx, k.s, scanKnown, `SELECT id, twin, key, key || tail, new FROM message INDEXED BY message_key
				WHERE mailbox = ? AND (key, twin) > (?, ?) AND twin <= ? ORDER BY key, twin LIMIT ?`, f.ID, string(at.file.Key), at.twin, last, knownPage)
			if err != nil {
				yield(knownRow{}, err)
				return
			}
			for _, at = range page {
				if !yield(at, nil) {
					return
				}
			}
			if len(page) < knownPage {
				return
			}
		}
	}
}

func scanKnown(rows *sql.Rows) (r knownRow, err error) {
	return r, rows.Scan(&r.id, &r.twin, &r.file.Key, &r.file.Name, &r.file.New)
}

// Same: what a file tells is in its name.
func (known) Same(*look.Folder) (func(knownRow, maildir.Entry) bool, error) { return nil, nil }
