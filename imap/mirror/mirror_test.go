package mirror

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/maildir"
	"postie/testdata/dovecot"
	"postie/testdata/messages"
)

// Both sides change, on every rung of capabilities; one run makes them equal, and the next has nothing to do.
func TestSync(t *testing.T) {
	for name, o := range rungs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDevice(t, dovecot.Start(t, o), o)
			s := d.remote()
			d.create(s, "Lists/golang")
			d.create(s, "Löschen & Räumen")
			d.put(s, "INBOX", 0, 20)
			d.put(s, "Lists/golang", 20, 30, goimap.FlagSeen, "$Forwarded", "work")
			r := d.sync()
			if r.New != 30 {
				t.Errorf("%+v", r)
			}
			d.equal()
			d.rest()
			both(d, s)
			d.sync()
			d.equal()
			d.rest()
			moves(d, s)
			d.sync()
			d.equal()
			d.rest()
		})
	}
}

// both changes flags, removes and adds on both sides.
func both(d *device, s *imap.Session) {
	d.Helper()
	ctx := context.Background()
	for _, n := range []int{1, 2, 3} {
		d.flag("INBOX", n, maildir.FlagSeen|maildir.FlagFlagged)
	}
	d.ok(d.dir("INBOX").Remove(d.file("INBOX", 4)))
	d.deliver("INBOX", 100)
	d.deliver("Here", 101)
	d.select_(s, "INBOX")
	_, err := s.Store(ctx, goimap.UIDSetNum(2, 6, 7), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagAnswered, "urgent"}, 0)
	d.ok(err)
	_, err = s.Store(ctx, goimap.UIDSetNum(9), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagDeleted}, 0)
	d.ok(err)
	d.ok(s.ExpungeAll(ctx))
	d.put(s, "Löschen & Räumen", 200, 203)
	d.create(s, "There")
}

// moves moves on both sides.
func moves(d *device, s *imap.Session) {
	d.Helper()
	ctx := context.Background()
	_, err := d.dir("INBOX").MoveTo(d.file("INBOX", 10), d.dir("There"))
	d.ok(err)
	d.select_(s, "INBOX")
	_, err = s.Copy(ctx, goimap.UIDSetNum(12), d.theirs("There"))
	d.ok(err)
	_, err = s.Store(ctx, goimap.UIDSetNum(12), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagDeleted}, 0)
	d.ok(err)
	d.ok(s.ExpungeAll(ctx))
}

func (d *device) select_(s *imap.Session, name string) {
	d.Helper()
	_, err := s.Select(context.Background(), d.theirs(name), nil)
	d.ok(err)
}

func (d *device) flag(name string, n int, f maildir.FlagSet) {
	d.Helper()
	e := d.file(name, n)
	_, err := d.dir(name).SetFlags(e, e.Set|f, e.Letters)
	d.ok(err)
}

// Real messages come down and go up byte for byte.
func TestByteExact(t *testing.T) {
	d := newDevice(t, dovecot.Start(t, dovecot.Options{}), dovecot.Options{})
	s := d.remote()
	want := 0
	for _, m := range messages.All() {
		wire := maildir.NewWireReader(bytesReader(m.Wire)) // a Maildir cannot hold the others' bare CR and LF; the server stores LF too
		w, err := maildir.WireOf(wire)
		d.ok(err)
		if w.Size == 0 {
			continue // which Dovecot does not take
		}
		_, err = s.Append(context.Background(), "INBOX", imap.Upload{Size: w.Size, Body: maildir.NewWireReader(bytesReader(m.Wire))})
		d.ok(err)
		want++
	}
	if r := d.sync(); r.New != want {
		t.Errorf("%+v, want %d", r, want)
	}
	d.equal()
	d.rest()
	for _, e := range d.entries("INBOX") { // and up again
		b, err := os.ReadFile(d.dir("INBOX").Path(e))
		d.ok(err, d.dir("Copy").Ensure())
		d.ok(os.WriteFile(filepath.Join(string(d.dir("Copy")), "cur", string(e.Key)+"copy:2,S"), b, 0o600))
	}
	if r := d.sync(); r.Uploaded != want {
		t.Errorf("%+v, want %d", r, want)
	}
	d.equal()
	d.rest()
}

// A run after which nothing happened costs a handful of round trips, also when the run itself changed the server.
func TestRoundTrips(t *testing.T) {
	d := newDevice(t, dovecot.Start(t, dovecot.Options{}), dovecot.Options{})
	s := d.remote()
	d.create(s, "A")
	d.create(s, "B")
	d.put(s, "INBOX", 0, 10)
	d.put(s, "A", 10, 20)
	d.sync()
	d.sync()
	if n := d.trips.Load(); n > 4 {
		t.Errorf("%d commands though nothing changed", n)
	}
	d.flag("INBOX", 1, maildir.FlagSeen)
	d.deliver("A", 50)
	_, err := d.dir("A").MoveTo(d.file("A", 11), d.dir("B"))
	d.ok(err)
	d.ok(d.dir("INBOX").Remove(d.file("INBOX", 2)))
	d.sync()
	for range 2 {
		d.sync()
		if n := d.trips.Load(); n > 4 {
			t.Errorf("%d commands though nothing changed", n)
		}
		if slices.ContainsFunc(d.events, func(e Event) bool { _, ok := e.(Done); return ok }) {
			t.Errorf("did something: %v", d.events)
		}
	}
	d.equal()
}
