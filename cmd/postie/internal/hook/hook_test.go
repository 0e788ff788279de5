package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/ui"
)

// Which commands follow which run, in which order.
func TestDue(t *testing.T) {
	all := config.Hooks{NewMail: []string{"n"}, Changed: []string{"c"}, Error: []string{"e"}, Done: []string{"d"}}
	one := Message{Mailbox: "INBOX", ID: "a/INBOX/1", From: "Ann", Subject: "Hi"}
	for _, tt := range []struct {
		name string
		run  Run
		want string // names, and the titles and texts of --exec
	}{
		{"nothing new", Run{Account: config.Account{Hooks: all}, Summary: ui.Summary{OK: true}}, "hook done"},
		{"no hooks", Run{Summary: ui.Summary{New: 3}, Told: true, Error: "x"}, ""},
		{"new mail", Run{Account: config.Account{Hooks: all}, Summary: ui.Summary{OK: true, New: 1}}, "hook new_mail, hook changed, hook done"},
		{"flags here", Run{Account: config.Account{Hooks: all}, Summary: ui.Summary{OK: true, FlagsPulled: 1}}, "hook changed, hook done"},
		{"moved", Run{Account: config.Account{Hooks: all}, Summary: ui.Summary{OK: true, Moved: 1}}, "hook changed, hook done"},
		{"failed", Run{Account: config.Account{Hooks: all}, Summary: ui.Summary{New: 1}, Told: true, Error: "x"}, "hook new_mail, hook changed, hook error, hook done"},
		{"failed again, and told before", Run{Account: config.Account{Hooks: all}, Error: "x"}, "hook done"},
		{"one message", Run{Account: config.Account{Name: "a"}, Summary: ui.Summary{New: 1}, New: []Message{one}, Exec: "x"}, "--exec Ann (a): Hi"},
		{"nobody's message", Run{Account: config.Account{Name: "a"}, Summary: ui.Summary{New: 1}, New: []Message{{}}, Exec: "x"}, "--exec somebody (a): (no subject)"},
		{"its controls are taken out", Run{Account: config.Account{Name: "a"}, Summary: ui.Summary{New: 1}, New: []Message{{From: "A\x1b[31m", Subject: "x\x00y\a"}}, Exec: "x"}, "--exec A␛[31m (a): x␀y␇"},
		{"many messages", Run{Account: config.Account{Name: "a"}, Summary: ui.Summary{New: 70, Changed: []string{"INBOX", "Lists"}}, New: []Message{one}, Exec: "x"}, "--exec a: 70 new messages in INBOX, Lists"},
		{"trouble", Run{Account: config.Account{Name: "a", Hooks: all}, Exec: "x", Told: true, Error: "no\nno"}, "hook error, --exec a: trouble: no, hook done"},
	} {
		var got []string
		for _, c := range tt.run.Due() {
			text := c.Name
			if c.Name == "--exec" {
				text += " " + value(c, "TITLE") + ": " + value(c, "TEXT")
			}
			got = append(got, text)
		}
		if text := strings.Join(got, ", "); text != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, text, tt.want)
		}
	}
}

func value(c Command, name string) string {
	for _, v := range c.Vars {
		if text, ok := strings.CutPrefix(v, "POSTIE_"+name+"="); ok {
			return text
		}
	}
	return "(not set)"
}

// Runs that were gathered are one: their numbers are added, and trouble that was told stays told.
func TestThen(t *testing.T) {
	a := Run{Summary: ui.Summary{New: 2, Changed: []string{"INBOX"}, Exit: 3, Error: "x"}, New: make([]Message, 4), Told: true, Error: "x"}
	b := Run{Summary: ui.Summary{New: 3, OK: true, Changed: []string{"A", "INBOX"}}, New: make([]Message, 3)}
	got := a.Then(b)
	if s := got.Summary; s.New != 5 || fmt.Sprint(s.Changed) != "[A INBOX]" || s.OK || s.Exit != 3 || got.Error != "x" || !got.Told || len(got.New) != MostMessages {
		t.Errorf("%+v", got)
	}
	if got := b.Then(a); !got.Told || got.Summary.Exit != 3 {
		t.Errorf("%+v", got)
	}
}

// A variable is none that the system refuses: no NUL, no more than 128 KiB. What is left out is whole lines.
func TestVariable(t *testing.T) {
	lists := strings.Repeat("Lists/a\n", 20000)
	v := variable("MAILBOXES", lists+"\x00")
	if len(v) > longest+100 || !strings.HasSuffix(v, "Lists/a") || !strings.Contains(lists, strings.TrimPrefix(v, "POSTIE_MAILBOXES=")) {
		t.Errorf("%d octets, … %q", len(v), v[len(v)-20:])
	}
	if v := variable("X", "a\x00b"); v != "POSTIE_X=ab" {
		t.Errorf("%q", v)
	}
}

// What a command is given, what is said if it fails, and that the others run nevertheless.
func TestDo(t *testing.T) {
	var out bytes.Buffer
	r := Runner{Environ: []string{"PATH=/usr/bin:/bin", "A=1"}, Out: &out, Limit: time.Minute, Why: "a minute"}
	sh := func(script string) Command {
		return Command{"hook x", []string{"sh", "-c", script}, []string{"POSTIE_NEW=3"}}
	}
	err := r.Do(t.Context(), []Command{sh("exit 7"), {"hook y", []string{"./no-such-command"}, nil}, sh(`echo "$A $POSTIE_NEW $(cat)"`), sh("exec <&-; sleep 0")}, strings.Repeat("x", 5))
	if got := out.String(); got != "1 3 xxxxx\n" {
		t.Errorf("%q", got)
	}
	if err == nil || !strings.Contains(err.Error(), "hook x: sh: exit status 7\nhook y: ./no-such-command: ") {
		t.Errorf("%v", err)
	}
	// It need not read what it is given, however much that is.
	if err := r.Do(t.Context(), []Command{sh("true")}, strings.Repeat("x", 1<<20)); err != nil {
		t.Error(err)
	}
}

// A command that does not end is ended, with what it started; so is one whose run is interrupted.
func TestDoEnds(t *testing.T) {
	forever := []Command{{"hook x", []string{"sh", "-c", "sleep 1000 & sleep 1000"}, nil}}
	err := Runner{Out: &bytes.Buffer{}, Limit: 50 * time.Millisecond, Why: "so it was told"}.Do(t.Context(), forever, "")
	if err == nil || !strings.Contains(err.Error(), "hook x: sh: it did not end within 50ms (so it was told)") {
		t.Error(err)
	}
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	if err := (Runner{Out: &bytes.Buffer{}, Limit: time.Minute}).Do(ctx, forever, ""); !errors.Is(err, stop) {
		t.Error(err)
	}
}
