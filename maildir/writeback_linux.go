package maildir

import (
	"os"

	"golang.org/x/sys/unix"
)

// startWriteback asks the kernel to begin writing a file out, without waiting: a hint, so its error says nothing.
// (SYNC_FILE_RANGE_WRITE alone neither waits nor takes a write error away from the fsync that follows.)
func startWriteback(f *os.File) {
	_ = unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
}
