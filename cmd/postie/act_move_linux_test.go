package main

import (
	"os"
	"path/filepath"
	"testing"

	"postie/maildir"
)

// On a terminal a mailbox that is not there is asked for.
func TestMoveAsksForAMailbox(t *testing.T) {
	root := filepath.Join(t.TempDir(), "mail")
	dir := maildir.Dir(root)
	if err := dir.Ensure(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "new", "1.a.b"), []byte("Subject: one\n\none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	made := filepath.Join(root, ".Archiev", "cur")
	for _, answer := range []struct {
		text string
		code int
		made bool
	}{{"", 2, false}, {"n", 2, false}, {"y", 0, true}} {
		q := onTerminal(t, nil, "move", "-d", root, "1", "Archiev")
		q.await("There is no mailbox Archiev in mail. Make it? [no]: ", answer.text)
		if code := q.end(); code != answer.code {
			t.Errorf("%q: exit code %d, want %d:\n%s", answer.text, code, answer.code, q.seen.String())
		}
		if _, err := os.Stat(made); err == nil != answer.made {
			t.Errorf("%q: %v", answer.text, err)
		}
	}
}
