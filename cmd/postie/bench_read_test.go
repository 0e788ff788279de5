package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"postie/maildir"
	"postie/testdata/dovecot"
	"postie/testdata/messages"
)

// BenchmarkRead: the whole program on a Maildir of 200,000 messages, warm, beside notmuch where it is installed.
func BenchmarkRead(b *testing.B) {
	const count = 200000
	dir := filepath.Join(dovecot.Dir(b), "inbox")
	if err := maildir.Dir(dir).Ensure(); err != nil {
		b.Fatal(err)
	}
	n := 0
	for m := range messages.Generated(count, 700) {
		n++
		name := fmt.Sprintf("%d.M%d.bench:2,%s", 1500000000+n*600, n, []string{"S", "S", "", "FS"}[n%4])
		if err := os.WriteFile(filepath.Join(dir, "cur", name), m, 0o600); err != nil {
			b.Fatal(err)
		}
		at := time.Unix(int64(1500000000+n*600), 0)
		if err := os.Chtimes(filepath.Join(dir, "cur", name), at, at); err != nil {
			b.Fatal(err)
		}
	}
	binary := released(b)
	must := func(cmd *exec.Cmd) time.Duration {
		began := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v: %v\n%s", cmd.Args, err, out)
		}
		return time.Since(began)
	}
	time.Sleep(3 * time.Second) // mtimes of the last moments are not trusted, and the folder would be scanned each time
	b.Logf("postie index: %v", must(exec.Command(binary, "index", "-d", dir)))
	must(exec.Command(binary, "list", "-d", dir, "--limit", "1"))
	rival := notmuch(b, dir)
	for _, c := range []struct{ name, query, theirs string }{
		{"list", "", "*"},
		{"word", "garden", "garden"},
		{"rare", "subject:199999", "subject:199999"},
		{"from and date", "from:example since:2020 before:2020-02", "from:example date:2020-01-01..2020-01-31"},
		{"unread", "is:unread", "tag:unread"},
	} {
		args := []string{"list", "-d", dir, "--limit", "50"}
		if c.query != "" {
			args = []string{"search", "-d", dir, "--limit", "50", c.query}
		}
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				must(exec.Command(binary, args...))
			}
		})
		if rival != nil {
			b.Run(c.name+" (notmuch)", func(b *testing.B) {
				for b.Loop() {
					must(rival("search", "--output=summary", "--limit=50", c.theirs))
				}
			})
		}
	}
}

// notmuch gives commands of it that know the mail in dir; nil: it is not installed.
func notmuch(b *testing.B, dir string) func(args ...string) *exec.Cmd {
	if _, err := exec.LookPath("notmuch"); err != nil {
		return nil
	}
	config := filepath.Join(b.TempDir(), "notmuch")
	text := fmt.Sprintf("[database]\npath=%s\n[user]\nname=Alice\nprimary_email=alice@example.org\n[new]\nignore=.postie.db;.postie.db-wal;.postie.db-shm;.postie.open;.postie.lock\n[maildir]\nsynchronize_flags=true\n", dir)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	command := func(args ...string) *exec.Cmd {
		cmd := exec.Command("notmuch", args...)
		cmd.Env = append(os.Environ(), "NOTMUCH_CONFIG="+config)
		return cmd
	}
	began := time.Now()
	if out, err := command("new", "--quiet").CombinedOutput(); err != nil {
		b.Fatalf("notmuch new: %v\n%s", err, out)
	}
	b.Logf("notmuch new: %v", time.Since(began))
	return command
}
