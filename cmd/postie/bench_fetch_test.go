package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"postie/testdata/dovecot"
	"postie/testdata/messages"
)

// The benchmarks run the whole program as a process of its own against a real Dovecot, beside its peers where those are installed, in
// alternation.

// maxMemory is a promise: the peak of a fetch, however many and however large the messages are.
const maxMemory = 40 << 20

// rivals are the programs, and their server.
type rivals struct {
	*testing.B
	server *dovecot.Server
	binary string
}

func newRivals(b *testing.B, users ...string) *rivals {
	return &rivals{B: b, server: dovecot.Start(b, dovecot.Options{Users: users}), binary: released(b)}
}

func (f *rivals) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// mbsyncrc configures mbsync to do what postie does.
func (f *rivals) mbsyncrc(dir, root, user string, port int) string {
	f.ok(os.MkdirAll(root, 0o700))
	text := fmt.Sprintf("IMAPAccount a\nHost %s\nPort %d\nUser %s\nPass %q\nSSLType None\nAuthMechs LOGIN\n\nIMAPStore far\nAccount a\n\n"+
		"MaildirStore near\nPath %s/\nInbox %s/INBOX\nSubFolders Verbatim\n\n"+
		"Channel c\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\nCopyArrivalDate yes\nSyncState *\n",
		dovecot.Host, port, user, dovecot.Password, root, root)
	path := filepath.Join(dir, "mbsyncrc")
	f.ok(os.WriteFile(path, []byte(text), 0o600))
	return path
}

// mpoprc configures mpop to do what postie does: what it fetches comes into home/inbox.
func (f *rivals) mpoprc(home, user string, port int, keep bool) string {
	config := fmt.Sprintf("account a\nhost %s\nport %d\nuser %s\npasswordeval echo %s\nauth user\ntls off\nkeep %s\ndelivery maildir %s/inbox\nuidls_file %s/uidls\n",
		dovecot.Host, port, user, dovecot.Password, map[bool]string{true: "on", false: "off"}[keep], home, home)
	file := filepath.Join(home, "mpoprc")
	f.ok(os.WriteFile(file, []byte(config), 0o600))
	return file
}

// runWatched runs a command and follows its peak of memory in /proc (Linux; elsewhere 0). getrusage would not do: a child
// inherits the peak of whoever forked it.
func runWatched(cmd *exec.Cmd) (output string, peak int64, err error) {
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return "", 0, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case err := <-done:
			return out.String(), peak, err
		case <-time.After(3 * time.Millisecond):
			peak = max(peak, highWater(cmd.Process.Pid))
		}
	}
}

// highWater is VmHWM, in octets.
func highWater(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kib int64
	fmt.Sscan(rest, &kib)
	return kib << 10
}

// delayed is a port that leads to another one over a line on which everything takes so much longer, each way.
func delayed(t testing.TB, to int, delay time.Duration) int {
	return relayed(t, to, func(client, server net.Conn) {
		go late(server, client, delay)
		go late(client, server, delay)
	})
}

// relayed is a port that leads to another one. carry takes over a client and its server, and closes both.
func relayed(t testing.TB, to int, carry func(client, server net.Conn)) int {
	l, err := net.Listen("tcp", dovecot.Host+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", dovecot.Address(to))
			if err != nil {
				client.Close()
				return
			}
			carry(client, server)
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// late copies what comes, each piece so much later, without holding up the next one.
func late(to, from net.Conn, delay time.Duration) {
	type piece struct {
		at   time.Time
		data []byte
	}
	line := make(chan piece, 4096)
	go func() {
		defer close(line)
		for {
			buf := make([]byte, 64<<10)
			n, err := from.Read(buf)
			line <- piece{time.Now().Add(delay), buf[:n]}
			if err != nil {
				return
			}
		}
	}()
	for p := range line {
		time.Sleep(time.Until(p.at))
		if _, err := to.Write(p.data); err != nil {
			break
		}
	}
	to.Close()
	for range line {
	}
}

// The peak of memory is a promise and so a test: many messages, and a large one.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it fetches 200 MB")
	}
	server := dovecot.Start(t, dovecot.Options{})
	var all [][]byte
	for m := range messages.Generated(5000, 4000) {
		all = append(all, m)
	}
	large, err := io.ReadAll(messages.Large(150 << 20))
	if err != nil {
		t.Fatal(err)
	}
	server.Deliver(t, "alice", append(all, large)...)
	binary := released(t) // not under the race detector, which costs memory
	cmd := exec.Command(binary, "fetch", fmt.Sprintf("pop3://alice@%s:%d", dovecot.Host, server.POP3), "--tls", "none",
		"--password-env", "PW", "-d", filepath.Join(dovecot.Dir(t), "inbox"))
	cmd.Env = append(os.Environ(), "PW="+dovecot.Password)
	out, peak, err := runWatched(cmd)
	if err != nil || !strings.Contains(out, "5001 new") {
		t.Fatalf("%v\n%s", err, out)
	}
	if peak == 0 && runtime.GOOS == "linux" || peak > maxMemory {
		t.Errorf("peak memory %d MiB, want at most %d", peak>>20, maxMemory>>20)
	}
}

// released builds the program as it is released, which is how .ci/run has built it before.
func released(t testing.TB) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "postie")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return binary
}
