// Package index keeps what postie knows about a Maildir in one SQLite file beside it: it opens, migrates, locks and repairs that
// file, and holds a summary of every message with its NUMBER, which stays. Summaries can be made anew from the mail (Refresh). What
// was agreed with servers lies in the same file, and belongs to imap/base and pop3/ledger; full text to maildir/index/query.
package index

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	_ "modernc.org/sqlite" // the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"postie/maildir"
)

// Options of Open. The zero value, or nil, is ready for use.
type Options struct {
	State string           // folder for database and locks; "" is the Maildir root itself
	Log   *slog.Logger     // nil: nothing is logged
	Now   func() time.Time // nil: time.Now
	Read  bool             // where the database cannot be written, write into a copy that Close removes; see Writable
	Dry   bool             // nothing is made or changed: all is done to a copy, or to an empty database, that Close removes
}

// Store is the index of one Maildir root. Its methods may be called side by side, in one process and in several.
type Store struct {
	root  maildir.Dir // absolute
	base  string      // of all our files: base.db, base.lock …
	found os.FileInfo // the root, when it was opened
	id    string      // of the root, which stands in its database too; "": the database is a copy, or somebody else's
	aside string
	net   bool // on a network file system: no WAL, which needs memory shared by all who have the database open
	log   *slog.Logger
	now   func() time.Time
	open  *flock.Flock  // shared while the database is open, exclusive while it is made, migrated or set aside
	scan  chan struct{} // held by the one Refresh that runs
	held  sync.Map      // the *Lock that are held

	file  os.FileInfo // the database that is open
	fresh []string    // what Open made, which Discard removes: database and id

	why     error                  // the database can only be read; nil: it is ours
	lender  *sql.DB                // it
	lent    atomic.Pointer[sql.DB] // it, as long as there is no copy
	lending sync.Mutex
	temp    string      // folder of the copy; "": there is none
	w, r    *sql.DB     // one connection that writes, made for the first write; a few that read and never wait for it (WAL)
	hasty   atomic.Bool // Hurry is at work
	pacing  sync.Mutex
	waits   time.Duration // how long the connection that writes was told to wait for those of others
}

// Open opens the index of the Maildir root, which must exist, and makes or migrates its database as needed. A
// damaged database is set aside, never deleted, and an empty one takes its place: see SetAside. Errors: *Newer; *Obstructed;
// *Locked when the database must be made, migrated or set aside while another process has it open.
func Open(ctx context.Context, root maildir.Dir, o *Options) (*Store, error) {
	s := &Store{log: slog.New(slog.DiscardHandler), now: time.Now, scan: make(chan struct{}, 1)}
	if o == nil {
		o = &Options{}
	}
	s.log = cmp.Or(o.Log, s.log)
	if o.Now != nil {
		s.now = o.Now
	}
	err := obstacle(string(root), o.State)
	if err == nil && o.Dry {
		err = s.rehearse(ctx, string(root), o.State)
	} else if err == nil {
		err = s.begin(ctx, string(root), o)
	}
	if o.Read && ctx.Err() == nil && borrowable(err) {
		err = s.borrow(ctx, string(root), o.State, err)
	}
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // as in write: SQLite and database/sql have other words for it
	}
	if full(err) {
		err = s.Blame(err)
	}
	if err != nil {
		return nil, fmt.Errorf("open index: %w", errors.Join(err, s.giveBack()))
	}
	return s, nil
}

// borrowable reports whether a reader can do without what err says: it cannot while others work on the database, or with a newer one.
func borrowable(err error) bool {
	_, newer := errors.AsType[*Newer](err)
	_, locked := errors.AsType[*Locked](err)
	return err != nil && !newer && !locked
}

// begin finds the database and opens it.
func (s *Store) begin(ctx context.Context, root string, o *Options) error {
	if o.Read {
		if err := nested(root); err != nil {
			return err
		}
	}
	if o.State == "" {
		if err := Writable(root); err != nil {
			return err
		}
	}
	err := s.locate(ctx, root, o.State)
	if denied(err) {
		return &ReadOnly{root, err}
	}
	if err != nil {
		return err
	}
	if err := unwritable(s.path()); err != nil {
		return err
	}
	s.net = maildir.Networked(filepath.Dir(s.base))
	err = s.connect(ctx)
	if err != nil {
		s.open.Unlock()
	}
	return err
}

// connect opens the database under a shared lock. When it cannot be used as it is, repair does what is needed under
// the exclusive lock, which no process that has the database open lets us have, and connect tries anew.
func (s *Store) connect(ctx context.Context) error {
	s.open = fileLock(s.base + ".open")
	for range 3 { // another process may do the same, or the opposite, in between
		if _, err := acquire(ctx, s.open.TryRLock, -1); err != nil {
			return lockError(s.open.Path(), err)
		}
		err := s.check(ctx)
		if _, ok := errors.AsType[*unready](err); !ok {
			return err
		}
		s.open.Unlock()
		ok, err := acquire(ctx, s.open.TryLock, 2*time.Second) // others need it for milliseconds, unless they work with it
		if err != nil {
			return lockError(s.open.Path(), err)
		}
		if !ok {
			return &Locked{Name: s.path(), Holder: cmp.Or(s.holders(), "another process that reads it")}
		}
		if err := s.repair(ctx); err != nil {
			return err
		}
		s.open.Unlock()
	}
	return fmt.Errorf("%s stays unusable", s.path())
}

// path is that of the database.
func (s *Store) path() string { return s.base + ".db" }

// check opens the connections and looks whether all is as it should be: schema version, journal mode, and both
// ends of each table, which takes microseconds and finds a file that is no database, is cut short, or has lost a
// schema or a root page. What it cannot see surfaces later as *Damaged, and is looked for by the next Open.
func (s *Store) check(ctx context.Context) error {
	if _, err := os.Lstat(s.path()); errors.Is(err, fs.ErrNotExist) {
		return &unready{errors.New("there is no database yet")}
	} else if err != nil {
		return err
	}
	if _, err := os.Lstat(s.suspect()); err == nil {
		return &unready{errors.New("damage was reported")}
	}
	s.w, s.r, s.waits = s.pool(1, "query_only(0)"), s.pool(4, "query_only(1)"), patience
	err := s.usable(ctx, s.r)
	if err == nil {
		s.file, err = os.Stat(s.path())
	}
	if err != nil {
		s.w.Close()
		s.r.Close()
	}
	return err
}

// pool returns connections to the database. mmap stays off: a file that shrinks below a mapping kills the process.
func (s *Store) pool(size int, pragma string) *sql.DB {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {fmt.Sprintf("busy_timeout(%d)", patience.Milliseconds()), "mmap_size(0)", "cache_size(-2000)", "synchronous(" + s.sync() + ")", pragma}}
	db, _ := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: s.path(), RawQuery: q.Encode()}).String())
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(1)
	return db
}

// sync is how durable a commit is. EXTRA is FULL for a WAL; for a rollback journal, whose removal is the commit, it makes
// that durable too.
func (s *Store) sync() string {
	if s.temp != "" {
		return "OFF"
	}
	return "EXTRA"
}

// hundreds of schema versions more than we know no newer postie has: such a number is a damaged one.
const hundreds = 200

// usable says whether db is a database of ours, of our version, sound as far as a short look tells.
func (s *Store) usable(ctx context.Context, db *sql.DB) error {
	var app, have, tables int
	var mode string
	err := db.QueryRowContext(ctx, `SELECT application_id, user_version, journal_mode, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_application_id, pragma_user_version, pragma_journal_mode`).Scan(&app, &have, &mode, &tables)
	know := len(migrations())
	switch {
	case isDamage(err):
		return &unready{err}
	case err != nil:
		return err
	case app != applicationID && have+tables > 0:
		return &unready{errForeign}
	case have < 0 || have > know+hundreds || have > 0 && tables == 0:
		return &unready{errVersion}
	case have > know:
		return &Newer{Path: s.path(), Have: have, Know: know}
	case have < know || s.net && mode == "wal":
		return &unready{fmt.Errorf("schema version %d, journal mode %s", have, mode)}
	}
	var n sql.NullInt64
	var root string
	err = db.QueryRowContext(ctx, `SELECT coalesce((SELECT root FROM meta), ''), (SELECT min(id) FROM message) + (SELECT max(id) FROM message) +
		(SELECT min(id) FROM receipt) + (SELECT max(id) FROM receipt) + (SELECT max(rowid) FROM text) +
		(SELECT count(*) FROM mailbox) + (SELECT count(*) FROM maildrop) + (SELECT one FROM meta) +
		(SELECT count(*) FROM account) + (SELECT count(*) FROM box) + (SELECT min(id) FROM pair) + (SELECT max(id) FROM pair) +
		(SELECT count(*) FROM intent) + (SELECT count(*) FROM wish)`).Scan(&root, &n)
	switch {
	case isDamage(err):
		return &unready{err}
	case code(err) == sqlite3.SQLITE_ERROR: // no such table
		return &unready{fmt.Errorf("%w: %w", errForeign, err)}
	case err != nil:
		return err
	}
	return s.owns(root)
}

// owns says whether a database is that of our root: one that somebody put in the place of another knows nothing of the mail here. A
// root whose id was lost goes on with its database.
func (s *Store) owns(root string) error {
	switch {
	case s.id == "" || root == s.id:
		return nil
	case root == "" || slices.Contains(s.fresh, idFile(string(s.root))):
		return &unready{errors.New("it does not say whose it is")}
	}
	return &unready{errOther}
}

// SetAside returns where Open found or put a database that it could not go on with, because it was damaged or
// because its root was wiped or replaced; or "". The index is then empty: call Refresh.
func (s *Store) SetAside() string {
	if s.temp != "" {
		return "" // the damage is the copy's
	}
	return s.aside
}

// Checkpoint writes the journal back, so that the database file alone is a consistent copy. It waits for nobody: if
// others read or write at this moment, the last of them to close does it.
func (s *Store) Checkpoint() error {
	if s.lent.Load() != nil || s.w.Stats().OpenConnections == 0 { // nothing was written
		return nil
	}
	s.pacing.Lock()
	defer s.pacing.Unlock()
	_, err := s.w.Exec(fmt.Sprintf("PRAGMA busy_timeout = 0; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA busy_timeout = %d", s.waits.Milliseconds()))
	if Busy(err) {
		return nil
	}
	return verb("checkpoint index", s.Blame(err))
}

// Close writes the journal back and closes the database. Locks are to be released before.
func (s *Store) Close() error {
	if s.lent.Load() != nil {
		return verb("close index", s.giveBack())
	}
	return verb("close index", errors.Join(s.r.Close(), s.Checkpoint(), s.w.Close(), s.open.Unlock(), s.giveBack()))
}

// write runs fn in one durable transaction. Statements within need no context: a transaction is short, and a
// context per statement costs a goroutine each.
func (s *Store) write(ctx context.Context, fn func(*sql.Tx) error) error {
	if s.lent.Load() != nil {
		if err := s.own(ctx); err != nil {
			return err
		}
	}
	if err := s.pace(); err != nil {
		return err
	}
	tx, err := s.w.BeginTx(ctx, nil)
	if err == nil {
		if err = s.kept(); err == nil {
			err = fn(tx)
		}
		if err == nil {
			err = tx.Commit()
		} else {
			tx.Rollback()
		}
	}
	if err != nil && ctx.Err() != nil { // else database/sql would only say that the transaction is over
		return ctx.Err()
	}
	return s.Blame(err)
}

// query returns the rows of a reading statement, each made by scan.
func query[T any](ctx context.Context, s *Store, scan func(*sql.Rows) (T, error), q string, args ...any) ([]T, error) {
	rows, err := s.Reader().QueryContext(ctx, q, args...)
	all, err := Collect(rows, err, scan)
	return all, s.Blame(err)
}

// Collect reads all rows of the outcome of a query.
func Collect[T any](rows *sql.Rows, err error, scan func(*sql.Rows) (T, error)) (all []T, _ error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		one, err := scan(rows)
		if err != nil && rows.Err() == nil { // it is there and cannot be read
			err = &garbled{err}
		}
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// number scans a row of one integer.
func number(rows *sql.Rows) (n int64, err error) { return n, rows.Scan(&n) }

// each executes one statement for every item of a transaction; done, unless nil, sees each result.
func each[T any](tx *sql.Tx, q string, items []T, args func(*T) []any, done func(int, sql.Result) error) error {
	st, err := tx.Prepare(q)
	if err != nil {
		return err
	}
	defer st.Close()
	for i := range items {
		r, err := st.Exec(args(&items[i])...)
		if err == nil && done != nil {
			err = done(i, r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// create makes an empty file with mode 0600, which SQLite gives its journals too, unless there is one.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil // and never opened here: closing it would drop SQLite's locks of this process (fcntl(2))
	} else if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close(), maildir.SyncDir(filepath.Dir(path)))
}
