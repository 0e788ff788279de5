package maildir

import (
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// look gives the mtime of a folder in nanoseconds, and which one it is: by its inode and its birth, since ext4 gives the number of
// what was removed to what is made next. A kernel or a sandbox without statx(2) tells no birth, and so no place.
func look(path string) (mtime int64, place string, dir bool, err error) {
	var st unix.Statx_t
	err = unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_TYPE|unix.STATX_MTIME|unix.STATX_INO|unix.STATX_BTIME, &st)
	if err == unix.ENOSYS || err == unix.EPERM {
		fi, err := os.Stat(path)
		if err != nil {
			return 0, "", false, err
		}
		return fi.ModTime().UnixNano(), "", fi.IsDir(), nil
	}
	if err != nil {
		return 0, "", false, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mask&unix.STATX_BTIME != 0 && st.Mask&unix.STATX_INO != 0 {
		place = strconv.FormatUint(st.Ino, 36) + "." + fmt.Sprintf("%x.%x", st.Btime.Sec, st.Btime.Nsec)
	}
	return st.Mtime.Sec*1e9 + int64(st.Mtime.Nsec), place, st.Mode&unix.S_IFMT == unix.S_IFDIR, nil
}
