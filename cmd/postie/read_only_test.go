package main

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"postie/cmd/postie/internal/exit"
	"postie/maildir"
)

// stranger runs postie as somebody who may read all and write nothing but TMPDIR: root becomes nobody for it.
type stranger struct {
	testing.TB
	home, binary string
	mail         maildir.Dir
}

func newStranger(t testing.TB) *stranger {
	t.Helper()
	home, err := os.MkdirTemp("", "stranger")
	if err != nil {
		t.Fatal(err)
	}
	s := &stranger{t, home, filepath.Join(home, "postie"), maildir.Dir(filepath.Join(home, "inbox"))}
	t.Cleanup(func() { s.walls(0o755); os.RemoveAll(home) })
	s.must(os.Chmod(home, 0o755), os.Mkdir(filepath.Join(home, "tmp"), 0o777), os.Chmod(filepath.Join(home, "tmp"), 0o777), s.mail.Ensure())
	self, err := os.Executable()
	s.must(err)
	from, err := os.Open(self)
	s.must(err)
	defer from.Close()
	to, err := os.OpenFile(s.binary, os.O_CREATE|os.O_WRONLY, 0o755)
	s.must(err)
	_, err = io.Copy(to, from)
	s.must(err, to.Close())
	return s
}

func (s *stranger) must(errs ...error) {
	s.Helper()
	if err := errors.Join(errs...); err != nil {
		s.Fatal(err)
	}
}

// walls gives the folders of the mail that mode, and its files that of reading.
func (s *stranger) walls(mode fs.FileMode) {
	filepath.WalkDir(string(s.mail), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(path, mode)
		}
		return err
	})
}

func (s *stranger) deliver(n int) {
	s.walls(0o755)
	text := fmt.Sprintf("Message-ID: <%d@x.test>\nSubject: letter %d\n\nbody%d\n", n, n, n)
	s.must(os.WriteFile(filepath.Join(string(s.mail), "cur", fmt.Sprint(n, ":2,S")), []byte(text), 0o644))
}

func (s *stranger) run(want int, args ...string) string {
	s.Helper()
	s.walls(0o555)
	before := s.files()
	c := exec.Command(s.binary, append(args, "-d", string(s.mail))...)
	c.Args[0], c.Dir = "postie", s.home
	c.Env = []string{"TMPDIR=" + filepath.Join(s.home, "tmp"), "HOME=" + s.home, "GORACE=" + os.Getenv("GORACE")}
	if os.Geteuid() == 0 {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := c.CombinedOutput()
	if c.ProcessState == nil {
		s.Fatal(err)
	}
	if code := c.ProcessState.ExitCode(); code != want {
		s.Errorf("%v: exit code %d, want %d\n%s", args, code, want, out)
	}
	if after := s.files(); after != before {
		s.Errorf("%v: files were %s, are %s", args, before, after)
	}
	return string(out)
}

// files names all that is in the mail and in TMPDIR.
func (s *stranger) files() string {
	var all []string
	for _, dir := range []string{string(s.mail), filepath.Join(s.home, "tmp")} {
		filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			all = append(all, path)
			return err
		})
	}
	return strings.Join(all, " ")
}

func (s *stranger) want(out string, lines ...string) {
	s.Helper()
	if n := strings.Count(out, "\n"); n != len(lines) {
		s.Errorf("%d lines, want %d:\n%s", n, len(lines), out)
	}
	for _, line := range lines {
		if !strings.Contains(out, line) {
			s.Errorf("no %q in:\n%s", line, out)
		}
	}
}

// Mail that can only be read, as a backup or somebody else's, is listed, searched and shown as it is now, with the NUMBERs
// of its index where that can be read; nothing is left anywhere.
func TestReadOnly(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts postie for each command")
	}
	s := newStranger(t)
	s.deliver(1)
	s.want(s.run(exit.OK, "list"), "inbox/INBOX/1")
	s.want(s.run(exit.OK, "search", "body1"), "inbox/INBOX/1")
	s.walls(0o755)
	var out strings.Builder
	for _, args := range []string{"list", "move 1 Old --create", "delete 1", "list"} { // so that NUMBERs are not what a look would give
		if code := run(append(strings.Fields(args), "-d", string(s.mail)), &out, &out); code != exit.OK {
			t.Fatal(code, out.String())
		}
	}
	s.deliver(2)
	past := time.Now().Add(-time.Hour)
	s.must(os.Chtimes(filepath.Join(string(s.mail), "cur"), past, past), os.Chtimes(filepath.Join(string(s.mail), "new"), past, past))
	if code := run([]string{"search", "body2", "-d", string(s.mail)}, &out, &out); code != exit.OK {
		t.Fatal(code, out.String())
	}
	db := filepath.Join(string(s.mail), ".postie.db")
	s.must(os.Chmod(db, 0o644), os.Chmod(filepath.Join(s.home, "tmp"), 0o555)) // nothing has changed: no copy is made
	s.want(s.run(exit.OK, "list"), "inbox/INBOX/2")
	s.must(os.Chmod(filepath.Join(s.home, "tmp"), 0o777))
	for _, mode := range []fs.FileMode{0o644, 0o444} {
		s.must(os.Chmod(db, mode))
		s.want(s.run(exit.OK, "list"), "inbox/INBOX/2")
		s.want(s.run(exit.OK, "search", "body2"), "inbox/INBOX/2")
	}
	s.deliver(3)
	s.want(s.run(exit.OK, "list"), "inbox/INBOX/2", "inbox/INBOX/3")
	s.want(s.run(exit.OK, "search", "body3"), "inbox/INBOX/3")
	if out := s.run(exit.OK, "show", "3"); !strings.Contains(out, "body3") {
		t.Error(out)
	}
	if out := s.run(exit.OK, "status"); !strings.Contains(out, "inbox/INBOX         2") {
		t.Error(out)
	}
	for _, args := range []string{"mark 2 --flagged", "move 2 Old", "delete 2", "free 2", "mailbox create New", "index", "index --rebuild",
		"fetch pop3://a@127.0.0.1:1 --tls none", "fetch -n pop3://a@127.0.0.1:1 --tls none", "sync imap://a@127.0.0.1:1 --tls none", "sync -n imap://a@127.0.0.1:1 --tls none"} {
		out := s.run(exit.Failed, strings.Fields(args)...)
		for _, says := range []string{string(s.mail), "cannot be written", "chown", "use another maildir"} {
			if !strings.Contains(out, says) {
				t.Errorf("%s: no %q in %s", args, says, out)
			}
		}
	}
	s.must(os.WriteFile(db, []byte("no database"), 0o644))
	s.want(s.run(exit.OK, "list"), "note: index cannot be read", "inbox/INBOX/1", "inbox/INBOX/2")
	s.must(os.Chmod(db, 0o000))
	s.want(s.run(exit.OK, "list"), "note: index cannot be read", "inbox/INBOX/1", "inbox/INBOX/2")
}

// Whoever only reads waits a moment, not for the end, of what another process writes.
func TestReadBesideLongWrite(t *testing.T) {
	dir := maildir.Dir(filepath.Join(t.TempDir(), "inbox"))
	put := func(n int) {
		text := fmt.Sprintf("Subject: letter %d\n\nbody%d\n", n, n)
		if err := os.WriteFile(filepath.Join(string(dir), "new", fmt.Sprint(n)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := dir.Ensure(); err != nil {
		t.Fatal(err)
	}
	put(1)
	read := func(lines int, note string, args ...string) {
		t.Helper()
		var out, errs strings.Builder
		began := time.Now()
		if code := run(append(args, "-d", string(dir)), &out, &errs); code != exit.OK || strings.Count(out.String(), "inbox/INBOX") != lines || !strings.Contains(errs.String(), note) {
			t.Errorf("%v: exit code %d\n%s%s", args, code, &out, &errs)
		}
		if time.Since(began) > 5*time.Second { // a write waits for ten
			t.Errorf("%v: took %v", args, time.Since(began))
		}
	}
	read(1, "", "search", "body1")
	db, err := sql.Open("sqlite", filepath.Join(string(dir), ".postie.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	writer, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if _, err := writer.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	put(2)
	for _, args := range []string{"list", "list --json", "search letter", "status"} {
		read(1, "another run is writing the index", strings.Fields(args)...)
	}
	if _, err := writer.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	read(2, "", "search", "letter")
}

// A root that may not be read is an error that names it, not mail that is not there; so is one that cannot be searched.
func TestRootNotReadable(t *testing.T) {
	s := newStranger(t)
	s.deliver(1)
	for _, mode := range []fs.FileMode{0, 0o400, 0o100} {
		for n, args := range []string{"list", "search body1", "show 1", "mark 1 --seen", "manifest", "verify --local", "export --mbox -o out", "mailbox list", "index --rebuild",
			"fetch pop3://alice@127.0.0.1:1 --tls none --password-env PW", "sync -n imap://alice@127.0.0.1:1 --tls none --password-env PW"} {
			if mode != 0 && n > 0 {
				break // who cannot open a root in one command cannot in another
			}
			s.must(os.Chown(string(s.mail), 65534, 65534), os.Chmod(string(s.mail), mode))
			c := exec.Command(s.binary, append(strings.Fields(args), "-d", string(s.mail))...)
			c.Args[0], c.Dir = "postie", filepath.Join(s.home, "tmp")
			c.Env = []string{"TMPDIR=" + filepath.Join(s.home, "tmp"), "HOME=" + s.home, "PW=secret"}
			if os.Geteuid() == 0 {
				c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			}
			out, _ := c.CombinedOutput()
			if code := c.ProcessState.ExitCode(); code != exit.Failed || !strings.Contains(string(out), string(s.mail)) || !strings.Contains(string(out), "try: let "+string(s.mail)) {
				t.Errorf("mode %o: %s: exit code %d:\n%s", mode, args, code, out)
			}
		}
	}
}
