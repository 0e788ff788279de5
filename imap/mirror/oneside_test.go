package mirror

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postie/imap/plan"
	"postie/testdata/dovecot"
)

// Mailboxes that are on one side only and are not to be created on the other cost nothing while nothing happens. They are
// looked into when something is missing elsewhere, which may be there.
func TestOneSide(t *testing.T) {
	t.Parallel()
	d := newDevice(t, dovecot.Options{})
	s := d.remote()
	d.create(s, "Work")
	d.put(s, "INBOX", 0, 5)
	d.put(s, "Work", 10, 15)
	d.sync()
	d.policy.Create = 0
	d.create(s, "Archive")
	d.put(s, "Archive", 20, 60)
	d.fillFolder("Mine", 60, 63)
	loop := filepath.Join(d.root, "Mine", "cur", "loop:2,")
	d.ok(os.Symlink(loop, loop)) // who reads it says that it cannot be read

	var log bytes.Buffer
	quiet := func(patterns ...string) Report {
		t.Helper()
		r, err := d.run(func(o *Options) {
			o.Mailboxes, o.Log = patterns, slog.New(slog.NewTextHandler(&log, nil))
		})
		d.ok(err)
		return r
	}
	quiet()
	log.Reset()
	r := quiet()
	trips := d.trips.Load()
	if strings.Contains(log.String(), "cannot be read") {
		t.Errorf("files were read:\n%s", log.String())
	}
	without := quiet("*", "!Archive", "!Mine")
	if trips > d.trips.Load()+1 || r.Bytes > without.Bytes+200 { // the answer to LOGOUT is not waited for
		t.Errorf("%d round trips and %d octets, without those mailboxes %d and %d", trips, r.Bytes, d.trips.Load(), without.Bytes)
	}
	d.ok(os.Remove(loop))

	moved := d.file("INBOX", 3)
	_, err := d.dir("INBOX").MoveTo(moved, d.dir("Mine"))
	d.ok(err)
	for range 2 {
		if r := d.sync(); r.DeletedRemote+r.Uploaded+r.New != 0 || len(d.there()["INBOX"]) != 5 {
			t.Fatalf("moved to where nothing is created: %+v", r)
		}
	}
	_, err = d.dir("Mine").MoveTo(d.file("Mine", 3), d.dir("INBOX"))
	d.ok(err)
	d.sync()
	d.rest()

	d.ok(s.Rename(t.Context(), "Work", "Old"))
	if r := d.sync(); r.New+r.Uploaded+r.DeletedLocal+r.DeletedRemote != 0 || len(r.Guards) != 0 || len(d.here()["Old"]) != 5 {
		t.Errorf("renamed there: %+v, here %v", r, d.here()["Old"])
	}
	d.ok(os.Rename(filepath.Join(d.root, "Old"), filepath.Join(d.root, "New")))
	if r := d.sync(); r.New+r.Uploaded+r.DeletedLocal+r.DeletedRemote != 0 || len(r.Guards) != 0 || len(d.there()["New"]) != 5 {
		t.Errorf("renamed here: %+v, there %v", r, d.there()["New"])
	}
	d.sync()
	d.rest()
	d.policy.Create = plan.Both
	if r := d.sync(); r.New != 40 || r.Uploaded != 3 {
		t.Errorf("created on both sides: %+v", r)
	}
	d.equal()
	d.rest()
}
