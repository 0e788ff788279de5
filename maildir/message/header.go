package message

import (
	"bytes"
	"crypto/sha256"
	"hash"
)

// MaxHeader is how much of a header, in bytes of its LF form, a Header keeps.
const MaxHeader = 256 << 10

// Header collects the header of a message that is written to it, in wire or LF form and in any
// chunking, and ignores what follows the empty line. All CRs before an LF belong to the line end, so
// that a message has the same header on the wire, from TOP and from its file, also where lines end in
// CR CR LF; other CRs stay. The zero value is ready.
type Header struct {
	kept []byte
	sum  hash.Hash
	crs  int  // CRs seen that may yet turn out to be part of a line end
	line bool // the current line has begun
	done bool
}

// Write takes the next piece of the message. It never fails.
func (h *Header) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0 && !h.done; {
		text, after, ended := bytes.Cut(rest, []byte("\n"))
		h.text(text)
		if ended {
			h.endLine(rest[len(text) : len(text)+1])
		}
		rest = after
	}
	return len(p), nil
}

// text takes a piece of a line.
func (h *Header) text(p []byte) {
	text := bytes.TrimRight(p, "\r")
	if len(text) > 0 {
		for ; h.crs > 0; h.crs-- {
			h.add([]byte("\r"))
		}
		h.add(text)
		h.line = true
	}
	h.crs += len(p) - len(text)
}

// endLine ends the current line; lf is the LF itself.
func (h *Header) endLine(lf []byte) {
	h.crs = 0
	if !h.line {
		h.done = true // RFC 5322 section 2.1: an empty line ends the header
		return
	}
	h.add(lf)
	h.line = false
}

func (h *Header) add(p []byte) {
	if h.sum == nil {
		h.sum = sha256.New()
	}
	h.sum.Write(p)
	h.kept = append(h.kept, p[:min(len(p), MaxHeader-len(h.kept))]...)
}

// Bytes returns the header in LF form, without the empty line, at most MaxHeader bytes of it. It is
// valid until the next Write or Reset.
func (h *Header) Bytes() []byte {
	if h.line && len(h.kept) < MaxHeader {
		return append(h.kept[:len(h.kept):len(h.kept)], '\n')
	}
	return h.kept
}

// Hash returns the SHA-256 of the whole header in LF form, each line ended by LF (also a last one that
// the message leaves open: a POP3 server closes it), without the empty line.
func (h *Header) Hash() [sha256.Size]byte {
	if h.sum == nil {
		return sha256.Sum256(nil)
	}
	sum := h.sum
	if h.line {
		// Cloned, for the line may go on with the next Write.
		if c, ok := sum.(hash.Cloner); ok {
			if clone, err := c.Clone(); err == nil {
				sum = clone
			}
		}
		sum.Write([]byte("\n"))
	}
	var out [sha256.Size]byte
	sum.Sum(out[:0])
	return out
}

// Done reports whether the empty line was seen.
func (h *Header) Done() bool { return h.done }

// Reset makes h ready for another message, keeping its buffer.
func (h *Header) Reset() {
	*h = Header{kept: h.kept[:0], sum: h.sum}
	if h.sum != nil {
		h.sum.Reset()
	}
}
