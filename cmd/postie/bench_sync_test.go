package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"postie/maildir"
	"postie/testdata/dovecot"
	"postie/testdata/messages"
)

// BenchmarkSync: the binary beside mbsync where that is installed, in alternation, on one account of a Dovecot on loopback with
// everything in memory: a first sync, one with nothing to do, and one after the flags of 1 % were changed on the server.
// Once more with a round trip of 50 ms. It reports the ratios postie/mbsync of each, postie's seconds, and its peak of memory.
func BenchmarkSync(b *testing.B) {
	for _, size := range []struct {
		name         string
		count, bytes int
		roundTrip    time.Duration
	}{{"10000x12KB", 10000, 12 << 10, 0}, {"100000x1KB", 100000, 1 << 10, 0}, {"2000x12KB slow line", 2000, 12 << 10, 50 * time.Millisecond}} {
		b.Run(size.name, func(b *testing.B) { benchmarkSync(b, size.count, size.bytes, size.roundTrip) })
	}
}

func benchmarkSync(b *testing.B, count, size int, roundTrip time.Duration) {
	r := newRace(b, count, size)
	if roundTrip > 0 {
		r.port = delayed(b, r.port, roundTrip/2)
	}
	for b.Loop() {
		dir := dovecot.Dir(b)
		r.lap("first", dir, count)
		r.lap("rest", dir, count) // both trust their folders from here on
		r.lap("nothing", dir, count)
		r.flag(count / 100)
		r.lap("flags", dir, count)
		if err := os.RemoveAll(dir); err != nil {
			b.Fatal(err)
		}
	}
	r.report()
}

// race is one account, and two programs that sync it by turns.
type race struct {
	*rivals
	port   int    // that they connect to
	mbsync string // path; "": not installed
	client *imapclient.Client
	times  map[string][]time.Duration // by program and lap
	peaks  map[string]int64           // of postie, by lap
	seen   bool                       // what the next lap flips \Seen to
}

func newRace(b *testing.B, count, size int) *race {
	r := &race{rivals: newRivals(b), times: map[string][]time.Duration{}, peaks: map[string]int64{}}
	r.port = r.server.IMAP
	r.mbsync, _ = exec.LookPath("mbsync")
	var all [][]byte
	for m := range messages.Generated(count, size) {
		all = append(all, m)
	}
	r.server.Deliver(b, "alice", all...)
	client, err := imapclient.DialInsecure(dovecot.Address(r.server.IMAP), nil)
	r.ok(err)
	b.Cleanup(func() { client.Close() })
	r.client = client
	r.ok(client.Login("alice", dovecot.Password).Wait())
	_, err = client.Select("INBOX", nil).Wait()
	r.ok(err)
	// The server learns of its messages now, so that neither rival pays for that.
	warm := &imap.FetchOptions{RFC822Size: true, InternalDate: true, BodySection: []*imap.FetchItemBodySection{{Peek: true, Specifier: imap.PartSpecifierHeader,
		HeaderFields: []string{"Message-ID"}}}}
	r.ok(client.Fetch(imap.UIDSet{{Start: 1}}, warm).Close())
	return r
}

func (r *race) ok(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// flag changes a flag of so many messages on the server, spread over all.
func (r *race) flag(n int) {
	r.StopTimer()
	defer r.StartTimer()
	var set imap.UIDSet
	for i := range n {
		set.AddNum(imap.UID(1 + 100*i))
	}
	r.seen = !r.seen
	op := map[bool]imap.StoreFlagsOp{true: imap.StoreFlagsAdd, false: imap.StoreFlagsDel}[r.seen]
	r.ok(r.client.Store(set, &imap.StoreFlags{Op: op, Silent: true, Flags: []imap.Flag{imap.FlagSeen}}, nil).Close())
}

// lap lets each program sync its tree below dir once.
func (r *race) lap(name, dir string, want int) {
	root := filepath.Join(dir, "postie")
	cmd := exec.Command(r.binary, "sync", "-q", fmt.Sprintf("imap://alice@%s:%d", dovecot.Host, r.port), "--tls", "none", "--password-env", "PW", "-d", root)
	cmd.Env = append(os.Environ(), "PW="+dovecot.Password)
	began := time.Now()
	out, peak, err := runWatched(cmd)
	r.times["postie "+name] = append(r.times["postie "+name], time.Since(began))
	r.peaks[name] = max(r.peaks[name], peak)
	if err != nil {
		r.Fatalf("%v\n%s", err, out)
	}
	r.holds(filepath.Join(root, "INBOX"), want)
	if r.mbsync == "" {
		return
	}
	root = filepath.Join(dir, "mbsync")
	cmd = exec.Command(r.mbsync, "-c", r.mbsyncrc(dir, root, "alice"), "-a", "-q")
	began = time.Now()
	out, peak, err = runWatched(cmd)
	r.times["mbsync "+name] = append(r.times["mbsync "+name], time.Since(began))
	r.peaks["mbsync "+name] = max(r.peaks["mbsync "+name], peak)
	if err != nil {
		r.Fatalf("%v\n%s", err, out)
	}
	r.holds(filepath.Join(root, "INBOX"), want)
}

// mbsyncrc configures mbsync to do what postie does.
func (r *race) mbsyncrc(dir, root, user string) string {
	r.ok(os.MkdirAll(root, 0o700))
	text := fmt.Sprintf("IMAPAccount a\nHost %s\nPort %d\nUser %s\nPass %q\nSSLType None\nAuthMechs LOGIN\n\nIMAPStore far\nAccount a\n\n"+
		"MaildirStore near\nPath %s/\nInbox %s/INBOX\nSubFolders Verbatim\n\n"+
		"Channel c\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\nCopyArrivalDate yes\nSyncState *\n",
		dovecot.Host, r.port, user, dovecot.Password, root, root)
	path := filepath.Join(dir, "mbsyncrc")
	r.ok(os.WriteFile(path, []byte(text), 0o600))
	return path
}

// holds demands so many messages, and makes their folder look as if it had been at rest for a while.
func (r *race) holds(dir string, want int) {
	r.StopTimer()
	defer r.StartTimer()
	n := 0
	for _, err := range maildir.Dir(dir).Scan() {
		r.ok(err)
		n++
	}
	if n != want {
		r.Fatalf("%d messages in %s, want %d", n, dir, want)
	}
	for _, sub := range []string{"cur", "new"} {
		path := filepath.Join(dir, sub)
		info, err := os.Stat(path)
		r.ok(err)
		if old := time.Now().Add(-time.Minute); info.ModTime().After(old) {
			r.ok(os.Chtimes(path, old, old))
		}
	}
}

func (r *race) report() {
	r.ReportMetric(0, "ns/op")
	for _, lap := range []string{"first", "nothing", "flags"} {
		postie := median(r.times["postie "+lap])
		r.ReportMetric(postie, lap+"-s")
		r.ReportMetric(float64(r.peaks[lap])/(1<<20), lap+"-peak-MiB")
		if r.mbsync != "" {
			r.ReportMetric(postie/median(r.times["mbsync "+lap]), lap+"-postie/mbsync")
		}
		r.Log(lap, strings.TrimSpace(fmt.Sprint(r.times["postie "+lap], r.times["mbsync "+lap], r.peaks["mbsync "+lap]>>20)))
	}
}

func median(all []time.Duration) float64 {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2].Seconds()
}
