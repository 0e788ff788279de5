package base

import (
	"context"
	"database/sql"

	"postie/maildir/index"
)

// Rebase replaces the whole base of a mailbox by agreements that have no UID and Key to be replaced. Messages are
// found again by key; those without a body by what is known of them, else their agreement is passed over.
func (a *Account) Rebase(ctx context.Context, box int64, as []Agreement) error {
	return verb("record new base", a.s.Write(ctx, func(tx *sql.Tx) error {
		w := newAgreeing(a, tx)
		defer w.close() // at the latest: a statement would lock the table that is dropped
		if _, err := tx.Exec("CREATE TEMP TABLE old (message INTEGER PRIMARY KEY, uid INTEGER)"); err != nil {
			return err
		}
		for _, q := range []string{"INSERT OR IGNORE INTO old SELECT message, uid FROM pair WHERE box = ?", "DELETE FROM pair WHERE box = ?",
			"UPDATE wish SET uid = -uid WHERE box = ?", "DELETE FROM intent WHERE ? IN (box, dest)"} {
			if _, err := tx.Exec(q, box); err != nil {
				return err
			}
		}
		for i := range as {
			if err := w.again(&as[i]); err != nil {
				return err
			}
		}
		err := w.count()
		w.close()
		if err == nil {
			_, err = tx.Exec("DELETE FROM wish WHERE box = ? AND uid < 0", box)
		}
		if err == nil {
			_, err = tx.Exec("DELETE FROM message WHERE id IN (SELECT message FROM old) AND " + index.Unpaired + "; DROP TABLE old")
		}
		return err
	}))
}

// again writes a pair of a new base. Its old message is any of the same key, or one without a body of the same size and
// Message-ID.
func (w *agreeing) again(g *Agreement) error {
	w.email = ""
	var id int64
	var err error
	if g.Pair.Key != "" {
		err = w.get("SELECT m.id FROM old JOIN message m ON m.id = old.message WHERE m.key = ?", &id, string(g.Pair.Key))
	} else {
		err = w.get("SELECT m.id FROM old JOIN message m ON m.id = old.message WHERE m.key = '' AND m.size = ? AND m.message_id = ? ORDER BY m.date <> ?",
			&id, g.Pair.Size, g.Message.Summary.MessageID, g.Pair.Date.UnixMilli())
		g.Message = nil
	}
	if err == nil && id != 0 { // its pending change goes with it
		err = w.exec("UPDATE wish SET uid = ? WHERE box = ? AND uid = -(SELECT uid FROM old WHERE message = ?)", g.Pair.UID, g.Mailbox, id)
	}
	if err == nil && id != 0 {
		err = w.exec("DELETE FROM old WHERE message = ?", id)
	}
	if err != nil || id == 0 && g.Pair.Key == "" {
		return err
	}
	return w.write(g, id, g.Pair.State)
}
