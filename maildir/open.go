package maildir

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// NotMessage is the error of a name in new/ or cur/ that is no file of a message. It stays one however often it is tried.
type NotMessage struct {
	Path string
	Kind string // "a symbolic link", "a folder", "a pipe", "a socket", "a device"
}

func (e *NotMessage) Error() string { return e.Path + ": it is " + e.Kind + ", no message" }

// Open opens the file of a message for reading. Symbolic links are not followed: whoever can put one into a Maildir would have
// any file that we may read, such as one with passwords, sent to a server. Errors: *NotMessage; those of the system.
func Open(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0) // a pipe must not stop us
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	if err != nil { // links and sockets cannot be opened: each system has its own error for that
		info, statErr := os.Lstat(path)
		if statErr == nil && !info.Mode().IsRegular() {
			err = &NotMessage{path, KindOf(info.Mode())}
		}
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &NotMessage{path, KindOf(info.Mode())}
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// KindOf names what lies somewhere, by its mode.
func KindOf(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode.IsRegular():
		return "a file"
	}
	return "a device"
}

// ReadBeside reads a small file that lies beside the mail, in whole. What is no file is an error: whoever puts a pipe there must not make
// us wait. links says whether a symbolic link is followed. Errors: *NotMessage; those of the system.
func ReadBeside(path string, links bool) ([]byte, error) {
	if links {
		if to, err := filepath.EvalSymlinks(path); err == nil {
			path = to
		}
	}
	f, _, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 1<<20))
}
