package look

import (
	"io"
	"time"

	"postie/maildir"
	"postie/maildir/message"
)

// Content is what the octets of a file tell.
type Content struct {
	Wire    maildir.Wire
	Header  [32]byte // message.Header.Hash
	Marks   int64    // message.Header.Marks
	Summary message.Summary
	Date    time.Time // the file's mtime
}

// Read reads a file, in one pass and in little memory. header is room to work in. Errors are those of [maildir.Open] and of reading.
func Read(path string, header *message.Header) (Content, error) {
	file, info, err := maildir.Open(path)
	if err != nil {
		return Content{}, err
	}
	defer file.Close()
	header.Reset()
	wire, err := maildir.WireOf(io.TeeReader(file, header))
	if err != nil {
		return Content{}, err
	}
	return Content{wire, header.Hash(), header.Marks(), message.Summarize(header.Bytes()), info.ModTime()}, nil
}
