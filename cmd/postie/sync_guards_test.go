package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/paths"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// What looks like an accident in one mailbox stops there, with exit code 6; the other mailboxes go on, and
// --allow-mass-delete does it.
func TestGuards(t *testing.T) {
	t.Parallel()
	const each = 30
	tests := []struct {
		name     string
		accident func(*device)
		allowed  map[string]int // letters per mailbox when it is allowed
	}{
		{"Maildir emptied", func(d *device) { d.empty("A") }, map[string]int{"INBOX": each, "A": 0, "B": each + 2}},
		{"Maildir removed", func(d *device) { d.ok(os.RemoveAll(string(d.maildir("A")))) }, map[string]int{"INBOX": each, "B": each + 2}},
		{"mailbox emptied on the server", func(d *device) {
			d.fetch("A", &imap.FetchOptions{UID: true})
			d.expunge(imap.UIDSet{{Start: 1, Stop: 0}})
		}, map[string]int{"INBOX": each, "A": 0, "B": each + 2}},
		{"mailbox removed on the server", func(d *device) {
			d.ok(d.client.Unselect().Wait())
			d.ok(d.client.Delete("A").Wait())
		}, map[string]int{"INBOX": each, "B": each + 2}},
		{"INBOX emptied on the server", func(d *device) {
			d.fetch("INBOX", &imap.FetchOptions{UID: true})
			d.expunge(imap.UIDSet{{Start: 1, Stop: 0}})
		}, map[string]int{"INBOX": 0, "A": each, "B": each + 2}},
		{"INBOX removed here", func(d *device) {
			for _, sub := range []string{"cur", "new", "tmp"} {
				d.ok(os.RemoveAll(filepath.Join(string(d.maildir("INBOX")), sub)))
			}
		}, map[string]int{"INBOX": 0, "A": each, "B": each + 2}},
		{"INBOX emptied here", func(d *device) { d.empty("INBOX") }, map[string]int{"INBOX": 0, "A": each, "B": each + 2}},
		{"too many deleted here", func(d *device) {
			for n := 30; n < 42; n++ {
				d.remove(d.find("A", n))
			}
		}, map[string]int{"INBOX": each, "A": each - 12, "B": each + 2}},
		{"mailbox made anew on the server", func(d *device) {
			d.ok(d.client.Unselect().Wait())
			d.ok(d.client.Delete("A").Wait())
			d.ok(d.client.Create("A", nil).Wait())
		}, map[string]int{"INBOX": each, "A": each, "B": each + 2}}, // what matches nothing goes up
		{"database removed, and some deleted on the server", func(d *device) {
			d.forget()
			d.fetch("A", &imap.FetchOptions{UID: true})
			d.expunge(imap.UIDSet{{Start: 1, Stop: 3}})
		}, map[string]int{"INBOX": each, "A": each, "B": each + 2}}, // nobody can tell whether they were new
	}
	f := newFleet(t, dovecot.Options{Users: users(len(tests))})
	for i, tt := range tests {
		layout := []maildir.Layout{maildir.FS, maildir.MaildirPlusPlus}[i%2]
		t.Run(tt.name, func(t *testing.T) {
			d := guarded(f.other(t, fmt.Sprint("u", i)), layout)
			tt.accident(d)
			here, there := d.counts(true), d.counts(false)
			d.put("B", 900, 902)
			here["B"], there["B"] = each+2, each+2
			known := paths.Exists(filepath.Join(d.root, ".postie.db"))
			if known { // everything else goes on, both ways
				d.remove(d.find("B", 60))
				d.rename(d.find("B", 61), "F")
				d.deliver("B", 910, "S")
			}
			for range 2 {
				if out := d.exits(exit.Guard); !strings.Contains(out, "--allow-mass-delete") {
					t.Errorf("it does not say how to go on:\n%s", out)
				}
			}
			d.holds("guarded", here, there)
			if text := difference(d.here("B"), d.there("B")); text != "" || known && !strings.HasPrefix(d.letters("B"), "[61F ") {
				t.Errorf("B did not go on: %s\n%s", d.letters("B"), text)
			}
			if plan := steps(d.exits(exit.OK, "-n", "--json", "--allow-mass-delete")); len(plan) == 0 {
				t.Error("a dry run showed nothing of it")
			}
			d.exits(exit.OK, "--allow-mass-delete")
			d.holds("allowed", tt.allowed, tt.allowed)
			if !t.Failed() {
				d.equal()
				d.rests()
			}
		})
	}
}

// users are alice and n more.
func users(n int) []string {
	all := []string{"alice"}
	for i := range n {
		all = append(all, fmt.Sprint("u", i))
	}
	return all
}

// holds demands so many letters in each mailbox.
func (d *device) holds(when string, here, there map[string]int) {
	d.Helper()
	for side, want := range map[bool]map[string]int{true: here, false: there} {
		if got := d.counts(side); !maps.Equal(got, want) {
			d.Errorf("%s: here (%v) are %v, want %v", when, side, got, want)
		}
	}
}

// step is one operation of a dry run.
type step struct {
	Event, Mailbox, Do, Message, To, Flags, Reason string

	ID, Key, Subject string
	UID              uint32
}

// steps are those that a dry run printed as JSON.
func steps(out string) (all []step) {
	for line := range strings.Lines(out) {
		var s step
		if json.Unmarshal([]byte(line), &s) == nil && s.Event == "plan" {
			all = append(all, s)
		}
	}
	return all
}

// guarded is a device with 30 letters in each of three mailboxes.
func guarded(f *fleet, layout maildir.Layout) *device {
	d := f.postie("one", layout)
	f.put("INBOX", 0, 30)
	f.ok(f.client.Create("A", nil).Wait())
	f.ok(f.client.Create("B", nil).Wait())
	f.put("A", 30, 60)
	f.put("B", 60, 90)
	d.sync()
	d.equal()
	return d
}

func (d *device) empty(mailbox string) {
	for _, f := range d.files(mailbox) {
		d.remove(f)
	}
}

// forget removes the index.
func (d *device) forget() {
	d.Helper()
	all, err := filepath.Glob(filepath.Join(d.root, ".postie.db*"))
	d.ok(err)
	for _, path := range all {
		d.ok(os.Remove(path))
	}
	if len(all) == 0 {
		d.Fatal("there is no index")
	}
}

// counts are the letters in each mailbox.
func (d *device) counts(here bool) map[string]int {
	counts := map[string]int{}
	for _, mailbox := range []string{"INBOX", "A", "B"} {
		if here && paths.Exists(string(d.maildir(mailbox))) {
			counts[mailbox] = len(d.files(mailbox))
		}
		if !here && slices.Contains(d.mailboxes(), mailbox) {
			counts[mailbox] = len(d.there(mailbox))
		}
	}
	return counts
}

// Without its database a root is matched again: nothing comes down or goes up twice, nothing is deleted. A root that was
// wiped as a whole is filled again.
func TestDatabaseLost(t *testing.T) {
	t.Parallel()
	f := newFleet(t, dovecot.Options{Users: users(3)})
	for i, tt := range []struct {
		name string
		lose func(*device)
		new  int
	}{
		{"database", (*device).forget, 1},
		{"database and some files", func(d *device) { d.forget(); d.empty("A") }, 31},
		{"the whole root", func(d *device) { d.ok(os.RemoveAll(d.root)) }, 91},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := guarded(f.other(t, fmt.Sprint("u", i)), maildir.FS)
			d.rename(d.find("INBOX", 3), "FS")
			d.sync()
			tt.lose(d)
			d.put("INBOX", 900, 901)
			out := d.exits(exit.OK, "--json")
			if want := fmt.Sprintf(`"new":%d,"uploaded":0`, tt.new); !strings.Contains(out, want) || !strings.Contains(out, `"deleted_local":0,"deleted_remote":0`) {
				t.Errorf("want %s: %s", want, out[strings.LastIndex(strings.TrimSpace(out), "\n")+1:])
			}
			d.equal()
			d.rests()
			if got := fmt.Sprint(d.counts(false)); got != "map[A:30 B:30 INBOX:31]" {
				t.Error(got)
			}
		})
	}
}

// With its state elsewhere a wiped root is known by what it lacks: it is filled again, and nothing is deleted there.
func TestRootWipedStateKept(t *testing.T) {
	f := newFleet(t, dovecot.Options{})
	d := f.postie("one", maildir.FS, fmt.Sprintf("state = %q", filepath.Join(f.dir, "state")))
	f.put("INBOX", 0, 30)
	d.sync()
	d.equal()
	f.ok(os.RemoveAll(d.root))
	code, out := d.run()
	if n := len(f.there("INBOX")); n != 30 {
		t.Errorf("%d letters are left on the server", n)
	}
	if code != exit.OK {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	d.equal()
	d.rests()
}
