package base

import (
	"context"
	"database/sql"
	"time"

	"github.com/emersion/go-imap/v2"

	"postie/imap/plan"
	"postie/maildir"
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

// Breaker is something at which the connection ended, or fell silent, whenever the server was to do it: a message that is asked for, or
// something else (Kind) with a message or a mailbox (no UID, no Key).
type Breaker struct {
	Mailbox     int64
	Kind        plan.Kind // 0: to give the message, or to show the mailbox
	UID         imap.UID
	Key         maildir.Key // of a file that is uploaded
	UIDValidity uint32      // of UID
	Size        int64       // octets, as the server said; 0: not known
	Tries       int
	At          time.Time // the last time
}

// Breakers are all that are remembered.
func (a *Account) Breakers(ctx context.Context) ([]Breaker, error) {
	all, err := index.Rows(ctx, a.s, func(rows *sql.Rows) (m Breaker, err error) {
		var at int64
		err = rows.Scan(&m.Mailbox, &m.Kind, &m.UID, &m.Key, &m.UIDValidity, &m.Size, &m.Tries, &at)
		m.At = time.UnixMilli(at)
		return m, err
	}, `SELECT box, kind, uid, key, validity, size, tries, at FROM breaker WHERE box IN (SELECT id FROM box WHERE account = ?)
		ORDER BY box, kind, uid, key`, a.id)
	return all, verb("read base", err)
}

// Break remembers one, in place of what was known of it.
func (a *Account) Break(ctx context.Context, m Breaker) error {
	return verb("record base", a.s.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT OR REPLACE INTO breaker (box, kind, uid, key, validity, size, tries, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			m.Mailbox, m.Kind, m.UID, string(m.Key), m.UIDValidity, m.Size, m.Tries, m.At.UnixMilli())
		return err
	}))
}

// Mended forgets one that was done after all, or is not there any more.
func (a *Account) Mended(ctx context.Context, m Breaker) error {
	return verb("record base", a.s.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec("DELETE FROM breaker WHERE box = ? AND kind = ? AND uid = ? AND key = ?", m.Mailbox, m.Kind, m.UID, string(m.Key))
		return err
	}))
}
