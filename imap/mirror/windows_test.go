package mirror

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/imaptest"
	"postie/imap/plan"
	"postie/testdata/dovecot"
)

// planned is what was said to be ahead, first and at last.
func (d *device) planned() (first, last Planned) {
	for _, e := range d.events {
		switch e := e.(type) {
		case Planned:
			first, last = e, e
		case Revised:
			last = Planned(e)
		}
	}
	return first, last
}

// A first run plans large mailboxes part by part: all comes, the totals are right, and the run after finds nothing to do.
func TestWindows(t *testing.T) {
	for _, none := range []bool{false, true} {
		t.Run(fmt.Sprint("none ", none), func(t *testing.T) {
			t.Parallel()
			d := newDevice(t, dovecot.Options{})
			d.policy.Bodies.None = none
			s := d.remote()
			d.create(s, "A")
			d.put(s, "INBOX", 0, 11)
			d.put(s, "A", 20, 27, goimap.FlagSeen)
			d.ok(discard(s.Select(context.Background(), "INBOX", nil)))
			d.ok(discard(s.Store(context.Background(), goimap.UIDSet{{Start: 4, Stop: 5}}, goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagDeleted}, 0)))
			d.ok(s.Expunge(context.Background(), goimap.UIDSet{{Start: 4, Stop: 5}}))
			if r := d.sync(); r.New != 16 {
				t.Errorf("%+v", r)
			}
			first, last := d.planned()
			var bytes int64
			for n := range 27 {
				if n != 3 && n != 4 && (n < 11 || n >= 20) && !none {
					bytes += int64(len(letter(n)))
				}
			}
			want := map[bool]int{false: 16, true: 0}[none]
			if first.Messages != want || (last != Planned{want, bytes}) {
				t.Errorf("planned %v, at last %v, want %d and %d", first, last, want, bytes)
			}
			if !none {
				d.equal()
			}
			d.rest()
			if r := d.sync(); r.Totals != (plan.Totals{}) || d.trips.Load() > 3 {
				t.Errorf("%+v in %d round trips", r, d.trips.Load())
			}
		})
	}
}

// A message that is moved on the server behind more newcomers than a window holds is not taken for a deletion and a new one.
func TestMovedBehindWindows(t *testing.T) {
	t.Parallel()
	d := newDevice(t, dovecot.Options{})
	s := d.remote()
	d.create(s, "A")
	d.put(s, "INBOX", 0, 2)
	d.sync()
	d.put(s, "A", 10, 20)
	d.ok(discard(s.Select(context.Background(), "INBOX", nil)))
	d.ok(discard(s.Move(context.Background(), goimap.UIDSetNum(1), "A")))
	r := d.sync()
	if r.Moved != 1 || r.New != 10 || r.DeletedLocal != 0 || d.bodies.Load() != 10 {
		t.Errorf("%+v, %d bodies", r, d.bodies.Load())
	}
	d.equal()
	d.rest()
}

// A dry run names every message, and nothing is recorded as read before all windows are done with.
func TestWindowsWhole(t *testing.T) {
	t.Parallel()
	d := newDevice(t, dovecot.Options{})
	d.put(d.remote(), "INBOX", 0, 10)
	r, err := d.run(func(o *Options) { o.DryRun = true })
	d.ok(err)
	if n := len(slices.DeleteFunc(r.Plan.Ops, func(op plan.Op) bool { return op.Kind != plan.Download })); n != 10 {
		t.Errorf("a dry run names %d of 10 messages", n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err = d.do(func(_ context.Context, o Options) (Report, error) { return Run(ctx, o) }, func(o *Options) {
		o.Batch = 2
		o.Progress = func(e Event) {
			if s, ok := e.(Stored); ok && s.UID == 5 {
				cancel()
			}
		}
	})
	if err == nil || !strings.Contains(err.Error(), "cancel") {
		t.Fatalf("the run was not stopped: %v", err)
	}
	if n := len(d.here()["INBOX"]); n < 4 || n == 10 {
		t.Errorf("%d messages came before the run was stopped", n)
	}
	if r := d.sync(); r.New == 0 {
		t.Errorf("%+v", r)
	}
	d.equal()
	d.rest()
}

// Messages that a server tells of in another order than that of their UIDs, or twice, are what they are.
func TestLateMessages(t *testing.T) {
	t.Parallel()
	d := newDevice(t, rungs()["no CONDSTORE"])
	s := d.remote()
	d.put(s, "INBOX", 0, 6)
	d.sync()
	d.put(s, "INBOX", 6, 8)
	d.flag("INBOX", 1, 0)
	d.ok(discard(s.Select(context.Background(), "INBOX", nil)))
	d.ok(discard(s.Store(context.Background(), goimap.UIDSetNum(3), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagSeen}, 0)))
	d.quirks = append(d.quirks, backwards())
	if r := d.sync(); r.New != 2 || r.FlagsPulled != 1 || r.DeletedLocal+r.DeletedRemote+r.Moved != 0 {
		t.Errorf("%+v", r)
	}
	d.quirks = nil
	d.equal()
	d.rest()
}

// backwards is a server that gives the messages of a mailbox from the last to the first, and some of them once more.
func backwards() imaptest.Quirk {
	var held []string
	return imaptest.Quirk{Says: func(_ *imaptest.Dialogue, response string) []string {
		if strings.Contains(response, " FETCH (") && !strings.Contains(response, "{") {
			held = append([]string{response}, held...)
			return nil
		}
		said := append(held, held[:min(2, len(held))]...)
		held = nil
		return append(said, response)
	}}
}

func discard[T any](_ T, err error) error { return err }
