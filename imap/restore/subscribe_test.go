package restore

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"postie/imap"
	"postie/imap/imaptest"
	"postie/testdata/dovecot"
)

// subscribed lists what is subscribed on the server.
func (a *account) subscribed() string {
	a.Helper()
	all, err := a.connected().List(a.Context(), false)
	a.ok(err)
	var names []string
	for _, m := range all {
		if m.Subscribed {
			names = append(names, a.scheme.Ours(m.Name))
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// connected is another program's session.
func (a *account) connected() *imap.Session {
	a.Helper()
	s, err := imap.Connect(a.Context(), imap.Options{Dial: a.server.DialIMAP, Login: dovecot.User(a.user)})
	a.ok(err)
	a.Cleanup(func() { s.Close() })
	return s
}

// only lets a run subscribe to these mailboxes.
func only(names ...string) func(*Options) {
	return func(o *Options) {
		for i := range o.Mailboxes {
			o.Mailboxes[i].Subscribe = slices.Contains(names, o.Mailboxes[i].Name)
		}
	}
}

// What is to be subscribed to is, whether a run made it or it was there, and nothing else; a dry run foretells it, and another run does nothing.
func TestSubscribe(t *testing.T) {
	servers := rungs()
	for _, name := range []string{"full", "bare", "below INBOX"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := street(t, servers[name])(t)
			root := dovecot.Dir(t)
			for n, box := range []string{"INBOX", "A", "B", "C"} {
				put(t, root, fmt.Sprintf("%s/cur/%d.a:2,", box, n), letter(n), n)
			}
			run := func(want int, change func(*Options)) {
				a.Helper()
				var foretold []string
				for _, dry := range []bool{true, false} {
					r, err := a.run(root, func(o *Options) { change(o); o.DryRun = dry })
					a.ok(err)
					var told []string
					for _, e := range a.events {
						if e, ok := e.(Subscribed); ok {
							told = append(told, e.Mailbox)
						}
					}
					if r.Subscribed != want || len(told) != want || !dry && !slices.Equal(told, foretold) || r.Failed > 0 {
						t.Errorf("dry %v: %+v, %v; foretold were %v", dry, r, told, foretold)
					}
					foretold = told
				}
			}
			run(1, only("B"))
			if got := a.subscribed(); got != "B" {
				t.Error(got)
			}
			run(0, only("B"))
			run(2, only("A", "B", "INBOX")) // all are there
			run(0, only("A", "INBOX"))
			if got := a.subscribed(); got != "A B INBOX" {
				t.Error(got)
			}
		})
	}
}

// A server that refuses subscriptions, or knows none, has the mail: it is said once.
func TestSubscribeRefused(t *testing.T) {
	next := street(t, dovecot.Options{})
	root := dovecot.Dir(t)
	for n, box := range []string{"INBOX", "A", "B"} {
		put(t, root, fmt.Sprintf("%s/cur/%d.a:2,", box, n), letter(n), n)
	}
	for answer, c := range map[string]struct {
		pattern, notice string
		subscribed      int
	}{
		"BAD what is that?": {"^SUBSCRIBE", "A: it and 1 more could not be subscribed to: SUBSCRIBE: server refused: what is that?", 0},
		"NO [NOPERM] no":    {`^SUBSCRIBE "?B`, "B: it could not be subscribed to: SUBSCRIBE: server refused: [NOPERM] no", 1},
	} {
		t.Run(answer, func(t *testing.T) {
			a := next(t)
			a.quirks = []imaptest.Quirk{imaptest.Refuse(c.pattern, 0, answer)}
			for n := range 2 {
				r := a.restore(root)
				if got := strings.Join(a.notices(), "\n"); got != c.notice || r.Subscribed != c.subscribed*(1-n) || r.Uploaded != 3*(1-n) {
					t.Errorf("run %d: %q, %+v", n, got, r)
				}
			}
		})
	}
}
