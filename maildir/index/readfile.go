package index

import (
	"io"

	"postie/maildir"
	"postie/maildir/message"
)

// ReadFile makes a message of a file, in one pass and in little memory: all that its octets tell, and its mtime as Date. header is
// room to work in. Errors are those of opening and reading: *maildir.NotMessage for what is no regular file; fs.ErrNotExist if it is gone.
func ReadFile(path string, header *message.Header) (*Message, error) {
	file, info, err := maildir.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	header.Reset()
	wire, err := maildir.WireOf(io.TeeReader(file, header))
	if err != nil {
		return nil, err
	}
	return &Message{Wire: wire, Date: info.ModTime(), Header: header.Hash(), Marks: header.Marks(), Summary: message.Summarize(header.Bytes())}, nil
}
