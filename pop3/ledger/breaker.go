package ledger

import (
	"context"
	"database/sql"
	"time"

	"postie/maildir/index"
)

// Breaker is a message on the server that fails whenever it is asked for.
type Breaker struct {
	UIDL   string
	Listed int64     // octets as LIST gives them
	Tries  int       // how often it failed, one run after the other
	At     time.Time // when it failed last, UTC, ms
}

// Breakers returns those of the maildrop.
func (l *Ledger) Breakers(ctx context.Context) ([]Breaker, error) {
	all, err := index.Rows(ctx, l.s, func(rows *sql.Rows) (b Breaker, err error) {
		var at int64
		err = rows.Scan(&b.UIDL, &b.Listed, &b.Tries, &at)
		b.At = time.UnixMilli(at).UTC()
		return b, err
	}, "SELECT uidl, listed, tries, at FROM breaker_pop3 WHERE maildrop = ? ORDER BY uidl, listed", l.id)
	return all, verb("read ledger", err)
}

// SetBreakers replaces them.
func (l *Ledger) SetBreakers(ctx context.Context, bs []Breaker) error {
	return verb("record what fails", l.s.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec("DELETE FROM breaker_pop3 WHERE maildrop = ?", l.id); err != nil {
			return err
		}
		return index.Each(tx, "INSERT OR REPLACE INTO breaker_pop3 (maildrop, uidl, listed, tries, at) VALUES (?, ?, ?, ?, ?)", bs,
			func(b *Breaker) []any { return []any{l.id, b.UIDL, b.Listed, b.Tries, b.At.UnixMilli()} }, nil)
	}))
}
