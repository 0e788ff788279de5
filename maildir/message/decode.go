package message

import (
	"io"
	"strings"
)

// transferEncoding returns the transfer encoding of e: "base64", "quoted-printable", "uuencode", or "" for those that change
// nothing (RFC 2045 section 6.1). It is one word, perhaps in quotes, and comments may stand around it.
func transferEncoding(e *entity) string {
	value := uncomment(field(e.header, "Content-Transfer-Encoding"))
	word, _, _ := strings.Cut(strings.TrimSpace(strings.ToLower(string(value))), ";")
	if words := strings.Fields(word); len(words) > 0 {
		word = words[0]
	}
	switch word = strings.Trim(word, `"',.`); word {
	case "base64", "quoted-printable":
		return word
	case "x-uuencode", "uuencode", "x-uue", "uue", "x-uu":
		return "uuencode"
	}
	return ""
}

// plainEncoding reports whether e can be read as it stands. RFC 2046 section 5.2.1 demands it of messages.
func plainEncoding(e *entity) bool { return transferEncoding(e) == "" }

// body reads the current part of a walker, its transfer encoding removed. What is no base64 or
// quoted-printable in it, or an encoding that nobody knows, never ends it.
type body struct {
	lines  *lines
	decode func(dst, piece []byte) []byte
	end    []byte // the last line's end: it belongs to the boundary if one follows (RFC 2046 section 5.1.1)
	out    []byte // what decode made, all of it
	rest   []byte // the part of it that Read has yet to give out
	done   bool
}

func newBody(l *lines, e *entity) *body {
	b := &body{lines: l, end: []byte{}}
	switch transferEncoding(e) {
	case "base64":
		b.decode = new(base64Decoder).decode
	case "quoted-printable":
		b.decode = new(quotedDecoder).decode
	case "uuencode":
		b.decode = new(uuDecoder).decode
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
	piece, ok := b.lines.line()
	b.out = b.out[:0]
	if !ok {
		b.done = true
		if b.lines.hit < 0 {
			b.out = b.decode(b.out, b.end)
		}
		b.rest = b.decode(b.out, nil) // what was held back
		return
	}
	b.out = b.decode(b.out, b.end)
	text, end := cutEnd(piece)
	b.end = append(b.end[:0], end...)
	b.out = b.decode(b.out, text)
	b.rest = b.out
}
