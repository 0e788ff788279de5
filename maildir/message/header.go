package message

import (
	"bytes"
	"crypto/sha256"
	"hash"
)

// MaxHeader is how much of a header, in bytes of its LF form, a Header keeps.
const MaxHeader = 256 << 10

// kind is whose a field is.
type kind byte

const (
	own   kind = iota // the message's own
	mark              // put there by a program that synchronises mailboxes
	state             // put there by a server or program whose mailbox is an mbox file
)

// Header collects the header of a message that is written to it, in wire or LF form and in any
// chunking, and ignores what follows the empty line. All CRs before an LF belong to the line end, so
// that a message has the same header on the wire, from TOP and from its file, also where lines end in
// CR CR LF; other CRs stay. The zero value is ready.
type Header struct {
	kept []byte
	sum  hash.Hash
	told int   // how much of kept is in sum, or passed over
	last kind  // of the last field
	size int64 // octets of marks on the wire
	crs  int   // CRs seen that may yet turn out to be part of a line end
	line bool  // the current line has begun
	done bool
	body int64 // octets after the empty line
}

// Write takes the next piece of the message. It never fails.
func (h *Header) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0 && !h.done; {
		text, after, ended := bytes.Cut(rest, []byte("\n"))
		h.text(text)
		if ended {
			h.endLine(rest[len(text) : len(text)+1])
		}
		if rest = after; h.done {
			h.body -= int64(len(p) - len(rest)) // what was not the body's yet
		}
	}
	if h.done {
		h.body += int64(len(p))
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
	h.judge()
	h.line = false
}

func (h *Header) add(p []byte) {
	n := min(len(p), MaxHeader-len(h.kept))
	h.kept = append(h.kept, p[:n]...)
	if len(p) > n { // no more is kept: nothing can be passed over
		h.tell(h.kept[h.told:])
		h.tell(p[n:])
		h.told = len(h.kept)
	}
}

// tell counts octets as the header's.
func (h *Header) tell(p []byte) {
	if h.sum == nil {
		h.sum = sha256.New()
	}
	h.sum.Write(p)
}

// judge counts the line that ended, or passes over it.
func (h *Header) judge() {
	line := h.kept[h.told:]
	if len(line) == 0 {
		return
	}
	h.told, h.last = len(h.kept), h.kind(line)
	switch h.last {
	case own:
		h.tell(line)
	case mark:
		h.size += int64(len(line)) + 1 // CR
	}
}

// kind says whose the field is that a line belongs to. mbsync (isync 1.1 and later) marks whatever it stores, here and on the
// server; offlineimap what it uploads to a server without UIDPLUS. UW ipop3d, qpopper and programs that write mbox files keep
// there what was read: "Status:  O" becomes "Status: RO" once the message was retrieved. It is the same message.
func (h *Header) kind(line []byte) kind {
	if len(line) > 0 && (line[0] == ' ' || line[0] == '\t') { // RFC 5322 section 2.2.3: the line before goes on
		return h.last
	}
	name, _, ok := bytes.Cut(line, []byte(":"))
	is := func(s string) bool { return ok && equalFold(name, s) }
	switch {
	case is("X-TUID"), is("X-OfflineIMAP"):
		return mark
	case is("Status"), is("X-Status"), is("X-Keywords"), is("X-UID"):
		return state
	}
	return own
}

// Bytes returns the header in LF form, without the empty line, at most MaxHeader bytes of it. It is
// valid until the next Write or Reset.
func (h *Header) Bytes() []byte {
	if h.line && len(h.kept) < MaxHeader {
		return append(h.kept[:len(h.kept):len(h.kept)], '\n')
	}
	return h.kept
}

// Hash returns the SHA-256 of the header in LF form, each line ended by LF (also a last one that the message leaves open: a
// POP3 server closes it), without the empty line, without the marks that [Header.Marks] counts, and without the fields in
// which a mailbox file keeps what was read: Status, X-Status, X-Keywords, X-UID.
func (h *Header) Hash() [sha256.Size]byte {
	sum, open := h.sum, h.kept[h.told:]
	if h.line && h.kind(open) == own {
		if sum == nil {
			sum = sha256.New()
		} else if c, ok := sum.(hash.Cloner); ok {
			// Cloned, for the line may go on with the next Write.
			if clone, err := c.Clone(); err == nil {
				sum = clone
			}
		}
		sum.Write(open)
		sum.Write([]byte("\n"))
	}
	if sum == nil {
		return sha256.Sum256(nil)
	}
	var out [sha256.Size]byte
	sum.Sum(out[:0])
	return out
}

// Marks is how many octets the wire form has because of fields that other programs put there to find a message again: X-TUID
// of mbsync, X-OfflineIMAP of offlineimap. With and without them it is the same message. Those beyond MaxHeader are not seen.
func (h *Header) Marks() int64 { return h.size }

// Done reports whether the empty line was seen.
func (h *Header) Done() bool { return h.done }

// Body counts the octets that followed the empty line.
func (h *Header) Body() int64 { return h.body }

// Reset makes h ready for another message, keeping its buffer.
func (h *Header) Reset() {
	*h = Header{kept: h.kept[:0], sum: h.sum}
	if h.sum != nil {
		h.sum.Reset()
	}
}
