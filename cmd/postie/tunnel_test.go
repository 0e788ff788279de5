package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
	if out := d.exits(exitOK, "-vv"); strings.Contains(out, " LOGIN ") || strings.Contains(out, "AUTHENTICATE") || !strings.Contains(out, "* PREAUTH") {
		t.Errorf("not what a tunnel is for:\n%s", out)
	}
}
