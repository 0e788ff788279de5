package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/paths"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// Two devices of one account, one with a trash and one that only marks: each run does all that its own policy asks for.
func TestTrashPolicy(t *testing.T) {
	t.Parallel()
	f := newFleet(t, dovecot.Options{})
	f.put("INBOX", 0, 20)
	d := f.postie("one", maildir.FS, `trash = "Trash"`)
	e := f.postie("two", maildir.MaildirPlusPlus, `expunge = false`)
	d.sync()
	e.sync()
	d.remove(d.find("INBOX", 3))
	e.remove(e.find("INBOX", 5))
	for _, each := range []*device{d, e, d, e} {
		each.sync()
		each.rests()
	}
	d.equal()
	if n := len(f.there("Trash")); n != 1 {
		t.Errorf("%d messages in the trash", n)
	}
	d.remove(d.find("Trash", 3))
	d.sync()
	d.rests()
	d.equal()
	if n := len(f.there("Trash")); n != 0 {
		t.Errorf("%d messages left in the trash", n)
	}
	g := f.postie("three", maildir.FS, `trash = "Trash"`)
	if g.exits(exit.OK, "-n", "-m", "INBOX"); paths.Exists(g.root) {
		t.Error("a dry run made the Maildir")
	}
}

// init says which mailbox the server calls its trash.
func TestInitNamesTheTrash(t *testing.T) {
	f := newFleet(t, dovecot.Options{Separator: ".", Prefix: "INBOX.",
		Extra: "namespace inbox {\n mailbox \"Deleted Items\" {\n  special_use = \\Trash\n  auto = create\n }\n}"})
	file := filepath.Join(f.dir, "config.toml")
	var out bytes.Buffer
	if code := run([]string{"init", "alice@example.org", "-c", file, "--yes", "--protocol", "imap", "--host", dovecot.Host, "--port", fmt.Sprint(f.server.IMAP),
		"--tls", "none", "--user", "alice", "--password-env", "PW", "-d", filepath.Join(f.dir, "mail")}, &out, &out); code != exit.OK {
		t.Fatalf("exit code %d\n%s", code, out.String())
	}
	content, err := os.ReadFile(file)
	f.ok(err)
	if !strings.Contains(string(content), "\n# A deletion deletes. With trash = \"Deleted Items\" it moves") {
		t.Errorf("%s", content)
	}
}
