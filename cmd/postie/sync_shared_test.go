package main

import (
	"os"
	"strings"
	"testing"

	"postie/cmd/postie/internal/exit"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// Two accounts in one root would be given each other's mail. One configuration with both is refused as it is read; here
// each has its own. An account whose host is spelled otherwise stays the same one.
func TestRootIsShared(t *testing.T) {
	f := newFleet(t, dovecot.Options{Users: []string{"alice", "bob"}})
	f.put("INBOX", 0, 3)
	d := f.postie("one", maildir.FS)
	d.sync()
	other := f.other(t, "bob")
	other.put("INBOX", 10, 13)
	e := other.postie("two", maildir.FS)
	text, err := os.ReadFile(e.config())
	f.ok(err)
	f.ok(os.WriteFile(e.config(), []byte(strings.Replace(string(text), e.root, d.root, 1)), 0o600))
	for _, args := range [][]string{{"-n"}, {}, {"--allow-mass-delete"}} {
		if out := e.exits(exit.BadUsage, args...); !strings.Contains(out, "alice@") {
			t.Errorf("it does not say whose it is: %s", out)
		}
	}
	d.sync()
	d.equal()
	d.rests()
	if n := len(f.there("INBOX")); n != 3 {
		t.Errorf("%d letters", n)
	}
	text, err = os.ReadFile(d.config())
	f.ok(err)
	f.ok(os.WriteFile(d.config(), []byte(strings.Replace(string(text), `"`+dovecot.Host+`"`, `"localhost"`, 1)), 0o600))
	if out := d.exits(exit.OK, "--json"); !strings.Contains(out, `"new":0,"uploaded":0`) {
		t.Error(out)
	}
}
