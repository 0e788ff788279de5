package message

import (
	"bytes"
	"encoding/base64"
	"slices"
)

// maxText64 is how long a line may be to be taken for text among base64: what is longer is no text that people wrote.
const maxText64 = 1000

// base64Decoder decodes base64 piece by piece (RFC 2045 section 6.8). A byte outside of the alphabet is passed over, as the
// RFC demands. But lists add text, and lines get displaced: a line, or the rest of one, that reads as text is none, and what
// follows the padding neither, unless it is base64 again.
type base64Decoder struct {
	bits   uint32
	have   int  // bits
	padded bool // the data ended
	hurt   bool // of this line something was passed over
	ragged bool // lines need not end with a whole number of bytes
}

func (d *base64Decoder) decode(dst, piece []byte) []byte {
	if len(piece) == 0 {
		return dst
	}
	if isBlank(piece) {
		d.endLine()
		return dst
	}
	if d.padded && !goesOn(piece) {
		return dst
	}
	if d.have == 0 && len(piece)%4 == 0 { // nearly every line
		dst = slices.Grow(dst, base64.StdEncoding.DecodedLen(len(piece)))
		if n, err := base64.StdEncoding.Decode(dst[len(dst):cap(dst)], piece); err == nil {
			d.padded = piece[len(piece)-1] == '='
			return dst[:len(dst)+n]
		}
	}
	data := piece
	if len(piece) < maxText64 {
		data = withoutText(piece)
		d.hurt = d.hurt || len(data) < len(piece)
	}
	return d.slow(dst, data)
}

func (d *base64Decoder) slow(dst, data []byte) []byte {
	for i, c := range data {
		v := sextet(c)
		switch {
		case isSpace(c):
		case c == '=' && (d.have == 4 || d.have == 2): // two or three characters of a quantum
			d.have, d.padded = 0, true
			rest := bytes.TrimLeft(data[i:], "= \t")
			if !goesOn(rest) {
				return dst
			}
			return d.slow(dst, rest)
		case v < 0:
			d.hurt = true
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

// endLine starts anew after a line that lost something, if lines end with whole bytes.
func (d *base64Decoder) endLine() {
	if d.have != 0 {
		if d.hurt && !d.ragged {
			d.have = 0
		} else {
			d.ragged = true
		}
	}
	d.hurt = false
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// goesOn reports whether base64 goes on with b after its padding: some join several pieces. A word is none.
func goesOn(b []byte) bool {
	b = bytes.Trim(b, " \t\r\n")
	text := bytes.TrimRight(b, "=")
	for _, c := range b[:len(text)] {
		if sextet(c) < 0 {
			return false
		}
	}
	return len(b) > 0 && len(b)%4 == 0 && !wordLike(text)
}

// wordLike reports whether b is written as words are: no digits, no capital letter but the first, or only such.
func wordLike(b []byte) bool {
	upper, lower := 0, 0
	for i, c := range b {
		switch {
		case 'a' <= c && c <= 'z':
			lower++
		case 'A' <= c && c <= 'Z':
			if upper++; i > 0 && lower > 0 {
				return false
			}
		default:
			return false
		}
	}
	return upper < 2 || lower == 0
}

// withoutText cuts text off a line of base64: all of it, or from the first byte on that is not of the alphabet.
func withoutText(line []byte) []byte {
	if data, _, padded := bytes.Cut(line, []byte("=")); padded && len(data) > 1 && !slices.ContainsFunc(data, func(c byte) bool { return sextet(c) < 0 }) {
		return line // what stands behind the padding is judged by itself
	}
	foreign, blank := -1, false
	for i, c := range line {
		if sextet(c) < 0 && c != '=' && !isSpace(c) {
			foreign = i
			break
		}
		blank = blank || isSpace(c)
	}
	trimmed := bytes.TrimSpace(line)
	switch words := bytes.Fields(trimmed); {
	case foreign < 0:
		if len(words) > 1 && len(trimmed)/len(words) <= 12 && trimmed[len(trimmed)-1] != '=' && !allQuanta(words) {
			return nil
		}
		return line
	case bytes.Contains(line, []byte("://")), blank && textual(bytes.TrimLeft(line, " \t")):
		return nil
	case textual(line[foreign:]):
		return line[:foreign]
	}
	return line
}

// textual reports whether b, which holds a byte outside of the alphabet, reads as text: it has words, or more such bytes than
// damage explains.
func textual(b []byte) bool {
	foreign := 0
	for _, c := range b {
		if sextet(c) < 0 && c != '=' && !isSpace(c) {
			foreign++
		}
	}
	words := bytes.Fields(b)
	return len(words) > 2 && len(b)/len(words) <= 16 || foreign > 2 && foreign*3 > len(b)
}

// allQuanta reports whether each word is whole base64.
func allQuanta(words [][]byte) bool {
	return !slices.ContainsFunc(words, func(w []byte) bool { return len(w)%4 != 0 })
}
