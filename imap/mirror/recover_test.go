package mirror

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/changes"
	"postie/imap/plan"
	"postie/maildir"
	"postie/testdata/dovecot"
)

func (d *device) home(name ...string) string {
	return filepath.Join(append([]string{d.server.Home(d.user), "Maildir"}, name...)...)
}

// turn gives the INBOX on the server another UIDVALIDITY.
func (d *device) turn(validity int) {
	d.Helper()
	list := d.home("dovecot-uidlist")
	b, err := os.ReadFile(list)
	d.ok(err)
	head, rest, _ := strings.Cut(string(b), "\n")
	var fields []string
	for _, f := range strings.Fields(head) {
		if strings.HasPrefix(f, "V") {
			f = fmt.Sprint("V", validity)
		}
		fields = append(fields, f)
	}
	d.ok(os.WriteFile(list, []byte(strings.Join(fields, " ")+"\n"+rest), 0o600))
	for _, f := range []string{"dovecot.index", "dovecot.index.log", "dovecot.index.cache"} {
		os.Remove(d.home(f))
	}
}

// forget takes the database away.
func (d *device) forget() {
	d.Helper()
	db, err := filepath.Glob(filepath.Join(d.root, ".postie.db*"))
	d.ok(err)
	for _, f := range db {
		d.ok(os.Remove(f))
	}
}

// A new UIDVALIDITY: messages are matched again, no body is fetched, local flags are kept. What comes is counted: 4 KB a message
// would be its body, of which some 300 octets are allowed, for flags, size, date and Message-ID.
func TestNewUIDValidity(t *testing.T) {
	t.Parallel()
	many := 1000
	if thorough() {
		many = 5000
	}
	d := newDevice(t, dovecot.Options{})
	var all [][]byte
	for n := range many {
		all = append(all, []byte(letter(n)+strings.Repeat("Four thousand octets of text.\r\n", 128)))
	}
	d.server.Deliver(d, d.user, append(all, all[10:20]...)...) // ten twice
	many += 10
	if r := d.sync(); r.New != many || r.Bytes < int64(many)*4000 {
		t.Fatalf("%+v", r)
	}
	d.flag("INBOX", 7, maildir.FlagFlagged)
	d.ok(d.dir("INBOX").Remove(d.file("INBOX", 8)))
	d.sync()
	d.flag("INBOX", 9, maildir.FlagSeen) // not pushed yet
	d.turn(1234567)
	r := d.sync()
	if r.New != 0 || r.Uploaded != 0 || r.DeletedLocal != 0 || r.DeletedRemote != 0 || r.FlagsPushed != 1 || len(r.Guards) != 0 {
		t.Errorf("%+v", r)
	}
	if r.Bytes > int64(many)*300 {
		t.Errorf("%d octets came for %d messages", r.Bytes, many)
	}
	d.equal()
	d.rest()
	if f7, f9 := d.file("INBOX", 7), d.file("INBOX", 9); f7.Set != maildir.FlagFlagged || f9.Set != maildir.FlagSeen || len(d.entries("INBOX")) != many-1 {
		t.Errorf("flags %q and %q, %d files", f7.Set, f9.Set, len(d.entries("INBOX")))
	}
}

// The database is gone: nothing is fetched or uploaded again; what differs is reported, until it is allowed.
func TestLostDatabase(t *testing.T) {
	for name, layout := range map[string]maildir.Layout{"fs": maildir.FS, "maildir++": maildir.MaildirPlusPlus} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDevice(t, dovecot.Options{})
			d.layout = layout
			s := d.remote()
			d.create(s, "A/B")
			d.put(s, "INBOX", 0, 20, goimap.FlagSeen)
			d.put(s, "A/B", 20, 25, "work")
			d.sync()
			d.equal()
			d.flag("INBOX", 1, maildir.FlagFlagged)
			d.deliver("INBOX", 99)
			d.forget()
			r := d.sync()
			if r.New+r.Uploaded+r.DeletedLocal+r.DeletedRemote != 0 || r.FlagsPushed != 1 ||
				len(r.Guards) != 1 || r.Guards[0].Cause != plan.Orphans || r.Guards[0].Would != 1 {
				t.Errorf("%+v", r)
			}
			if r = d.sync(); len(r.Guards) != 1 || len(r.Plan.Ops) > 0 {
				t.Errorf("again: %+v", r)
			}
			d.policy.AllowMassDelete = true
			if r = d.sync(); r.Uploaded != 1 || len(r.Guards) != 0 {
				t.Errorf("allowed: %+v", r)
			}
			d.equal()
			d.rest()
		})
	}
}

// What looks like an accident is stopped, everything else goes on, and --allow-mass-delete does it.
func TestGuard(t *testing.T) {
	remove := func(d *device) {
		for _, e := range d.entries("A") {
			d.ok(d.dir("A").Remove(e))
		}
	}
	tests := map[string]struct {
		accident func(*device)
		cause    plan.Cause
		side     plan.Side
	}{
		"Maildir emptied": {remove, plan.TooMany, plan.Remote},
		"Maildir removed": {func(d *device) { d.ok(os.RemoveAll(string(d.dir("A")))) }, plan.Vanished, plan.Remote},
		"mailbox emptied": {func(d *device) {
			s := d.remote()
			d.select_(s, "A")
			_, err := s.Store(context.Background(), changes.Every(), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagDeleted}, 0)
			d.ok(err, s.ExpungeAll(context.Background()), s.Close())
		}, plan.TooMany, plan.Local},
		"mailbox removed": {func(d *device) { d.ok(d.remote().Delete(context.Background(), d.theirs("A"))) }, plan.Vanished, plan.Local},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDevice(t, dovecot.Options{})
			s := d.remote()
			d.create(s, "A")
			d.put(s, "INBOX", 0, 3)
			d.put(s, "A", 10, 30)
			d.sync()
			tt.accident(d)
			d.put(s, "INBOX", 3, 4)
			for range 2 {
				r := d.sync()
				if len(r.Guards) != 1 || r.Guards[0].Cause != tt.cause || r.Guards[0].Side != tt.side || r.Guards[0].Would != 20 ||
					r.DeletedLocal+r.DeletedRemote+r.Uploaded != 0 {
					t.Errorf("%+v", r)
				}
			}
			if n := len(d.here()["INBOX"]); n != 4 {
				t.Errorf("%d in INBOX", n)
			}
			d.policy.AllowMassDelete = true
			if r := d.sync(); r.DeletedLocal+r.DeletedRemote != 20 || len(r.Guards) != 0 {
				t.Errorf("allowed: %+v", r)
			}
			d.equal()
			d.rest()
		})
	}
}

// Mailboxes that are made, renamed and deleted on either side.
func TestMailboxes(t *testing.T) {
	for name, layout := range map[string]maildir.Layout{"fs": maildir.FS, "maildir++": maildir.MaildirPlusPlus} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDevice(t, dovecot.Options{})
			d.layout = layout
			ctx, s := context.Background(), d.remote()
			for i, box := range []string{"Lists/golang", "日本", "old", "Ömpty", "100% a"} {
				d.create(s, box)
				if box != "Ömpty" {
					d.put(s, box, 10*i, 10*i+5)
				}
			}
			d.ok(s.Subscribe(ctx, "old"))
			d.sync()
			d.equal()
			d.ok(s.Rename(ctx, "old", "new"))
			d.ok(os.Rename(string(d.dir("日本")), string(d.dir("Nippon"))))
			r := d.sync()
			if r.New+r.Uploaded+r.DeletedLocal+r.DeletedRemote != 0 {
				t.Errorf("renamed: %+v", r)
			}
			d.sync()
			d.equal()
			d.rest()
			for _, e := range d.entries("new") {
				d.ok(d.dir("new").Remove(e))
			}
			d.policy.AllowMassDelete = true
			d.ok(os.RemoveAll(string(d.dir("new"))))
			d.ok(s.Delete(ctx, "Lists/golang"))
			d.sync()
			d.equal()
			d.rest()
			if _, ok := d.there()["new"]; ok {
				t.Error("still there")
			}
		})
	}
}

// Messages are moved on the server while their mailbox gets a new UIDVALIDITY, or while the database is lost: their files go with them, nothing
// is fetched again, nothing is doubled, and what the guard would propose uploads nothing but a copy that its user made.
func TestMovedWhileUIDsChange(t *testing.T) {
	for _, o := range []string{"full", "no QRESYNC", "bare", "full, database lost", "bare, database lost"} {
		t.Run(o, func(t *testing.T) {
			t.Parallel()
			rung, _, lost := strings.Cut(o, ", database")
			d := newDevice(t, rungs()[rung])
			s := d.remote()
			d.create(s, "A")
			d.create(s, "B")
			d.put(s, "INBOX", 0, 20)
			d.put(s, "A", 20, 25)
			d.sync()
			for n := 3; n < 6; n++ {
				d.away(s, n, "INBOX", []string{"A", "B"}[n%2])
			}
			d.create(s, "New")
			d.away(s, 6, "INBOX", "New")
			d.ok(s.Close())
			d.turn(1234567)
			var copies []plan.Guard
			if lost {
				d.deliver("A", 10)
				d.forget()
				dry, err := d.run(func(o *Options) { o.DryRun = true })
				d.ok(err)
				if copies = dry.Guards; len(copies) != 1 || copies[0].Cause != plan.Orphans || copies[0].Would != 1 {
					t.Errorf("of the copy it says %v", copies)
				}
			} else {
				d.policy.AllowMassDelete = true
			}
			if r := d.sync(); r.New+r.Uploaded+r.DeletedLocal+r.DeletedRemote != 0 || r.Moved != 4 || len(r.Guards) != len(copies) {
				t.Errorf("%+v", r)
			}
			if a, inbox := d.numbers("A"), d.numbers("INBOX"); len(inbox) != 16 || len(a) != 6+len(copies) {
				t.Errorf("INBOX has %v, A %v", inbox, a)
			}
			d.policy.AllowMassDelete = true
			if r := d.sync(); r.Uploaded != len(copies) {
				t.Errorf("allowed: %+v", r)
			}
			d.equal()
			d.rest()
		})
	}
}
