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
	Headers []Field `json:"headers"`
	Text    string  `json:"text"`
	HTML    bool    `json:"html"` // Text was made from HTML
	Cut     bool    `json:"cut"`  // there is more text than that
	Parts   []Part  `json:"parts"`
}

// Letter prints a message: header fields, text, attachments (at -v all parts). With JSON it is one object.
func (u *UI) Letter(l Letter) error {
	if u.opt.JSON {
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
	if err := u.write(&u.out, b.String()+"\n"); err != nil {
		return err
	}
	text := strings.TrimRight(l.Text, " \t\n")
	if text == "" {
		text = "(no text)"
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
			u.write(&u.out, u.out.paint(Dim, "\n"+map[bool]string{true: "There is more text than that. ", false: ""}[l.Cut]+"Parts (--part N, -o FILE):")+"\n")
		}
		table.Row(Plain, fmt.Sprint(p.Number), name, p.Type, Size(p.Size))
	}
	return table.Close()
}

// LocalDate writes a time for people in full, in their own zone.
func (u *UI) LocalDate(t time.Time) string {
	return t.In(u.opt.Now().Location()).Format("Mon, 02 Jan 2006 15:04:05 -0700")
}

// Terminal says whether standard output is one.
func (u *UI) Terminal() bool { return u.out.tty }
