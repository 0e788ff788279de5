package message

import (
	"bytes"
	"encoding/base64"
	"io"
	"slices"
	"strings"
)

// transferEncoding returns the transfer encoding of e in lower case, "" when it has none.
func transferEncoding(e *entity) string {
	value, _, _ := bytes.Cut(field(e.header, "Content-Transfer-Encoding"), []byte(";"))
	return strings.ToLower(string(bytes.TrimSpace(value)))
}

// plainEncoding reports whether e can be read as it stands. RFC 2046 section 5.2.1 demands it of messages.
func plainEncoding(e *entity) bool {
	name := transferEncoding(e)
	return name != "base64" && name != "quoted-printable"
}

// body reads the current part of a walker, its transfer encoding removed. What is no base64 or
// quoted-printable in it, or an encoding that nobody knows, never ends it.
type body struct {
	walker *walker
	decode func(dst, piece []byte) []byte
	end    []byte // the last line's end: it belongs to the boundary if one follows (RFC 2046 section 5.1.1)
	out    []byte // what decode made, all of it
	rest   []byte // the part of it that Read has yet to give out
	done   bool
}

func newBody(w *walker, e *entity) *body {
	b := &body{walker: w, end: []byte{}}
	switch transferEncoding(e) {
	case "base64":
		b.decode = new(base64Decoder).decode
	case "quoted-printable":
		b.decode = new(quotedDecoder).decode
	default:
		b.decode = func(dst, piece []byte) []byte { return append(dst, piece...) }
	}
	return b
}

func (b *body) Read(p []byte) (int, error) {
	for len(b.rest) == 0 {
		if b.done {
			return 0, io.EOF
		}
		b.next()
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// next decodes the next line, with the end of the one before.
func (b *body) next() {
	piece, ok := b.walker.line()
	b.out = b.out[:0]
	if !ok {
		b.done = true
		if b.walker.hit < 0 {
			b.out = b.decode(b.out, b.end)
		}
		b.rest = b.decode(b.out, nil) // what was held back
		return
	}
	b.out = b.decode(b.out, b.end)
	text := bytes.TrimSuffix(piece, []byte("\n"))
	if len(text) < len(piece) {
		text = bytes.TrimSuffix(text, []byte("\r"))
	}
	b.end = append(b.end[:0], piece[len(text):]...)
	b.out = b.decode(b.out, text)
	b.rest = b.out
}

// base64Decoder decodes base64 piece by piece (RFC 2045 section 6.8). A foreign byte ends its line, for
// what follows is text that a list added, or displaced; the next line starts anew. In a line too
// long for mail it is just passed over.
type base64Decoder struct {
	bits    uint32
	have    int  // bits
	foreign bool // the rest of the line is none
	padded  bool // the data ended, unless more lines of it follow
}

func (d *base64Decoder) decode(dst, piece []byte) []byte {
	if d.padded && !isBase64(piece) {
		return dst
	}
	if d.have == 0 && !d.foreign && len(piece) > 0 && len(piece)%4 == 0 { // nearly every line
		dst = slices.Grow(dst, base64.StdEncoding.DecodedLen(len(piece)))
		if n, err := base64.StdEncoding.Decode(dst[len(dst):cap(dst)], piece); err == nil {
			d.padded = piece[len(piece)-1] == '='
			return dst[:len(dst)+n]
		}
	}
	for _, c := range piece {
		switch v := sextet(c); {
		case c == '\n':
			if d.foreign {
				d.have, d.foreign = 0, false
			}
		case d.foreign, c == ' ', c == '\t', c == '\r':
		case c == '=':
			d.have, d.padded = 0, true
		case v < 0:
			d.foreign = len(piece) < 1000
		default:
			d.bits, d.have = d.bits<<6|uint32(v), d.have+6
			if d.have >= 8 {
				d.have -= 8
				dst = append(dst, byte(d.bits>>d.have))
			}
		}
	}
	return dst
}

func isBase64(line []byte) bool {
	for _, c := range line {
		if sextet(c) < 0 && c != '=' && c != '\r' && c != '\n' {
			return false
		}
	}
	return true
}

// quotedDecoder decodes quoted-printable piece by piece (RFC 2045 section 6.7). An '=' that means nothing
// stands for itself.
type quotedDecoder struct {
	held []byte // an '=' and what may belong to it
}

func (d *quotedDecoder) decode(dst, piece []byte) []byte {
	last := piece == nil
	if len(d.held) > 0 {
		piece = append(d.held, piece...)
		d.held = nil
	}
	for len(piece) > 0 {
		i := bytes.IndexByte(piece, '=')
		if i < 0 {
			return append(dst, piece...)
		}
		dst, piece = append(dst, piece[:i]...), piece[i:]
		n, c, ok := quoted(piece)
		switch {
		case n == 0 && !last && len(piece) < maxLine:
			d.held = bytes.Clone(piece)
			return dst
		case n == 0 && last: // "=" at the very end
			return dst
		case n == 0:
			n = 1
		case ok:
			dst = append(dst, c)
		}
		if n == 1 {
			dst = append(dst, '=')
		}
		piece = piece[n:]
	}
	return dst
}

// quoted reads what starts with '=': n bytes that stand for c (ok) or for nothing (a soft line break), 1
// for an '=' that means nothing, 0 when more has to be seen.
func quoted(b []byte) (n int, c byte, ok bool) {
	if len(b) >= 3 && unhex(b[1]) >= 0 && unhex(b[2]) >= 0 {
		return 3, byte(unhex(b[1])<<4 | unhex(b[2])), true
	}
	if len(b) == 2 && unhex(b[1]) >= 0 {
		return 0, 0, false
	}
	space := 1
	for space < len(b) && (b[space] == ' ' || b[space] == '\t' || b[space] == '\r') {
		space++
	}
	switch {
	case space == len(b):
		return 0, 0, false
	case b[space] == '\n':
		return space + 1, 0, false
	}
	return 1, 0, false
}
