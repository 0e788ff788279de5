package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"postie/maildir"
	"postie/testdata/dovecot"
)

// noise is a mail program that renames flags and delivers, faster than any sync. It never removes anything.
type noise struct {
	*device
	delivered int           // letters 10000, 10001, …
	mail      chan struct{} // one for each letter to come
	stop      chan struct{}
	once      sync.Once
	ended     sync.WaitGroup
}

func (n *noise) begin(seed uint64) {
	n.stop, n.mail = make(chan struct{}), make(chan struct{}, 100)
	n.ended.Go(func() { n.until(n.renames(rand.New(rand.NewPCG(seed, 1)))) })
	n.ended.Go(func() { n.until(n.delivers) })
}

func (n *noise) until(do func()) {
	for {
		select {
		case <-n.stop:
			return
		default:
			do()
		}
	}
}

func (n *noise) end() {
	n.once.Do(func() { close(n.stop) })
	n.ended.Wait()
}

// renames reads the folders and gives some of what it saw other flags.
func (n *noise) renames(r *rand.Rand) func() {
	return func() {
		for _, sub := range []string{"new", "cur"} {
			dir := filepath.Join(string(n.maildir("INBOX")), sub)
			names, err := os.ReadDir(dir)
			if err != nil {
				n.Error(err)
			}
			for range 20 {
				if len(names) == 0 {
					break
				}
				name := names[r.IntN(len(names))].Name()
				base, _, _ := strings.Cut(name, ":2,")
				// Somebody else may have renamed it meanwhile: then this one finds nothing.
				os.Rename(filepath.Join(dir, name), filepath.Join(string(n.maildir("INBOX")), "cur", base+":2,"+[]string{"", "F", "FS", "R", "S", "RS"}[r.IntN(6)]))
			}
		}
		time.Sleep(time.Millisecond)
	}
}

// delivers waits for a letter, and delivers it.
func (n *noise) delivers() {
	select {
	case <-n.mail:
		n.deliver("INBOX", 10000+n.delivered, "")
		n.delivered++
	case <-n.stop:
	}
}

// A Maildir in which another program renames flags and delivers during all syncs, while the server gets new letters
// and flags: nothing is ever deleted, since nobody deletes, and nothing is there twice.
func TestNoisyMaildir(t *testing.T) {
	f := newFleet(t, dovecot.Options{})
	r := chance(t)
	d := f.postie("noisy", maildir.FS)
	const first = 300
	f.put("INBOX", 0, first)
	d.sync()
	n := &noise{device: d}
	n.begin(r.Uint64())
	defer n.end()
	put := first
	for range rounds(25, 200) {
		for range r.IntN(4) {
			n.mail <- struct{}{}
		}
		switch r.IntN(3) {
		case 0:
			f.put("INBOX", put, put+1)
			put++
		case 1:
			f.fetch("INBOX", &imap.FetchOptions{UID: true})
			f.flag(imap.UIDSetNum(imap.UID(1+r.IntN(first))), []imap.StoreFlagsOp{imap.StoreFlagsAdd, imap.StoreFlagsDel}[r.IntN(2)], imap.FlagAnswered)
		}
		// A file that is renamed again and again under its upload may be left to the next run.
		code, out := d.run("--json")
		if code != exitOK || !strings.Contains(out, `"deleted_local":0,"deleted_remote":0`) {
			t.Fatalf("exit code %d\n%s", code, out)
		}
	}
	n.end()
	d.sync()
	d.equal()
	d.rests()
	times := map[int]int{}
	for _, it := range f.there(f.mailboxes()...) {
		times[it.n]++
	}
	for i := range put + n.delivered {
		if i >= put {
			i += 10000 - put
		}
		if times[i] != 1 {
			t.Errorf("letter %d is there %d times", i, times[i])
		}
	}
	if len(times) != put+n.delivered {
		t.Errorf("%d letters, want %d", len(times), put+n.delivered)
	}
	t.Logf("%d letters came here, %d there", n.delivered, put)
}
