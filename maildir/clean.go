package maildir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tmpAge is the age at which the Maildir specification lets anybody remove a file from tmp/.
const tmpAge = 36 * time.Hour

// CleanTmp removes the leftovers of crashes from tmp/, and says how many: files that were not touched for 36 hours before now,
// whoever made them, and those of ours whose process has died.
//
// Age is counted from ctime: a delivery in use may well have the mtime of a message from years ago ([Delivery.SetTime]).
func (d Dir) CleanTmp(now time.Time) (int, error) {
	n := 0
	var errs []error
	for file, err := range names(d.sub("tmp")) {
		if err == nil {
			name := file.Name()
			limit := now.Add(-tmpAge)
			if abandoned(name) {
				limit = now.Add(tmpAge)
			}
			var old bool
			if old, err = removeOlder(d.sub("tmp", name), limit); old {
				n++
			}
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("clean tmp: %w", err))
		}
	}
	return n, errors.Join(errs...)
}

// abandoned says whether a file was made by a process of ours on this machine that is no more. If that lives where it cannot be seen
// (a container of the same host name), its batch fails, and comes again.
func abandoned(name string) bool {
	var seconds, micros int64
	var pid int
	var rest string
	if n, _ := fmt.Sscanf(name, "%d.M%dP%dR%s", &seconds, &micros, &pid, &rest); n < 4 || pid <= 0 || pid == processID() {
		return false
	}
	random, host, _ := strings.Cut(rest, ".")
	return len(random) == 16 && host == hostname() && errors.Is(unix.Kill(pid, 0), unix.ESRCH)
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
