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

	"postie/maildir"
	"postie/testdata/dovecot"
	"postie/testdata/messages"
)

// The benchmarks run the whole program as a process of its own against a real Dovecot, beside mpop where it is installed, in
// alternation. They report the wall time of each, the ratio postie/mpop, and postie's peak memory.

// maxMemory is a promise: the peak of a fetch, however many and however large the messages are.
const maxMemory = 40 << 20

// BenchmarkFetch: 10,000 messages (120 MB) on loopback, everything in memory, deleted on the server.
func BenchmarkFetch(b *testing.B) { benchmarkFetch(b, 10000, 0) }

// BenchmarkFetchSlowLine: 2,000 messages (24 MB) over a line with a round trip of 50 ms.
func BenchmarkFetchSlowLine(b *testing.B) { benchmarkFetch(b, 2000, 50*time.Millisecond) }

// BenchmarkFetchLarge: one message of 200 MB among small ones.
func BenchmarkFetchLarge(b *testing.B) {
	f := newRivals(b)
	for b.Loop() {
		f.deliver(10)
		f.deliverLarge(150 << 20) // 200 MB in base64
		f.postie(f.server.POP3, 11)
	}
	f.report()
}

func benchmarkFetch(b *testing.B, count int, roundTrip time.Duration) {
	f := newRivals(b)
	port := f.server.POP3
	if roundTrip > 0 {
		port = delayed(b, port, roundTrip/2)
	}
	for b.Loop() {
		f.deliver(count)
		f.postie(port, count)
		if f.hasMpop {
			f.deliver(count)
			f.mpop(port, count)
		}
	}
	f.report()
}

// rivals are the two programs, and the server that they empty by turns.
type rivals struct {
	*testing.B
	server               *dovecot.Server
	binary               string
	hasMpop              bool
	postieTime, mpopTime time.Duration
	postieRuns, mpopRuns int
	memory               int64
}

func newRivals(b *testing.B, users ...string) *rivals {
	f := &rivals{B: b, server: dovecot.Start(b, dovecot.Options{Users: users}), binary: released(b)}
	_, err := exec.LookPath("mpop")
	f.hasMpop = err == nil
	return f
}

func (f *rivals) deliver(n int) {
	f.StopTimer()
	defer f.StartTimer()
	var batch [][]byte
	for m := range messages.Generated(n, 0) {
		batch = append(batch, m)
	}
	f.server.Deliver(f, "alice", batch...)
	f.warm()
}

func (f *rivals) deliverLarge(size int) {
	f.StopTimer()
	defer f.StartTimer()
	body, err := io.ReadAll(messages.Large(size))
	if err != nil {
		f.Fatal(err)
	}
	f.server.Deliver(f, "alice", body)
	f.warm()
}

// warm lets the server learn of its messages, so that neither rival pays for that.
func (f *rivals) warm() {
	conn, err := net.Dial("tcp", dovecot.Address(f.server.POP3))
	if err != nil {
		f.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "USER alice\r\nPASS %s\r\nLIST\r\nUIDL\r\nQUIT\r\n", dovecot.Password)
	if _, err := io.Copy(io.Discard, conn); err != nil {
		f.Fatal(err)
	}
}

func (f *rivals) postie(port, want int) {
	dir := filepath.Join(dovecot.Dir(f), "inbox")
	cmd := exec.Command(f.binary, "fetch", "-q", fmt.Sprintf("pop3://alice@%s:%d", dovecot.Host, port), "--tls", "none",
		"--password-env", "PW", "-d", dir)
	cmd.Env = append(os.Environ(), "PW="+dovecot.Password)
	began := time.Now()
	out, peak, err := runWatched(cmd)
	f.postieTime += time.Since(began)
	f.postieRuns++
	f.memory = max(f.memory, peak)
	if err != nil {
		f.Fatalf("%v\n%s", err, out)
	}
	f.check(dir, want)
}

func (f *rivals) mpop(port, want int) {
	home := dovecot.Dir(f)
	dir := filepath.Join(home, "inbox")
	if err := maildir.Dir(dir).Ensure(); err != nil {
		f.Fatal(err)
	}
	file := f.mpoprc(home, "alice", port, false)
	f.mpopTime += f.time(exec.Command("mpop", "-C", file, "-q", "a"))
	f.mpopRuns++
	f.check(dir, want)
}

// mpoprc configures mpop to do what postie does: what it fetches comes into home/inbox.
func (f *rivals) mpoprc(home, user string, port int, keep bool) string {
	config := fmt.Sprintf("account a\nhost %s\nport %d\nuser %s\npasswordeval echo %s\nauth user\ntls off\nkeep %s\ndelivery maildir %s/inbox\nuidls_file %s/uidls\n",
		dovecot.Host, port, user, dovecot.Password, map[bool]string{true: "on", false: "off"}[keep], home, home)
	file := filepath.Join(home, "mpoprc")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		f.Fatal(err)
	}
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

func (f *rivals) time(cmd *exec.Cmd) time.Duration {
	began := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		f.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return time.Since(began)
}

// check counts what came, and makes room for the next round.
func (f *rivals) check(dir string, want int) {
	f.StopTimer()
	defer f.StartTimer()
	n := 0
	for _, err := range maildir.Dir(dir).Scan() {
		if err != nil {
			f.Fatal(err)
		}
		n++
	}
	if n != want {
		f.Fatalf("%d messages came, want %d", n, want)
	}
	if err := os.RemoveAll(filepath.Dir(dir)); err != nil {
		f.Fatal(err)
	}
}

func (f *rivals) report() {
	f.ReportMetric(0, "ns/op")
	postie := f.postieTime.Seconds() / float64(f.postieRuns)
	f.ReportMetric(postie, "postie-s")
	f.ReportMetric(float64(f.memory)/(1<<20), "peak-MiB")
	if f.mpopRuns > 0 {
		mpop := f.mpopTime.Seconds() / float64(f.mpopRuns)
		f.ReportMetric(mpop, "mpop-s")
		f.ReportMetric(postie/mpop, "postie/mpop")
	}
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
