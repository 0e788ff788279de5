package base

import (
	"context"
	"database/sql"

	"postie/imap/plan"
	"postie/maildir/index"
)

// ToldBodies is the policy of bodies that TellBodies was last given; "": none was.
func (a *Account) ToldBodies(ctx context.Context) (string, error) {
	all, err := index.Rows(ctx, a.s, func(rows *sql.Rows) (s string, err error) { return s, rows.Scan(&s) }, "SELECT bodies FROM account WHERE id = ?", a.id)
	if err != nil || len(all) == 0 {
		return "", verb("read base", err)
	}
	return all[0], nil
}

// TellBodies remembers of which policy of bodies the user was told.
func (a *Account) TellBodies(ctx context.Context, policy string) error {
	return verb("record policy", a.s.Write(ctx, func(tx *sql.Tx) error {
		if err := a.enter(tx); err != nil {
			return err
		}
		_, err := tx.Exec("UPDATE account SET bodies = ? WHERE id = ?", policy, a.id)
		return err
	}))
}

// Unwanted counts the messages whose bodies are here though they are out of bounds.
func (a *Account) Unwanted(ctx context.Context, box int64, b plan.Bounds) (int64, error) {
	n, err := index.Rows(ctx, a.s, index.Number, `SELECT count(*) FROM pair p WHERE p.box = ? AND p.uid IS NOT NULL AND p.key IS NOT NULL
		AND (? OR p.size > ? OR p.date < ?)`, box, b.None, b.Size, b.Since.UnixMilli())
	if err != nil {
		return 0, verb("read base", err)
	}
	return n[0], nil
}
