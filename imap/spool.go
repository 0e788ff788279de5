package imap

import (
	"fmt"
	"io"
	"os"
)

// spool holds bodies that came before all that has to be known of their messages, in a file without a name. It begins anew as
// soon as all of them were given.
type spool struct {
	dir  func() string // where; nil: where the system has such files
	f    *os.File
	end  int64
	kept int
}

func (s *spool) put(r io.Reader) (io.Reader, error) {
	if s.f == nil {
		dir := ""
		if s.dir != nil {
			dir = s.dir()
		}
		f, err := os.CreateTemp(dir, "postie-*")
		if err != nil {
			return nil, fmt.Errorf("keep a message for a while: %w", err)
		}
		os.Remove(f.Name())
		s.f = f
	}
	room := maxSpool - s.end
	n, err := io.Copy(io.NewOffsetWriter(s.f, s.end), io.LimitReader(r, room+1))
	if n > room {
		err = &ProtocolError{Problem: "too many octets of bodies before their UIDs"}
	}
	if err != nil {
		return nil, fmt.Errorf("keep a message for a while: %w", err)
	}
	s.end += n
	s.kept++
	return io.NewSectionReader(s.f, s.end-n, n), nil
}

// done says that a body that was put is not needed any more.
func (s *spool) done() {
	if s.kept--; s.kept == 0 {
		s.end = 0
		s.f.Truncate(0) // what cannot be cut is overwritten
	}
}

func (s *spool) close() {
	if s.f != nil {
		s.f.Close()
	}
}
