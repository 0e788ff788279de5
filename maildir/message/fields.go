package message

import (
	"bytes"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message/charset"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
)

// maxValue is how much of a header field is looked at: enough for what people read, and a bound.
const maxValue = 32 << 10

// fields yields the names and the raw, still folded values of a header's fields, up to an empty line.
// What is no field (no colon, a space inside the name, an mbox "From " line) is passed over together
// with its continuation lines; textproto.ReadHeader would give up there.
func fields(header []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for len(header) > 0 {
			var field []byte
			field, header = cutField(header)
			if isBlank(field) {
				return // RFC 5322 section 2.1: what follows is the body
			}
			if !isField(field) {
				continue
			}
			name, value := fieldName(field), field[bytes.IndexByte(field, ':')+1:]
			if !yield(name, value[:min(len(value), maxValue)]) {
				return
			}
		}
	}
}

// cutField cuts the first line and the lines that continue it (RFC 5322 section 2.2.3) from b.
func cutField(b []byte) (field, rest []byte) {
	for end := 0; ; {
		i := bytes.IndexByte(b[end:], '\n')
		if i < 0 {
			return b, nil
		}
		end += i + 1
		if end == len(b) || b[end] != ' ' && b[end] != '\t' || end == i+1 && isBlank(b[:end]) {
			return b[:end], b[end:]
		}
	}
}

// readable gives a header as UTF-8 if it holds 8-bit text, or escape sequences, in the charset of its body: RFC 5322 section
// 2.2 forbids it, and mail of Japan, China, Korea and Russia is full of it. All at once, because such text may hold the
// signs that addresses are cut by.
func readable(header []byte) []byte {
	if utf8.Valid(header) && !japanese7(header) {
		return header
	}
	_, params := parameters(field(header, "Content-Type"))
	label := charsetName(params["charset"])
	if japanese7(header) {
		label = "iso-2022-jp"
	}
	enc, _ := htmlindex.Get(label)
	_, err := charset.Reader(label, strings.NewReader(""))
	if err != nil || enc == charmap.Windows1252 || strings.HasPrefix(label, "utf-") || label == "us-ascii" {
		return header // each field is guessed by itself
	}
	return []byte(toUTF8(label, header))
}

// isBlank reports whether line is only a line end.
func isBlank(line []byte) bool { return len(bytes.TrimRight(line, "\r\n")) == 0 }

// unfold makes one line of a field's value: each line end with the white space around it, and each NUL,
// becomes a space. The result may share memory with value.
func unfold(value []byte) []byte {
	value = bytes.Trim(value, " \t\r\n\x00")
	if !bytes.ContainsAny(value, "\r\n\x00") {
		return value
	}
	out := make([]byte, 0, len(value))
	for len(value) > 0 {
		i := bytes.IndexAny(value, "\r\n\x00")
		if i < 0 {
			return append(out, value...)
		}
		out = append(bytes.TrimRight(append(out, value[:i]...), " \t"), ' ')
		value = bytes.TrimLeft(value[i:], " \t\r\n\x00")
	}
	return out
}

// field returns the unfolded value of the first field of that name which is not empty.
func field(header []byte, name string) []byte {
	for n, value := range fields(header) {
		if !equalFold(n, name) {
			continue
		}
		if value = unfold(value); len(value) > 0 {
			return value
		}
	}
	return nil
}

// equalFold compares an ASCII name without regard to case.
func equalFold(name []byte, want string) bool {
	return len(name) == len(want) && bytes.EqualFold(name, []byte(want))
}
