package maildir

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// messageFile is a message in tmp/ that is being written. The system calls are made here, since os.File costs five more for each
// message: it tries to have the file polled, which a regular file cannot be (an epoll_ctl that fails, and four fcntl).
type messageFile struct {
	fd   int
	path string
}

// createMessageFile makes a new file with mode 0600. A name that exists is an error, also if it is a symbolic link.
func createMessageFile(path string) (*messageFile, error) {
	return openMessageFile(path, unix.O_CREAT|unix.O_EXCL)
}

func openMessageFile(path string, how int) (*messageFile, error) {
	f := &messageFile{path: path}
	err := f.do("open", func() (err error) {
		f.fd, err = unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW|how, 0o600)
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Write writes all of p.
func (f *messageFile) Write(p []byte) (written int, err error) {
	for written < len(p) && err == nil {
		err = f.do("write", func() error {
			n, err := unix.Write(f.fd, p[written:])
			written += max(n, 0)
			return err
		})
	}
	return written, err
}

// Sync makes content and mtime durable.
func (f *messageFile) Sync() error {
	return f.do("fsync", func() error { return unix.Fsync(f.fd) })
}

// Close is not repeated when a signal interrupts it: Linux has freed the descriptor by then.
func (f *messageFile) Close() error {
	fd := f.fd
	f.fd = -1 // the number may be another file's from now on
	if err := unix.Close(fd); err != nil && err != unix.EINTR {
		return &fs.PathError{Op: "close", Path: f.path, Err: err}
	}
	return nil
}

// startWriteback asks the kernel to begin writing the file out, without waiting: a hint, so its error says nothing.
// (SYNC_FILE_RANGE_WRITE alone neither waits nor takes a write error away from the fsync that follows.)
func (f *messageFile) startWriteback() {
	_ = unix.SyncFileRange(f.fd, 0, 0, unix.SYNC_FILE_RANGE_WRITE)
}

// do makes a system call, again for as long as a signal interrupts it.
func (f *messageFile) do(op string, call func() error) error {
	for {
		switch err := call(); err {
		case nil:
			return nil
		case unix.EINTR:
		default:
			return &fs.PathError{Op: op, Path: f.path, Err: err}
		}
	}
}
