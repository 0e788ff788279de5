package agenda

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A story: what happens at which second, and what is done then. The clock steps.
type step struct {
	at   float64 // seconds
	what string  // an event, or what Next has to say: "run all", "run INBOX", "run secret", "wait 0.05" (until then), "idle" (nothing within 10 s)
}

func play(t *testing.T, a *Account, steps []step) {
	t.Helper()
	zero := time.Unix(1e9, 0)
	for _, s := range steps {
		now := zero.Add(time.Duration(s.at * float64(time.Second)))
		verb, rest, _ := strings.Cut(s.what, " ")
		switch verb {
		case "pushed":
			a.Pushed(now, strings.Fields(rest)...)
		case "touched":
			a.Touched(now)
		case "echoed":
			a.Echoed(now)
		case "woke":
			a.Woke(now)
		case "renewed":
			a.Renewed(now)
		case "connected":
			a.Connected(now)
		case "lost":
			a.Lost(now)
		case "done", "passing", "refused", "busy", "missing", "failed", "same":
			kind := map[string]Kind{"done": Done, "passing": Passing, "refused": Refused, "busy": Busy, "missing": Missing, "failed": Failed, "same": Same}[verb]
			var o Outcome
			fmt.Sscan(rest, &o.Asked)
			var asked float64
			if n, _ := fmt.Sscan(rest, &asked); n == 1 {
				o.Asked = time.Duration(asked * float64(time.Second))
			}
			o.Kind = kind
			a.Ended(now, o)
		default:
			task := a.Next(now)
			got := ""
			switch {
			case task.Run && task.Where.Secret:
				got = "run secret"
			case task.Run && task.Where.All:
				got = "run all"
			case task.Run:
				got = "run " + strings.Join(task.Where.Mailboxes, " ")
			case s.what == "idle" && task.Until.Sub(now) > 10*time.Second:
				got = "idle"
			default:
				got = fmt.Sprintf("wait %g", task.Until.Sub(zero).Seconds())
			}
			if got != s.what {
				t.Errorf("at %g s: %s, want %s", s.at, got, s.what)
			}
		}
	}
}

func TestAgenda(t *testing.T) {
	for name, steps := range map[string][]step{
		"begins with everything":  {{0, "run all"}, {1, "done"}, {1, "wait 901"}, {901, "run all"}},
		"a push leads to a run":   {{0, "run all"}, {1, "done"}, {5, "pushed INBOX"}, {5, "run INBOX"}, {5, "done"}, {5, "idle"}},
		"pushes are gathered":     {{0, "run all"}, {1, "done"}, {5, "pushed b"}, {5, "pushed a b"}, {5, "run a b"}},
		"nobody knows where":      {{0, "run all"}, {1, "done"}, {5, "pushed a"}, {5, "pushed"}, {5, "run all"}},
		"a burst here is awaited": {{0, "run all"}, {1, "done"}, {5, "touched"}, {5, "wait 5.05"}, {5.04, "touched"}, {5.05, "wait 5.09"}, {5.09, "run all"}},
		"but not for ever": {{0, "run all"}, {1, "done"}, {5, "touched"}, {5.04, "touched"}, {5.3, "touched"}, {5.48, "touched"}, {5.49, "touched"}, {5.49, "wait 5.5"},
			{5.5, "run all"}, {5.6, "done"}, {5.7, "touched"}, {5.7, "wait 5.75"}},
		"what we did ourselves is looked at later":  {{0, "run all"}, {1, "done"}, {1, "echoed"}, {1, "wait 3.5"}, {2, "touched"}, {2, "wait 2.05"}, {2.06, "run all"}, {2.1, "done"}, {2.1, "idle"}},
		"longer and longer":                         {{0, "run all"}, {0, "passing"}, {0, "wait 1"}, {1, "run all"}, {1, "passing"}, {1, "wait 3"}, {3, "run all"}, {3, "passing"}, {3, "wait 7"}},
		"while it fails nothing hurries it":         {{0, "run all"}, {0, "passing 100"}, {1, "pushed x"}, {1, "touched"}, {2, "idle"}, {100.4, "wait 100.5"}, {100.5, "run all"}},
		"it begins small after a success":           {{0, "run all"}, {0, "passing"}, {1, "run all"}, {1, "passing"}, {3, "run all"}, {3, "done"}, {10, "pushed"}, {10, "run all"}, {10, "passing"}, {10, "wait 11"}},
		"awake again":                               {{0, "run all"}, {0, "passing"}, {1, "run all"}, {1, "passing"}, {3, "run all"}, {3, "passing"}, {4, "woke"}, {4, "run all"}, {4, "passing"}, {4, "wait 5"}},
		"awake, and all is well":                    {{0, "run all"}, {0, "done"}, {4, "woke"}, {4, "run all"}},
		"a refused login is tried three times":      {{0, "run all"}, {0, "refused"}, {0, "wait 60"}, {60, "run all"}, {60, "refused"}, {60, "wait 300"}, {300, "run all"}, {300, "refused"}, {300, "wait 600"}, {600, "run secret"}, {600, "same"}, {600, "wait 1200"}, {1200, "run secret"}, {1200, "same"}, {1200, "wait 2400"}},
		"another secret":                            {{0, "run all"}, {0, "refused"}, {60, "run all"}, {60, "refused"}, {300, "run all"}, {300, "refused"}, {600, "run secret"}, {600, "done"}, {601, "pushed x"}, {601, "run x"}},
		"another configuration":                     {{0, "run all"}, {0, "refused"}, {60, "run all"}, {60, "refused"}, {300, "run all"}, {300, "refused"}, {310, "renewed"}, {310, "run all"}},
		"a push does not wake a refused login":      {{0, "run all"}, {0, "refused"}, {1, "touched"}, {1, "woke"}, {2, "wait 60"}},
		"another run is at work":                    {{0, "run all"}, {0, "busy"}, {0, "wait 1"}, {1, "run all"}, {1, "busy"}, {1, "wait 3"}, {3, "run all"}, {3, "done"}},
		"the disk is full, then not":                {{0, "run all"}, {0, "missing"}, {0, "wait 5"}, {5, "run all"}, {5, "missing"}, {5, "wait 15"}, {15, "run all"}, {15, "done"}, {15, "idle"}},
		"the disk is mounted":                       {{0, "run all"}, {0, "missing"}, {1, "touched"}, {1, "wait 1.05"}, {1.05, "run all"}, {1.1, "done"}},
		"a line that ended is made anew":            {{0, "run all"}, {0, "done"}, {0, "connected"}, {700, "lost"}, {700, "wait 701"}, {701, "run all"}, {701, "done"}},
		"a server that always hangs up, less often": {{0, "run all"}, {0, "done"}, {0, "connected"}, {1, "lost"}, {1, "wait 2"}, {2, "run all"}, {2, "done"}, {2, "connected"}, {3, "lost"}, {3, "wait 5"}, {5, "run all"}, {5, "done"}, {5, "connected"}, {6, "lost"}, {6, "wait 10"}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, New(Defaults(15*time.Minute, func() float64 { return 0.5 }), nil, time.Unix(1e9, 0)), steps)
		})
	}
}

// A POP3 server that wants pauses gets them, and from one that throws messages away they are fetched before.
func TestPOP3Interval(t *testing.T) {
	zero := time.Unix(1e9, 0)
	for _, tt := range []struct{ interval, least, most, want time.Duration }{
		{5 * time.Minute, 0, 0, 5 * time.Minute},
		{5 * time.Minute, 10 * time.Minute, 0, 10 * time.Minute},
		{5 * time.Minute, time.Minute, 0, 5 * time.Minute},
		{7 * 24 * time.Hour, 0, 3 * 24 * time.Hour, 24 * time.Hour},
		{5 * time.Minute, 0, 30 * 24 * time.Hour, 5 * time.Minute},
	} {
		a := New(Defaults(tt.interval, nil), nil, zero)
		a.Next(zero)
		a.Ended(zero, Outcome{Kind: Done, Least: tt.least, Most: tt.most})
		if got := a.Next(zero).Until.Sub(zero); got != tt.want {
			t.Errorf("%v: %v", tt, got)
		}
	}
}

// Of thirty accounts on one host one finds out whether it is back. Then all go on.
func TestHost(t *testing.T) {
	host, zero := &Host{}, time.Unix(1e9, 0)
	var all []*Account
	for range 30 {
		all = append(all, New(Defaults(15*time.Minute, func() float64 { return 0.5 }), host, zero))
	}
	run := func(now time.Time) (running []*Account) {
		for _, a := range all {
			if a.Next(now).Run {
				running = append(running, a)
			}
		}
		return running
	}
	first := all[0]
	if !first.Next(zero).Run {
		t.Fatal("the first may not begin")
	}
	first.Ended(zero, Outcome{Kind: Passing})
	tries, now := 0, zero
	for range 600 { // ten minutes
		now = now.Add(time.Second)
		for _, a := range run(now) {
			tries++
			a.Ended(now, Outcome{Kind: Passing})
		}
	}
	if tries < 10 || tries > 40 {
		t.Errorf("30 accounts tried %d times in ten minutes", tries)
	}
	for range 200 {
		now = now.Add(time.Second)
		for _, a := range run(now) {
			tries++
			a.Ended(now, Outcome{Kind: Done})
		}
	}
	for i, a := range all {
		if a.failed != Done || a.due != (time.Time{}) {
			t.Errorf("account %d did not come back", i)
		}
	}
}

// What was removed while it tried does not hold up the others.
func TestHostGone(t *testing.T) {
	host, zero := &Host{}, time.Unix(1e9, 0)
	a, b := New(Defaults(time.Hour, nil), host, zero), New(Defaults(time.Hour, nil), host, zero)
	a.Next(zero)
	a.Ended(zero, Outcome{Kind: Passing})
	if now := zero.Add(time.Minute); !a.Next(now).Run || b.Next(now).Run {
		t.Fatal("not one of them tries")
	}
	a.Gone()
	if !b.Next(zero.Add(2 * time.Minute)).Run {
		t.Error("nobody tries any more")
	}
}

func TestStagger(t *testing.T) {
	for n := range 1000 {
		if d := Stagger(n); d > 20*time.Second || n > 0 && d < Stagger(n-1) {
			t.Error(n, d)
		}
	}
}

func TestBackoff(t *testing.T) {
	for n := range 100 {
		least, most := Backoff(n, 0, 0), Backoff(n, 0, 1)
		if least < FirstWait/2 || most > 3*MostWait/2 || most < 2*least {
			t.Errorf("%d: %v to %v", n, least, most)
		}
		if got := Backoff(n, time.Hour, 0); got < time.Hour {
			t.Errorf("%d: %v, less than the server asks for", n, got)
		}
	}
}

func TestSlept(t *testing.T) {
	wall := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct{ wall, uptime, want time.Duration }{
		{3 * time.Second, 3 * time.Second, 0},
		{5 * time.Second, 3 * time.Second, 0}, // the clock was set right
		{time.Hour, 3 * time.Second, time.Hour - 3*time.Second},
		{-time.Hour, 3 * time.Second, time.Hour + 3*time.Second}, // set back: it is not known what happened
		{time.Minute, time.Minute, 0},                            // the process was stopped, and time went on for it
	} {
		got := Reading{wall.Add(tt.wall), tt.uptime}.Slept(Reading{wall, 0})
		if got != tt.want {
			t.Errorf("%v of the wall, %v of uptime: %v, want %v", tt.wall, tt.uptime, got, tt.want)
		}
	}
}

// troubled is how a run ended, and what is to be told of it.
type troubled struct {
	minute int
	kind   Kind
	text   string
	want   string // "", "error", "note", "over 5m"
}

func (r troubled) run(tr *Trouble) Verdict {
	return tr.Run(time.Unix(1e9, 0).Add(time.Duration(r.minute)*time.Minute), r.kind, r.text)
}

func (r troubled) wanted(t *testing.T, v Verdict) {
	t.Helper()
	got := ""
	switch {
	case v.Error:
		got = "error"
	case v.Note:
		got = "note"
	case v.Over > 0:
		got = "over " + v.Over.String()
	}
	if got != r.want {
		t.Errorf("minute %d: %q, want %q", r.minute, got, r.want)
	}
}

// What is told of trouble.
func TestTrouble(t *testing.T) {
	for name, runs := range map[string][]troubled{
		"well":                             {{0, Done, "", ""}, {1, Done, "", ""}},
		"a server that is restarted":       {{0, Passing, "x", "note"}, {1, Passing, "y", ""}, {2, Done, "", "over 2m0s"}},
		"one that stays away":              {{0, Passing, "x", "note"}, {4, Passing, "x", ""}, {5, Passing, "x", "error"}, {90, Passing, "z", ""}, {100, Done, "", "over 1h40m0s"}},
		"twice away":                       {{0, Passing, "x", "note"}, {6, Passing, "x", "error"}, {7, Done, "", "over 7m0s"}, {8, Passing, "x", "note"}, {14, Passing, "x", "error"}},
		"a refused login":                  {{0, Refused, "no", "error"}, {1, Refused, "no 2", ""}, {5, Refused, "no 3", ""}, {10, Same, "", ""}, {20, Done, "", "over 20m0s"}},
		"a disk that is full":              {{0, Missing, "full at a", "error"}, {1, Missing, "full at b", ""}, {2, Done, "", "over 2m0s"}},
		"another run, for long":            {{0, Busy, "x", ""}, {4, Busy, "x", ""}, {6, Busy, "x", "error"}, {7, Busy, "x", ""}, {8, Done, "", "over 8m0s"}},
		"another run, shortly":             {{0, Busy, "x", ""}, {1, Done, "", ""}},
		"part failed, in each run":         {{0, Done, "one message", "error"}, {1, Done, "one message", ""}, {2, Done, "two messages", "error"}, {3, Done, "one message", ""}},
		"something else":                   {{0, Failed, "certificate", "error"}, {1, Failed, "certificate", ""}, {2, Failed, "other", "error"}, {3, Done, "", "over 3m0s"}},
		"away, and then refused meanwhile": {{0, Passing, "x", "note"}, {1, Refused, "no", "error"}, {2, Passing, "x", ""}, {20, Done, "", "over 20m0s"}},
	} {
		t.Run(name, func(t *testing.T) {
			tr := Trouble{Grace: Grace}
			for _, r := range runs {
				v := r.run(&tr)
				r.wanted(t, v)
			}
		})
	}
}

// What is gone for a while is worth telling again; what is still there is not. A run that did not come to its end has not found out.
func TestEnd(t *testing.T) {
	var tr Trouble
	now := time.Unix(1e9, 0)
	run := func(kind Kind, texts ...string) (told string) {
		for _, text := range texts {
			if tr.Once(now, text) {
				told += text
			}
		}
		tr.Run(now, kind, "")
		tr.End()
		now = now.Add(48 * time.Hour)
		return told
	}
	for i, step := range []struct {
		kind  Kind
		texts []string
		want  string
	}{{Done, []string{"a", "b"}, "ab"}, {Done, []string{"a"}, ""}, {Done, []string{"a", "b"}, "b"}, {Passing, nil, ""}, {Done, []string{"a", "b"}, ""}, {Done, nil, ""}, {Done, []string{"a"}, "a"}} {
		if got := run(step.kind, step.texts...); got != step.want {
			t.Errorf("run %d told %q, want %q", i, got, step.want)
		}
	}
}

// Runs by cron: each is a process of its own, that has only what the last one left. All is told by the first run that meets it, and what lasts
// once a day.
func TestTroubleOfCron(t *testing.T) {
	const h, day = 60, 24 * 60
	for name, runs := range map[string][]troubled{
		"the first run fails":    {{0, Passing, "x", "error"}, {10, Passing, "y", ""}, {20, Done, "", "over 20m0s"}, {30, Done, "", ""}},
		"away":                   {{0, Done, "", ""}, {50, Passing, "x", "error"}, {60, Passing, "y", ""}, {100, Done, "", "over 50m0s"}, {110, Passing, "x", "error"}},
		"away for days":          {{0, Done, "", ""}, {h, Passing, "x", "error"}, {day, Passing, "x", ""}, {day + h, Passing, "x", "error"}, {day + 2*h, Passing, "x", ""}},
		"refused for days":       {{0, Refused, "no", "error"}, {h, Refused, "no", ""}, {day, Refused, "no", "error"}, {day + h, Refused, "no", ""}, {day + 2*h, Done, "", "over 26h0m0s"}},
		"a guard for days":       {{0, Done, "guard", "error"}, {h, Done, "guard", ""}, {day, Done, "guard", "error"}, {day + h, Done, "guard", ""}, {day + 2*h, Done, "", ""}},
		"paused, each day":       {{0, Paused, "x", "error"}, {h, Paused, "x", ""}, {day, Paused, "x", ""}, {day + h, Done, "", "over 25h0m0s"}, {2 * day, Paused, "x", "error"}},
		"another run takes long": {{0, Done, "", ""}, {30, Busy, "x", "error"}, {h, Busy, "x", ""}, {2 * day, Busy, "x", ""}, {2*day + 1, Done, "", "over 47h31m0s"}},
	} {
		t.Run(name, func(t *testing.T) {
			memory := ""
			for _, r := range runs {
				tr := Trouble{Again: Daily}
				tr.Recall(memory)
				v := r.run(&tr)
				tr.End()
				memory = tr.Memory()
				r.wanted(t, v)
			}
		})
	}
}

// What is remembered does not grow without end, and nonsense is forgotten.
func TestMemory(t *testing.T) {
	var tr Trouble
	for n := range mostTold + 10 {
		tr.Once(time.Unix(int64(n), 0), fmt.Sprint(n))
	}
	var again Trouble
	again.Recall(tr.Memory())
	if len(again.Told) != mostTold || again.Once(time.Time{}, fmt.Sprint(mostTold+9)) || !again.Once(time.Time{}, "0") {
		t.Errorf("%d things are remembered, or the wrong ones", len(again.Told))
	}
	again.Recall(`{"told": 7}`)
	if !again.Once(time.Time{}, "0") || again.Memory() == "" {
		t.Error("nonsense was believed")
	}
}
