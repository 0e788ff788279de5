package message

import (
	"io"
	"strings"
)

// Words are those by which a message is found, but for its header.
type Words struct {
	Text       string // of all its parts, also attached ones and those of messages inside
	Names      string // of its files, a line each
	Attachment bool   // something is attached to it
}

// Index reads the words of the message in r (wire or LF form): up to limit bytes of text, and of names a quarter of that,
// line ends between parts not counted. The error is that of reading r; what was read until then is returned with it.
func Index(r io.Reader, limit int) (Words, error) {
	c := collector{limit: limit, attached: true}
	var out Words
	err := walk(r, visitor{
		leaf: func(e *entity, body io.Reader) error {
			out.Attachment = out.Attachment || e.attached()
			return c.leaf(e, body)
		},
		enter: func(e *entity, nested []byte) bool {
			out.Attachment = true
			return c.enter(e, nested)
		},
	})
	out.Text, out.Names = c.body().Text, cut(strings.Join(c.names, "\n"), limit/4)
	return out, err
}

// attached reports whether people would say that e is attached: its sender says so, or it is a file that is not to be
// shown within the text.
func (e *entity) attached() bool {
	return !e.preamble && e.depth > 0 && (e.disposition == "attachment" || e.name != "" && e.disposition != "inline")
}
