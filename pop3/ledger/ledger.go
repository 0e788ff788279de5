package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	"postie/maildir"
	"postie/maildir/index"
)

// State of a receipt.
type State uint8

const (
	Arriving State = iota + 1 // its file is durable in tmp/ and perhaps published
	Stored                    // its file is durable in new/ or cur/
	Gone                      // Stored, and the server has deleted it: QUIT was answered with +OK
	Away                      // Stored, and the server does not list it since At, though we did not delete it
)

// Receipt is one ledger row: one message of one maildrop.
type Receipt struct {
	ID     int64
	UIDL   string // the server's, or one that we derived (servers without UIDL)
	State  State
	Key    maildir.Key
	Listed int64        // octets as LIST gave them
	Wire   maildir.Wire // as RETR gave it
	Header [32]byte     // message.Header.Hash
	Read   bool         // this very UIDL was read by RETR; false: only matched by content, which never licenses a DELE
	At     time.Time    // when it was stored, UTC, ms
	Lost   string       // the folder that its file was lost with: MAILBOX, or MAILBOX/new or /cur where that was made again; or one of those below
}

// What else Receipt.Lost says.
const (
	Here   = ""  // nothing is known
	Erased = "-" // its file is gone, and few were gone with it: somebody deleted it
	AtOnce = "+" // its file is gone, and too many were gone with it to be believed
)

// WithFolder says whether the file was lost with a folder.
func (r *Receipt) WithFolder() bool { return r.Lost != Here && r.Lost != Erased && r.Lost != AtOnce }

// Ledger is the part of the ledger that belongs to one maildrop. Every method that changes it is one durable
// transaction.
type Ledger struct {
	s  *index.Store
	of index.Login
	id int64
}

// Open opens the ledger of a maildrop, which may be new, in the database of a store.
func Open(ctx context.Context, s *index.Store, m index.Login) (*Ledger, error) {
	if err := s.Part(ctx, "pop3", migrations()); err != nil {
		return nil, fmt.Errorf("open ledger of %s: %w", m, err)
	}
	m = m.Canonical()
	ids, err := index.Rows(ctx, s, index.Number, "SELECT id FROM maildrop WHERE user = ? AND host = ?", m.User, m.Host)
	if err == nil && len(ids) == 0 {
		ids = []int64{0}
		err = s.Write(ctx, func(tx *sql.Tx) error { // another process may come first
			return tx.QueryRow(`INSERT INTO maildrop (user, host) VALUES (?, ?)
				ON CONFLICT DO UPDATE SET user = user RETURNING id`, m.User, m.Host).Scan(&ids[0])
		})
	}
	if err != nil {
		return nil, fmt.Errorf("open ledger of %s: %w", m, err)
	}
	return &Ledger{s, m, ids[0]}, nil
}

// Receipts returns the rows of the maildrop, of all states, in the order they came.
func (l *Ledger) Receipts(ctx context.Context) ([]Receipt, error) {
	all, err := index.Rows(ctx, l.s, scanReceipt, `SELECT id, uidl, state, key, listed, size, hash, exact, header, read, at, lost
		FROM receipt WHERE maildrop = ? ORDER BY id`, l.id)
	return all, verb("read ledger", err)
}

// scanReceipt reads a row. Numbers that no ledger of ours holds come from damage: a state that there is not is taken for Stored, which
// licenses nothing by itself.
func scanReceipt(rows *sql.Rows) (r Receipt, err error) {
	var hash, header sql.RawBytes
	var state, exact, read, at int64
	err = rows.Scan(&r.ID, &r.UIDL, &state, &r.Key, &r.Listed, &r.Wire.Size, &hash, &exact, &header, &read, &at, &r.Lost)
	if r.State = Stored; state >= int64(Arriving) && state <= int64(Away) {
		r.State = State(state)
	}
	r.Wire.Exact, r.Read = exact == 1, read == 1
	copy(r.Wire.Hash[:], hash)
	copy(r.Header[:], header)
	r.At = time.UnixMilli(at).UTC()
	return r, err
}

// Fresh reports whether no run of this maildrop ever came to its end with this database (it is the first, or the
// database was made anew): then local mail is to be matched by content before anything is fetched.
func (l *Ledger) Fresh(ctx context.Context) (bool, error) {
	n, err := index.Rows(ctx, l.s, index.Number, "SELECT count(*) FROM maildrop WHERE id = ? AND finished IS NULL", l.id)
	return err == nil && n[0] > 0, verb("read ledger", err)
}

// Arriving enters messages whose files are durable in tmp/, before they are published, so that a crash in between
// leaves no file that nobody knows. ID, State and At of rs are not read. It returns the IDs in the order of rs.
func (l *Ledger) Arriving(ctx context.Context, rs []Receipt) ([]int64, error) {
	ids := make([]int64, len(rs))
	at := l.s.Now().UnixMilli()
	err := l.s.Write(ctx, func(tx *sql.Tx) error {
		return index.Insert(tx, "INSERT OR FAIL INTO receipt (maildrop, uidl, state, key, listed, size, hash, exact, header, read, at)", rs, func(r *Receipt) []any {
			return []any{l.id, r.UIDL, Arriving, string(r.Key), r.Listed, r.Wire.Size, r.Wire.Hash[:], r.Wire.Exact, r.Header[:], r.Read, at}
		}, func(n int, id int64) { ids[n] = id })
	})
	return ids, verb("record what arrives", err)
}

// Stored turns the rows named by Receipt of ms to Stored, now that their files are durable under their names, and
// puts the messages into the message table, all or nothing. It sets ID of ms. Date, if zero, is now; Mailbox, if
// empty, is INBOX. A message without a Receipt is only put into the table.
func (l *Ledger) Stored(ctx context.Context, ms []index.Message) error {
	now := l.s.Now()
	err := l.s.Write(ctx, func(tx *sql.Tx) error {
		if err := l.stored(tx, ms, now); err != nil {
			return err
		}
		return l.s.Enter(tx, ms)
	})
	return verb("record what is stored", err)
}

// stored turns the rows of ms to Stored, those whose IDs follow each other (as Arriving gave them) in one statement.
func (l *Ledger) stored(tx *sql.Tx, ms []index.Message, now time.Time) error {
	for first := 0; first < len(ms); {
		next := first + 1
		if ms[first].Receipt == 0 {
			first = next
			continue
		}
		for next < len(ms) && ms[next].Receipt == ms[next-1].Receipt+1 {
			next++
		}
		from, to := ms[first].Receipt, ms[next-1].Receipt
		r, err := tx.Exec("UPDATE receipt SET state = ?, at = ? WHERE id BETWEEN ? AND ? AND maildrop = ?", Stored, now.UnixMilli(), from, to, l.id)
		if err != nil {
			return err
		}
		if n, _ := r.RowsAffected(); n != to-from+1 {
			return fmt.Errorf("receipts %d to %d are not all in the ledger", from, to)
		}
		first = next
	}
	return nil
}

// Confirm turns rows from Arriving to Stored: after a crash their files were found, and are durable.
func (l *Ledger) Confirm(ctx context.Context, ids []int64) error {
	return l.change(ctx, "confirm", "UPDATE receipt SET state = 2 WHERE id = ? AND maildrop = ? AND state = 1", ids)
}

// Forget takes rows out of the ledger: no longer listed, or Arriving with no file.
func (l *Ledger) Forget(ctx context.Context, ids []int64) error {
	return l.change(ctx, "forget", "DELETE FROM receipt WHERE id = ? AND maildrop = ?", ids)
}

// Away records that the server does not list these any more: somebody deleted them, or a storage is not mounted.
func (l *Ledger) Away(ctx context.Context, ids []int64) error {
	return l.change(ctx, "record as away", fmt.Sprintf("UPDATE receipt SET state = 4, at = %d WHERE id = ? AND maildrop = ?", l.s.Now().UnixMilli()), ids)
}

// Gone records that the server deleted these: it answered QUIT with +OK.
func (l *Ledger) Gone(ctx context.Context, ids []int64) error {
	return l.change(ctx, "record as gone", "UPDATE receipt SET state = 3 WHERE id = ? AND maildrop = ?", ids)
}

// Note records what became of files: Receipt.Lost by ID.
func (l *Ledger) Note(ctx context.Context, lost map[int64]string) error {
	if len(lost) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(lost))
	return verb("record what is gone", l.s.Write(ctx, func(tx *sql.Tx) error {
		return index.Each(tx, "UPDATE receipt SET lost = ? WHERE id = ? AND maildrop = ?", ids, func(id *int64) []any { return []any{lost[*id], *id, l.id} }, nil)
	}))
}

// change executes a statement of (id, maildrop) for each row.
func (l *Ledger) change(ctx context.Context, what, q string, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	return verb(what, l.s.Write(ctx, func(tx *sql.Tx) error {
		return index.Each(tx, q, ids, func(id *int64) []any { return []any{*id, l.id} }, nil)
	}))
}

// Match gives a UIDL to something that we have already: a ledger row (ID), or a local message without one
// (Message). If both are set the row counts.
type Match struct {
	ID      int64 // Receipt.ID
	Message int64 // Message.ID
	UIDL    string
	Listed  int64 // octets as LIST gives them
	Read    bool  // as in Receipt
}

// local is the message that needs a row, 0 for none.
func (a *Match) local() int64 {
	if a.ID != 0 {
		return 0
	}
	return a.Message
}

// Match carries them out. A row that is there gets the UIDL, Listed and Read, and is Stored; a message gets a row in
// state Stored, dated from its arrival. What is not there any more is passed over: the next run finds it missing.
func (l *Ledger) Match(ctx context.Context, as []Match) error {
	if len(as) == 0 {
		return nil
	}
	return verb("record matches", l.s.Write(ctx, func(tx *sql.Tx) error {
		err := index.Each(tx, "UPDATE receipt SET uidl = ?, listed = ?, read = ?, state = 2 WHERE id = ? AND maildrop = ?", as,
			func(a *Match) []any { return []any{a.UIDL, a.Listed, a.Read, a.ID, l.id} }, nil)
		if err != nil {
			return err
		}
		return index.Each(tx, `INSERT INTO receipt (maildrop, uidl, state, key, listed, size, hash, exact, header, read, at)
			SELECT ?, ?, 2, key, ?, size, hash, exact, header, ?, date FROM message WHERE id = ?`, as,
			func(a *Match) []any { return []any{l.id, a.UIDL, a.Listed, a.Read, a.local()} }, nil)
	}))
}

// Seen is what a run left that came to its end: when the server shows the same list again, all that is in it is known.
type Seen struct {
	List   [32]byte  // a hash of the list; zero: there is none
	Oldest time.Time // when the first of the messages was stored that are Stored, UTC, ms; zero: there is none
}

// Seen tells it. It is gone once a later run has begun to store anything.
func (l *Ledger) Seen(ctx context.Context) (Seen, error) {
	all, err := index.Rows(ctx, l.s, func(rows *sql.Rows) (seen Seen, err error) {
		var list sql.RawBytes
		var oldest sql.NullInt64
		err = rows.Scan(&list, &oldest)
		copy(seen.List[:], list)
		if oldest.Valid {
			seen.Oldest = time.UnixMilli(oldest.Int64).UTC()
		}
		return seen, err
	}, "SELECT seen, oldest FROM maildrop WHERE id = ?", l.id)
	if err != nil || len(all) == 0 {
		return Seen{}, verb("read ledger", err)
	}
	return all[0], nil
}

// Finished records that a run came to its end, and what it left: the maildrop is no longer Fresh.
func (l *Ledger) Finished(ctx context.Context, at time.Time, seen Seen) error {
	var list []byte
	if seen.List != [32]byte{} {
		list = seen.List[:]
	}
	oldest := sql.NullInt64{Int64: seen.Oldest.UnixMilli(), Valid: !seen.Oldest.IsZero()}
	return verb("record end of run", l.s.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE maildrop SET finished = ?, seen = ?, oldest = ?,
			receipts = (SELECT count(*) FROM receipt WHERE receipt.maildrop = maildrop.id) WHERE id = ?`, at.UnixMilli(), list, oldest, l.id)
		return err
	}))
}

// verb says what went wrong, if anything did.
func verb(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
