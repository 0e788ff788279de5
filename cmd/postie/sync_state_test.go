package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postie/cmd/postie/internal/exit"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// With `state` elsewhere two roots share that folder, each with an index of its own, and nothing but the id lies in a root.
func TestStateElsewhere(t *testing.T) {
	t.Parallel()
	f := newFleet(t, dovecot.Options{})
	state := filepath.Join(f.dir, "state")
	f.put("INBOX", 0, 30)
	var all []*device
	for _, name := range []string{"one", "two"} {
		d := f.postie(name, maildir.FS, fmt.Sprintf("state = %q", state))
		d.sync()
		d.equal()
		d.rests()
		names, err := filepath.Glob(filepath.Join(d.root, ".postie*"))
		f.ok(err)
		if len(names) != 1 || filepath.Base(names[0]) != ".postie.id" {
			t.Errorf("in the root lie %v", names)
		}
		all = append(all, d)
	}
	one, two := all[0], all[1]
	one.rename(one.find("INBOX", 3), "F")
	one.remove(one.find("INBOX", 4))
	one.sync()
	two.sync()
	one.equal()
	two.equal()
	one.rests()
	two.rests()

	// All that is seen of the root is removed; the id stays, so this is the Maildir that we know.
	f.ok(os.RemoveAll(string(one.maildir("INBOX"))))
	for range 2 {
		if out := one.exits(exit.Guard); !strings.Contains(out, "--allow-mass-delete") {
			t.Error(out)
		}
	}
	two.rests()
	if n := len(f.there("INBOX")); n != 29 {
		t.Errorf("%d letters are left on the server", n)
	}
	one.exits(exit.OK, "--allow-mass-delete")
	if n := len(f.there("INBOX")); n != 0 {
		t.Errorf("%d letters are left on the server", n)
	}
	if out := two.exits(exit.Guard); !strings.Contains(out, "--allow-mass-delete") { // now it is the mailbox that was emptied
		t.Error(out)
	}
	if n := len(two.files("INBOX")); n != 29 {
		t.Errorf("%d letters are left in the other root", n)
	}
}
