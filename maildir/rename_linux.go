package maildir

import "golang.org/x/sys/unix"

func renameExclusive(from, to string) error {
	for {
		// EINTR: seen on FUSE and network file systems (os.Rename does the same).
		if err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE); err != unix.EINTR {
			return err
		}
	}
}
