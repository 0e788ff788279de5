package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"

	"postie/maildir"
	"postie/testdata/dovecot"
	"postie/testdata/messages"
)

// BenchmarkTable is the table of .ci/bench: postie beside mbsync, mpop and notmuch, each row in alternation, and each program with an
// account and a folder of its own that hold the same. From the environment: POSTIE_BENCH_QUICK makes all sizes small, POSTIE_BENCH_ROUNDS
// says how often each row is measured, POSTIE_BENCH_ROWS takes those rows whose name has one of these words (separated by commas),
// POSTIE_BENCH_JSON names a file for the figures.
func BenchmarkTable(b *testing.B) {
	t := newTable(b)
	for b.Loop() {
		for _, r := range t.rows() {
			if t.wanted(r.name) {
				t.measure(r)
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	t.print()
}

// a row is one kind of work. Whatever prepares it is done before a command is given, and is not measured.
type row struct {
	name   string
	peer   string  // "": nobody is compared
	aim    float64 // at most so much of the peer's time; without a peer, seconds; 0: none
	memory int64   // at most so many MiB
	once   bool    // it cannot be done a second time
	ours   func(round int) *exec.Cmd
	theirs func(round int) *exec.Cmd
}

// figures are those of one run of a program.
type figures struct {
	Wall float64 `json:"wall_seconds"`
	CPU  float64 `json:"cpu_seconds"` // user and system
	Peak int64   `json:"peak_octets"` // of memory; Linux only
}

// measured is a row as JSON.
type measured struct {
	Row    string    `json:"row"`
	Peer   string    `json:"peer,omitempty"`
	Aim    float64   `json:"aim,omitempty"`
	Memory int64     `json:"memory_mib,omitempty"`
	Ours   []figures `json:"postie"`
	Theirs []figures `json:"peers,omitempty"`
}

type table struct {
	*rivals
	rounds int
	sizes  sizes
	dir    string
	users  int
	have   map[string]bool // peers that are installed
	done   []measured
}

// sizes of the work.
type sizes struct{ large, small, medium, few, boxes, changes, huge int }

func newTable(b *testing.B) *table {
	var users []string
	for n := range 100 {
		users = append(users, fmt.Sprint("user", n))
	}
	t := &table{rivals: newRivals(b, users...), rounds: 5, dir: dovecot.Dir(b), have: map[string]bool{},
		sizes: sizes{large: 100000, small: 10000, medium: 2000, few: 1000, boxes: 200, changes: 1000, huge: 500 << 20}}
	if os.Getenv("POSTIE_BENCH_QUICK") != "" {
		t.rounds, t.sizes = 3, sizes{large: 5000, small: 1000, medium: 200, few: 100, boxes: 20, changes: 100, huge: 50 << 20}
	}
	if n, err := strconv.Atoi(os.Getenv("POSTIE_BENCH_ROUNDS")); err == nil {
		t.rounds = n
	}
	for _, peer := range []string{"mbsync", "mpop", "notmuch"} {
		_, err := exec.LookPath(peer)
		t.have[peer] = err == nil
	}
	return t
}

func (t *table) wanted(name string) bool {
	words := os.Getenv("POSTIE_BENCH_ROWS")
	return words == "" || slices.ContainsFunc(strings.Split(words, ","), func(word string) bool { return strings.Contains(name, word) })
}

func (t *table) measure(r row) {
	m := measured{Row: r.name, Peer: r.peer, Aim: r.aim, Memory: r.memory}
	rounds := t.rounds
	if r.once {
		rounds = 1
	}
	for round := range rounds {
		m.Ours = append(m.Ours, t.run(r.ours(round)))
		if t.have[r.peer] {
			m.Theirs = append(m.Theirs, t.run(r.theirs(round)))
		}
	}
	t.done = append(t.done, m)
	fmt.Fprintln(os.Stderr, m.line())
}

func (t *table) run(cmd *exec.Cmd) figures {
	began := time.Now()
	out, peak, err := runWatched(cmd)
	wall := time.Since(began)
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return figures{wall.Seconds(), (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), peak}
}

// line shows a row: the ratio of wall times, pair by pair, and the medians.
func (m measured) line() string {
	ours := medianOf(m.Ours, func(f figures) float64 { return f.Wall })
	line := fmt.Sprintf("| %s | %s ", m.Row, m.Peer)
	peak := slices.MaxFunc(m.Ours, func(a, b figures) int { return int(a.Peak - b.Peak) }).Peak >> 20
	memory := fmt.Sprint(peak)
	if m.Memory > 0 {
		memory += fmt.Sprint(" (≤ ", m.Memory, ")")
	}
	if len(m.Theirs) == 0 {
		aim := ""
		if m.Aim > 0 && m.Peer == "" {
			aim = fmt.Sprintf("≤ %g s", m.Aim)
		}
		return line + fmt.Sprintf("| | | | %s | %.3f | | %.2f | | %s |", aim, ours, medianOf(m.Ours, cpu), memory)
	}
	var ratios []float64
	for i := range m.Ours {
		ratios = append(ratios, m.Ours[i].Wall/m.Theirs[i].Wall)
	}
	slices.Sort(ratios)
	return line + fmt.Sprintf("| %.2f | **%.2f** | %.2f | ≤ %g | %.3f | %.3f | %.2f | %.2f | %s |", ratios[0], ratios[len(ratios)/2], ratios[len(ratios)-1],
		m.Aim, ours, medianOf(m.Theirs, func(f figures) float64 { return f.Wall }), medianOf(m.Ours, cpu), medianOf(m.Theirs, cpu), memory)
}

func cpu(f figures) float64 { return f.CPU }

func medianOf(all []figures, of func(figures) float64) float64 {
	var values []float64
	for _, f := range all {
		values = append(values, of(f))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func (t *table) print() {
	model := ""
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		_, model, _ = strings.Cut(string(info), "model name\t: ")
		model, _, _ = strings.Cut(model, "\n")
	}
	machine := fmt.Sprintf("%d × %s, %s/%s, %s", runtime.NumCPU(), model, runtime.GOOS, runtime.GOARCH, runtime.Version())
	fmt.Printf("\n%s; medians of %d; ratio is postie's wall time by the peer's\n\n", machine, t.rounds)
	fmt.Println("| work | peer | min | ratio | max | wanted | postie s | peer s | postie CPU s | peer CPU s | postie peak MiB |\n|---|---|---|---|---|---|---|---|---|---|---|")
	for _, m := range t.done {
		fmt.Println(m.line())
	}
	if path := os.Getenv("POSTIE_BENCH_JSON"); path != "" {
		data, err := json.MarshalIndent(map[string]any{"machine": machine, "rows": t.done}, "", "\t")
		if err := errors.Join(err, os.WriteFile(path, data, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// user gives the name of a user that nobody had yet.
func (t *table) user() string {
	t.users++
	return fmt.Sprint("user", t.users-1)
}

// filled gives a user whose INBOX holds n messages, of which the server knows all that it will be asked for.
func (t *table) filled(n, size int) string {
	user := t.user()
	var all [][]byte
	for m := range messages.Generated(n, size) {
		if all = append(all, m); len(all) == 1000 {
			t.server.Deliver(t, user, all...)
			all = all[:0]
		}
	}
	t.server.Deliver(t, user, all...)
	t.learn(user)
	return user
}

// learn lets the server learn of its messages, so that nobody pays for that.
func (t *table) learn(user string) {
	client := t.client(user)
	defer client.Close()
	t.ok(client.Fetch(allUIDs, identifying).Close())
}

func (t *table) client(user string) *imapclient.Client {
	client, err := imapclient.DialInsecure(dovecot.Address(t.server.IMAP), nil)
	t.ok(err)
	t.ok(client.Login(user, dovecot.Password).Wait())
	_, err = client.Select("INBOX", nil).Wait()
	t.ok(err)
	return client
}

// rest makes a Maildir in which something happened just now look as if nothing had for a while.
func (t *table) rest(dir string) {
	old := time.Now().Add(-time.Minute)
	for _, sub := range []string{"cur", "new"} {
		info, err := os.Stat(filepath.Join(dir, sub))
		t.ok(err)
		if info.ModTime().After(old) {
			t.ok(os.Chtimes(filepath.Join(dir, sub), old, old))
		}
	}
}

// put writes n messages into a Maildir, as another program would.
func (t *table) put(dir string, n, round int) {
	t.ok(maildir.Dir(dir).Ensure())
	i := 0
	for m := range messages.Generated(n, 4<<10+round) {
		i++
		name := fmt.Sprintf("%d.M%dR%d.bench:2,S", 1600000000+i, i, round)
		t.ok(os.WriteFile(filepath.Join(dir, "cur", name), []byte(strings.ReplaceAll(string(m), "\r\n", "\n")), 0o600))
	}
}
