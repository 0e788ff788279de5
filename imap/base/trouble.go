package base

import (
	"context"
	"database/sql"
	"time"

	"github.com/emersion/go-imap/v2"

	"postie/maildir/index"
)

// Refused are the capabilities that the server offered and refused, and when that was.
func (a *Account) Refused(ctx context.Context) (map[imap.Cap]time.Time, error) {
	type refusal struct {
		capability imap.Cap
		at         int64
	}
	all, err := index.Rows(ctx, a.s, func(rows *sql.Rows) (r refusal, err error) { return r, rows.Scan(&r.capability, &r.at) },
		"SELECT capability, at FROM refused WHERE account = ?", a.id)
	when := map[imap.Cap]time.Time{}
	for _, r := range all {
		when[r.capability] = time.UnixMilli(r.at)
	}
	return when, verb("read refused capabilities", err)
}

// Refuse remembers capabilities that the server offers and refuses.
func (a *Account) Refuse(ctx context.Context, at time.Time, caps ...imap.Cap) error {
	return verb("record refused capabilities", a.s.Write(ctx, func(tx *sql.Tx) error {
		if err := a.enter(tx); err != nil {
			return err
		}
		return index.Each(tx, "INSERT OR REPLACE INTO refused (account, capability, at) VALUES (?, ?, ?)", caps,
			func(c *imap.Cap) []any { return []any{a.id, string(*c), at.UnixMilli()} }, nil)
	}))
}

// Breaker is a message at which the connection ended, or fell silent, whenever it was asked for.
type Breaker struct {
	Mailbox     int64
	UIDValidity uint32
	UID         imap.UID
	Size        int64 // octets, as the server said; 0: not known
	Tries       int
	At          time.Time // the last time
}

// Breakers are all that are remembered.
func (a *Account) Breakers(ctx context.Context) ([]Breaker, error) {
	all, err := index.Rows(ctx, a.s, func(rows *sql.Rows) (m Breaker, err error) {
		var at int64
		err = rows.Scan(&m.Mailbox, &m.UIDValidity, &m.UID, &m.Size, &m.Tries, &at)
		m.At = time.UnixMilli(at)
		return m, err
	}, "SELECT box, validity, uid, size, tries, at FROM breaker WHERE box IN (SELECT id FROM box WHERE account = ?) ORDER BY box, uid", a.id)
	return all, verb("read base", err)
}

// Break remembers a message, in place of what was known of it.
func (a *Account) Break(ctx context.Context, m Breaker) error {
	return verb("record base", a.s.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT OR REPLACE INTO breaker (box, validity, uid, size, tries, at) VALUES (?, ?, ?, ?, ?, ?)",
			m.Mailbox, m.UIDValidity, m.UID, m.Size, m.Tries, m.At.UnixMilli())
		return err
	}))
}

// Mended forgets a message that came after all, or is not there any more.
func (a *Account) Mended(ctx context.Context, box int64, uid imap.UID) error {
	return verb("record base", a.s.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec("DELETE FROM breaker WHERE box = ? AND uid = ?", box, uid)
		return err
	}))
}
