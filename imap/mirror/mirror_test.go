package mirror

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
			d := newDevice(t, o)
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
			moveBoth(d, s)
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

// moveBoth moves on both sides.
func moveBoth(d *device, s *imap.Session) {
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
	t.Parallel()
	d := newDevice(t, dovecot.Options{})
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
	t.Parallel()
	d := newDevice(t, dovecot.Options{})
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

// Somebody else changes a flag between the look and the STORE: with CONDSTORE both changes win.
func TestModified(t *testing.T) {
	t.Parallel()
	d := newDevice(t, dovecot.Options{})
	ctx, s := context.Background(), d.remote()
	d.put(s, "INBOX", 0, 3)
	d.sync()
	d.flag("INBOX", 1, maildir.FlagFlagged)
	d.select_(s, "INBOX")
	late := false
	r, err := d.run(func(o *Options) {
		o.Step = func(step string) {
			if step == "store" && !late {
				late = true
				_, err := s.Store(ctx, goimap.UIDSetNum(2), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagSeen}, 0)
				d.ok(err)
			}
		}
	})
	if d.ok(err); !late || r.FlagsPushed != 1 || r.FlagsPulled != 1 {
		t.Errorf("%+v", r)
	}
	d.equal()
	if got := d.file("INBOX", 1).Set; got != maildir.FlagFlagged|maildir.FlagSeen {
		t.Errorf("got %s", got)
	}
	d.rest()
}

// A mailbox that the server lets us only read: what is changed here stays here, is said once, and is not tried for ever.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	d := newDevice(t, dovecot.Options{})
	s := d.remote()
	d.create(s, "A")
	d.put(s, "A", 0, 4)
	sync := func() (Report, error) { return d.run(func(o *Options) { o.IMAP.Dial = readOnly(o.IMAP.Dial) }) }
	if r, err := sync(); err != nil || r.New != 4 {
		t.Fatalf("%+v %v", r, err)
	}
	d.flag("A", 1, maildir.FlagFlagged)
	d.ok(d.dir("A").Remove(d.file("A", 2)))
	d.deliver("A", 9)
	for n := range 3 {
		r, err := sync()
		if err != nil || r.Uploaded+r.FlagsPushed+r.DeletedRemote+r.Failed+r.DeletedLocal+r.New > 0 {
			t.Errorf("run %d: %+v %v", n, r, err)
		}
		said := slices.ContainsFunc(d.events, func(e Event) bool { _, ok := e.(Notice); return ok })
		done := slices.ContainsFunc(d.events, func(e Event) bool { _, ok := e.(Done); return ok })
		if said != (n == 0) || done != (n == 0) {
			t.Errorf("run %d: %v", n, d.events)
		}
	}
	if n := len(d.there()["A"]); n != 4 {
		t.Errorf("%d messages there", n)
	}
	d.put(s, "A", 20, 21) // it changes, so it is looked at, and is writable now
	d.sync()
	d.equal()
	d.rest()
	d.flag("A", 3, maildir.FlagFlagged) // and now it turns read-only unseen
	if r, err := sync(); err != nil || r.Failed+r.FlagsPushed > 0 {
		t.Errorf("%+v %v", r, err)
	}
}

// readOnly makes a server say that its mailboxes are read-only.
func readOnly(dial func(context.Context) (net.Conn, error)) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		c, err := dial(ctx)
		return &altered{Conn: c}, err
	}
}

type altered struct{ net.Conn }

func (a *altered) Read(p []byte) (int, error) {
	n, err := a.Conn.Read(p)
	copy(p, bytes.ReplaceAll(p[:n], []byte("[READ-WRITE]"), []byte("[READ-ONLY] ")))
	return n, err
}

// A dry run names exactly what the next run does, and changes nothing.
func TestDryRun(t *testing.T) {
	t.Parallel()
	d := newDevice(t, dovecot.Options{})
	s := d.remote()
	d.create(s, "Lists/golang")
	d.create(s, "Löschen & Räumen")
	d.put(s, "INBOX", 0, 20)
	d.sync()
	both(d, s)
	before, there := d.here(), d.there()
	r, err := d.run(func(o *Options) { o.DryRun = true })
	d.ok(err)
	if len(before.less(d.here()))+len(d.here().less(before))+len(there.less(d.there())) > 0 {
		t.Error("something changed")
	}
	var planned, done []string
	for _, op := range r.Plan.Ops {
		planned = append(planned, op.String())
	}
	d.sync()
	for _, e := range d.events {
		if e, ok := e.(Done); ok {
			done = append(done, e.Op.String())
		}
	}
	slices.Sort(planned)
	slices.Sort(done)
	if !slices.Equal(planned, done) || len(done) < 10 {
		t.Errorf("planned:\n%s\ndone:\n%s", strings.Join(planned, "\n"), strings.Join(done, "\n"))
	}
}

// Two files of one key and different content are two messages; a keyword letter that is not listed is left alone; the 27th
// keyword lives in the index.
func TestOddFiles(t *testing.T) {
	t.Parallel()
	d := newDevice(t, dovecot.Options{})
	ctx, s := context.Background(), d.remote()
	d.put(s, "INBOX", 0, 3)
	d.sync()
	e := d.file("INBOX", 1)
	d.ok(os.WriteFile(filepath.Join(string(d.dir("INBOX")), "cur", string(e.Key)+":2,S"), []byte(strings.ReplaceAll(letter(77), "\r\n", "\n")), 0o600))
	if r := d.sync(); r.Uploaded != 1 {
		t.Errorf("%+v", r)
	}
	d.equal()
	d.rest()
	e = d.file("INBOX", 2)
	_, err := d.dir("INBOX").SetFlags(e, e.Set, "z")
	d.ok(err)
	if r := d.sync(); r.FlagsPushed != 0 {
		t.Errorf("%+v", r)
	}
	var words []goimap.Flag
	for n := range 30 {
		words = append(words, goimap.Flag(fmt.Sprintf("word%02d", n)))
	}
	d.select_(s, "INBOX")
	_, err = s.Store(ctx, goimap.UIDSetNum(3), goimap.StoreFlagsAdd, words, 0)
	d.ok(err)
	if r := d.sync(); r.FlagsPulled != 1 {
		t.Errorf("%+v", r)
	}
	d.flag("INBOX", 2, maildir.FlagSeen)
	if r := d.sync(); r.FlagsPushed != 1 {
		t.Errorf("%+v", r)
	}
	d.rest()
	if e = d.file("INBOX", 2); !strings.Contains(e.Letters, "z") {
		t.Errorf("letters %s", e.Letters)
	}
	for m, err := range s.FetchFlags(ctx, goimap.UIDSetNum(3), 0, nil) {
		if d.ok(err); len(m.Flags) != 31 {
			t.Errorf("%d flags: %v", len(m.Flags), m.Flags)
		}
	}
}
