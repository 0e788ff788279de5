package retrieve

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postie/pop3/pop3test"
)

// letters are messages of some 5.7 kB. Each has a UIDL that tells its place, from 1.
func letters(n int) (maildrop []pop3test.Message) {
	for i := range n {
		text := fmt.Sprintf("From: a@example.test\r\nTo: b@example.test\r\nMessage-ID: <%d@example.test>\r\nSubject: letter %d\r\n\r\n%s",
			i+1, i+1, strings.Repeat(fmt.Sprintf("line of letter %d, and some words to fill it with, so that it is long enough\r\n", i+1), 70))
		maildrop = append(maildrop, pop3test.Message{Body: []byte(text), UIDL: fmt.Sprint("uid", i+1)})
	}
	return maildrop
}

// failures are the errors that were told.
func (w *world) failures() (all []string) {
	for _, e := range w.events {
		if f, ok := e.(Failed); ok {
			all = append(all, f.Err.Error())
		}
	}
	return all
}

// servers are those that tell how answers can be pipelined, and how they cannot.
func servers(change func(*pop3test.Options)) map[string]pop3test.Options {
	all := map[string]pop3test.Options{"pipelined": {}, "one at a time": {Without: []string{"PIPELINING"}}}
	for name, o := range all {
		change(&o)
		all[name] = o
	}
	return all
}

// A server that does not double dots: the message with the lone dot stays there and is named; no other message is lost, stored
// under another name, or held up; and a rest that looks like an answer is no message.
func TestUnstuffed(t *testing.T) {
	for _, rest := range []string{"two\r\n", "+OK\r\nSubject: not a message\r\n\r\nof its own\r\n", "-ERR no\r\n", ".\r\n", "+OK\r\n.\r\n+OK bye\r\n.\r\n", strings.Repeat("long\r\n", 3000)} {
		for name, o := range servers(func(o *pop3test.Options) { o.Unstuffed = true }) {
			t.Run(fmt.Sprintf("%.12q %s", rest, name), func(t *testing.T) {
				maildrop := letters(7)
				for _, i := range []int{2, 5} {
					maildrop[i].Body = append(maildrop[i].Body, ".\r\n"+rest...)
				}
				w := newWorld(t, o, maildrop...)
				sound := slices.Delete(slices.Clone(maildrop), 5, 6)
				sound = slices.Delete(sound, 2, 3)
				for range 2 {
					report, err := w.run(Policy{})
					if err != nil || report.Failed != 2 {
						t.Fatalf("%+v, %v", report, err)
					}
					for i, text := range w.failures() {
						if want := []string{"UIDL uid3", "UIDL uid6"}[i]; !strings.Contains(text, want) {
							t.Errorf("%q does not name %s", text, want)
						}
					}
					w.holds(stored(sound))
					if left := w.server.Maildrop("alice"); len(left) != 2 || left[0].UIDL != "uid3" || left[1].UIDL != "uid6" {
						t.Fatalf("%d messages are left", len(left))
					}
				}
			})
		}
	}
}

// Nothing for something: what falls grossly short of what the server lists is kept there, named, and asked for again.
func TestNothingForSomething(t *testing.T) {
	maildrop := letters(5)
	body := string(maildrop[1].Body)
	head := body[:strings.Index(body, "\r\n\r\n")+4]
	for name, text := range map[string]string{
		"nothing": "", "a line": "\r\n", "half a header": head[:40] + "\r\n", "header without its end": head[:len(head)-2], "header": head,
		"header and a little": head + "line\r\n", "less than half": body[:len(body)*2/5] + "\r\n",
	} {
		for _, always := range []bool{false, true} {
			for server, o := range servers(func(o *pop3test.Options) {
				o.Answer = func(c pop3test.Command) *pop3test.Answer {
					if c.Line == "RETR 2" && (always || c.Session == 1) {
						return &pop3test.Answer{Octets: "+OK\r\n" + text + ".\r\n"}
					}
					return nil
				}
			}) {
				t.Run(fmt.Sprint(name, server, always), func(t *testing.T) {
					w := newWorld(t, o, maildrop...)
					report, err := w.run(Policy{})
					if err != nil || report.Failed != 1 || report.New != 4 || report.Deleted != 4 {
						t.Fatalf("%+v, %v", report, err)
					}
					if told := w.failures(); !strings.Contains(told[0], "UIDL uid2") || !strings.Contains(told[0], fmt.Sprint(len(body))) {
						t.Errorf("told: %q", told)
					}
					if always {
						w.server.SetMaildrop("alice", "secret", slices.Insert(letters(3), 0, letters(5)[1])...) // it is number 1 now
					}
					if w.ok(Policy{}); len(w.server.Maildrop("alice")) > 0 {
						t.Error("it is still on the server")
					}
					if !always {
						w.holds(stored(maildrop))
					}
				})
			}
		}
	}
}

// A server that says 0 of one message, and once gives nothing: what comes the second time is stored. What is empty twice is empty.
func TestNothingForNothing(t *testing.T) {
	for _, empty := range []bool{true, false} {
		for server, o := range servers(func(o *pop3test.Options) {
			o.Answer = func(c pop3test.Command) *pop3test.Answer {
				if c.Line == "RETR 2" && c.Session == 1 {
					return &pop3test.Answer{Octets: "+OK\r\n.\r\n"}
				}
				return nil
			}
		}) {
			t.Run(fmt.Sprint(server, empty), func(t *testing.T) {
				maildrop := letters(5)
				maildrop[1].Size = -1
				if empty {
					maildrop[1].Body = nil
				}
				w := newWorld(t, o, maildrop...)
				if report := w.ok(Policy{}); report.Failed > 0 || report.New != 5 || report.Deleted != 5 {
					t.Errorf("%+v: %q", report, w.failures())
				}
				w.holds(stored(maildrop))
			})
		}
	}
}

// Sizes that are wrong, as some servers' are, hold no message up.
func TestSizesWrong(t *testing.T) {
	for name, size := range map[string]func(i, true int64) int64{
		"LF":          func(_, n int64) int64 { return n - 75 },
		"nothing":     func(_, _ int64) int64 { return -1 },
		"one":         func(_, _ int64) int64 { return 1 },
		"a bit more":  func(i, n int64) int64 { return n + i*7 },
		"much more":   func(i, n int64) int64 { return n*3/2 + i },
		"all alike":   func(_, _ int64) int64 { return 9999 },
		"all of 1 MB": func(_, _ int64) int64 { return 1 << 20 },
	} {
		for server, o := range servers(func(*pop3test.Options) {}) {
			t.Run(name+" "+server, func(t *testing.T) {
				maildrop := letters(5)
				maildrop[3].Body = maildrop[3].Body[:strings.Index(string(maildrop[3].Body), "\r\n\r\n")+40]
				for i := range maildrop {
					maildrop[i].Size = size(int64(i), int64(len(maildrop[i].Body)))
				}
				w := newWorld(t, o, maildrop...)
				if report := w.ok(Policy{}); report.Failed > 0 || len(w.server.Maildrop("alice")) > 0 {
					t.Errorf("%+v: %q", report, w.failures())
				}
				w.holds(stored(maildrop))
			})
		}
	}
}

// The connection breaks, or the server goes silent, at one message in each run: all others come, and are deleted there; that one
// is asked for last and alone, and named.
func TestBreaksAtOneMessage(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it waits for servers that are silent")
	}
	for name, broken := range map[string]pop3test.Answer{
		"closed":            {HangUp: true},
		"closed within":     {Octets: "+OK\r\nFrom: a@exam", HangUp: true},
		"silent":            {Stall: true},
		"silent within":     {Octets: "+OK\r\nFrom: a@exam", Stall: true},
		"nonsense":          {Octets: "internal error\r\n"},
		"an empty line":     {Octets: "\r\n"},
		"closed after -ERR": {Octets: "-ERR corrupt\r\n", HangUp: true},
	} {
		for server, o := range servers(func(o *pop3test.Options) {
			o.Answer = func(c pop3test.Command) *pop3test.Answer {
				if c.Line == "RETR 2" {
					return &broken
				}
				return nil
			}
		}) {
			t.Run(name+" "+server, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, o, letters(5)...)
				report, err := w.run(Policy{Keep: Keep{Mode: Forever}}, func(o *Options) { o.POP3.Idle = 500 * time.Millisecond })
				if err != nil || report.New != 4 || report.Failed != 1 {
					t.Fatalf("%+v, %v", report, err)
				}
				if told := w.failures(); !strings.Contains(told[0], "UIDL uid2") {
					t.Errorf("told: %q", told)
				}
				retrieved := 0
				for _, c := range w.server.Commands() {
					if c.Line == "RETR 2" {
						retrieved++
					}
				}
				if want := 2; retrieved != want && name != "closed after -ERR" {
					t.Errorf("asked for %d times, want %d", retrieved, want)
				}
			})
		}
	}
}

// QUIT is what deletes. One that is refused is told as what it is; one that nobody answers is no failure where nothing was to be
// deleted.
func TestQuit(t *testing.T) {
	for name, tt := range map[string]struct {
		answer     pop3test.Answer
		keep, fail bool // keep the messages; the run fails
		failed     int
	}{
		"refused":                   {pop3test.Answer{Octets: "-ERR [SYS/PERM] some not removed\r\n"}, false, false, 3},
		"refused, nothing deleted":  {pop3test.Answer{Octets: "-ERR no\r\n"}, true, false, 0},
		"closed":                    {pop3test.Answer{HangUp: true}, false, true, 0},
		"closed, nothing deleted":   {pop3test.Answer{HangUp: true}, true, false, 0},
		"silent, nothing deleted":   {pop3test.Answer{Stall: true}, true, false, 0},
		"nonsense, nothing deleted": {pop3test.Answer{Octets: "bye\r\n"}, true, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, pop3test.Options{Answer: func(c pop3test.Command) *pop3test.Answer {
				if c.Line == "QUIT" {
					return &tt.answer
				}
				return nil
			}}, few(3)...)
			var p Policy
			if tt.keep {
				p.Keep.Mode = Forever
			}
			change := func(o *Options) { o.POP3.Idle = 300 * time.Millisecond }
			report, err := w.run(p, change)
			if (err != nil) != tt.fail || report.Failed != tt.failed || report.New != 3 || report.Deleted > 0 {
				t.Errorf("%+v, %v", report, err)
			}
			if told := strings.Join(w.failures(), "\n"); tt.failed > 0 && (!strings.Contains(told, "did not confirm") || strings.Contains(told, "message 0")) {
				t.Errorf("told: %q", told)
			}
			if _, err := w.run(Policy{Keep: Keep{Mode: Forever}}, change, func(o *Options) { o.DryRun = true }); tt.keep && err != nil {
				t.Errorf("dry run: %v", err)
			}
			w.holds(stored(few(3)))
		})
	}
}

// A server that ends its lines in LF alone is read.
func TestBareLF(t *testing.T) {
	for name, o := range servers(func(o *pop3test.Options) { o.BareLF = true }) {
		maildrop := append(letters(3), few(3)...)
		w := newWorld(t, o, maildrop...)
		report := w.ok(Policy{})
		if report.New != 6 || report.Deleted != 6 {
			t.Errorf("%s: %+v", name, report)
		}
		w.holds(stored(maildrop))
	}
}

// UIDLs as no server should give them: what names a message is used, and what does not leaves it to its header.
func TestOddUIDLs(t *testing.T) {
	for _, lines := range []string{"1 a b\r\n2 \xe4\r\n3 c\td\r\n", "1 \r\n2 b\r\n3\r\n", "2 b\r\n", "1 a\r\n1 b\r\n2 c\r\n3 c\r\n", "1 \x1b[31m\r\n2 b\x00c\r\n3 ok\r\n9 z\r\n\r\n"} {
		maildrop := letters(3)
		w := newWorld(t, pop3test.Options{Answer: func(c pop3test.Command) *pop3test.Answer {
			if c.Line == "UIDL" {
				return &pop3test.Answer{Octets: "+OK\r\n" + lines + ".\r\n"}
			}
			return nil
		}}, maildrop...)
		keep := Policy{Keep: Keep{Mode: Forever}}
		if report := w.ok(keep); report.New != 3 || report.Failed > 0 {
			t.Errorf("%q: %+v", lines, report)
		}
		if report := w.ok(keep); report.New > 0 || report.Failed > 0 {
			t.Errorf("%q, again: %+v", lines, report)
		}
		if report := w.ok(Policy{}); report.New > 0 || report.Deleted != 3 {
			t.Errorf("%q, deleted: %+v", lines, report)
		}
		w.holds(stored(maildrop))
	}
}

// A session that breaks at TOP is no reason to get nowhere: the whole messages are read instead.
func TestBreaksAtTop(t *testing.T) {
	for name, broken := range map[string]pop3test.Answer{"closed": {HangUp: true}, "silent": {Stall: true}, "nonsense": {Octets: "?\r\n"}} {
		w := newWorld(t, pop3test.Options{Answer: func(c pop3test.Command) *pop3test.Answer {
			if strings.HasPrefix(c.Line, "TOP 2") {
				return &broken
			}
			return nil
		}}, few(4)...)
		w.ok(Policy{Keep: Keep{Mode: Forever}})
		w.server.SetMaildrop("alice", "secret", renamed(few(5))...)
		idle := func(o *Options) { o.POP3.Idle = 400 * time.Millisecond }
		if report := w.ok(Policy{Keep: Keep{Mode: Forever}}, idle); report.New != 1 || report.Matched != 4 {
			t.Errorf("%s: %+v", name, report)
		}
		if report := w.ok(Policy{}, idle); report.New > 0 || report.Deleted != 5 || report.Failed > 0 {
			t.Errorf("%s, deleted: %+v", name, report)
		}
		w.holds(stored(few(5)))
	}
}

// A message at which the session breaks in each run is remembered: it is asked for after all others, once a run, and ever more
// seldom; told each time; and taken, and forgotten as a breaker, when it comes.
func TestBreakerIsRemembered(t *testing.T) {
	var broken atomic.Bool
	broken.Store(true)
	w := newWorld(t, pop3test.Options{Answer: func(c pop3test.Command) *pop3test.Answer {
		if c.Line == "RETR 2" && broken.Load() {
			return &pop3test.Answer{Octets: "+OK\r\nFrom: a@ex", HangUp: true}
		}
		return nil
	}}, few(4)...)
	keep := Policy{Keep: Keep{Mode: Forever}}
	asked := func(p Policy) (n int) {
		t.Helper()
		w.server.ResetLog()
		report := w.ok(p)
		if told := w.failures(); report.Failed != 1 || len(told) != 1 || !strings.Contains(told[0], "UIDL uidl1") {
			t.Errorf("%+v, told %q", report, told)
		}
		for i, c := range w.server.Commands() {
			if c.Line == "RETR 2" {
				if n++; n == 1 && strings.Contains(fmt.Sprint(w.server.Commands()[i:]), "RETR 5") {
					t.Error("others were asked for later")
				}
			}
		}
		return n
	}
	var times []int
	for run := range 40 {
		if run == 1 {
			w.server.Append("alice", few(5)[4])
		}
		times = append(times, asked(keep))
		w.now = w.now.Add(5 * time.Minute)
	}
	if got, want := fmt.Sprint(times), "[2 1 0 1 0 0 0 1 0 0 0 0 0 0 0 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 0 0 0 0 0 0 0]"; got != want {
		t.Errorf("asked for %s times a run\nwant %s", got, want)
	}
	if report := w.ok(keep, func(o *Options) { o.DryRun = true }); !slices.ContainsFunc(report.Plan.Ops, func(op Op) bool { return op.Action == Wait }) {
		t.Errorf("dry run: %+v", report.Plan.Ops)
	}
	broken.Store(false)
	w.now = w.now.AddDate(0, 0, 1)
	if report := w.ok(keep); report.New != 1 || report.Failed > 0 {
		t.Errorf("mended: %+v", report)
	}
	w.holds(stored(few(5)))
	if report := w.ok(Policy{}); report.Deleted != 5 || report.Failed > 0 {
		t.Errorf("deleted: %+v", report)
	}
}

// A server that does not double dots: a message with lines that begin with one comes as it is, by which of the two readings has the size
// that is listed, or by a dot that no server which doubles them sends. Of a server that does nothing is asked for twice.
func TestDotsKept(t *testing.T) {
	lines := []string{".hidden\r\n", "..two\r\n", "... three\r\n", ".. and\r\n.PP\r\n", "..\r\n"}
	for server, o := range servers(func(o *pop3test.Options) { o.Unstuffed = true }) {
		for _, size := range []int64{0, -1, 1} { // as it is; not told; one that is none
			t.Run(fmt.Sprint(server, size), func(t *testing.T) {
				maildrop := letters(7)
				for i, line := range lines {
					if size != 0 && !strings.Contains("\n"+line, "\n.h") && !strings.Contains("\n"+line, "\n.P") {
						continue // nothing tells
					}
					maildrop[i+1].Body = append(maildrop[i+1].Body, line+"and more\r\n"...)
				}
				for i := range maildrop {
					maildrop[i].Size = size
				}
				w := newWorld(t, o, maildrop...)
				keep := Policy{Keep: Keep{Mode: Forever}}
				if report := w.ok(keep); report.Failed > 0 || report.New != 7 {
					t.Errorf("%+v: %q", report, w.failures())
				}
				w.holds(stored(maildrop))
				if report := w.ok(keep); report.Failed+report.New > 0 {
					t.Errorf("again: %+v", report)
				}
				if report := w.ok(Policy{}); report.Failed+report.New > 0 || report.Deleted != 7 {
					t.Errorf("deleted: %+v", report)
				}
				w.holds(stored(maildrop))
			})
		}
	}
	for server, o := range servers(func(*pop3test.Options) {}) {
		t.Run("doubled "+server, func(t *testing.T) {
			maildrop := letters(7)
			for i, line := range lines {
				maildrop[i+1].Body = append(maildrop[i+1].Body, line+"and more\r\n"...)
			}
			w := newWorld(t, o, maildrop...)
			if w.ok(Policy{}); w.commands()["RETR"] != 7 {
				t.Error("some were asked for twice")
			}
			w.holds(stored(maildrop))
		})
	}
}
