package maildir

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// storing is set in the process whose system calls are counted.
const storing = "POSTIE_TEST_STORE_INTO"

// A message costs what it needs: open, write, write-back begun, fsync, close, rename, and nothing else. What is counted is what
// 2,000 messages cost more than 1,000.
func TestSystemCalls(t *testing.T) {
	if dir := os.Getenv(storing); dir != "" {
		storeMany(t, Dir(dir))
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		if os.Getenv("POSTIE_REQUIRE_DOVECOT") != "" {
			t.Fatal("strace is missing")
		}
		t.Skip("strace is missing: apt-get install strace")
	}
	few, many := countCalls(t, strace, 1000), countCalls(t, strace, 2000)
	wanted := map[string]bool{"openat": true, "write": true, "sync_file_range": true, "fsync": true, "close": true, "renameat2": true}
	// How often Go's scheduler asks the kernel, and whether random octets cost a call, depends on the machine.
	for _, call := range []string{"total", "futex", "nanosleep", "epoll_pwait", "rt_sigprocmask", "rt_sigreturn", "rt_sigaction", "sigaltstack",
		"tgkill", "getpid", "gettid", "madvise", "mmap", "munmap", "clone", "clone3", "rseq", "set_robust_list", "sched_yield", "getrandom"} {
		delete(many, call)
	}
	for call, n := range many {
		each := float64(n-few[call]) / 1000
		if limit := map[bool]float64{true: 1.05, false: 0.05}[wanted[call]]; each > limit {
			t.Errorf("%s: %.2f for each message, at most %.2f are needed", call, each, limit)
		}
	}
	for call := range wanted {
		if each := float64(many[call]-few[call]) / 1000; each < 0.95 {
			t.Errorf("%s: only %.2f for each message", call, each)
		}
	}
}

func storeMany(t *testing.T, d Dir) {
	must(t, d.Ensure())
	n, err := strconv.Atoi(filepath.Base(string(d)))
	must(t, err)
	for n > 0 {
		var b Batch
		for range min(n, BatchMessages) {
			f, err := d.Create()
			must(t, err)
			_, err = f.Write([]byte("Subject: one\r\n\r\ntext\r\n"))
			must(t, err)
			b.Add(f, Flags{})
			n--
		}
		must(t, b.Commit())
	}
}

// countCalls runs this test once more, under strace, for it to store n messages, and gives how often it made which system call.
func countCalls(t *testing.T, strace string, n int) map[string]int {
	dir := t.TempDir()
	table := filepath.Join(dir, "calls")
	cmd := exec.Command(strace, "-f", "-c", "-U", "name,calls", "-o", table, os.Args[0], "-test.run=^TestSystemCalls$")
	cmd.Env = append(os.Environ(), storing+"="+filepath.Join(dir, strconv.Itoa(n)))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("strace: %v\n%s", err, out)
	}
	f, err := os.Open(table)
	must(t, err)
	defer f.Close()
	calls := map[string]int{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) == 2 {
			if n, err := strconv.Atoi(fields[1]); err == nil {
				calls[fields[0]] = n
			}
		}
	}
	return calls
}
