package mirror

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"postie/maildir"
	"postie/testdata/dovecot"
)

// A clock that jumps back and forth, between runs and in them, and folders of a time to come: no change is missed, nothing is deleted.
func TestClockJumps(t *testing.T) {
	year := 365 * 24 * time.Hour
	w := newStreet(t, dovecot.Options{})
	for name, jump := range map[string]func(run, question int) time.Duration{
		"back, run by run":    func(run, _ int) time.Duration { return -time.Duration(run) * year },
		"forth, run by run":   func(run, _ int) time.Duration { return time.Duration(run) * year },
		"to and fro":          func(run, _ int) time.Duration { return []time.Duration{60 * year, -60 * year, 0}[run%3] },
		"to and fro in a run": func(_, question int) time.Duration { return []time.Duration{0, year, -year}[question%3] },
		"before 1970":         func(int, int) time.Duration { return -80 * year },
	} {
		for _, folders := range []time.Duration{0, 20 * year, -20 * year} {
			t.Run(fmt.Sprint(name, ", folders ", folders), func(t *testing.T) {
				t.Parallel()
				d := w.device(t)
				s := d.remote()
				d.create(s, "A")
				d.put(s, "INBOX", 0, 4)
				d.put(s, "A", 20, 24)
				for run := range 6 {
					if run > 0 {
						d.deliver("INBOX", 100+run)
						d.put(s, "A", 30+run, 31+run)
						d.flag("A", 20+run%4, maildir.FlagSeen)
					}
					if run == 3 {
						d.ok(d.dir("INBOX").Remove(d.file("INBOX", 1)))
					}
					if folders != 0 {
						for _, sub := range []string{"INBOX/new", "INBOX/cur", "A/new", "A/cur"} {
							at := time.Now().Add(folders + time.Duration(run)*time.Second)
							os.Chtimes(filepath.Join(d.root, sub), at, at)
						}
					}
					question := 0
					now := func(o *Options) {
						o.Now = func() time.Time { question++; return time.Now().Add(jump(run, question)) }
					}
					r, err := d.run(now)
					deleted := map[bool]int{true: 1}[run == 3]
					if err == nil && r.DeletedRemote < deleted { // a folder whose time jumps may not be at rest: then it waits for the next run
						r, err = d.run(now)
					}
					if err != nil || r.Failed+len(r.Guards)+r.DeletedLocal > 0 || r.DeletedRemote != deleted {
						t.Fatalf("run %d: %+v %v", run, r, err)
					}
					d.equal()
				}
				if here := d.here(); len(here["INBOX"]) != 8 || len(here["A"]) != 9 {
					t.Errorf("%v", here)
				}
			})
		}
	}
}

// What runs that were killed left in tmp/ goes with the next run, in every mailbox, also where nothing comes; what belongs to a process that
// is at work, or to another program, stays until it is old.
func TestTmpAfterKills(t *testing.T) {
	w := newTemplate(t, dovecot.Options{})
	d := w.copy()
	dead := exec.Command("true")
	d.ok(dead.Run())
	host, err := os.Hostname()
	d.ok(err)
	name := func(pid int) string { return fmt.Sprintf("1700000000.M1P%dR0123456789abcdef.%s", pid, host) }
	tmp := func(mailbox string) string { return filepath.Join(string(d.dir(mailbox)), "tmp") }
	stay := []string{filepath.Join(tmp("A"), name(os.Getpid())), filepath.Join(tmp("A"), "1700000000.1_2.other")}
	for _, path := range append(stay, filepath.Join(tmp("Trashed"), name(dead.Process.Pid))) {
		d.ok(os.WriteFile(path, []byte("half a mess"), 0o600))
	}
	left := filepath.Join(d.root, ".postie.id-123.tmp")
	long := time.Now().Add(-time.Hour)
	d.ok(os.WriteFile(left, nil, 0o600), os.Chtimes(left, long, long))
	kills := 0
	for step := 12; step < 30; step += 2 {
		if _, killed := w.kill(d, step); killed {
			kills++
		}
	}
	d.sync()
	d.equal()
	var found []string
	for _, mailbox := range []string{"INBOX", "A", "Trashed", "There", "New"} {
		all, err := filepath.Glob(tmp(mailbox) + "/*")
		d.ok(err)
		found = append(found, all...)
	}
	if kills < 3 || fmt.Sprint(found) != fmt.Sprint(stay) && fmt.Sprint(found) != fmt.Sprint([]string{stay[1], stay[0]}) {
		t.Errorf("after %d kills are left %q", kills, found)
	}
	if _, err := os.Lstat(left); err == nil {
		t.Error("what was to become a small file is left")
	}
}

// A keyword table that is no file stops nobody: the mailbox fails, and says why. A link to one is followed and kept as it leads.
func TestKeywordTableIsNoFile(t *testing.T) {
	d := newDevice(t, dovecot.Options{})
	s := d.remote()
	d.put(s, "INBOX", 0, 3, "work")
	d.sync()
	table := filepath.Join(string(d.dir("INBOX")), "dovecot-keywords")
	elsewhere := filepath.Join(t.TempDir(), "table")
	text, err := os.ReadFile(table)
	d.ok(err, os.WriteFile(elsewhere, text, 0o600), os.Remove(table), os.Symlink(elsewhere, table))
	d.put(s, "INBOX", 3, 5, "work", "more")
	d.sync()
	d.equal()
	if now, _ := os.ReadFile(elsewhere); string(now) != string(text) {
		t.Errorf("what the link led to is %q now", now)
	}
	d.ok(os.Remove(table), exec.Command("mkfifo", table).Run())
	d.put(s, "INBOX", 5, 6, "other")
	r, err := d.run(nil)
	if err == nil && r.Failed == 0 || r.DeletedRemote+r.DeletedLocal+r.Uploaded > 0 {
		t.Errorf("a pipe: %+v %v", r, err)
	}
	d.ok(os.Remove(table), os.WriteFile(table, text, 0o600))
	d.sync()
	if here := d.here()["INBOX"]; len(here) != 6 {
		t.Errorf("%q", here)
	}
}
