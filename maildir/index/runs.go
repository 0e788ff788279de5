package index

import (
	"context"
	"database/sql"
	"time"
)

// Run is how the last runs of an account went.
type Run struct {
	Succeeded time.Time // when one last ended well; zero: never
	Failed    time.Time // when the last one failed; zero: it did not
	Error     string
	Hint      string
	Code      int    // exit code
	Told      string // what the user was told of runs (Tell)
}

// Ran records that a run of an account has ended: well if failure is empty.
func (s *Store) Ran(ctx context.Context, protocol string, m Login, failure, hint string, code int) error {
	m = m.Canonical()
	at := s.now().UnixMilli()
	return verb("record run", s.write(ctx, func(tx *sql.Tx) error {
		if failure == "" {
			_, err := tx.Exec(`INSERT INTO run (protocol, user, host, succeeded) VALUES (?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET succeeded = excluded.succeeded, failed = NULL, error = '', hint = '', code = 0`, protocol, m.User, m.Host, at)
			return err
		}
		_, err := tx.Exec(`INSERT INTO run (protocol, user, host, failed, error, hint, code) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET failed = excluded.failed, error = excluded.error, hint = excluded.hint, code = excluded.code`,
			protocol, m.User, m.Host, at, failure, hint, code)
		return err
	}))
}

// Tell records what the user was told of the runs of an account, in words of the caller.
func (s *Store) Tell(ctx context.Context, protocol string, m Login, told string) error {
	m = m.Canonical()
	return verb("record what was told", s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO run (protocol, user, host, told) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET told = excluded.told", protocol, m.User, m.Host, told)
		return err
	}))
}

// LastRun tells how the last runs of an account went.
func (s *Store) LastRun(ctx context.Context, protocol string, m Login) (Run, error) {
	m = m.Canonical()
	all, err := query(ctx, s, func(rows *sql.Rows) (r Run, err error) {
		var succeeded, failed sql.NullInt64
		err = rows.Scan(&succeeded, &failed, &r.Error, &r.Hint, &r.Code, &r.Told)
		if succeeded.Valid {
			r.Succeeded = time.UnixMilli(succeeded.Int64).UTC()
		}
		if failed.Valid {
			r.Failed = time.UnixMilli(failed.Int64).UTC()
		}
		return r, err
	}, "SELECT succeeded, failed, error, hint, code, told FROM run WHERE protocol = ? AND user = ? AND host = ?", protocol, m.User, m.Host)
	if err != nil || len(all) == 0 {
		return Run{}, verb("read index", err)
	}
	return all[0], nil
}
