package mirror

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/index/query"
	"postie/testdata/dovecot"
)

// putAs appends a letter of another size and age.
func (d *device) putAs(s *imap.Session, n, size int, age time.Duration) {
	d.Helper()
	text := letter(n) + strings.Repeat("x", size) + "\r\n"
	_, err := s.Append(context.Background(), "INBOX", imap.Upload{Date: time.Now().Add(-age).Truncate(time.Second), Size: int64(len(text)), Body: strings.NewReader(text)})
	d.ok(err)
}

// bodiesHere are the letters that have a body.
func (d *device) bodiesHere() (ns []int) {
	d.Helper()
	for _, line := range d.here()["INBOX"] {
		var n int
		_, rest, _ := strings.Cut(line, "letter ")
		fmt.Sscan(strings.TrimRight(strings.Fields(rest)[0], `"\rn`), &n)
		ns = append(ns, n)
	}
	slices.Sort(ns)
	return ns
}

// notices are what a run said.
func (d *device) notices() (all []string) {
	for _, e := range d.events {
		if n, ok := e.(Notice); ok {
			all = append(all, strings.TrimPrefix(n.Mailbox+": "+n.Text, ": "))
		}
	}
	return all
}

// A table of size and age takes what it should; another policy later fetches what is wanted then, drops nothing, and says once how much it
// would not have taken.
func TestBodiesPolicy(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	d := newDevice(t, dovecot.Options{})
	s := d.remote()
	d.putAs(s, 1, 10, 0)
	d.putAs(s, 2, 5000, 0)
	d.putAs(s, 3, 10, 100*day)
	d.putAs(s, 4, 5000, 100*day)
	for _, c := range []struct {
		bodies  plan.Bodies
		new     int
		skipped int
		here    string
		said    string
	}{
		{plan.Bodies{MaxSize: 1000, MaxAge: 90 * day}, 4, 3, "[1]", ""},
		{plan.Bodies{MaxSize: 10000, MaxAge: 90 * day}, 1, 0, "[1 2]", ""},
		{plan.Bodies{MaxSize: 1000}, 1, 0, "[1 2 3]", `1 body is here that bodies = { max_size = 1000 } does not ask for; nothing is dropped (postie free does that)`},
		{plan.Bodies{MaxSize: 1000}, 0, 0, "[1 2 3]", ""},
		{plan.Bodies{MaxAge: 90 * day}, 0, 0, "[1 2 3]", `1 body is here that bodies = { max_age = "90d" } does not ask for; nothing is dropped (postie free does that)`},
		{plan.Bodies{None: true}, 0, 0, "[1 2 3]", `3 bodies are here that bodies = "none" does not ask for; nothing is dropped (postie free does that)`},
		{plan.Bodies{None: true}, 0, 0, "[1 2 3]", ""},
		{plan.Bodies{}, 1, 0, "[1 2 3 4]", ""},
	} {
		d.policy.Bodies = c.bodies
		r := d.sync()
		if r.New != c.new || r.Skipped != c.skipped || fmt.Sprint(d.bodiesHere()) != c.here || strings.Join(d.notices(), "\n") != c.said || len(d.listed()) != 4 {
			t.Errorf("%v: %+v, here %v, said %q", c.bodies, r, d.bodiesHere(), d.notices())
		}
		d.rest()
	}
	d.equal()
}

// Messages without bodies, changed on both sides meanwhile: flags merge, what is deleted is gone, what was moved there is
// moved here, nothing fails, and nothing waits for ever.
func TestWithoutBodiesOnBothSides(t *testing.T) {
	for _, name := range []string{"full", "bare"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := withoutBodies(t, rungs()[name])
			s, ctx := d.remote(), context.Background()
			d.create(s, "A")
			d.create(s, "B")
			d.put(s, "INBOX", 1, 10)
			d.sync()
			d.opened(func() {
				_, err := d.store.Mark(ctx, d.of(1, 2, 6, 8), index.Change{Set: maildir.FlagFlagged})
				d.ok(err)
				_, err = d.store.Remove(ctx, d.of(3, 4))
				d.ok(err)
				_, err = d.store.Move(ctx, d.of(5, 7, 8), "A", d.layout)
				d.ok(err)
			})
			d.select_(s, "INBOX")
			_, err := s.Store(ctx, goimap.UIDSetNum(1, 3), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagAnswered}, 0)
			d.ok(err)
			_, err = s.Copy(ctx, goimap.UIDSetNum(6, 7), d.theirs("B"))
			d.ok(err)
			_, err = s.Store(ctx, goimap.UIDSetNum(2, 4, 5, 6, 7), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagDeleted}, 0)
			d.ok(err, s.ExpungeAll(ctx))
			d.sync()
			d.rest()
			d.opened(func() {
				counts, err := d.store.Counts(ctx, nil)
				d.ok(err)
				for _, c := range counts {
					if c.Waiting > 0 {
						t.Errorf("%+v", c)
					}
				}
				var lines []string
				for m, err := range query.List(ctx, d.store, listAll()) {
					d.ok(err)
					lines = append(lines, fmt.Sprint(m.ID, m.Mailbox, m.Flags.Set))
				}
				slices.Sort(lines)
				if got, want := strings.Join(lines, " "), "1INBOXFR 6BF 7B 8AF 9INBOX"; got != want {
					t.Errorf("here: %s, want %s", got, want)
				}
			})
			var lines []string
			for box, all := range d.there() {
				for _, line := range all {
					var n int
					_, rest, _ := strings.Cut(line, "letter ")
					fmt.Sscanf(rest, "%d", &n)
					flags, _, _ := strings.Cut(line[strings.LastIndex(line, "[")+1:], " ")
					lines = append(lines, fmt.Sprint(n, box, flags))
				}
			}
			slices.Sort(lines)
			if got, want := strings.Join(lines, " "), "1INBOXFR 6BF 7B 8AF 9INBOX"; got != want {
				t.Errorf("there: %s, want %s", got, want)
			}
			if n := len(d.here()["INBOX"]) + len(d.here()["A"]) + len(d.here()["B"]); n != 0 {
				t.Errorf("%d bodies", n)
			}
		})
	}
}
