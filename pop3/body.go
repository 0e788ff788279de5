package pop3

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// body reads one multi-line response in wire form: dots unstuffed, every other octet as it came, io.EOF after
// CRLF "." CRLF and nothing else (RFC 1939 section 3). Bare CR, bare LF, NUL and endless lines are the message's
// own business. Its slices come straight from the fence's buffer.
//
// A server whose greeting ended in a bare LF ends all its lines so: there an LF alone ends a line of a body too.
type body struct {
	f     *fence
	size  int64  // octets given so far
	limit int64  // that many it may be; 0: any number
	start bool   // the next octet begins a line
	rest  []byte // given by chunk, not yet by Read
	err   error  // io.EOF: complete
	keep  bool   // dots at the begin of a line are left
	dots  Dots
	gone  bool // its iteration is over
}

// Dots counts lines that begin with a dot. A server has to double it; of one that doubles none a message is one octet too short for each
// such line.
type Dots struct {
	Removed int // dots that were taken away
	Single  int // those of them behind which no other dot came, as a server that doubles dots sends none
}

// Kept says whether a message of so many octets, without those dots, is to be read with them (Session.KeepDots): then its size is the one that
// LIST gave. Where neither is, a single dot tells.
func (d Dots) Kept(listed, size int64) bool {
	if d.Removed == 0 || size == listed {
		return false
	}
	return size+int64(d.Removed) == listed || d.Single > 0
}

func newBody(f *fence) *body { return &body{f: f, start: true} }

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.gone {
		return 0, errors.New("body read after its iteration")
	}
	if len(b.rest) == 0 {
		var err error
		if b.rest, err = b.chunk(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// WriteTo implements io.WriterTo: io.Copy then takes the buffer's own slices, without a copy in between.
func (b *body) WriteTo(w io.Writer) (int64, error) {
	if b.gone {
		return 0, errors.New("body read after its iteration")
	}
	var total int64
	for {
		if len(b.rest) > 0 {
			n, err := w.Write(b.rest)
			total += int64(n)
			b.rest = b.rest[n:]
			if err != nil {
				return total, err
			}
		}
		var err error
		if b.rest, err = b.chunk(); err != nil {
			return total, eofIsNil(err)
		}
	}
}

// skip reads what is left, whoever may still hold the body.
func (b *body) skip() error {
	b.rest = nil
	for {
		if _, err := b.chunk(); err != nil {
			return eofIsNil(err)
		}
	}
}

func eofIsNil(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// chunk gives the next octets, at least one, valid until the fence is read again.
func (b *body) chunk() ([]byte, error) {
	if b.err != nil {
		return nil, b.err
	}
	if b.limit > 0 && b.size > b.limit {
		b.err = &ProtocolError{Problem: fmt.Sprintf("more than %d octets of a message that cannot be so long", b.limit)}
		return nil, b.err
	}
	buf, err := b.f.peek(1)
	if err == nil && b.start && buf[0] == '.' {
		if buf, err = b.dot(); err == nil && len(buf) == 0 {
			err = io.EOF
		}
	}
	if err == nil && len(buf) == 1 && buf[0] == '\r' && len(b.f.eol) == 2 {
		buf, err = b.f.peek(2) // no body ends here, and whether a line does shows the next octet
	}
	if err != nil {
		b.err = err
		return nil, err
	}
	n, start := b.lines(buf)
	b.start = start
	b.f.discard(n)
	b.size += int64(n)
	return buf[:n], nil
}

// dot takes the dot at the begin of a line, and gives what is buffered after it: nothing, if that line was the end.
func (b *body) dot() ([]byte, error) {
	// As many octets are sure to come as the end has: anything else is followed by an end.
	buf, err := b.f.peek(1 + len(b.f.eol))
	if err == nil && b.f.bare() && buf[1] == '\r' {
		buf, err = b.f.peek(3)
	}
	if err != nil {
		return nil, err
	}
	for _, end := range []string{".\r\n", ".\n"} {
		if (end[1] == '\r' || b.f.bare()) && bytes.HasPrefix(buf, []byte(end)) {
			b.f.discard(len(end))
			return nil, nil
		}
	}
	if b.keep {
		return buf, nil
	}
	if b.dots.Removed++; buf[1] != '.' {
		b.dots.Single++
	}
	b.f.discard(1)
	return buf[1:], nil
}

// lines says how much of buf, of at least one octet and not only a CR, can be passed on as it is, and whether a
// line begins after it.
func (b *body) lines(buf []byte) (n int, start bool) {
	if i := bytes.Index(buf, b.f.mark); i >= 0 {
		return i + len(b.f.eol), true
	}
	if buf[len(buf)-1] == '\r' && len(b.f.eol) == 2 {
		return len(buf) - 1, false
	}
	return len(buf), bytes.HasSuffix(buf, b.f.eol)
}
