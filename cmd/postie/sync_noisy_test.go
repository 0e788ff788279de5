package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"postie/cmd/postie/internal/exit"
	"postie/maildir"
	"postie/maildir/look"
	"postie/testdata/dovecot"
)

// noise is a mail program that renames flags and delivers, faster than any sync. It never removes anything.
type noise struct {
	*device
	delivered int // letters 10000, 10001, …
	written   int
	mail      chan struct{} // one for each letter to come
	stop      chan struct{}
	once      sync.Once
	ended     sync.WaitGroup
	mover     func(*noise, file, string) // how it takes files to and fro; nil: it does not
}

func (n *noise) begin(seed uint64) {
	n.stop, n.mail = make(chan struct{}), make(chan struct{}, 100)
	r := rand.New(rand.NewPCG(seed, 1))
	n.ended.Go(func() {
		n.until(func() {
			n.renames(r)
			if n.mover != nil {
				n.moves(r)
			}
			time.Sleep(time.Millisecond)
		})
	})
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
func (n *noise) renames(r *rand.Rand) {
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
}

// moves takes files to and fro.
func (n *noise) moves(r *rand.Rand) {
	for _, way := range [][2]string{{"INBOX", "Work"}, {"Work", "INBOX"}, {"INBOX", "Aside"}, {"Aside", "INBOX"}} {
		var all []maildir.Entry
		for e, err := range n.maildir(way[0]).Scan() {
			n.ok(err)
			all = append(all, e)
		}
		for range min(2, len(all)) {
			n.mover(n, file{mailbox: way[0], Entry: all[r.IntN(len(all))]}, way[1])
		}
	}
}

// renaming moves a file under its name.
func renaming(n *noise, f file, to string) {
	from, dir := n.maildir(f.mailbox), n.maildir(to)
	os.Rename(from.Path(f.Entry), dir.Path(f.Entry))
}

// copying moves a file as mutt does: written anew under another name, and then removed.
func copying(n *noise, f file, to string) {
	if publish := n.write(f, to); publish != nil {
		publish()
		n.unlink(f)
	}
}

// rewriting moves a file the other way round: for a moment it is nowhere. (Only for a moment: what is nowhere for as long as a run
// takes is deleted.)
func rewriting(n *noise, f file, to string) {
	if publish := n.write(f, to); publish != nil {
		n.unlink(f)
		publish()
	}
}

// write writes a file anew, under another name that publish gives it; nil: it is not where it was.
func (n *noise) write(f file, to string) (publish func()) {
	content, err := os.ReadFile(n.maildir(f.mailbox).Path(f.Entry))
	if err != nil {
		return nil
	}
	n.written++
	name := fmt.Sprintf("%d.M%dQ%d.rewritten", time.Now().Unix(), os.Getpid(), n.written)
	tmp := filepath.Join(string(n.maildir(to)), "tmp", name)
	n.ok(os.WriteFile(tmp, content, 0o600))
	return func() { n.ok(os.Rename(tmp, filepath.Join(string(n.maildir(to)), "cur", name+":2,"+f.Set.String()))) }
}

// unlink removes a file, by whatever name postie may have given it meanwhile.
func (n *noise) unlink(f file) {
	for os.Remove(n.maildir(f.mailbox).Path(f.Entry)) != nil {
		e, ok, err := look.File(n.Context(), n.maildir(f.mailbox), f.Key)
		if n.ok(err); ok {
			f.Entry = e
		}
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

// reads looks what is there, as a person would do beside all that.
func (n *noise) reads() {
	for _, args := range [][]string{{"list", "--limit", "3"}, {"search", "is:flagged"}, {"status"}} {
		var out bytes.Buffer
		if code := run(append(args, "-c", n.config()), &out, &out); code != exit.OK {
			n.Errorf("%v: exit code %d\n%s", args, code, &out)
		}
	}
	time.Sleep(100 * time.Millisecond)
}

// A Maildir in which another program renames flags and delivers during all syncs, while the server gets new letters
// and flags: nothing is ever deleted, since nobody deletes, and nothing is there twice.
func TestNoisyMaildir(t *testing.T) { noisy(t, 12, nil) }

// Also while it moves letters from folder to folder, in every way that programs have.
func TestNoisyMoves(t *testing.T) {
	t.Parallel()
	for name, mover := range map[string]func(*noise, file, string){"renamed": renaming, "copied and removed": copying, "removed and written": rewriting} {
		t.Run(name, func(t *testing.T) { noisy(t, 3, mover) })
	}
}

func noisy(t *testing.T, short int, mover func(*noise, file, string)) {
	f := newFleet(t, dovecot.Options{})
	r := chance(t)
	d := f.postie("noisy", maildir.FS)
	first := rounds(60, 300)
	f.put("INBOX", 0, first)
	f.ok(f.client.Create("Work", nil).Wait())
	f.ok(f.client.Create("Aside", nil).Wait())
	d.sync()
	n := &noise{device: d, mover: mover}
	n.begin(r.Uint64())
	n.ended.Go(func() { n.until(n.reads) })
	defer n.end()
	put := first
	for range rounds(short, 200) {
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
		if out := d.exits(exit.OK, "--json"); !strings.Contains(out, `"deleted_local":0,"deleted_remote":0`) {
			t.Errorf("something was deleted: %s", out)
		}
	}
	n.end()
	if out := d.exits(exit.OK, "--json"); !strings.Contains(out, `"deleted_local":0,"deleted_remote":0`) {
		t.Errorf("something was deleted: %s", out)
	}
	d.sync()
	d.equal()
	d.rests()
	var list bytes.Buffer
	run([]string{"list", "-q", "-c", d.config()}, &list, &list)
	if listed := strings.Count(list.String(), "\n"); listed != put+n.delivered {
		t.Errorf("%d are listed, want %d", listed, put+n.delivered)
	}
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
