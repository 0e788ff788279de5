package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"postie/cmd/postie/internal/agenda"
	"postie/cmd/postie/internal/demo"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// Many runs on one session (POSTIE_TEST_LONG=1: a thousand), with something to do in each and somebody listening in between, leave nothing behind: memory, descriptors
// and goroutines are what they were.
func TestWatchLeavesNothingBehind(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it watches for many cycles")
	}
	server, err := demo.StartIMAP()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	dir := dovecot.Dir(t)
	conf := filepath.Join(dir, "config.toml")
	text := fmt.Sprintf("[account.a]\nprotocol = \"imap\"\nhost = %q\nport = %d\ntls = \"none\"\nuser = %q\npassword_command = [\"echo\", %q]\nmaildir = %q\n",
		server.Host, server.Port, demo.User, demo.Password, filepath.Join(dir, "mail"))
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out output
	a := newApp(&out, &out, &interruption{cancel: func(error) {}})
	a.config = conf
	if err := a.begin(); err != nil {
		t.Fatal(err)
	}
	w := a.newWatch(nil, watchFlags{jobs: 1})
	accounts, err := w.read()
	if err != nil {
		t.Fatal(err)
	}
	it := w.add(accounts[0])
	defer w.unlock()
	defer it.close()
	runs := 300
	if os.Getenv("POSTIE_TEST_LONG") != "" {
		runs = 1000
	}
	var before, after usage
	for n := range runs {
		if o := it.cycle(t.Context(), agenda.Where{All: true}); o.Kind != agenda.Done {
			t.Fatalf("run %d: %v\n%s", n, o.Kind, out.String())
		}
		var l listening
		l.begin(t.Context(), it)
		flip(t, filepath.Join(dir, "mail", "INBOX"))
		l.end(it)
		if n == 100 {
			before = used()
		}
	}
	after = used()
	if after.goroutines > before.goroutines+3 || after.files > before.files+3 || after.heap > before.heap+3<<20 {
		t.Errorf("after 100 runs %+v, after %d %+v", before, runs, after)
	}
}

// usage is what the process holds.
type usage struct {
	goroutines, files int
	heap              uint64
}

func used() (u usage) {
	time.Sleep(50 * time.Millisecond) // what ended is gone by then
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	open, _ := os.ReadDir("/proc/self/fd")
	return usage{runtime.NumGoroutine(), len(open), m.HeapAlloc}
}

// flip changes a flag of the first message of a Maildir.
func flip(t *testing.T, dir string) {
	for e, err := range maildir.Dir(dir).Scan() {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := maildir.Dir(dir).SetFlags(e, e.Set^maildir.FlagFlagged, e.Letters); err != nil {
			t.Fatal(err)
		}
		return
	}
}

// Whoever kills watch at any moment of its runs, ends it, or cuts its line: nothing is lost, and nothing is there twice.
func TestWatchKilled(t *testing.T) {
	t.Parallel()
	f := newFleet(t, dovecot.Options{Notify: true})
	line := newCable(t, f.server.IMAP)
	d := f.postie("a", maildir.FS, `max_delete = "100%"`)
	text, err := os.ReadFile(d.config())
	f.ok(err)
	f.ok(os.WriteFile(d.config(), []byte(strings.Replace(string(text), fmt.Sprint("port = ", f.server.IMAP), fmt.Sprint("port = ", line.port), 1)), 0o600))
	chance := rand.New(rand.NewPCG(1, 2))
	letters := map[int]bool{}
	next := 0
	add := func() int { next++; letters[next] = true; return next }
	for range 3 {
		f.server.Deliver(t, "alice", []byte(letter(add())))
	}
	d.sync()
	var w *exec.Cmd
	for round := range 16 {
		if w == nil {
			w = exec.Command(os.Args[0], "-c", d.config(), "watch")
			w.Args[0] = "postie"
			f.ok(w.Start())
			time.Sleep(time.Duration(chance.IntN(400)) * time.Millisecond)
		}
		for range 3 {
			f.server.Deliver(t, "alice", []byte(letter(add())))
			d.deliver([]string{"INBOX", "Old"}[chance.IntN(2)], add(), []string{"", "S"}[chance.IntN(2)])
			d.disturb(chance, letters)
		}
		time.Sleep(time.Duration(chance.IntN(500)) * time.Millisecond)
		switch round % 4 {
		case 0, 1:
			f.ok(w.Process.Kill())
		case 2:
			f.ok(w.Process.Signal(syscall.SIGTERM))
		case 3:
			line.cut()
			continue
		}
		w.Wait()
		w = nil
	}
	if w != nil {
		f.ok(w.Process.Kill())
		w.Wait()
	}
	for range 3 { // what was in motion waits for the next run
		d.sync()
	}
	d.rests()
	here, there := d.here("INBOX", "Old"), f.there("INBOX", "Old")
	count := map[int]int{}
	for _, m := range there {
		count[m.n]++
	}
	for n := range letters {
		if count[n] != 1 {
			t.Errorf("letter %d is on the server %d times", n, count[n])
		}
	}
	if len(here) != len(letters) || len(there) != len(letters) {
		t.Errorf("%d letters here, %d there, want %d", len(here), len(there), len(letters))
	}
	for _, m := range here {
		if !letters[m.n] {
			t.Errorf("letter %d was removed, and is here", m.n)
		}
	}
}

// disturb does something to a letter that is here: marks it, moves it, or removes it.
func (d *device) disturb(chance *rand.Rand, letters map[int]bool) {
	for e, err := range d.maildir("INBOX").Scan() {
		if err != nil {
			return
		}
		content, err := os.ReadFile(d.maildir("INBOX").Path(e))
		if err != nil || chance.IntN(3) > 0 {
			continue // it is being renamed
		}
		f := file{"INBOX", e, number(string(content))}
		dir := d.maildir("INBOX")
		switch chance.IntN(3) {
		case 0:
			os.Rename(dir.Path(e), filepath.Join(string(dir), "cur", string(e.Key)+":2,FS")) // it may be gone by now
		case 1:
			os.MkdirAll(filepath.Join(string(d.maildir("Old")), "cur"), 0o700)
			os.Rename(dir.Path(e), filepath.Join(string(d.maildir("Old")), "cur", string(e.Key)+":2,S"))
		default:
			if os.Remove(dir.Path(e)) == nil {
				delete(letters, f.n)
			}
		}
		return
	}
}
