package message

import "bytes"

// uuDecoder decodes uuencode (POSIX.1, uuencode, "historical algorithm") line by line: what lies between "begin MODE NAME"
// and "end". A line says how many bytes it holds; blanks at its end may be lost.
type uuDecoder struct {
	begun, ended bool
	line         []byte
}

func (d *uuDecoder) decode(dst, piece []byte) []byte {
	if len(piece) > 0 && !isBlank(piece) {
		d.line = append(d.line, piece[:min(len(piece), maxLine)]...)
		return dst
	}
	line := d.line
	d.line = d.line[:0]
	switch {
	case len(line) == 0 || d.ended:
	case !d.begun && len(line) == 61 && line[0] == 'M': // full; whoever wrote it left the beginning out
		d.begun, dst = true, uuLine(dst, line)
	case !d.begun:
		d.begun = bytes.HasPrefix(line, []byte("begin "))
	case bytes.Equal(bytes.TrimRight(line, " \t"), []byte("end")):
		d.ended = true
	default:
		dst = uuLine(dst, line)
	}
	return dst
}

// uuLine decodes one line.
func uuLine(dst, line []byte) []byte {
	value := func(i int) uint32 { // a blank that was lost is 0
		if i >= len(line) || line[i] < ' ' || line[i] > '`' {
			return 0
		}
		return uint32(line[i]-' ') & 0x3f
	}
	count := int(value(0))
	for i := 1; count > 0; i, count = i+4, count-3 {
		bits := value(i)<<18 | value(i+1)<<12 | value(i+2)<<6 | value(i+3)
		group := []byte{byte(bits >> 16), byte(bits >> 8), byte(bits)}
		dst = append(dst, group[:min(count, 3)]...)
	}
	return dst
}
