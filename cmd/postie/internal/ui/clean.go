package ui

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks is how many combining marks may sit on one character. Living languages need three or four; heaps of
// dozens climb over the lines above.
const maxMarks = 5

// Clean makes foreign text fit for one line of a terminal: valid UTF-8 without any control character. C0 and DEL
// become control pictures (␛), C1, bidi controls and line separators their escapes (\u202e), broken UTF-8 U+FFFD;
// newline (with or without CR) and tab become a space. Invisible characters, joiners that join nothing and heaps of
// combining marks are left out. Cleaning twice changes nothing.
func Clean(s string) string {
	return clean(s, false)
}

// CleanText is Clean for text of many lines: newlines and tabs stay, CRs go.
func CleanText(s string) string {
	return clean(s, true)
}

func clean(s string, text bool) string {
	if plain(s) {
		return s
	}
	c := cleaner{text: text}
	for _, r := range s { // a broken byte is U+FFFD
		c.add(r)
	}
	c.flush()
	return string(c.out)
}

// plain reports whether s is printable ASCII only: most of what is printed.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// TextWriter cleans what is written to it, as CleanText does, however it is cut into pieces.
type TextWriter struct {
	w    io.Writer
	c    cleaner
	rest []byte // an unfinished character
}

// NewTextWriter returns a TextWriter that prints to w.
func NewTextWriter(w io.Writer) *TextWriter {
	return &TextWriter{w: w, c: cleaner{text: true}}
}

func (t *TextWriter) Write(p []byte) (int, error) {
	in := p
	if len(t.rest) > 0 {
		in = append(t.rest, p...)
	}
	for len(in) > 0 && utf8.FullRune(in) {
		r, n := utf8.DecodeRune(in)
		t.c.add(r)
		in = in[n:]
	}
	t.rest = append([]byte(nil), in...)
	if err := t.emit(); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close prints what an unfinished character left behind. It does not close the writer below.
func (t *TextWriter) Close() error {
	for range t.rest {
		t.c.add(utf8.RuneError)
	}
	t.rest = nil
	t.c.flush()
	return t.emit()
}

func (t *TextWriter) emit() error {
	if len(t.c.out) == 0 {
		return nil
	}
	_, err := t.w.Write(t.c.out)
	t.c.out = t.c.out[:0]
	return err
}

// cleaner takes one character after the other.
type cleaner struct {
	text   bool
	out    []byte
	base   bool // the last character can carry marks and joiners
	marks  int  // how many it carries
	joiner rune // waits for a character to join
	cr     bool // waits for the newline that swallows it
}

func (c *cleaner) add(r rune) {
	if c.cr {
		c.cr = false
		if r != '\n' {
			c.show("␍")
		}
	}
	switch {
	case r == '\r':
		c.cr = !c.text
	case r == '\n' || r == '\t':
		if !c.text {
			r = ' '
		}
		c.show(string(r))
	case r < ' ':
		c.show(string('␀' + r))
	case r == 0x7f:
		c.show("␡")
	case hazard(r):
		c.show(fmt.Sprintf(`\u%04x`, r))
	case r == '\u200c' || r == '\u200d':
		if c.base {
			c.joiner = r
		}
	case invisible(r):
	case unicode.In(r, unicode.Mn, unicode.Me):
		if c.marks++; c.marks <= maxMarks {
			c.out = utf8.AppendRune(c.out, r)
		}
	default:
		if c.joiner != 0 && r != ' ' {
			c.out = utf8.AppendRune(c.out, c.joiner)
		}
		c.out = utf8.AppendRune(c.out, r)
		c.base, c.marks, c.joiner = r != ' ', 0, 0
	}
}

// show writes something that carries nothing.
func (c *cleaner) show(s string) {
	c.out = append(c.out, s...)
	c.base, c.marks, c.joiner = false, 0, 0
}

func (c *cleaner) flush() {
	if c.cr {
		c.cr = false
		c.show("␍")
	}
	c.joiner = 0
}

// hazard reports characters beyond ASCII that steer a terminal or turn the reading order: C1, bidi controls, line
// and paragraph separators, deprecated and annotation controls.
func hazard(r rune) bool {
	return r >= 0x80 && r <= 0x9f ||
		unicode.Is(unicode.Bidi_Control, r) ||
		r == 0x2028 || r == 0x2029 ||
		r >= 0x206a && r <= 0x206f ||
		r >= 0xfff9 && r <= 0xfffb
}

// invisible reports characters that have no look of their own and nothing to join: the padding of newsletters, byte
// order marks, tags. ZWJ and ZWNJ are not among them.
func invisible(r rune) bool {
	switch {
	case r == 0xad, r == 0x180e, r == 0x200b, r >= 0x2060 && r <= 0x2065, r == 0xfeff, r >= 0xe0000 && r <= 0xe007f,
		r >= 0x1bca0 && r <= 0x1bca3, r >= 0x1d173 && r <= 0x1d17a:
		return true
	}
	return unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

// line is Clean without blanks at the ends.
func line(s string) string { return strings.TrimSpace(Clean(s)) }
