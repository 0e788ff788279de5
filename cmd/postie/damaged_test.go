package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postie/cmd/postie/internal/exit"
	"postie/maildir"
	"postie/pop3/pop3test"
)

// Damage that shows only when a table is read ends no run: the database is set aside, made anew from the mail, matched with the server,
// and that is said. Nothing is stored twice.
func TestDamageFoundInARun(t *testing.T) {
	s := pop3test.NewServer(pop3test.Options{})
	var all []pop3test.Message
	for n := range 10 {
		all = append(all, pop3test.Message{Body: []byte(letter(n)), UIDL: string(rune('a' + n))})
	}
	s.SetMaildrop("alice", "secret", all...)
	address, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	t.Setenv("PW", "secret")
	dir := filepath.Join(t.TempDir(), "inbox")
	fetch := func() (string, int) {
		var out strings.Builder
		code := run([]string{"fetch", "pop3://alice@" + address, "--tls", "none", "--password-env", "PW", "-d", dir, "--keep"}, &out, &out)
		return out.String(), code
	}
	if out, code := fetch(); code != exit.OK {
		t.Fatal(code, out)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, ".postie.db"))
	if err == nil {
		_, err = db.Exec("DROP TABLE breaker_pop3")
	}
	if err != nil || db.Close() != nil {
		t.Fatal(err)
	}
	// So that the folder and the ledger are read.
	s.Append("alice", pop3test.Message{Body: []byte(letter(10)), UIDL: "new"})
	if err := os.WriteFile(filepath.Join(dir, "cur", "1.foreign:2,S"), []byte("Subject: foreign\n\ntext\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, code := fetch()
	if code != exit.OK || !strings.Contains(out, "set aside") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	n := 0
	for _, err := range maildir.Dir(dir).Scan() {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if n != 12 {
		t.Errorf("%d messages of 12", n)
	}
	if out, code := fetch(); code != exit.OK || strings.Contains(out, "set aside") {
		t.Errorf("again: exit code %d\n%s", code, out)
	}
}
