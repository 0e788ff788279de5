//go:build !linux

package maildir

import "os"

// messageFile is a message in tmp/ that is being written. Its Sync is F_FULLFSYNC on macOS.
type messageFile struct{ *os.File }

// createMessageFile makes a new file with mode 0600. A name that exists is an error, also if it is a symbolic link.
func createMessageFile(path string) (*messageFile, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	return &messageFile{f}, err
}

func (*messageFile) startWriteback() {}
