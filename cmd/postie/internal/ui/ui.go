// Package ui is postie's only renderer: progress, summaries, errors, tables, JSON Lines, colours. It alone knows
// terminals, and whatever it prints there has been through [Clean]. It imports nothing of ours: commands translate
// the events of the executors into the plain types of this package.
//
// Standard output carries what was asked for: summaries, tables, text, and with JSON one object a line and nothing
// else. Standard error carries errors, notices, verbose lines and the progress bar. With Quiet only errors and what
// was asked for by name (tables, text, JSON) are printed.
package ui

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// Options say where and how a UI prints. The zero value prints to the standard streams of the process.
type Options struct {
	Out, Err io.Writer            // nil: os.Stdout, os.Stderr
	Terminal func(io.Writer) bool // whether a stream is a terminal; nil: an *os.File that is one
	Width    func() int           // columns of the terminal; nil: its size, else COLUMNS, else 80
	Getenv   func(string) string  // nil: os.Getenv. Asked for NO_COLOR, CLICOLOR_FORCE, TERM, COLUMNS
	Now      func() time.Time     // nil: time.Now. Its location is the user's
	Quiet    bool                 // only trouble
	Verbose  int                  // 1: what is done; 2: also the protocol dialogue
	JSON     bool                 // standard output is JSON Lines
	Journal  bool                 // both streams go to the journal of systemd: each line begins with its priority (sd-daemon(3))
	Color    string               // "auto" (or empty), "always", "never"
	Hide     func(string) string  // keeps passwords out of errors, notices, verbose lines and the dialogue; nil: there are none
}

// UI prints. Its methods may be called from several goroutines.
type UI struct {
	opt      Options
	out, err stream

	mu     sync.Mutex
	failed error // the first error of writing to standard output
	bar    bar
}

type stream struct {
	w          io.Writer
	tty, color bool
}

// CheckColor says whether s is a value that Options.Color takes.
func CheckColor(s string) error {
	switch s {
	case "", "auto", "always", "never":
		return nil
	}
	return fmt.Errorf("color is auto, always or never, not %q", s)
}

// New returns a UI. Close it at the end.
func New(o Options) *UI {
	if o.Out == nil {
		o.Out = os.Stdout
	}
	if o.Err == nil {
		o.Err = os.Stderr
	}
	if o.Terminal == nil {
		o.Terminal = isTerminal
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	u := &UI{opt: o}
	if u.opt.Width == nil {
		u.opt.Width = u.columns
	}
	u.out, u.err = u.stream(o.Out), u.stream(o.Err)
	u.bar.shown = u.err.tty && !o.Quiet && !o.JSON && !u.dumb()
	return u
}

// Hide keeps passwords out of foreign text that is printed or stored by other ways than errors and notices.
func (u *UI) Hide(text string) string {
	if u.opt.Hide == nil {
		return text
	}
	return u.opt.Hide(text)
}

// Close takes the bar away and returns what Err returns.
func (u *UI) Close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.bar.tasks = nil
	u.settle()
	return u.failed
}

// Err returns the first error of writing to standard output (a closed pipe, a full disk), or nil. After it nothing
// more is written there.
func (u *UI) Err() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.failed
}

func (u *UI) stream(w io.Writer) stream {
	s := stream{w: w, tty: u.opt.Terminal(w)}
	env := u.opt.Getenv
	switch force := env("CLICOLOR_FORCE"); {
	case u.opt.Color == "always":
		s.color = true
	case u.opt.Color == "never", env("NO_COLOR") != "": // no-color.org: present and not empty
	case force != "" && force != "0":
		s.color = true
	default:
		s.color = s.tty && !u.dumb()
	}
	return s
}

// dumb says whether nothing is known of the terminal, as git takes it.
func (u *UI) dumb() bool {
	name := u.opt.Getenv("TERM")
	return name == "" || name == "dumb"
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// columns is the default of Options.Width. It asks anew each time, so that a resized terminal is noticed.
func (u *UI) columns() int {
	for _, w := range []io.Writer{u.opt.Err, u.opt.Out} {
		if f, ok := w.(*os.File); ok {
			if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
				return n
			}
		}
	}
	if n, err := strconv.Atoi(u.opt.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	return 80
}

// Style is the SGR parameter of a colour or weight; several are joined by ';'.
type Style string

// The styles in use. Nothing is said by style alone.
const (
	Plain  Style = ""
	Bold   Style = "1"
	Dim    Style = "2"
	Red    Style = "1;31"
	Green  Style = "32"
	Yellow Style = "33"
)

func (s stream) paint(style Style, text string) string {
	if !s.color || style == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(style) + "m" + text + "\x1b[m"
}

// Print prints text (lines; it is cleaned) on standard output, unless quiet or JSON.
func (u *UI) Print(text string) {
	if !u.opt.Quiet && !u.opt.JSON {
		u.write(&u.out, strings.TrimRight(CleanText(text), "\n")+"\n")
	}
}

// File prints a file that is or would be written, below its path if heading is set ("": it has none); with JSON as an event.
func (u *UI) File(path, text string, heading bool) error {
	if u.opt.JSON {
		return u.Event(struct {
			Event string `json:"event"`
			Path  OrNull `json:"path"`
			Text  string `json:"text"`
		}{"file", OrNull(path), text})
	}
	if heading && path != "" {
		text = "==> " + line(path) + " <==\n" + text
	}
	return u.write(&u.out, CleanText(text))
}

// Text returns a writer to standard output for a message's text: cleaned, lines kept. Close it after the last byte.
func (u *UI) Text() io.WriteCloser { return NewTextWriter(outWriter{u}) }

// Raw returns a writer to standard output for bytes as they are; a terminal gets them cleaned all the same.
// Close it after the last byte.
func (u *UI) Raw() io.WriteCloser {
	if u.out.tty {
		return u.Text()
	}
	return outWriter{u}
}

type outWriter struct{ u *UI }

func (w outWriter) Close() error { return nil }
func (w outWriter) Write(p []byte) (int, error) {
	if err := w.u.write(&w.u.out, string(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Priorities of the journal (syslog(3)).
const (
	priorityError   = 3
	priorityWarning = 4
	priorityInfo    = 6
	priorityDebug   = 7
)

// log is write for a line of the log: in the journal each line of it has a priority.
func (u *UI) log(s *stream, priority int, lines string) error {
	if u.opt.Journal {
		prefix := fmt.Sprintf("<%d>", priority)
		lines = prefix + strings.ReplaceAll(strings.TrimSuffix(lines, "\n"), "\n", "\n"+prefix) + "\n"
	}
	return u.write(s, lines)
}

// write prints finished lines above the bar. To standard error it is one Write, bar included, so that nothing tears.
func (u *UI) write(s *stream, lines string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	drawn := u.bar.drawn
	if s == &u.err {
		io.WriteString(s.w, wipe(drawn)+lines+drawn) // nobody is left to be told of an error
		return nil
	}
	if u.failed != nil {
		return u.failed
	}
	if drawn == "" || !s.tty {
		_, u.failed = io.WriteString(s.w, lines)
		return u.failed
	}
	io.WriteString(u.err.w, wipe(drawn))
	_, u.failed = io.WriteString(s.w, lines)
	io.WriteString(u.err.w, drawn)
	return u.failed
}
