package pop3test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// stuffer writes a message as a multi-line response (RFC 1939 section 3): a dot at the begin of a line, which is after
// CRLF and nowhere else, is doubled.
type stuffer struct {
	w     io.Writer
	n     int64 // octets of the message so far
	start bool  // the next octet begins a line; true for a fresh stuffer
	cr    bool  // the last octet was CR
	plain bool  // no dot is doubled
}

func (s *stuffer) Write(p []byte) (int, error) {
	total := len(p)
	s.n += int64(total)
	for len(p) > 0 {
		if s.start && p[0] == '.' && !s.plain {
			s.w.Write([]byte("."))
		}
		n := len(p)
		if s.cr && p[0] == '\n' {
			n = 1
		} else if i := bytes.Index(p, []byte("\r\n.")); i >= 0 {
			n = i + 2
		}
		s.start = s.cr && p[0] == '\n' || bytes.HasSuffix(p[:n], []byte("\r\n"))
		s.cr = p[n-1] == '\r'
		if _, err := s.w.Write(p[:n]); err != nil {
			return 0, err
		}
		p = p[n:]
	}
	return total, nil
}

// end finishes the response, and first the last line.
func (s *stuffer) end() {
	if !s.start {
		s.w.Write([]byte("\r\n"))
		s.n += 2
	}
	s.w.Write([]byte(".\r\n"))
}

// copyTop copies the header, the empty line, and n lines of what follows (RFC 1939 section 7).
func copyTop(w io.Writer, r io.Reader, n int) {
	in := bufio.NewReader(r)
	header, whole := true, true // whole: the line is read from its begin
	for header || n > 0 {
		line, err := in.ReadSlice('\n')
		w.Write(line)
		full := errors.Is(err, bufio.ErrBufferFull)
		if err != nil && !full {
			return
		}
		if !header && !full {
			n--
		}
		if whole && len(bytes.TrimRight(line, "\r\n")) == 0 {
			header = false
		}
		whole = !full
	}
}

// bareLF takes the CR before each LF away.
type bareLF struct {
	w  io.Writer
	cr bool // the last octet was a CR, which is not yet passed on
}

func (b *bareLF) Write(p []byte) (int, error) {
	all := p
	if b.cr {
		all = append([]byte("\r"), p...)
	}
	all, b.cr = bytes.CutSuffix(all, []byte("\r"))
	_, err := b.w.Write(bytes.ReplaceAll(all, []byte("\r\n"), []byte("\n")))
	return len(p), err
}
