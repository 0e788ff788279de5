package base

import (
	"context"
	"database/sql"

	"github.com/emersion/go-imap/v2"

	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
)

// Intent is what is about to be done on the server and could not be told from a new message after a crash.
type Intent struct {
	ID          int64
	Mailbox     int64
	UID         imap.UID    // the message that is copied; 0: the file Key is uploaded
	Key         maildir.Key //
	To          int64       // the mailbox that it is to appear in
	UIDValidity plan.UIDValidity
	UIDNext     imap.UID // of To: it appears there or above
	Tries       int      // how often it was done and could not be found afterwards

	// Of the file that is uploaded, as the upload gives it: it may have another key by the time that it is looked for. Size 0: not noted.
	Size         int64
	Hash, Header [32]byte
	MessageID    string
}

// Intend writes intents down, before the deed, and sets their IDs. One that is there already keeps its Tries.
func (a *Account) Intend(ctx context.Context, is []Intent) error {
	return verb("record intents", a.s.Write(ctx, func(tx *sql.Tx) error {
		for n := range is {
			i := &is[n]
			err := tx.QueryRow(`INSERT INTO intent (box, uid, key, dest, validity, uidnext, size, hash, header, message_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET dest = excluded.dest, validity = excluded.validity, uidnext = excluded.uidnext,
				size = excluded.size, hash = excluded.hash, header = excluded.header, message_id = excluded.message_id RETURNING id, tries`,
				i.Mailbox, i.UID, string(i.Key), i.To, i.UIDValidity, i.UIDNext, i.Size, i.Hash[:], i.Header[:], i.MessageID).Scan(&i.ID, &i.Tries)
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

// Intents gives what a run that was stopped had intended, in the order that it was written down.
func (a *Account) Intents(ctx context.Context) ([]Intent, error) {
	all, err := index.Rows(ctx, a.s, func(rows *sql.Rows) (i Intent, err error) {
		var hash, header sql.RawBytes
		err = rows.Scan(&i.ID, &i.Mailbox, &i.UID, &i.Key, &i.To, &i.UIDValidity, &i.UIDNext, &i.Tries, &i.Size, &hash, &header, &i.MessageID)
		copy(i.Hash[:], hash)
		copy(i.Header[:], header)
		return i, err
	}, `SELECT i.id, i.box, i.uid, i.key, i.dest, i.validity, i.uidnext, i.tries, i.size, i.hash, i.header, i.message_id FROM intent i JOIN box b ON b.id = i.box
		WHERE b.account = ? ORDER BY i.id`, a.id)
	return all, verb("read intents", err)
}

// Settled forgets intents: what they were about is agreed, or never happened.
func (a *Account) Settled(ctx context.Context, is ...Intent) error {
	return a.intents(ctx, "DELETE FROM intent WHERE id = ?", is)
}

// Fruitless notes that intents were carried out and could not be found.
func (a *Account) Fruitless(ctx context.Context, is ...Intent) error {
	return a.intents(ctx, "UPDATE intent SET tries = tries + 1 WHERE id = ?", is)
}

func (a *Account) intents(ctx context.Context, q string, is []Intent) error {
	if len(is) == 0 {
		return nil
	}
	return verb("record intents", a.s.Write(ctx, func(tx *sql.Tx) error {
		return index.Each(tx, q, is, func(i *Intent) []any { return []any{i.ID} }, nil)
	}))
}
