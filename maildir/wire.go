package maildir

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
)

// readSize is what a file is read by at once.
const readSize = 16 << 10

// Wire is a message as it is on the wire, with CRLF (RFC 5322 section 2.1).
type Wire struct {
	Size  int64    // octets
	Hash  [32]byte // SHA-256
	Exact bool     // the LF form on disk turns back into the same bytes (NewWireReader)
}

// WireOf reads a file in LF form (or any other) and describes what an upload of it would send.
func WireOf(r io.Reader) (Wire, error) {
	h := sha256.New()
	n, err := io.CopyBuffer(h, NewWireReader(r), make([]byte, readSize))
	if err != nil {
		return Wire{}, fmt.Errorf("read message: %w", err)
	}
	w := Wire{Size: n, Exact: true}
	h.Sum(w.Hash[:0])
	return w, nil
}

// WireAt is WireOf of the file at a path.
func WireAt(path string) (Wire, error) {
	f, _, err := Open(path)
	if err != nil {
		return Wire{}, fmt.Errorf("read message: %w", err)
	}
	defer f.Close()
	return WireOf(f)
}

// NewWireReader gives the wire form of what r reads: an LF without a CR before it becomes CRLF.
func NewWireReader(r io.Reader) io.Reader { return &wireReader{r: r} }

type wireReader struct {
	r    io.Reader
	buf  []byte
	in   []byte // part of buf that is not handed out yet
	last byte   // handed out last
	err  error
}

func (w *wireReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(w.in) == 0 {
		if w.err != nil {
			return 0, w.err
		}
		w.fill()
	}
	n := 0
	for n < len(p) && len(w.in) > 0 {
		n += w.line(p[n:])
	}
	return n, nil
}

func (w *wireReader) fill() {
	if w.buf == nil {
		w.buf = make([]byte, readSize)
	}
	var n int
	n, w.err = w.r.Read(w.buf)
	w.in = w.buf[:n]
}

// line hands out up to the next LF, or the CR that has to be before it: then the LF is next. p is not empty.
func (w *wireReader) line(p []byte) int {
	n := bytes.IndexByte(w.in, '\n')
	if n == 0 && w.last != '\r' {
		p[0], w.last = '\r', '\r'
		return 1
	}
	switch n {
	case -1:
		n = len(w.in)
	case 0:
		n = 1 // the LF itself
	}
	n = copy(p, w.in[:n])
	w.last, w.in = w.in[n-1], w.in[n:]
	return n
}
