package index

import (
	"io"
	"os"
	"syscall"

	"postie/maildir"
	"postie/maildir/message"
)

// ReadFile makes a message of a file, in one pass and in little memory: all that its octets tell, and its mtime as Date. header is
// room to work in. It returns nil for what is no regular file. Errors are those of opening and reading; fs.ErrNotExist if it is gone.
func ReadFile(path string, header *message.Header) (*Message, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO must not stop us
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, err
	}
	header.Reset()
	wire, err := maildir.WireOf(io.TeeReader(file, header))
	if err != nil {
		return nil, err
	}
	return &Message{Wire: wire, Date: info.ModTime(), Header: header.Hash(), Marks: header.Marks(), Summary: message.Summarize(header.Bytes())}, nil
}
