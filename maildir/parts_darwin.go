package maildir

import (
	"fmt"
	"os"
	"syscall"
)

// look gives the mtime of a folder in nanoseconds, and which one it is: by its inode and its birth.
func look(path string) (mtime int64, place string, dir bool, err error) {
	fi, err := os.Stat(path)
	if err != nil {
		return 0, "", false, err
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		place = fmt.Sprintf("%x.%x.%x", st.Ino, st.Birthtimespec.Sec, st.Birthtimespec.Nsec)
	}
	return fi.ModTime().UnixNano(), place, fi.IsDir(), nil
}
