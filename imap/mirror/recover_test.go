package mirror

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/plan"
	"postie/maildir"
	"postie/testdata/dovecot"
)

func (d *device) home(name ...string) string {
	return filepath.Join(append([]string{d.server.Home("alice"), "Maildir"}, name...)...)
}

// A new UIDVALIDITY: messages are matched again, no body is fetched, local flags are kept. What comes is counted: 4 KB a message
// would be its body, of which some 300 octets are allowed, for flags, size, date and Message-ID.
func TestNewUIDValidity(t *testing.T) {
	many := 1000
	if thorough() {
		many = 5000
	}
	d := newDevice(t, dovecot.Start(t, dovecot.Options{}), dovecot.Options{})
	var all [][]byte
	for n := range many {
		all = append(all, []byte(letter(n)+strings.Repeat("Four thousand octets of text.\r\n", 128)))
	}
	d.server.Deliver(d, "alice", append(all, all[10:20]...)...) // ten twice
	many += 10
	if r := d.sync(); r.New != many || r.Bytes < int64(many)*4000 {
		t.Fatalf("%+v", r)
	}
	d.flag("INBOX", 7, maildir.FlagFlagged)
	d.ok(d.dir("INBOX").Remove(d.file("INBOX", 8)))
	d.sync()
	d.flag("INBOX", 9, maildir.FlagSeen) // not pushed yet
	list := d.home("dovecot-uidlist")
	b, err := os.ReadFile(list)
	d.ok(err)
	head, rest, _ := strings.Cut(string(b), "\n")
	var fields []string
	for _, f := range strings.Fields(head) {
		if strings.HasPrefix(f, "V") {
			f = "V1234567"
		}
		fields = append(fields, f)
	}
	d.ok(os.WriteFile(list, []byte(strings.Join(fields, " ")+"\n"+rest), 0o600))
	for _, f := range []string{"dovecot.index", "dovecot.index.log", "dovecot.index.cache"} {
		os.Remove(d.home(f))
	}
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
			d := newDevice(t, dovecot.Start(t, dovecot.Options{}), dovecot.Options{})
			d.layout = layout
			s := d.remote()
			d.create(s, "A/B")
			d.put(s, "INBOX", 0, 20, goimap.FlagSeen)
			d.put(s, "A/B", 20, 25, "work")
			d.sync()
			d.equal()
			d.flag("INBOX", 1, maildir.FlagFlagged)
			d.deliver("INBOX", 99)
			db, err := filepath.Glob(filepath.Join(d.root, ".postie.db*"))
			d.ok(err)
			for _, f := range db {
				d.ok(os.Remove(f))
			}
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
			_, err := s.Store(context.Background(), every(), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagDeleted}, 0)
			d.ok(err, s.ExpungeAll(context.Background()), s.Close())
		}, plan.TooMany, plan.Local},
		"mailbox removed": {func(d *device) { d.ok(d.remote().Delete(context.Background(), d.theirs("A"))) }, plan.Vanished, plan.Local},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDevice(t, dovecot.Start(t, dovecot.Options{}), dovecot.Options{})
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
			d := newDevice(t, dovecot.Start(t, dovecot.Options{}), dovecot.Options{})
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

// What policy asks for.
func TestPolicy(t *testing.T) {
	start := func(t *testing.T, o dovecot.Options, p plan.Policy) *device {
		t.Parallel()
		d := newDevice(t, dovecot.Start(t, o), o)
		d.policy = p
		s := d.remote()
		d.create(s, "Trash")
		d.put(s, "INBOX", 0, 10)
		d.sync()
		return d
	}
	t.Run("expunge=false", func(t *testing.T) {
		d := start(t, dovecot.Options{}, plan.Policy{MaxDelete: .3, Create: plan.Both})
		d.ok(d.dir("INBOX").Remove(d.file("INBOX", 3)))
		if r := d.sync(); r.DeletedRemote != 1 {
			t.Errorf("%+v", r)
		}
		if len(d.there()["INBOX"]) != 10 || len(d.here()["INBOX"]) != 9 {
			t.Error("it was expunged, or came back")
		}
		if n := len(d.listed()); n != 9 {
			t.Errorf("%d in the list", n)
		}
		d.rest()
		s := d.remote()
		d.select_(s, "INBOX")
		_, err := s.Store(context.Background(), goimap.UIDSetNum(4), goimap.StoreFlagsDel, []goimap.Flag{goimap.FlagDeleted}, 0)
		d.ok(err)
		if r := d.sync(); r.New != 1 {
			t.Errorf("undeleted: %+v", r)
		}
		if n := len(d.listed()); n != 10 {
			t.Errorf("%d in the list", n)
		}
		d.equal()
		d.rest()
	})
	t.Run("moves beside a foreign mark, no MOVE, no UIDPLUS", func(t *testing.T) {
		d := start(t, rungs()["bare"], plan.Policy{MaxDelete: .3, Expunge: true, Create: plan.Both, Trash: "Trash"})
		s := d.remote()
		d.create(s, "A")
		d.sync()
		d.select_(s, "INBOX")
		_, err := s.Store(context.Background(), goimap.UIDSetNum(1), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagDeleted}, 0)
		d.ok(err)
		d.ok(d.dir("INBOX").Remove(d.file("INBOX", 3)))
		_, err = d.dir("INBOX").MoveTo(d.file("INBOX", 4), d.dir("A"))
		d.ok(err)
		for range 2 {
			d.sync()
			if there, here := d.there(), d.here(); len(there["INBOX"]) != 10 || len(there["A"]) != 1 || len(there["Trash"]) != 1 ||
				len(here["INBOX"]) != 8 || len(here["A"]) != 1 || len(here["Trash"]) != 1 {
				t.Errorf("there %d %d %d, here %d %d %d", len(there["INBOX"]), len(there["A"]), len(there["Trash"]), len(here["INBOX"]), len(here["A"]), len(here["Trash"]))
			}
		}
		if n := len(d.listed()); n != 10 {
			t.Errorf("%d in the list", n)
		}
		d.rest()
		_, err = s.Store(context.Background(), goimap.UIDSetNum(1), goimap.StoreFlagsDel, []goimap.Flag{goimap.FlagDeleted}, 0)
		d.ok(err)
		d.sync()
		d.sync()
		d.equal()
		d.rest()
	})
	t.Run("foreign mark, no UIDPLUS", func(t *testing.T) {
		d := start(t, rungs()["no UIDPLUS"], usual())
		s := d.remote()
		d.select_(s, "INBOX")
		_, err := s.Store(context.Background(), goimap.UIDSetNum(1), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagDeleted}, 0)
		d.ok(err)
		d.ok(d.dir("INBOX").Remove(d.file("INBOX", 3)))
		d.sync()
		if n := len(d.there()["INBOX"]); n != 10 {
			t.Errorf("%d left", n)
		}
		d.rest()
		_, err = s.Store(context.Background(), goimap.UIDSetNum(1), goimap.StoreFlagsDel, []goimap.Flag{goimap.FlagDeleted}, 0)
		d.ok(err)
		d.sync()
		d.equal()
		d.rest()
	})
	t.Run("bodies=none", func(t *testing.T) {
		d := start(t, dovecot.Options{}, plan.Policy{MaxDelete: .3, Expunge: true, Create: plan.Both, Bodies: plan.Bodies{None: true}})
		if len(d.here()["INBOX"]) != 0 || len(d.listed()) != 10 {
			t.Errorf("%d files, %d summaries", len(d.here()["INBOX"]), len(d.listed()))
		}
		d.rest()
		before := strings.Join(d.listed(), "\n")
		d.policy.Bodies.None = false
		if r := d.sync(); r.New != 10 {
			t.Errorf("%+v", r)
		}
		d.equal()
		d.rest()
		if after := strings.Join(d.listed(), "\n"); after != before {
			t.Errorf("summaries changed:\n%s\n%s", before, after)
		}
	})
	t.Run("patterns", func(t *testing.T) {
		d := start(t, dovecot.Options{}, usual())
		d.create(d.remote(), "Junk")
		s := d.remote()
		d.put(s, "Junk", 50, 53)
		r, err := d.run(func(o *Options) { o.Mailboxes = []string{"*", "!Junk"} })
		d.ok(err)
		if _, ok := d.here()["Junk"]; ok || r.New != 0 {
			t.Errorf("%+v", r)
		}
		_, err = d.dir("INBOX").MoveTo(d.file("INBOX", 1), d.dir("Trash"))
		d.ok(err)
		r, err = d.run(func(o *Options) { o.Mailboxes = []string{"inbox"} })
		d.ok(err)
		if r.DeletedRemote+r.Moved != 0 {
			t.Errorf("a move out of what is synchronised was taken for a deletion: %+v", r)
		}
		d.sync()
		d.equal()
	})
}

// listed is what the index tells of all messages.
func (d *device) listed() (lines []string) {
	d.Helper()
	d.opened(func() {
		for m, err := range d.store.List(context.Background(), listAll()) {
			d.ok(err)
			lines = append(lines, fmt.Sprint(m.ID, m.Mailbox, m.Summary.Subject))
		}
	})
	return lines
}
