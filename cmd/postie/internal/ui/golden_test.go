package ui

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// lab is a UI whose streams can be read.
type lab struct {
	*UI
	out, err bytes.Buffer
}

// newLab returns a UI on streams that are terminals if tty, with a fixed clock unless o has another.
func newLab(o Options, tty bool, width int, env map[string]string) *lab {
	l := new(lab)
	o.Out, o.Err = &l.out, &l.err
	o.Terminal = func(io.Writer) bool { return tty }
	o.Width = func() int { return width }
	o.Getenv = func(k string) string {
		if v, ok := env[k]; ok || k != "TERM" {
			return v
		}
		return "xterm"
	}
	if o.Now == nil {
		o.Now = func() time.Time { return time.Date(2026, 6, 15, 18, 30, 0, 0, time.FixedZone("", 2*3600)) }
	}
	l.UI = New(o)
	return l
}

// golden compares got with a file of testdata; UPDATE_GOLDEN=1 writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: -want +got:\n%s", file, diff)
	}
}

const evil = "\x1b[2J\x1b]0;owned\a\u202egpj.exe\u009b31m\xff\xfe\r\nnext\tcell\x7f"

func sampleMessages() []Message {
	at := func(s string) Time {
		t, _ := time.Parse(time.RFC3339, s)
		return Time{t}
	}
	return []Message{
		{ID: "work/INBOX/1200", Account: "work", Mailbox: "INBOX", UID: 77, Key: "1781.M1P2.host", Path: "/m/INBOX/new/1781.M1P2.host",
			Date: at("2026-06-15T08:05:00Z"), From: "Alice Example <alice@example.org>", To: "bob@example.org", Subject: "Hello", Size: 4811, MessageID: "<1@example.org>", Attachment: new(true)},
		{ID: "work/INBOX/1193", Account: "work", Mailbox: "INBOX", UID: 76, Flags: Strings{`\Seen`, `\Flagged`},
			Date: at("2026-06-14T23:59:00+02:00"), From: `"山田 太郎" <yamada@example.jp>`, Subject: "日本語の件名がここに入ります、とても長い件名です", Size: 38488},
		{ID: "work/INBOX/9", Account: "work", Mailbox: "INBOX", UIDL: "abc", Path: "/m/INBOX/cur/9", Flags: Strings{`\Seen`, `\Answered`, `\Deleted`},
			Date: at("2019-12-31T23:59:59Z"), From: evil + " <x@example.org>", Subject: evil, Size: 12_345_678},
		{ID: "work/INBOX/8", Account: "work", Mailbox: "INBOX", From: "no-name@example.org"},
	}
}

// scenes print one thing of each kind.
func scenes() map[string]func(*UI) {
	full := Summary{Account: "work", Protocol: "imap", OK: true, New: 5, Uploaded: 2, FlagsPulled: 3, FlagsPushed: 1, Moved: 1,
		DeletedLocal: 4, DeletedRemote: 2, Skipped: 1, Bytes: 48211, Seconds: 0.3149}
	return map[string]func(*UI){
		"list": func(u *UI) {
			l := u.List("")
			for _, m := range sampleMessages() {
				l.Add(m)
			}
			l.Close()
		},
		"table": func(u *UI) {
			t := u.Table(Column{Title: "MAILBOX", Min: 8}, Column{Title: "MESSAGES", Right: true}, Column{Title: "UNREAD", Right: true},
				Column{Title: "LAST SUCCESS", Leave: 1}, Column{Title: "TROUBLE", Min: 8})
			t.Row(Plain, "INBOX", "1203", "4", "15:04")
			t.Row(Red, "Lists/golang-nuts", "81203", "712", "02 Jan", "connection refused, next try in 5 min\x1b[A")
			t.Close()
			u.Table(Column{Title: "EMPTY"}).Close()
		},
		"summary": func(u *UI) {
			u.Summary(Summary{Account: "home", Protocol: "pop3", OK: true, New: 12, DeletedRemote: 12, Bytes: 48211, Seconds: 0.31})
			u.Summary(Summary{Account: "home", Protocol: "pop3", OK: true})
			u.Summary(full)
			u.Summary(Summary{Account: "home", Protocol: "pop3", New: 3, Bytes: 999, Error: "connection lost", Exit: 5})
			u.Summary(Summary{Account: "home", Protocol: "pop3", New: 3, Failed: 1, Error: "1 message failed", Exit: 3})
			u.Summary(Summary{Account: "home", Protocol: "pop3", Error: "login refused", Exit: 4})
			would := full
			would.DryRun = true
			u.Summary(would)
			u.Summary(Summary{Account: "home", Protocol: "pop3", OK: true, DryRun: true})
		},
		"failure": func(u *UI) {
			u.Error(Failure{Account: "home", Host: "pop.example.org", Err: errors.New("login refused by the server: " + evil), Hint: "postie login home", Exit: 4})
			u.Error(Failure{Err: errors.New("config.toml:3: unknown key \"hots\""), Exit: 2})
			u.Error(Failure{Account: "alice@example.org", Host: "example.org", Err: fmt.Errorf("run: %w", errors.Join(io.EOF, io.ErrUnexpectedEOF)), Exit: 5})
			u.Error(Failure{Account: "work", Err: errors.Join(io.EOF, errors.Join(errors.New("a\nb"), io.ErrNoProgress)), Hint: "line one\nline two", Exit: 3})
			var many []error
			for i := range 12 {
				many = append(many, fmt.Errorf("store INBOX/%d: no space left", i))
			}
			u.Error(Failure{Account: "work", Err: errors.Join(many...), Exit: 3})
			u.Error(Failure{})
		},
		"chatter": func(u *UI) {
			u.Notice("home", "skipped 17: "+evil)
			u.Notice("", "two\nlines")
			u.Verbose(1, "home", "connected to "+evil)
			u.Trace("home", 'C', "RETR 1\r\n")
			u.Trace("home", 'S', "+OK "+evil)
			u.Print("printed\n" + evil + "\n")
			u.Plan(Step{Account: "home", Mailbox: "INBOX", Do: "store", Message: "17", Size: 48211, Reason: "new on the server"})
			u.Plan(Step{Account: "work", Mailbox: "INBOX", Do: "move", Message: "work/INBOX/9", To: "Trash", Reason: "moved here"})
			u.Stored(sampleMessages()[0])
		},
	}
}

func TestGolden(t *testing.T) {
	looks := []struct {
		name  string
		o     Options
		tty   bool
		width int
	}{
		{"terminal, 20 cells", Options{Color: "never", Verbose: 2}, true, 20},
		{"terminal, 40 cells", Options{Color: "never", Verbose: 2}, true, 40},
		{"terminal, 80 cells, colours", Options{Verbose: 2}, true, 80},
		{"terminal, 120 cells", Options{Color: "never"}, true, 120},
		{"no terminal", Options{}, false, 80},
		{"no terminal, quiet", Options{Quiet: true}, false, 80},
		{"no terminal, JSON", Options{JSON: true}, false, 80},
		{"terminal, JSON, quiet", Options{JSON: true, Quiet: true}, true, 80},
	}
	for name, scene := range scenes() {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			for _, look := range looks {
				l := newLab(look.o, look.tty, look.width, nil)
				scene(l.UI)
				if err := l.Close(); err != nil {
					t.Error(err)
				}
				out := l.out.String() + "(standard error)\n" + l.err.String()
				if bad := strings.IndexFunc(strings.ReplaceAll(out, "\x1b", ""), steers); bad >= 0 && !look.o.JSON {
					t.Errorf("%s: something that steers a terminal in %q", look.name, out)
				}
				fmt.Fprintf(&b, "== %s\n%s\n", look.name, strings.ReplaceAll(out, "\x1b", "^["))
			}
			golden(t, name, b.String())
		})
	}
}

// Nothing that is said is said by colour alone, and colour adds nothing but SGR sequences.
func TestColourOnly(t *testing.T) {
	for name, scene := range scenes() {
		with, without := newLab(Options{Color: "always"}, true, 60, nil), newLab(Options{Color: "never"}, true, 60, nil)
		scene(with.UI)
		scene(without.UI)
		for _, pair := range [][2]string{{with.out.String(), without.out.String()}, {with.err.String(), without.err.String()}} {
			if got := stripSGR(pair[0]); got != pair[1] {
				t.Errorf("%s: with colours %q, without %q", name, got, pair[1])
			}
			if strings.Contains(pair[1], "\x1b") {
				t.Errorf("%s: escape without colours: %q", name, pair[1])
			}
		}
	}
}

func stripSGR(s string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "\x1b[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		params, rest, _ := strings.Cut(after, "m")
		if strings.Trim(params, "0123456789;") != "" {
			return b.String() + "not SGR: " + after
		}
		s = rest
	}
}

func TestColourChoice(t *testing.T) {
	tests := []struct {
		color string
		tty   bool
		env   map[string]string
		want  bool
	}{
		{"", true, nil, true},
		{"auto", true, map[string]string{"TERM": "xterm"}, true},
		{"auto", false, nil, false},
		{"auto", true, map[string]string{"TERM": "dumb"}, false},
		{"auto", true, map[string]string{"NO_COLOR": "1"}, false},
		{"auto", true, map[string]string{"NO_COLOR": ""}, true},
		{"auto", true, map[string]string{"TERM": ""}, false},
		{"auto", false, map[string]string{"CLICOLOR_FORCE": "1"}, true},
		{"auto", false, map[string]string{"CLICOLOR_FORCE": "0"}, false},
		{"auto", false, map[string]string{"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, false},
		{"always", false, map[string]string{"NO_COLOR": "1", "TERM": "dumb"}, true},
		{"never", true, map[string]string{"CLICOLOR_FORCE": "1"}, false},
	}
	for _, tt := range tests {
		l := newLab(Options{Color: tt.color}, tt.tty, 80, tt.env)
		if l.UI.out.color != tt.want || l.UI.err.color != tt.want {
			t.Errorf("%+v: got %v, %v", tt, l.UI.out.color, l.UI.err.color)
		}
	}
	for s, ok := range map[string]bool{"": true, "auto": true, "always": true, "never": true, "yes": false} {
		if (CheckColor(s) == nil) != ok {
			t.Errorf("CheckColor(%q) = %v", s, CheckColor(s))
		}
	}
}

func TestColumns(t *testing.T) {
	for env, want := range map[string]int{"": 80, "33": 33, "0": 80, "-4": 80, "wide": 80} {
		u := New(Options{Out: io.Discard, Err: io.Discard, Getenv: func(k string) string {
			return map[string]string{"COLUMNS": env}[k]
		}})
		if got := u.opt.Width(); got != want {
			t.Errorf("COLUMNS=%q: %d columns, want %d", env, got, want)
		}
	}
}

// pipe fails after n writes.
type pipe struct{ n, writes int }

func (p *pipe) Write(b []byte) (int, error) {
	if p.writes++; p.writes > p.n {
		return 0, io.ErrClosedPipe
	}
	return len(b), nil
}

func TestWriteError(t *testing.T) {
	p := &pipe{n: 1}
	u := New(Options{Out: p, Err: io.Discard, JSON: true})
	for i, want := range []error{nil, io.ErrClosedPipe, io.ErrClosedPipe} {
		if err := u.Event(i); err != want {
			t.Errorf("write %d: error %v, want %v", i, err, want)
		}
	}
	if p.writes != 2 {
		t.Errorf("%d writes, want none after the one that failed", p.writes)
	}
	if u.Err() != io.ErrClosedPipe || u.Close() != io.ErrClosedPipe {
		t.Errorf("Err %v, Close %v", u.Err(), u.Close())
	}
}

func TestTextAndRaw(t *testing.T) {
	text := "a\r\n\x1b[2Jb\xc3"
	for _, tt := range []struct {
		tty  bool
		open func(*UI) io.WriteCloser
		want string
	}{
		{false, (*UI).Text, "a\n␛[2Jb\ufffd"},
		{true, (*UI).Text, "a\n␛[2Jb\ufffd"},
		{true, (*UI).Raw, "a\n␛[2Jb\ufffd"},
		{false, (*UI).Raw, text},
	} {
		l := newLab(Options{Quiet: true}, tt.tty, 80, nil)
		w := tt.open(l.UI)
		for i := range len(text) {
			io.WriteString(w, text[i:i+1])
		}
		w.Close()
		if got := l.out.String(); got != tt.want {
			t.Errorf("terminal %v: got %q, want %q", tt.tty, got, tt.want)
		}
	}
}
