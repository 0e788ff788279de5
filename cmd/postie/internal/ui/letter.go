package ui

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Field is a header field as people read it.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Part is a part of a message that can be had on its own.
type Part struct {
	Number     int    `json:"number"`
	Type       string `json:"type"`
	Name       OrNull `json:"name"`
	Size       int64  `json:"size"`
	Attachment bool   `json:"attachment"`
}

// Letter is one message for reading.
type Letter struct {
	Message
	Headers   []Field `json:"headers"`
	Text      string  `json:"text"`
	HTML      bool    `json:"html"`   // Text was made from HTML
	Cut       bool    `json:"cut"`    // there is more text than that
	Signed    bool    `json:"signed"` // all or some of it; nobody checked the signature
	Parts     []Part  `json:"parts"`
	PartCount int     `json:"part_count"` // more than Parts holds, if there are very many
}

// Letter prints a message: header fields, text, attachments (at -v all parts). With JSON it is one object.
func (u *UI) Letter(l Letter) error {
	if u.opt.JSON {
		l.Event = "letter"
		return u.Event(l)
	}
	width := 0
	for _, f := range l.Headers {
		width = max(width, Width(line(f.Name)))
	}
	var b strings.Builder
	for _, f := range l.Headers {
		b.WriteString(u.out.paint(Bold, Fit(line(f.Name)+":", width+1)) + " " + line(f.Value) + "\n")
	}
	if l.Signed {
		b.WriteString(u.out.paint(Dim, "(signed; the signature was not checked)") + "\n")
	}
	if err := u.write(&u.out, b.String()+"\n"); err != nil {
		return err
	}
	text := strings.TrimRight(l.Text, " \t\n")
	if text == "" {
		text = "(no text)"
	}
	if u.out.tty {
		text = wrap(CleanText(text), u.opt.Width())
	}
	w := u.Text()
	io.WriteString(w, text+"\n")
	if err := w.Close(); err != nil {
		return err
	}
	return u.parts(l)
}

// parts lists what can be had with --part.
func (u *UI) parts(l Letter) error {
	table := u.Table(Column{Right: true}, Column{Min: 12}, Column{Leave: 1}, Column{Right: true})
	n := 0
	for _, p := range l.Parts {
		if !p.Attachment && u.opt.Verbose == 0 && !l.Cut {
			continue
		}
		name := line(string(p.Name))
		if name == "" {
			name = "(no name)"
		}
		if n++; n == 1 {
			u.dim("\n" + map[bool]string{true: "There is more text than that. ", false: ""}[l.Cut] + "Parts (--part N, -o FILE):")
		}
		table.Row(Plain, fmt.Sprint(p.Number), name, p.Type, Size(p.Size))
	}
	if err := table.Close(); err != nil || l.PartCount <= len(l.Parts) {
		return err
	}
	return u.dim(fmt.Sprintf("These are of the first %d parts; there are %d, and --part N gives the others too.", len(l.Parts), l.PartCount))
}

// dim prints a line about the message that is not of it.
func (u *UI) dim(text string) error {
	return u.write(&u.out, u.out.paint(Dim, text)+"\n")
}

// LocalDate writes a time for people in full, in their own zone.
func (u *UI) LocalDate(t time.Time) string {
	return t.In(u.opt.Now().Location()).Format("Mon, 02 Jan 2006 15:04:05 -0700")
}

// Terminal says whether standard output is one.
func (u *UI) Terminal() bool { return u.out.tty }
