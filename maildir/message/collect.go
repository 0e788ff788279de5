package message

import (
	"io"
	"strings"
	"time"
)

// collector gathers the texts of a message. What people read (Text) and what a search finds (Index) come from it alike.
type collector struct {
	limit    int  // bytes of text for reading, and again of what is attached
	attached bool // take attachments that are text too

	found  []found
	used   int
	cut    bool
	signed bool

	beside     []string // texts of attachments
	besideUsed int
	names      []string
	attachment bool // something is attached
}

func (c *collector) read(r io.Reader) error {
	_, err := walk(r, visitor{leaf: c.leaf, enter: c.enter, sign: func() { c.signed = true }})
	return err
}

func (c *collector) leaf(e *entity, body io.Reader) error {
	c.addName(e.name)
	c.attachment = c.attachment || e.attached()
	how := e.reading()
	beside := how == notRead && c.attached && strings.HasPrefix(e.typ, "text/")
	if how == notRead && !beside {
		return nil
	}
	room := c.limit - c.used
	if beside {
		room = c.limit - c.besideUsed
	}
	if e.markup() {
		room *= 4 // most of it is markup
	}
	raw, err := io.ReadAll(io.LimitReader(body, int64(room)+1))
	if err != nil {
		return err
	}
	longer := len(raw) > room
	text := e.text(raw[:min(len(raw), room)])
	if beside {
		text = cut(text, room)
		c.beside, c.besideUsed = append(c.beside, text), c.besideUsed+len(text)
		return nil
	}
	c.cut = c.cut || longer
	c.add(text, how, e.markup(), e.choices)
	return nil
}

// enter writes the head of a message inside.
func (c *collector) enter(e *entity, nested []byte) {
	if isMessage(e.typ) {
		c.addName(e.name)
		c.attachment = true
	}
	s := Summarize(nested)
	var b strings.Builder
	for _, field := range [...]struct{ name, value string }{{"From", s.From}, {"To", s.To}, {"Date", dateText(s.Date)}, {"Subject", s.Subject}} {
		if field.value != "" {
			b.WriteString(field.name + ": " + field.value + "\n")
		}
	}
	c.add(b.String(), asPlain, false, e.choices)
}

func dateText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC1123Z)
}

func (c *collector) addName(name string) {
	if name != "" && len(c.names) < maxParts {
		c.names = append(c.names, name)
	}
}

func (c *collector) add(text string, how reading, html bool, choices []choice) {
	if strings.TrimSpace(text) == "" {
		return
	}
	if len(c.found) == maxParts {
		c.cut = true
		return
	}
	if room := c.limit - c.used; len(text) > room {
		if text, c.cut = cut(text, room), true; text == "" {
			return
		}
	}
	c.used += len(text)
	c.found = append(c.found, found{text, how, html, choices})
}
