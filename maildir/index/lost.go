package index

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"postie/maildir"
	"postie/maildir/look"
)

// A folder that vanished took its messages with it, and that is an accident more often than a wish. Their rows go when somebody looks,
// since lists tell what is here. The receipts of a POP3 server remember it.

// lostAnew are the rows whose file went with a new/ or cur/ that was made again.
func lostAnew(d *look.Delta[knownRow]) (rows []knownRow) {
	for _, row := range d.Lost {
		if slices.Contains(d.Anew, path.Dir(row.file.Rel())) {
			rows = append(rows, row)
		}
	}
	return rows
}

// lostWith notes, if a POP3 server gave us the message, with which folder its file was lost.
func lostWith(tx *sql.Tx, key maildir.Key, folder string) error {
	_, err := tx.Exec("UPDATE receipt SET lost = ? WHERE key = ? AND NOT EXISTS (SELECT 1 FROM message WHERE message.key = receipt.key)", folder, string(key))
	return err
}

// LostFolders names the mailboxes that hold messages as far as the index knows, and whose folders are not there as Maildirs
// any more: removed, or on a disk that is not mounted. To be asked before Refresh, which forgets what is gone.
func (s *Store) LostFolders(ctx context.Context) ([]string, error) {
	boxes, err := query(ctx, s, func(rows *sql.Rows) (name string, err error) { return name, rows.Scan(&name) },
		"SELECT name FROM mailbox b WHERE EXISTS (SELECT 1 FROM message m WHERE m.mailbox = b.id) ORDER BY name")
	if err != nil {
		return nil, verb("read index", err)
	}
	var lost []string
	for _, name := range boxes {
		for _, sub := range []string{"new", "cur"} {
			if _, err := os.Stat(filepath.Join(string(s.dir(name)), sub)); errors.Is(err, fs.ErrNotExist) {
				lost = append(lost, name)
				break
			}
		}
	}
	return lost, nil
}
