package mirror

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/imaptest"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// A street is a Dovecot with a user for each house of many.
type street struct {
	server *dovecot.Server
	o      dovecot.Options
	taken  atomic.Int32
}

func newStreet(t *testing.T, o dovecot.Options) *street {
	for n := range 100 {
		o.Users = append(o.Users, fmt.Sprint("u", n))
	}
	return &street{server: dovecot.Start(t, o), o: o}
}

// device is a device of a user that nobody else has, behind a server with quirks.
func (w *street) device(t *testing.T, quirks ...imaptest.Quirk) *device {
	d := newDevice(t, w.server, w.o)
	d.user, d.quirks = fmt.Sprint("u", w.taken.Add(1)-1), quirks
	return d
}

// Servers that say the same in other words: a first sync, changes of every kind on both sides, one more sync, and nothing
// is left to do. Each body comes once.
func TestQuirks(t *testing.T) {
	type row struct {
		name   string
		quirks []imaptest.Quirk
	}
	rows := []row{
		{"none", nil},
		{"UID last", []imaptest.Quirk{imaptest.Last("UID")}},
		{"FLAGS first", []imaptest.Quirk{imaptest.First("FLAGS")}},
		{"body first", []imaptest.Quirk{imaptest.First("BODY")}},
		{"flags, then body", []imaptest.Quirk{imaptest.Split("BODY", false)}},
		{"body, then flags", []imaptest.Quirk{imaptest.Split("BODY", true)}},
		{"flags for themselves", []imaptest.Quirk{imaptest.Split("FLAGS", false)}},
		{"small letters", []imaptest.Quirk{imaptest.SmallLetters()}},
		{"space at the end", []imaptest.Quirk{imaptest.Replace(`([^}])$`, "$1 ")}},
		{"spaces in FETCH", []imaptest.Quirk{imaptest.Replace(`FETCH \(`, "FETCH  ( "), imaptest.Replace(`\)$`, " )")}},
		{"no text", []imaptest.Quirk{imaptest.Replace(`^(\w+ OK) .*`, "$1")}},
		{"alerts", []imaptest.Quirk{imaptest.Before(`^(\* \d|\* LIST|\* S|T)`, "* OK [ALERT] disk nearly full")}},
	}
	for _, c := range []string{"COMPRESS=DEFLATE", "ENABLE", "ESEARCH", "ID", "IDLE", "LIST-EXTENDED", "LIST-STATUS", "LITERAL+", "MOVE",
		"NAMESPACE", "QRESYNC", "SPECIAL-USE", "UIDPLUS", "UNSELECT"} {
		rows = append(rows, row{"without " + c, []imaptest.Quirk{imaptest.Without(c)}})
	}
	rows = append(rows, row{"without CONDSTORE", []imaptest.Quirk{imaptest.Without("QRESYNC"), imaptest.Without("CONDSTORE")}})
	w := newStreet(t, dovecot.Options{})
	for _, q := range rows {
		t.Run(q.name, func(t *testing.T) {
			t.Parallel()
			scenario(w.device(t, q.quirks...))
		})
	}
}

// scenario is what goes well behind every quirk.
func scenario(d *device) {
	d.Helper()
	s := d.remote()
	d.create(s, "A")
	d.put(s, "INBOX", 0, 8)
	d.put(s, "A", 20, 24, goimap.FlagSeen)
	d.does(func() { d.sync() }, 12)
	changes(d, s)
	d.does(func() { d.sync() }, 1)
	d.quiet()
}

// does demands that this brings so many bodies, and makes both sides equal.
func (d *device) does(what func(), bodies int64) {
	d.Helper()
	if what(); d.bodies.Load() != bodies {
		d.Errorf("%d bodies came, want %d", d.bodies.Load(), bodies)
	}
	d.equal()
}

// changes are of every kind, on both sides; one message is new on the server.
func changes(d *device, s *imap.Session) {
	d.Helper()
	ctx := context.Background()
	d.flag("INBOX", 0, maildir.FlagFlagged)
	d.ok(d.dir("INBOX").Remove(d.file("INBOX", 1)))
	_, err := d.dir("INBOX").MoveTo(d.file("INBOX", 2), d.dir("A"))
	d.ok(err)
	d.deliver("INBOX", 100)
	d.deliver("New", 110)
	d.select_(s, "INBOX")
	_, err = s.Store(ctx, goimap.UIDSetNum(4), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagAnswered, "work"}, 0)
	d.ok(err)
	_, err = s.Copy(ctx, goimap.UIDSetNum(6), d.theirs("A"))
	d.ok(err)
	_, err = s.Store(ctx, goimap.UIDSetNum(5, 6), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagDeleted}, 0)
	d.ok(err, s.ExpungeAll(ctx))
	d.put(s, "INBOX", 200, 201)
}

// quiet demands that a run does nothing.
func (d *device) quiet() {
	d.Helper()
	r := d.sync()
	if r.New+r.Uploaded+r.FlagsPulled+r.FlagsPushed+r.Moved+r.DeletedLocal+r.DeletedRemote > 0 || d.bodies.Load() > 0 ||
		slices.ContainsFunc(d.events, func(e Event) bool { _, ok := e.(Done); return ok }) {
		d.Errorf("did something: %+v %v", r, d.events)
	}
}
