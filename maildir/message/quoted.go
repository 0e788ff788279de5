package message

import "bytes"

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
