package mirror

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"postie/imap/imaptest"
	"postie/imap/plan"
	"postie/testdata/dovecot"
)

// stays demands that a run changes nothing, and reports what is only here: mailbox by mailbox, how many messages.
func (d *device) stays(what string, orphans map[string]int) {
	d.Helper()
	r, err := d.run(nil)
	d.ok(err)
	if r.Uploaded+r.New+r.DeletedLocal+r.DeletedRemote+r.Moved != 0 {
		d.Errorf("%s: %+v", what, r)
	}
	found := map[string]int{}
	for _, g := range r.Guards {
		if g.Cause != plan.Orphans {
			d.Errorf("%s: %v", what, g)
		}
		found[g.Mailbox] = g.Would
	}
	for name, n := range orphans {
		if found[name] != n {
			d.Errorf("%s: %d messages of %s are reported, want %d", what, found[name], name, n)
		}
	}
	if len(found) != len(orphans) {
		d.Errorf("%s: reported are %v", what, found)
	}
}

// settle is the first sync, with nothing here: what comes later is uploaded.
func (d *device) settle() {
	d.Helper()
	d.sync()
}

// What a first sync finds here and not on the server may be anybody's mail: it is reported until it is allowed to go up. Later
// ones upload what is new, and still nothing of that.
func TestFirstSyncUploadsNothingUnasked(t *testing.T) {
	t.Parallel()
	server := dovecot.Start(t, dovecot.Options{Users: []string{"alice", "bob"}})
	d := newDeviceOn(t, server, dovecot.Options{})
	s := d.remote()
	d.put(s, "INBOX", 0, 3)
	for n, name := range map[int]string{10: "Private", 11: "Private", 12: "Work/2024", 13: "INBOX", 14: "Left out"} {
		d.deliver(name, n)
	}
	d.ok(d.dir("Empty").Ensure())
	d.patterns = []string{"*", "!Left out"}
	waits := map[string]int{"Private": 2, "Work/2024": 1, "INBOX": 1}

	plan1, err := d.run(func(o *Options) { o.DryRun = true })
	d.ok(err)
	if len(plan1.Guards) != 3 || plan1.Uploaded != 0 {
		t.Errorf("the dry run says %+v", plan1)
	}
	r, err := d.run(nil)
	d.ok(err)
	if r.New != 3 || r.Uploaded != 0 || len(r.Guards) != 3 {
		t.Errorf("the first run: %+v", r)
	}
	d.stays("the second run", waits)
	if there := d.there(); len(there) != 2 {
		t.Errorf("on the server are %v", there)
	}

	// what comes later goes up, also into a mailbox that waits
	d.deliver("New", 20)
	d.deliver("Private", 21)
	r, err = d.run(nil)
	d.ok(err)
	if r.Uploaded != 2 || len(r.Guards) != 3 {
		t.Errorf("with new mail: %+v", r)
	}
	d.stays("after new mail", waits)
	if there := d.there(); len(there["Private"]) != 1 || len(there["New"]) != 1 {
		t.Errorf("on the server are %v", there)
	}

	// what was left out is looked at for the first time now
	d.patterns = nil
	waits["Left out"] = 1
	d.stays("with all mailboxes", waits)
	d.stays("with all mailboxes, again", waits)

	// the database is lost: what went up is recognised
	d.forget()
	d.stays("without the database", waits)
	d.ok(os.RemoveAll(filepath.Join(d.root, "Work")))
	delete(waits, "Work/2024")
	d.stays("one was taken away", waits)

	d.policy.AllowMassDelete = true
	r = d.sync()
	if r.Uploaded != 4 {
		t.Errorf("allowed: %+v", r)
	}
	d.policy.AllowMassDelete = false
	d.equal()
	d.rest()
}

// Moving to an empty server: nothing goes up until it is allowed, and then all does, at once.
func TestFirstSyncOntoEmptyServer(t *testing.T) {
	t.Parallel()
	d := newDevice(t, dovecot.Options{})
	for n := range 20 {
		d.deliver([]string{"INBOX", "Archive", "Archive/old"}[n%3], n)
	}
	waits := map[string]int{"INBOX": 7, "Archive": 7, "Archive/old": 6}
	d.stays("unasked", waits)
	d.stays("unasked again", waits)
	d.policy.AllowMassDelete = true
	if r := d.sync(); r.Uploaded != 20 {
		t.Errorf("allowed: %+v", r)
	}
	d.policy.AllowMassDelete = false
	d.equal()
	d.rest()

	d = newDevice(t, dovecot.Options{})
	d.policy.AllowMassDelete = true
	d.deliver("Archive", 1)
	if r := d.sync(); r.Uploaded != 1 {
		t.Errorf("allowed at once: %+v", r)
	}
	d.equal()
	d.rest()
}

// Folders of another program that are called as no mailbox is: the mail in them tells whose they are, and nothing comes twice.
func TestFirstSyncRecognisesFolders(t *testing.T) {
	t.Parallel()
	d := newDevice(t, dovecot.Options{})
	s := d.remote()
	for i, name := range []string{"Lists/golang", "Lists/rust", "Sent", "One"} {
		d.create(s, name)
		if name != "One" {
			d.put(s, name, 10*i, 10*i+8)
		}
	}
	d.put(s, "One", 50, 51)
	d.put(s, "INBOX", 60, 70)
	d.put(s, "INBOX", 60, 61)              // equal copies
	d.fillFolder("Lists|golang", 0, 8)     // joined by a separator of its own
	d.fillFolder("my rust", 11, 19)        // another name; one is new here, one there
	d.fillFolder("boxes/incoming", 60, 70) // INBOX
	d.fillFolder("uno", 50, 51)            // one message, all that there is
	d.fillFolder("Private", 100, 104)      // nobody's
	d.fillFolder("copy of one", 23, 24)    // one of Sent, which holds more
	d.fillFolder("Work", 20, 28)           // all of Sent, among much more
	d.fillFolder("Work", 200, 230)
	waits := map[string]int{"Private": 4, "copy of one": 1, "Lists/rust": 1, "Work": 38}

	dry, err := d.run(func(o *Options) { o.DryRun = true })
	d.ok(err)
	r, err := d.run(nil)
	d.ok(err)
	// a letter of Lists/rust, one of the two equal copies of INBOX, and Sent, which has no folder
	if r.New != 1+1+8 || r.Uploaded != 0 || dry.New != r.New || len(dry.Guards) != len(waits) {
		t.Errorf("it said %+v\nand did %+v", dry, r)
	}
	d.stays("again", waits)
	d.forget()
	d.stays("without the database", waits)
	for _, folder := range []string{"INBOX", "Lists", "One"} {
		if exists(filepath.Join(d.root, folder)) {
			t.Errorf("there is a folder %s now", folder)
		}
	}
	there := d.there()
	if len(there) != 5 || len(there["INBOX"]) != 11 {
		t.Errorf("there: %v", there)
	}
}

// The rows of the base are lost, and what was recorded of the mailboxes is not: both sides are matched again.
func TestBaseEmptied(t *testing.T) {
	t.Parallel()
	d := newDevice(t, dovecot.Options{})
	s := d.remote()
	d.create(s, "A")
	d.put(s, "INBOX", 0, 20)
	d.put(s, "A", 20, 30)
	d.sync()
	db, err := sql.Open("sqlite", filepath.Join(d.root, ".postie.db"))
	d.ok(err)
	_, err = db.Exec("DELETE FROM pair")
	d.ok(err, db.Close())
	d.stays("without its rows", nil)
	d.equal()
	d.rest()
}

// Bodies that come before their UIDs wait in the Maildir, not where the system has its temporary files; and what a run that was
// killed left in tmp/ goes when the next one brings mail.
func TestSpoolIsInTheMaildir(t *testing.T) {
	d := newDevice(t, dovecot.Options{})
	d.put(d.remote(), "INBOX", 0, 20)
	d.quirks = quirks{imaptest.Last("UID")}
	dead := exec.Command("true")
	d.ok(dead.Run(), d.dir("INBOX").Ensure())
	host, err := os.Hostname()
	d.ok(err, os.WriteFile(filepath.Join(string(d.dir("INBOX")), "tmp", fmt.Sprintf("1700000000.M1P%dR0123456789abcdef.%s", dead.Process.Pid, host)), nil, 0o600))
	t.Setenv("TMPDIR", filepath.Join(d.root, "none"))
	if r := d.sync(); r.New != 20 {
		t.Errorf("%+v", r)
	}
	left, err := os.ReadDir(filepath.Join(string(d.dir("INBOX")), "tmp"))
	d.ok(err)
	if len(left) > 0 {
		t.Errorf("in tmp/ is left %v", left)
	}
	d.quirks = nil
	d.equal()
	d.rest()
}
