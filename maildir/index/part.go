package index

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// Rooms near the workflows keep in the database what was agreed with a server: see Part. They read and write it by what follows.

// Login is an account as the index knows it: a user on a host, whatever the configuration calls it.
type Login struct{ User, Host string }

// Canonical is the form in which a login is stored: host names know no case (RFC 4343), user names may.
func (m Login) Canonical() Login { return Login{m.User, strings.ToLower(m.Host)} }

func (m Login) String() string { return m.User + "@" + m.Host }

// Part brings the tables of another room up to date, in one transaction: migrations holds, at place n, the statements that lead from
// version n of that part to n+1. What was released is never edited. It asks one question where nothing is to be done.
// Errors: *Newer.
func (s *Store) Part(ctx context.Context, name string, migrations []string) error {
	versions, err := query(ctx, s, number, "SELECT (SELECT count(*) FROM sqlite_schema WHERE name = 'part')")
	if err == nil && versions[0] > 0 {
		versions, err = query(ctx, s, number, "SELECT coalesce((SELECT version FROM part WHERE name = ?), 0)", name)
	}
	switch {
	case err != nil:
		return verb("read version of "+name, err)
	case versions[0] > int64(len(migrations)):
		return &Newer{Path: s.path(), Have: int(versions[0]), Know: len(migrations)}
	case versions[0] == int64(len(migrations)):
		return nil
	}
	return verb("migrate "+name, s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec("CREATE TABLE IF NOT EXISTS part (name TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT"); err != nil {
			return err
		}
		var have int // another process may have come first
		if err := tx.QueryRow("SELECT coalesce((SELECT version FROM part WHERE name = ?), 0)", name).Scan(&have); err != nil {
			return err
		}
		for _, statements := range migrations[min(have, len(migrations)):] {
			if _, err := tx.Exec(statements); err != nil {
				return err
			}
		}
		_, err := tx.Exec("INSERT OR REPLACE INTO part (name, version) VALUES (?, ?)", name, len(migrations))
		return err
	}))
}

// Each executes one statement for every item of a transaction; done, unless nil, sees each result.
func Each[T any](tx *sql.Tx, q string, items []T, args func(*T) []any, done func(int, sql.Result) error) error {
	return each(tx, q, items, args, done)
}

// Now is the time by the store's clock.
func (s *Store) Now() time.Time { return s.now() }

// Enter puts messages that have just been stored into the table, in a transaction of Write, and sets their IDs. Date, if zero, is
// now; Mailbox, if empty, is INBOX. A Refresh may have seen a file first: it knows where the file lies, the caller what it holds.
func (s *Store) Enter(tx *sql.Tx, ms []Message) error {
	return insert(tx, ms, 0, s.now(), `ON CONFLICT DO UPDATE SET size = excluded.size, hash = excluded.hash,
		exact = excluded.exact, header = excluded.header, date = excluded.date`)
}

// Replace gives a small file beside the mail a new content, durably, and as a whole or not at all.
func Replace(path, text string) error { return replace(path, text) }

// verb says what went wrong, if anything did.
func verb(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
