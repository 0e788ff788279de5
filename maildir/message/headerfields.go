package message

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"unicode"
)

// Fields says which fields a header has, so that one is known that was changed: it has a line for each field, in the order of the header. On it
// stands a hash of the field, unfolded (RFC 5322 section 2.2.3), and after a space that of the field with X for each octet above 127, as
// Cyrus keeps it (imapd.conf(5), munge8bit, which is on by default). Fields that other programs put there are left out.
func (h *Header) Fields() string {
	var sums, field []byte
	lines := Header{}
	end := func() {
		if len(field) > 0 && lines.last == own {
			plain, munged := sha256.Sum256(field), sha256.Sum256(munge(field))
			sums = fmt.Appendf(sums, "%x %x\n", plain[:8], munged[:8])
		}
		field = field[:0]
	}
	for line := range bytes.Lines(h.Bytes()) {
		text := bytes.TrimRight(line, " \t\r\n")
		if len(field) > 0 && (line[0] == ' ' || line[0] == '\t') {
			field = append(append(field, ' '), bytes.TrimSpace(text)...)
			continue
		}
		end()
		lines.last = lines.kind(line)
		field = append(field, text...)
	}
	end()
	return string(sums)
}

// munge writes X for what is not ASCII.
func munge(field []byte) []byte {
	out := bytes.Clone(field)
	for i, c := range out {
		if c > unicode.MaxASCII {
			out[i] = 'X'
		}
	}
	return out
}
