package index

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Discard closes the store, and takes away what Open made if nothing came of any account, and nobody else has it open: a wrong
// host leaves nothing where it was tried. Summaries of mail that was there can be made again. It says whether it did.
// unreached are the exit codes of runs that reached no server; what another one ended with is kept, for status.
func (s *Store) Discard(ctx context.Context, unreached ...int) (bool, error) {
	if len(s.fresh) == 0 || !slices.Contains(s.fresh, s.path()) || s.lent.Load() != nil {
		return false, s.Close()
	}
	codes, err := json.Marshal(unreached)
	if err != nil {
		return false, errors.Join(err, s.Close())
	}
	n, err := query(ctx, s, number, `SELECT (SELECT count(*) FROM receipt) + (SELECT count(*) FROM run WHERE code NOT IN (SELECT value FROM json_each(?))) + (SELECT count(*) FROM box) +
		(SELECT count(*) FROM maildrop WHERE finished IS NOT NULL) + (SELECT count(*) FROM account WHERE unseen IS NOT NULL)`, string(codes))
	if err != nil || n[0] > 0 {
		return false, errors.Join(err, s.Close())
	}
	if err := errors.Join(s.r.Close(), s.w.Close()); err != nil {
		return false, errors.Join(err, s.open.Unlock())
	}
	defer s.open.Unlock()
	if alone, err := s.open.TryLock(); !alone {
		return false, err
	}
	return true, s.remove()
}

// remove takes away the database with all that lies beside it, and the id.
func (s *Store) remove() error {
	files, err := filepath.Glob(filepath.Join(plain(filepath.Dir(s.base)), filepath.Base(s.base)+".*"))
	for _, path := range append(files, s.fresh...) {
		if filepath.Base(path) == ".postie.id" && !slices.Contains(s.fresh, path) {
			continue
		}
		if e := os.Remove(path); !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// plain keeps a path from being read as a pattern.
func plain(path string) string {
	var b []rune
	for _, r := range path {
		if r == '*' || r == '?' || r == '[' || r == '\\' {
			b = append(b, '\\')
		}
		b = append(b, r)
	}
	return string(b)
}
