package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postie/cmd/postie/internal/exit"
	"postie/maildir"
)

// At a terminal a list ends where people have read enough, and what many messages are to suffer is asked first.
func TestReadAtTerminal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "inbox")
	if err := maildir.Dir(dir).Ensure(); err != nil {
		t.Fatal(err)
	}
	for n := range listed + 10 {
		text := fmt.Sprintf("From: \x1b[2Jann <ann@x.test>\nSubject: \x1b]0;owned\a letter %d\n\n\x1b[31mtext\n", n)
		if err := os.WriteFile(filepath.Join(dir, "new", fmt.Sprintf("%d.test", n)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	see := func(code int, contains string, args ...string) string {
		t.Helper()
		q := onTerminal(t, nil, append(args, "-d", dir)...)
		if got := q.end(); got != code {
			t.Errorf("%v: exit code %d\n%s", args, got, q.seen.String())
		}
		seen := q.seen.String()
		if !strings.Contains(seen, contains) || strings.ContainsAny(strings.ReplaceAll(seen, "\x1b[m", ""), "\x1b\a") {
			t.Errorf("%v: %q", args, seen)
		}
		return seen
	}
	seen := see(exit.OK, "the newest 50; --limit N shows more", "list")
	if n, ids := strings.Count(seen, " letter "), strings.Count(seen, "inbox/INBOX/"); n != listed || ids != 1 { // said once
		t.Errorf("%d lines, %d times inbox/INBOX/", n, ids)
	}
	seen = see(exit.OK, "letter", "search", "letter", "--limit", "0")
	if n := strings.Count(seen, " letter "); n != listed+10 || strings.Contains(seen, "newest") {
		t.Errorf("%d lines", n)
	}
	see(exit.OK, "␛[31mtext", "show", "1")
	see(exit.OK, "␛]0;owned␇", "show", "1", "--raw")

	ask := func(answer, contains string, left int) {
		t.Helper()
		q := onTerminal(t, nil, "delete", "-d", dir, "--search", "subject:letter")
		q.await("[no]: ", answer)
		if code := q.end(); code != exit.OK || !strings.Contains(q.seen.String(), contains) {
			t.Errorf("exit code %d\n%s", code, q.seen.String())
		}
		if entries, err := os.ReadDir(filepath.Join(dir, "new")); err != nil || len(entries) != left {
			t.Errorf("%d left, %v", len(entries), err)
		}
	}
	ask("", "The query finds 60 messages: delete them?", 60)
	ask("yes", "60 messages deleted", 0)
}
