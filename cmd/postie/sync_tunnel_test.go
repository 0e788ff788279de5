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

// Through a tunnel the server greets one that is logged in already (PREAUTH): there is no password and no TLS. The
// account has no host, so its base belongs to the user alone.
func TestTunnel(t *testing.T) {
	f := newFleet(t, dovecot.Options{})
	f.put("INBOX", 0, 20)
	d := f.postie("one", maildir.FS)
	tunnel := fmt.Sprintf("[account.one]\nprotocol = \"imap\"\nuser = \"alice\"\nmaildir = %q\ntls = \"none\"\ntunnel = [\"%s\"]\n",
		filepath.Join(f.dir, "tunneled"), strings.Join(f.server.Tunnel("alice"), `", "`))
	d.root = filepath.Join(f.dir, "tunneled")
	f.ok(os.WriteFile(d.config(), []byte(tunnel), 0o600))
	d.sync()
	d.equal()
	d.remove(d.find("INBOX", 3))
	d.rename(d.find("INBOX", 4), "S")
	d.sync()
	d.equal()
	d.rests()
	if out := d.exits(exit.OK, "-vv"); strings.Contains(out, " LOGIN ") || strings.Contains(out, "AUTHENTICATE") || !strings.Contains(out, "* PREAUTH") {
		t.Errorf("not what a tunnel is for:\n%s", out)
	}
}

// A server that keeps no UIDs for a mailbox: it is a mailbox that failed, and one can leave it out.
func TestNoUIDs(t *testing.T) {
	f := newFleet(t, dovecot.Options{})
	d := f.postie("one", maildir.FS)
	tunnel := fmt.Sprintf("[account.one]\nprotocol = \"imap\"\nuser = \"alice\"\nmaildir = %q\ntls = \"none\"\ntunnel = [\"sh\", \"-c\", '\"$@\" | sed -uE \"s/UIDVALIDITY [0-9]+ ?//\"', \"-\", \"%s\"]\n",
		filepath.Join(f.dir, "tunneled"), strings.Join(f.server.Tunnel("alice"), `", "`))
	f.ok(os.WriteFile(d.config(), []byte(tunnel), 0o600))
	out := d.exits(exit.Partial)
	if !strings.Contains(out, `mailboxes = ["*", "!INBOX"]`) {
		t.Errorf("no hint:\n%s", out)
	}
	if out := d.exits(exit.Partial, "--json"); !strings.Contains(out, `"1 mailbox failed; it is as it was"`) {
		t.Errorf("not counted as a mailbox:\n%s", out)
	}
	f.ok(os.WriteFile(d.config(), []byte(tunnel+"mailboxes = [\"*\", \"!INBOX\"]\n"), 0o600))
	d.exits(exit.OK)
}

func TestFailures(t *testing.T) {
	for want, n := range map[string][2]int{
		"1 message failed; it is as it was":                           {1, 0},
		"2 messages failed; they are where they were":                 {2, 0},
		"1 mailbox failed; it is as it was":                           {0, 1},
		"3 messages and 2 mailboxes failed; they are where they were": {3, 2},
	} {
		if got := failures(n[0], n[1]).Error(); got != want {
			t.Errorf("%v: %s", n, got)
		}
	}
}
