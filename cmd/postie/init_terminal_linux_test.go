package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postie/testdata/dovecot"
)

// terminal is postie at a terminal: what is typed, and what is seen.
type terminal struct {
	t      *testing.T
	master *os.File
	seen   strings.Builder
	cmd    *exec.Cmd
}

func onTerminal(t *testing.T, env []string, args ...string) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	cmd := exec.CommandContext(t.Context(), "postie", args...)
	cmd.Env = append(os.Environ(), append(env, "NO_COLOR=1", "TERM=dumb")...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return &terminal{t: t, master: master, cmd: cmd}
}

// await reads until a text is seen, then types an answer.
func (q *terminal) await(text, answer string) {
	q.t.Helper()
	limit := time.AfterFunc(30*time.Second, func() { q.cmd.Process.Kill() })
	defer limit.Stop()
	from := q.seen.Len()
	for b := make([]byte, 1); !strings.HasSuffix(q.seen.String()[from:], text); q.seen.Write(b) {
		if _, err := q.master.Read(b); err != nil {
			q.t.Fatalf("%v; waited for %q, saw:\n%s", err, text, q.seen.String())
		}
	}
	if _, err := io.WriteString(q.master, answer+"\n"); err != nil {
		q.t.Fatal(err)
	}
}

// end reads the rest and gives the exit code.
func (q *terminal) end() int {
	q.t.Helper()
	for b := make([]byte, 1024); ; {
		n, err := q.master.Read(b)
		q.seen.Write(b[:n])
		if err != nil { // EIO: nobody has the terminal any more
			break
		}
	}
	q.cmd.Wait()
	return q.cmd.ProcessState.ExitCode()
}

// From an empty home folder, with a person at the terminal: an address, a few times Enter, and the password.
func TestInitOnTerminal(t *testing.T) {
	w := newWorld(t, dovecot.Options{})
	home := t.TempDir()
	env := append(w.env, "HOME="+home, "XDG_CONFIG_HOME=", "XDG_STATE_HOME=", "DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere")
	q := onTerminal(t, env, "init")
	q.await("Mail address: ", "alice")
	q.await("NAME@DOMAIN\r\nMail address: ", "alice@example.test")
	q.await("Number [1]: ", "")
	q.await("Maildir [~/Mail/example]: ", "")
	q.await("Number [1]: ", "") // the keyring
	q.await("Password of alice at localhost: ", "wrong password")
	q.await("Number [1]: ", "") // try again
	q.await("Password of alice at localhost: ", dovecot.Password)
	if code := q.end(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, q.seen.String())
	}
	for _, want := range []string{"How do you want your mail?", "equal both ways", "login by", "refused", "logged in to localhost as alice",
		"example: the password is kept in " + home + "/.local/state/postie/", "next: postie sync example"} {
		if !strings.Contains(q.seen.String(), want) {
			t.Errorf("%q was not seen", want)
		}
	}
	if strings.Contains(q.seen.String(), dovecot.Password) {
		t.Errorf("the password was shown:\n%s", q.seen.String())
	}
	text, err := os.ReadFile(filepath.Join(home, ".config/postie/config.toml"))
	if err != nil || strings.Contains(string(text), dovecot.Password) || !strings.Contains(string(text), "keyring = true") {
		t.Errorf("%v\n%s", err, text)
	}
	if code := onTerminal(t, env, "check").end(); code != 0 {
		t.Errorf("check: exit code %d", code)
	}

	// A second one: POP3 that leaves the mail, with a file for the password; and a name outside the domain is asked about.
	q = onTerminal(t, env, "init", "alice@example.test")
	q.await("Number [1]: ", "3")
	q.await("Maildir [~/Mail/example-2]: ", "~/Mail/example/inside")
	q.await("Maildir [~/Mail/example-2]: ", "")
	q.await("Number [1]: ", "3")
	q.await(".password]: ", "~/pw")
	q.await("Password of alice at localhost: ", dovecot.Password)
	if code := q.end(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, q.seen.String())
	}
	if info, err := os.Stat(filepath.Join(home, "pw")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	q = onTerminal(t, env, "fetch", "example-2")
	if code := q.end(); code != 0 {
		t.Errorf("fetch: %d\n%s", code, q.seen.String())
	}
	q = onTerminal(t, env, "init", "alice@srv.test")
	q.await("Number [1]: ", "")
	q.await("Give it your password [no]: ", "")
	if code := q.end(); code != 2 {
		t.Errorf("exit code %d\n%s", code, q.seen.String())
	}
}
