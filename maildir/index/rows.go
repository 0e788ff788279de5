package index

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// Here is by what other rooms read and write the database: those that look for messages, and those that keep tables of their own.

// Rows returns the rows of a reading statement, each made by scan.
func Rows[T any](ctx context.Context, s *Store, scan func(*sql.Rows) (T, error), q string, args ...any) ([]T, error) {
	return query(ctx, s, scan, q, args...)
}

// Number scans a row of one integer.
func Number(rows *sql.Rows) (int64, error) { return number(rows) }

// Write runs fn in one durable transaction, which should be short. Statements within need no context.
func (s *Store) Write(ctx context.Context, fn func(*sql.Tx) error) error { return s.write(ctx, fn) }

// Select returns the messages for which a condition holds, on message m and its mailbox b; ORDER BY and LIMIT may follow it. by is
// empty, or the INDEXED BY clause of m.
func (s *Store) Select(ctx context.Context, by, where string, args ...any) ([]Message, error) {
	return query(ctx, s, scanMessage, fmt.Sprintf(columns, by)+where, args...)
}

// Selection is the statement of Select, for EXPLAIN.
func Selection(by, where string) string { return fmt.Sprintf(columns, by) + where }

// ByIDs gives the messages of NUMBERs, in that order; what is gone meanwhile is left out.
func (s *Store) ByIDs(ctx context.Context, ids []int64) ([]Message, error) {
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	ms, err := s.Select(ctx, "", "m.id IN (SELECT value FROM json_each(?))", string(list))
	at := make(map[int64]int, len(ids))
	for i, id := range ids {
		at[id] = i
	}
	slices.SortFunc(ms, func(a, b Message) int { return at[a.ID] - at[b.ID] })
	return ms, err
}

// Mailboxes lists the names of those that are known, sorted: without what was renamed or deleted here, and is still called so on
// the server.
func (s *Store) Mailboxes(ctx context.Context) ([]string, error) {
	names, err := query(ctx, s, func(rows *sql.Rows) (name string, err error) { return name, rows.Scan(&name) }, "SELECT name FROM mailbox m WHERE "+here+" ORDER BY name")
	return names, verb("read index", err)
}

// Log is where trouble with a single message is told.
func (s *Store) Log() *slog.Logger { return s.log }

// Unpaired is a condition on a row of message: no row of the table pair, which imap/base keeps, speaks of it.
const Unpaired = "NOT EXISTS (SELECT 1 FROM pair WHERE pair.message = message.id)"

// Garbled is the error of a value in the database that nothing can be made of; see Store.Blame.
func Garbled(err error) error { return &garbled{err} }

// together is how many rows one statement of Insert puts into a table. Each statement costs as much as three rows; but the driver looks
// for each parameter among all of them, so that more rows are no gain.
const together = 8

// Insert puts a row for each item into a table, in few statements. head is "INSERT OR FAIL INTO table (column, …)", and args are the
// values of its columns. entered, unless nil, is told the ids that the rows were given by the table, which must be AUTOINCREMENT. A row
// that there may not be is an error, and then some of the items may have been put there: FAIL spares SQLite the copy of each page that
// it would need to take the statement back.
func Insert[T any](tx *sql.Tx, head string, items []T, args func(*T) []any, entered func(n int, id int64)) error {
	var st *sql.Stmt
	rows := 0 // of st
	defer func() { finish(st) }()
	for first := 0; first < len(items); first += rows {
		var values []any
		n := min(together, len(items)-first)
		for i := range n {
			values = append(values, args(&items[first+i])...)
		}
		if n != rows {
			row := ", (?" + strings.Repeat(", ?", len(values)/n-1) + ")"
			finish(st)
			var err error
			if st, err = tx.Prepare(head + " VALUES" + strings.Repeat(row, n)[1:]); err != nil {
				return err
			}
			rows = n
		}
		r, err := st.Exec(values...)
		if err != nil {
			return err
		}
		last, err := r.LastInsertId()
		if err != nil {
			return err
		}
		for i := range n {
			if entered != nil { // an AUTOINCREMENT table counts on from the highest id that it ever had
				entered(first+i, last-int64(n-1-i))
			}
		}
	}
	return nil
}

func finish(st *sql.Stmt) {
	if st != nil {
		st.Close()
	}
}
