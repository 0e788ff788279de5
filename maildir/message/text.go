package message

import (
	"io"
	"strings"
	"time"
)

// MaxText is how much text, in bytes, Text gives.
const MaxText = 512 << 10

// maxPreamble is how much is read of what stands before the first boundary.
const maxPreamble = 32 << 10

// Body is the text of a message for reading.
type Body struct {
	Text string // valid UTF-8, lines end in LF
	HTML bool   // made from HTML, all or some of it
	Cut  bool   // there is more than MaxText
}

// Text reads the text of the message in r (wire or LF form): its plain parts, decoded from their
// charsets; where there is only HTML, that as text; of messages inside also. Attachments are left out.
// Damage never makes an error: as much text as can be had. The error is that of reading r; what was
// read until then is returned with it. Memory is bounded by a small multiple of MaxText.
func Text(r io.Reader) (Body, error) {
	c := collector{limit: MaxText}
	err := walk(r, visitor{leaf: c.leaf, enter: c.enter})
	return c.body(), err
}

// reading is how a part takes part in the text of its message: the lower the better.
type reading int

const (
	asPlain reading = iota
	asHTML
	lastResort // when there is nothing better
	notRead
)

// reading tells how e is read.
func (e *entity) reading() reading {
	kind, sub, _ := strings.Cut(e.typ, "/")
	switch {
	case e.preamble:
		return lastResort
	case e.disposition == "attachment" && e.depth > 0:
		return notRead
	case e.typ == "text/html" || e.typ == "application/xhtml+xml":
		return asHTML
	case kind == "text":
		switch sub {
		case "calendar", "vcard", "x-vcard", "directory", "rtf", "richtext", "css", "csv", "xml", "javascript":
			return lastResort // made for programs
		}
		return asPlain
	case kind == "message" && sub != "rfc822" && sub != "partial" && sub != "external-body" && sub != "global":
		return asPlain // delivery-status and its like
	case strings.HasPrefix(e.typ, "multipart/"): // without a boundary, or too deep
		return asPlain
	}
	return notRead
}

// collector gathers the texts of a message.
type collector struct {
	limit    int  // bytes
	attached bool // take attachments that are text too
	used     int
	cut      bool
	found    []found
	names    []string
}

type found struct {
	text        string
	reading     reading
	alternative int
}

func (c *collector) leaf(e *entity, body io.Reader) error {
	c.addName(e.name)
	how := e.reading()
	if how == notRead && c.attached && strings.HasPrefix(e.typ, "text/") {
		if how = asPlain; e.typ == "text/html" {
			how = asHTML
		}
	}
	if how == notRead {
		return nil
	}
	room := c.limit - c.used
	if how == asHTML {
		room *= 4 // most of it is markup
	}
	if e.preamble {
		room = min(room, maxPreamble)
	}
	raw, err := io.ReadAll(io.LimitReader(body, int64(room)+1))
	if err != nil {
		return err
	}
	if len(raw) > room {
		raw, c.cut = raw[:room], c.cut || !e.preamble
	}
	label := e.params["charset"]
	var text string
	if how == asHTML {
		text = htmlText(label, raw)
	} else {
		text = plainText(label, raw, e.params["format"])
	}
	c.add(text, how, e.alternative)
	return nil
}

// enter writes the head of a message inside.
func (c *collector) enter(e *entity, nested []byte) bool {
	c.addName(e.name)
	s := Summarize(nested)
	var b strings.Builder
	for _, field := range [...]struct{ name, value string }{{"From", s.From}, {"To", s.To}, {"Date", dateText(s.Date)}, {"Subject", s.Subject}} {
		if field.value != "" {
			b.WriteString(field.name + ": " + field.value + "\n")
		}
	}
	c.add(b.String(), asPlain, 0)
	return true
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

func (c *collector) add(text string, how reading, alternative int) {
	if strings.TrimSpace(text) == "" {
		return
	}
	if room := c.limit - c.used; len(text) > room {
		if text, c.cut = cut(text, room), true; text == "" {
			return
		}
	}
	c.used += len(text)
	c.found = append(c.found, found{text, how, alternative})
}

// body chooses: of alternatives (RFC 2046 section 5.1.4) those that read best, and the last resorts only
// when there is nothing else.
func (c *collector) body() Body {
	best := map[int]reading{}
	lowest := notRead
	for _, f := range c.found {
		if how, ok := best[f.alternative]; !ok || f.reading < how {
			best[f.alternative] = f.reading
		}
		lowest = min(lowest, f.reading)
	}
	out := Body{Cut: c.cut}
	var b strings.Builder
	for _, f := range c.found {
		if f.alternative != 0 && f.reading > best[f.alternative] || f.reading == lastResort && lowest < lastResort {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(f.text)
		if !strings.HasSuffix(f.text, "\n") {
			b.WriteByte('\n')
		}
		out.HTML = out.HTML || f.reading == asHTML
	}
	out.Text = b.String()
	return out
}

// plainText decodes a plain part.
func plainText(label string, raw []byte, format string) string {
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(toUTF8(label, raw))
	if !strings.EqualFold(format, "flowed") {
		return text
	}
	// RFC 3676 section 4.4: a space was stuffed before lines that begin with one, or with "From " or '>'.
	// The lines stay as they were sent: they fit a terminal.
	return strings.ReplaceAll(strings.TrimPrefix(text, " "), "\n ", "\n")
}
