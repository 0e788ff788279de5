package index

import (
	"context"
	"database/sql"
	"errors"

	"github.com/emersion/go-imap/v2"

	"postie/maildir"
)

// PendingChanges gives those of a box for which a condition holds.
func (s *Store) PendingChanges(ctx context.Context, where string, args ...any) ([]maildir.PendingChange, error) {
	return query(ctx, s, scanPending, pendingColumns+where, args...)
}

const pendingColumns = "SELECT uid, flags, keywords, dest, remove FROM wish WHERE "

func scanPending(rows *sql.Rows) (w maildir.PendingChange, err error) {
	var set sql.NullInt64
	var f maildir.Flags
	if err = rows.Scan(&w.UID, &set, &f.Keywords, &w.To, &w.Delete); set.Valid {
		f.Set = maildir.FlagSet(set.Int64)
		w.Flags = &f
	}
	return w, err
}

// PutPending writes a local change down, in place of an older one to the same message. The zero change takes it back.
func PutPending(tx *sql.Tx, box int64, w maildir.PendingChange) error {
	if w == (maildir.PendingChange{UID: w.UID}) {
		_, err := tx.Exec("DELETE FROM wish WHERE box = ? AND uid = ?", box, w.UID)
		return err
	}
	set, keywords := PendingFlags(w)
	_, err := tx.Exec("INSERT OR REPLACE INTO wish (box, uid, flags, keywords, dest, remove) VALUES (?, ?, ?, ?, ?, ?)",
		box, w.UID, set, keywords, w.To, w.Delete)
	return err
}

// PendingFlags are the columns flags and keywords of a pending change.
func PendingFlags(w maildir.PendingChange) (set sql.NullInt64, keywords string) {
	if w.Flags == nil {
		return set, ""
	}
	return sql.NullInt64{Int64: int64(w.Flags.Set), Valid: true}, string(w.Flags.Keywords)
}

// Between is the change that makes a into b.
func Between(a, b maildir.Flags) Change {
	add, remove := b.Without(a), a.Without(b)
	return Change{Set: add.Set, Clear: remove.Set, Add: add.Keywords, Remove: remove.Keywords}
}

// canWait says why no change can wait for a message without a body.
func (m *Message) canWait() error {
	if m.UID == 0 {
		return errors.New("its body is not here, and its server is not known")
	}
	return nil
}

// pend changes what waits for a message without a body, and shows it so. What is so already need not wait.
func pend(tx *sql.Tx, m *Message, change func(*maildir.PendingChange)) error {
	var box int64
	var home string
	var flags maildir.Flags
	err := tx.QueryRow(`SELECT p.box, m.name, p.uid, p.local, p.local_keywords FROM pair p JOIN box b ON b.id = p.box JOIN mailbox m ON m.id = b.mailbox
		WHERE p.message = ? AND p.uid IS NOT NULL`, m.ID).Scan(&box, &home, &m.UID, &flags.Set, &flags.Keywords)
	if errors.Is(err, sql.ErrNoRows) { // a sync has found it gone since
		return nil
	}
	if err != nil {
		return err
	}
	w, err := pending(tx, box, m.UID)
	if err != nil {
		return err
	}
	change(&w)
	if w.To == home {
		w.To = ""
	}
	if w.Flags != nil && *w.Flags == flags {
		w.Flags = nil
	}
	if err := PutPending(tx, box, w); err != nil {
		return err
	}
	return place(tx, m, m.Mailbox)
}

// pending is what waits for a message until now.
func pending(tx *sql.Tx, box int64, uid imap.UID) (maildir.PendingChange, error) {
	rows, err := tx.Query(pendingColumns+"box = ? AND uid = ?", box, uid)
	all, err := Collect(rows, err, scanPending)
	if err != nil || len(all) == 0 {
		return maildir.PendingChange{UID: uid}, err
	}
	return all[0], nil
}
