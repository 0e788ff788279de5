package push

import (
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postie/imap"
	"postie/imap/imaptest"
)

func greeting(caps string) string {
	return "S: * PREAUTH [CAPABILITY IMAP4rev1 " + caps + "] hi\n"
}

// listen plays a script to an Ear that knows INBOX and Lists, in a bubble of time. do happens meanwhile.
func listen(t *testing.T, script string, rounds int, do func(*Ear)) (heard []Heard, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := imaptest.Script{Text: script + "\nhang"}.Start()
		e := New()
		s, cerr := imap.Connect(t.Context(), imap.Options{Dial: srv.Dial, Event: e.Event})
		if cerr != nil {
			t.Fatal(cerr)
		}
		e.know("INBOX", imap.Status{Messages: 3, UIDNext: 4, UIDValidity: 1})
		e.know("Lists", imap.Status{Messages: 1, UIDNext: 2, UIDValidity: 1})
		e.flags = map[string]uint64{"INBOX": flagsOfOne(imap.Message{UID: 1}) + flagsOfOne(imap.Message{UID: 2}) + flagsOfOne(imap.Message{UID: 3})}
		var done sync.WaitGroup
		defer done.Wait()
		if do != nil {
			done.Go(func() { do(e) })
		}
		for range rounds {
			var h Heard
			if h, err = e.Listen(t.Context(), s); err != nil {
				break
			}
			heard = append(heard, h)
		}
		s.Close()
		if played := srv.Wait(); played != nil && !errors.Is(err, errSilent) {
			t.Error(played)
		}
	})
	return heard, err
}

const examined = `C: E EXAMINE INBOX
S: * 3 EXISTS
S: * OK [UIDVALIDITY 1] x
S: * OK [UIDNEXT 4] x
S: E OK x
` + flags

const flags = `C: F UID FETCH 1:* (UID FLAGS)
S: * 1 FETCH (UID 1 FLAGS ())
S: * 2 FETCH (UID 2 FLAGS (\Recent))
S: * 3 FETCH (UID 3 FLAGS ())
S: F OK x
`

// A further connection listens to one mailbox, and asks for nothing else; that of a server without IDLE is given up.
func TestListenOn(t *testing.T) {
	opened := strings.ReplaceAll(examined, "EXAMINE INBOX", `EXAMINE "Lists"`)
	synctest.Test(t, func(t *testing.T) {
		srv := imaptest.Script{Text: greeting("IDLE NOTIFY LIST-EXTENDED LIST-STATUS") + opened + "C: B IDLE\nS: + x\nC: DONE\nS: B OK x\nC: B IDLE\nS: + x\nS: * 4 EXISTS\nC: DONE\nS: B OK x\n" +
			strings.Replace(opened, "* 3", "* 4", 1) + opened + opened + "C: B IDLE\nS: B NO not today\nhang"}.Start()
		e := On("Lists")
		s, err := imap.Connect(t.Context(), imap.Options{Dial: srv.Dial, Event: e.Event})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for i, want := range []Heard{{Mailboxes: []string{"Lists"}}, {Mailboxes: []string{"Lists"}}, {Mailboxes: []string{"Lists"}}} {
			got, err := e.Listen(t.Context(), s)
			if err != nil || !reflect.DeepEqual(got, want) {
				s.Close()
				t.Fatalf("%d: %v, %v, want %v (%v)", i, got, err, want, srv.Wait())
			}
		}
		if time.Since(began) > firstPatience+time.Second {
			t.Errorf("it took %v", time.Since(began))
		}
		if _, err := e.Listen(t.Context(), s); err == nil {
			t.Error("a server that refuses IDLE is listened to")
		}
		s.Close()
		srv.Wait()
	})
}

func TestListen(t *testing.T) {
	lists := func(messages string) string {
		return `C: A LIST "" "*" RETURN (SUBSCRIBED STATUS (...))
			S: * LIST () "/" INBOX
			S: * STATUS INBOX (MESSAGES 3 UIDNEXT 4 UIDVALIDITY 1 UNSEEN 0)
			S: * LIST () "/" Lists
			S: * STATUS Lists (MESSAGES ` + messages + ` UIDVALIDITY 1 UNSEEN 0)
			S: A OK x
			`
	}
	flagsOfLists := func(flag string) string {
		return strings.ReplaceAll(strings.ReplaceAll(examined, "EXAMINE INBOX", `EXAMINE "Lists"`), "UID 1 FLAGS (", "UID 1 FLAGS ("+flag)
	}
	const notify = `C: A NOTIFY SET (SELECTED (MessageNew MessageExpunge FlagChange)) (PERSONAL (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))
		`
	const caps = "LIST-EXTENDED LIST-STATUS "
	for _, tt := range []struct {
		name, script string
		rounds       int
		do           func(*Ear)
		want         []Heard
	}{
		{"IDLE tells of INBOX, and the others are asked", greeting(caps+"IDLE") + examined + "C: B IDLE\nS: + x\nS: * 4 EXISTS\nC: DONE\nS: B OK x\n" + lists("1 UIDNEXT 2"),
			1, nil, []Heard{{Mailboxes: []string{"INBOX"}}}},
		{"what was moved from INBOX came to another", greeting(caps+"IDLE") + examined + "C: B IDLE\nS: + x\nS: * 2 EXPUNGE\nC: DONE\nS: B OK x\n" + lists("2 UIDNEXT 3"),
			1, nil, []Heard{{Mailboxes: []string{"INBOX", "Lists"}}}},
		{"in time the others are asked, and the pace slackens", greeting(caps+"IDLE") + examined + strings.Repeat("C: B IDLE\nS: + x\nC: DONE\nS: B OK x\n"+lists("1 UIDNEXT 2"), 3) + "C: B IDLE\nS: + x\nC: DONE\nS: B OK x\n" + lists("2 UIDNEXT 3"),
			1, nil, []Heard{{Mailboxes: []string{"Lists"}}}},
		{"what happened before it listens", greeting(caps+"IDLE") + strings.Replace(examined, "* 3", "* 4", 1) + "",
			1, nil, []Heard{{Mailboxes: []string{"INBOX"}}}},
		{"it is stopped", greeting(caps+"IDLE") + examined + "C: B IDLE\nS: + x\nC: DONE\nS: B OK x\n",
			1, func(e *Ear) { time.Sleep(time.Second); e.Stop() }, []Heard{{}}},
		{"it is asked whether the server is there", greeting(caps+"IDLE") + examined + "C: B IDLE\nS: + x\nC: DONE\nS: B OK x\n" + lists("1 UIDNEXT 2"),
			1, func(e *Ear) { time.Sleep(time.Second); e.Probe() }, []Heard{{Anywhere: true}}},
		{"IDLE that is refused is done without", greeting(caps+"IDLE") + examined + "C: B IDLE\nS: B NO not today\nC: N NOOP\nS: * 4 EXISTS\nS: N OK x\n" + lists("1 UIDNEXT 2"),
			1, nil, []Heard{{Mailboxes: []string{"INBOX"}}}},
		{"polling", greeting(caps) + examined + "C: N NOOP\nS: N OK x\n" + lists("1 UIDNEXT 2") + "C: N NOOP\nS: N OK x\n" + lists("2 UIDNEXT 3"),
			1, nil, []Heard{{Mailboxes: []string{"Lists"}}}},
		{"polling, a flag in INBOX", greeting(caps) + examined + "C: N NOOP\nS: * 1 FETCH (FLAGS (\\Seen))\nS: N OK x\n" + lists("1 UIDNEXT 2"),
			1, nil, []Heard{{Mailboxes: []string{"INBOX"}}}},
		{"a flag that changed before it listens, on a server without mod-sequences", greeting(caps+"IDLE") + strings.Replace(examined, "UID 2 FLAGS (", `UID 2 FLAGS (\Flagged `, 1),
			1, nil, []Heard{{Mailboxes: []string{"INBOX"}}}},
		{"flags in any order, as they were", greeting(caps+"IDLE") + strings.ReplaceAll(examined, "FLAGS ()", `FLAGS (b a)`) + strings.ReplaceAll(examined, "FLAGS ()", `FLAGS (a b)`) + "C: B IDLE\nS: + x\nS: * 4 EXISTS\nC: DONE\nS: B OK x\n" + lists("1 UIDNEXT 2"),
			2, nil, []Heard{{Mailboxes: []string{"INBOX"}}, {Mailboxes: []string{"INBOX"}}}},
		{"flags of a mailbox in which something happened lately", greeting(caps) + examined + "C: N NOOP\nS: N OK x\n" + lists("2 UIDNEXT 3") +
			examined + "C: N NOOP\nS: N OK x\n" + lists("2 UIDNEXT 3") + flagsOfLists("") + // not known yet: news
			examined + "C: N NOOP\nS: N OK x\n" + lists("2 UIDNEXT 3") + flagsOfLists("") + examined +
			"C: N NOOP\nS: N OK x\n" + lists("2 UIDNEXT 3") + flagsOfLists(`\Answered`),
			3, nil, []Heard{{Mailboxes: []string{"Lists"}}, {Mailboxes: []string{"Lists"}}, {Mailboxes: []string{"Lists"}}}},
		{"a flag that changed while it was looked for", greeting(caps+"IDLE") + examined + "C: B IDLE\nS: + x\nC: DONE\nS: B OK x\n" + lists("2 UIDNEXT 3") +
			examined + "C: B IDLE\nS: + x\nC: DONE\nS: B OK x\n" + lists("2 UIDNEXT 3") + flagsOfLists("") +
			examined + "C: B IDLE\nS: + x\nC: DONE\nS: B OK x\n" + lists("2 UIDNEXT 3") + flagsOfLists("") + strings.Replace(examined, "UID 1 FLAGS (", `UID 1 FLAGS (\Seen`, 1),
			3, nil, []Heard{{Mailboxes: []string{"Lists"}}, {Mailboxes: []string{"Lists"}}, {Mailboxes: []string{"INBOX"}}}},
		{"NOTIFY tells of all", greeting(caps+"IDLE NOTIFY UNSELECT") + notify + "S: A OK x\n" + lists("1 UIDNEXT 2") +
			"C: B IDLE\nS: + x\nS: * STATUS Lists (MESSAGES 2 UIDNEXT 3 UIDVALIDITY 1)\nC: DONE\nS: B OK x\nC: B IDLE\nS: + x\nS: * LIST () \"/\" New\nC: DONE\nS: B OK x\n",
			2, nil, []Heard{{Mailboxes: []string{"Lists"}}, {Anywhere: true}}},
		{"what happened before NOTIFY", greeting(caps+"IDLE NOTIFY UNSELECT") + notify + "S: A OK x\n" + lists("9 UIDNEXT 10"),
			1, nil, []Heard{{Mailboxes: []string{"Lists"}}}},
		{"NOTIFY that is refused", greeting(caps+"IDLE NOTIFY") + notify + "S: A NO not today\n" + examined + "C: B IDLE\nS: + x\nS: * 4 EXISTS\nC: DONE\nS: B OK x\n" + lists("1 UIDNEXT 2"),
			1, nil, []Heard{{Mailboxes: []string{"INBOX"}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := listen(t, tt.script, tt.rounds, tt.do)
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%v, %v, want %v", got, err, tt.want)
			}
		})
	}
}

// What a server with NOTIFY tells of a mailbox while a run has it selected is compared afterwards: no STATUS is told of it.
func TestStirred(t *testing.T) {
	const chosen = `C: A EXAMINE INBOX (...)
S: * 3 EXISTS
S: * OK [UIDVALIDITY 1] x
S: * OK [UIDNEXT 4] x
S: * OK [HIGHESTMODSEQ 9] x
S: A OK x
`
	stirred(t, "IDLE NOTIFY UNSELECT", "C: U UNSELECT\nS: U OK x\n")
	stirred(t, "IDLE NOTIFY", chosen)
}

// stirred plays a server with capabilities that leaves, or selects, a mailbox with those words before it listens.
func stirred(t *testing.T, capabilities, leaves string) {
	t.Helper()
	script := greeting(capabilities+" LIST-EXTENDED LIST-STATUS CONDSTORE") + `C: A NOTIFY SET (...)
S: A OK x
C: A LIST "" "*" RETURN (...)
S: * LIST () "/" INBOX
S: * STATUS INBOX (MESSAGES 3 UIDNEXT 4 UIDVALIDITY 1 UNSEEN 0 HIGHESTMODSEQ 9)
S: * LIST () "/" Lists
S: * STATUS Lists (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 1 UNSEEN 0 HIGHESTMODSEQ 9)
S: A OK x
C: A EXAMINE "Lists" (...)
S: * 1 EXISTS
S: * OK [UIDVALIDITY 1] x
S: * OK [HIGHESTMODSEQ 9] x
S: A OK x
C: N NOOP
S: * 1 FETCH (UID 1 FLAGS (\Seen) MODSEQ (10))
S: N OK x
` + leaves + `C: A LIST "" "*" RETURN (...)
S: * LIST () "/" INBOX
S: * STATUS INBOX (MESSAGES 3 UIDNEXT 4 UIDVALIDITY 1 UNSEEN 0 HIGHESTMODSEQ 9)
S: * LIST () "/" Lists
S: * STATUS Lists (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 1 UNSEEN 0 HIGHESTMODSEQ 10)
S: A OK x
hang`
	synctest.Test(t, func(t *testing.T) {
		srv := imaptest.Script{Text: script}.Start()
		e := New()
		s, err := imap.Connect(t.Context(), imap.Options{Dial: srv.Dial, Event: e.Event})
		if err != nil {
			t.Fatal(err)
		}
		var heard []Heard
		for range 2 {
			h, err := e.Listen(t.Context(), s)
			if err != nil {
				break
			}
			if heard = append(heard, h); len(heard) == 1 { // a run
				s.Examine(t.Context(), "Lists", nil)
				s.Noop(t.Context())
			}
		}
		s.Close()
		if want := []Heard{{Mailboxes: []string{"INBOX", "Lists"}}, {Mailboxes: []string{"Lists"}}}; !reflect.DeepEqual(heard, want) {
			t.Errorf("%v, want %v", heard, want)
		}
		if err := srv.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// A line that is dead, as after a suspend, is found so within seconds after a Probe, whatever the server's way.
func TestProbeOfADeadLine(t *testing.T) {
	for _, caps := range []string{"IDLE", ""} {
		script := greeting(caps) + examined
		if caps != "" {
			script += "C: B IDLE\nS: + x\n"
		}
		_, err := listen(t, script+"hang\n", 1, func(e *Ear) { // were it not found, the bubble's time would run on to the line's own deadline
			time.Sleep(time.Second)
			e.Probe()
		})
		if !errors.Is(err, errSilent) {
			t.Errorf("%q: %v", caps, err)
		}
	}
}

// What was told is no news, however it is told again.
func TestToldAgain(t *testing.T) {
	e := New()
	e.know("a", imap.Status{Messages: 1, UIDNext: 2, UIDValidity: 1, HighestModSeq: 9})
	e.know("b", imap.Status{Messages: 1, UIDNext: 2, UIDValidity: 1})
	e.Event(imap.ChangedMailbox{Name: "a", Status: imap.Status{Messages: 1, UIDNext: 2, UIDValidity: 1, HighestModSeq: 9, Unseen: 1}})
	if h := e.take(); h.Any() {
		t.Errorf("news: %v", h)
	}
	e.Event(imap.ChangedMailbox{Name: "a", Status: imap.Status{Messages: 1, UIDNext: 2, UIDValidity: 1, HighestModSeq: 10}})
	if h := e.take(); len(h.Mailboxes) != 1 {
		t.Errorf("no news: %v", h)
	}
	e.Event(imap.ChangedMailbox{Name: "b", Status: imap.Status{Messages: 1, UIDNext: 2, UIDValidity: 1}}) // flags, it may be
	if h := e.take(); len(h.Mailboxes) != 1 {
		t.Errorf("without mod-sequences: %v", h)
	}
	e.Event(imap.Exists(7)) // of the run at work
	if h := e.take(); h.Any() {
		t.Errorf("news: %v", h)
	}
}

func TestPace(t *testing.T) {
	zero := time.Unix(1e9, 0)
	for _, tt := range []struct{ quiet, cost, want time.Duration }{
		{0, time.Millisecond, mostOften},
		{10 * time.Second, time.Millisecond, mostOften},
		{5 * time.Minute, time.Millisecond, 30 * time.Second},
		{time.Hour, time.Millisecond, leastOften},
		{0, time.Second, 20 * time.Second}, // questions are dear
		{time.Hour, time.Minute, 20 * time.Minute},
	} {
		p := Pace{active: zero, since: zero.Add(tt.quiet), cost: tt.cost}
		if got := p.next(zero.Add(tt.quiet)).Sub(zero.Add(tt.quiet)); got != tt.want {
			t.Errorf("quiet for %v at a cost of %v: %v, want %v", tt.quiet, tt.cost, got, tt.want)
		}
	}
}

// It finds out how long a router remembers a line, and never waits as long as servers end it.
func TestPatience(t *testing.T) {
	for _, remembers := range []time.Duration{90 * time.Second, 4 * time.Minute, 10 * time.Minute, 25 * time.Minute, 24 * time.Hour} {
		var p Patience
		deaths := 0
		for range 100 {
			if d := p.limit(); d > remembers {
				deaths++
				p.died(d)
			} else {
				p.lasted(d)
			}
			if p.limit() > 28*time.Minute || p.limit() < leastPatience {
				t.Fatalf("%v", p.limit())
			}
		}
		if deaths > 5 || p.limit() > remembers || p.limit() < min(remembers/2, mostPatience*3/4) {
			t.Errorf("a router that remembers for %v: %d lines died, and %v is waited for", remembers, deaths, p.limit())
		}
	}
	var p Patience
	p.died(time.Second)
	p.died(10 * time.Hour)
	if p.limit() != firstPatience {
		t.Error("a suspend, or a server that hangs up at once, was taken for a router")
	}
}
