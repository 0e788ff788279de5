package message

import (
	"io"
	"strings"
)

// Words are those by which a message is found, but for its header.
type Words struct {
	Text       string // what Text gives, then what attached texts say
	Names      string // of its files, a line each
	Attachment bool   // something is attached to it
}

// Index reads the words of the message in r (wire or LF form): up to limit bytes of text, and of names a quarter of that,
// line ends between parts not counted. The error is that of reading r; what was read until then is returned with it.
func Index(r io.Reader, limit int) (Words, error) {
	c := collector{limit: limit, attached: true}
	err := c.read(r)
	text := c.body().Text
	if beside := cut(joined(c.beside), max(limit-len(text), 0)); text == "" {
		text = beside
	} else if beside != "" {
		text += "\n" + beside
	}
	return Words{
		Text:       text,
		Names:      cut(strings.Join(c.names, "\n"), limit/4),
		Attachment: c.attachment,
	}, err
}

// attached reports whether people would say that e is attached: its sender says so, or it is a file that is not to be
// shown within the text.
func (e *entity) attached() bool {
	return e.depth > 0 && (e.disposition == "attachment" || e.name != "" && e.disposition != "inline")
}
