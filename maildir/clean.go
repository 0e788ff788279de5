package maildir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// tmpAge is the age at which the Maildir specification lets anybody remove a file from tmp/.
const tmpAge = 36 * time.Hour

// CleanTmp removes files from tmp/ that were not touched for 36 hours before now, the leftovers of crashes, and says how many.
//
// Age is counted from ctime: a draft in use may well have the mtime of a message from years ago ([Draft.SetTime]).
func (d Dir) CleanTmp(now time.Time) (int, error) {
	n := 0
	var errs []error
	for name, err := range names(d.sub("tmp")) {
		if err == nil {
			var old bool
			if old, err = removeOlder(d.sub("tmp", name), now.Add(-tmpAge)); old {
				n++
			}
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("clean tmp: %w", err))
		}
	}
	return n, errors.Join(errs...)
}

func removeOlder(path string, limit time.Time) (bool, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return false, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || !time.Unix(st.Ctim.Unix()).Before(limit) {
		return false, nil
	}
	err := os.Remove(path)
	return err == nil, err
}
