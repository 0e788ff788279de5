package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"

	"postie/testdata/dovecot"
	"postie/testdata/messages"
)

// BenchmarkRestore: the binary beside mbsync where that is installed, in alternation: a tree of 20 Maildirs goes up into an empty account of
// a Dovecot, over a line with a round trip of 50 ms. It reports the ratio postie/mbsync, postie's seconds, and its peak of memory.
func BenchmarkRestore(b *testing.B) {
	for _, size := range []struct{ count, bytes int }{{10000, 4 << 10}, {10000, 12 << 10}} {
		b.Run(fmt.Sprintf("%dx%dKB", size.count, size.bytes>>10), func(b *testing.B) { benchmarkRestore(b, size.count, size.bytes) })
	}
}

// race is two programs that fill accounts by turns.
type race struct {
	*rivals
	port   int    // that they connect to
	mbsync string // path; "": not installed
	times  map[string][]time.Duration
	peaks  map[string]int64
}

// mailboxesUp is how many mailboxes go up.
const mailboxesUp = 20

func benchmarkRestore(b *testing.B, count, size int) {
	const laps = 10
	var users []string
	for n := range 2 * laps {
		users = append(users, fmt.Sprint("u", n))
	}
	r := &race{rivals: newRivals(b, users...), times: map[string][]time.Duration{}, peaks: map[string]int64{}}
	r.port = delayed(b, r.server.IMAP, 25*time.Millisecond)
	r.mbsync, _ = exec.LookPath("mbsync")
	tree := filepath.Join(dovecot.Dir(b), "tree")
	n := 0
	for m := range messages.Generated(count, size) {
		dir := filepath.Join(tree, fmt.Sprintf("box%02d", n%mailboxesUp))
		for _, sub := range []string{"cur", "new", "tmp"} {
			r.ok(os.MkdirAll(filepath.Join(dir, sub), 0o700))
		}
		r.ok(os.WriteFile(filepath.Join(dir, "cur", fmt.Sprintf("%d.M%d.host:2,%s", 1600000000+n, n, []string{"", "S", "FS", "RS"}[n/mailboxesUp%4])), m, 0o600))
		n++
	}
	r.ok(os.MkdirAll(filepath.Join(tree, "INBOX", "cur"), 0o700))
	r.ok(os.MkdirAll(filepath.Join(tree, "INBOX", "new"), 0o700))
	r.ok(os.MkdirAll(filepath.Join(tree, "INBOX", "tmp"), 0o700))
	lap := 0
	for b.Loop() {
		if lap == laps {
			b.Fatalf("more than %d laps: give -benchtime", laps)
		}
		r.up("postie", users[2*lap], tree, count)
		if r.mbsync != "" {
			r.up("mbsync", users[2*lap+1], tree, count)
		}
		lap++
	}
	r.ReportMetric(0, "ns/op")
	postie := median(r.times["postie"])
	r.ReportMetric(postie, "restore-s")
	r.ReportMetric(float64(r.peaks["postie"])/(1<<20), "peak-MiB")
	if r.mbsync != "" {
		r.ReportMetric(postie/median(r.times["mbsync"]), "postie/mbsync")
	}
	r.Log(r.times)
}

// up lets a program put the tree into an empty account, of which all has to be there then.
func (r *race) up(program, user, tree string, count int) {
	cmd := exec.Command(r.binary, "restore", "-q", fmt.Sprintf("imap://%s@%s:%d", user, dovecot.Host, r.port), "--tls", "none", "--password-env", "PW", "--from", tree)
	cmd.Env = append(os.Environ(), "PW="+dovecot.Password)
	if program == "mbsync" { // it renames what it takes
		r.StopTimer()
		dir := dovecot.Dir(r)
		root := filepath.Join(dir, "mbsync")
		out, err := exec.Command("cp", "-a", tree, root).CombinedOutput()
		if err != nil {
			r.Fatalf("%v\n%s", err, out)
		}
		cmd = exec.Command(r.mbsync, "-c", r.mbsyncrc(dir, root, user, r.port), "-a", "-q")
		r.StartTimer()
	}
	began := time.Now()
	out, peak, err := runWatched(cmd)
	r.times[program] = append(r.times[program], time.Since(began))
	r.peaks[program] = max(r.peaks[program], peak)
	if err != nil {
		r.Fatalf("%s: %v\n%s", program, err, out)
	}
	r.StopTimer()
	defer r.StartTimer()
	client, err := imapclient.DialInsecure(dovecot.Address(r.server.IMAP), nil)
	r.ok(err)
	defer client.Close()
	r.ok(client.Login(user, dovecot.Password).Wait())
	total := 0
	for n := range mailboxesUp {
		s, err := client.Select(fmt.Sprintf("box%02d", n), nil).Wait()
		r.ok(err)
		total += int(s.NumMessages)
	}
	if total != count {
		r.Fatalf("%s: %d messages came, want %d", program, total, count)
	}
}

func median(all []time.Duration) float64 {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2].Seconds()
}
