package message

import (
	"io"
	"strings"
)

// MaxText is how much text, in bytes, Text gives.
const MaxText = 512 << 10

// Body is the text of a message for reading.
type Body struct {
	Text   string // valid UTF-8, lines end in LF
	HTML   bool   // made from HTML, all or some of it
	Cut    bool   // there is more than MaxText, or than the parts that are read
	Signed bool   // all or some of it, and nobody checked the signature
}

// Text reads the text of the message in r (wire or LF form): its plain parts, decoded from their
// charsets; where there is only HTML, that as text; of messages inside also. Attachments are left out.
// Damage never makes an error: as much text as can be had. The error is that of reading r; what was
// read until then is returned with it. Memory is bounded by a small multiple of MaxText.
func Text(r io.Reader) (Body, error) {
	c := collector{limit: MaxText}
	err := c.read(r)
	return c.body(), err
}

// reading is how a part takes part in the text of its message: the lower the better.
type reading int

const (
	asPlain reading = iota
	asHTML
	asOther    // text in some other form: of alternatives any of the above is better
	lastResort // when there is nothing better
	notRead
)

// reading tells how e is read.
func (e *entity) reading() reading {
	if e.disposition == "attachment" && e.depth > 0 {
		return notRead
	}
	return e.readingOfType()
}

func (e *entity) readingOfType() reading {
	kind, sub, _ := strings.Cut(e.typ, "/")
	switch {
	case e.typ == "text/html" || e.typ == "application/xhtml+xml":
		return asHTML
	case kind == "text":
		switch sub {
		case "plain":
			return asPlain
		case "calendar", "vcard", "x-vcard", "directory", "rtf", "css", "csv", "xml", "javascript":
			return lastResort // made for programs
		}
		return asOther
	case kind == "message" && !isMessage(e.typ) && sub != "partial" && sub != "external-body":
		return asPlain // delivery-status and its like
	case strings.HasPrefix(e.typ, "multipart/"): // without a boundary, or too deep
		return asPlain
	}
	return notRead
}

// markup reports whether e is some kind of HTML: text/x-amp-html and text/watch-html are.
func (e *entity) markup() bool {
	return e.readingOfType() == asHTML || strings.HasPrefix(e.typ, "text/") && strings.HasSuffix(e.typ, "html")
}

// text decodes what a part says.
func (e *entity) text(raw []byte) string {
	label := e.params["charset"]
	switch {
	case e.markup():
		return htmlText(label, raw)
	case e.typ == "text/enriched", e.typ == "text/richtext":
		return enrichedText(plainText(label, raw, ""), e.typ == "text/richtext")
	}
	return plainText(label, raw, e.params["format"])
}

// found is one text of a message.
type found struct {
	text    string
	reading reading
	html    bool
	choices []choice
}

// body chooses: of alternatives (RFC 2046 section 5.1.4) the one that reads best, and the last resorts only
// when there is nothing else.
func (c *collector) body() Body {
	chosen := choose(c.found, 0)
	lowest := notRead
	for _, f := range chosen {
		lowest = min(lowest, f.reading)
	}
	out := Body{Cut: c.cut, Signed: c.signed}
	var texts []string
	for _, f := range chosen {
		if f.reading < lastResort || lowest == lastResort {
			texts = append(texts, f.text)
			out.HTML = out.HTML || f.html
		}
	}
	out.Text = joined(texts)
	return out
}

// joined puts texts together, each with an empty line before it.
func joined(texts []string) string {
	var b strings.Builder
	for i, text := range texts {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(text)
		if !strings.HasSuffix(text, "\n") {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// choose leaves of every multipart/alternative at that level, and within what is left, one branch.
func choose(all []found, level int) (chosen []found) {
	for len(all) > 0 {
		if len(all[0].choices) == level {
			chosen, all = append(chosen, all[0]), all[1:]
			continue
		}
		group := all[0].choices[level].group
		var best []found
		for len(all) > 0 && len(all[0].choices) > level && all[0].choices[level].group == group {
			branch, n := all[0].choices[level], 1
			for n < len(all) && len(all[n].choices) > level && all[n].choices[level] == branch {
				n++
			}
			if other := choose(all[:n], level+1); better(other, best) {
				best = other
			}
			all = all[n:]
		}
		chosen = append(chosen, best...)
	}
	return chosen
}

// better reports whether a, the later one, reads at least as well as b. Of two of a kind more text is better: some lists
// add their footer as an alternative.
func better(a, b []found) bool {
	if how, than := readingOf(a), readingOf(b); how != than {
		return how < than
	}
	return length(a) >= length(b)
}

// readingOf is how several texts read: as the first of them that is no last resort.
func readingOf(all []found) reading {
	how := notRead
	for _, f := range all {
		if f.reading < lastResort {
			return f.reading
		}
		how = f.reading
	}
	return how
}

func length(all []found) (n int) {
	for _, f := range all {
		n += len(f.text)
	}
	return n
}

// plainText decodes a plain part.
func plainText(label string, raw []byte, format string) string {
	text := toUTF8(label, raw)
	if strings.Contains(text, "\r") {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	}
	if !strings.EqualFold(format, "flowed") {
		return text
	}
	// RFC 3676 section 4.4: a space was stuffed before lines that begin with one, or with "From " or '>'.
	// The lines stay as they were sent: they fit a terminal.
	return strings.ReplaceAll(strings.TrimPrefix(text, " "), "\n ", "\n")
}
