package mirror

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// moved is a way in which programs take a file from one folder to another, in two steps.
type moved struct {
	first, then func(d *device, from, to string, n int)
}

func ways() map[string]moved {
	rename := func(d *device, from, to string, n int) {
		_, err := d.dir(from).MoveTo(d.file(from, n), d.dir(to))
		d.ok(err)
	}
	write := func(d *device, _, to string, n int) { d.deliver(to, n) }
	remove := func(d *device, from, _ string, n int) { d.ok(d.dir(from).Remove(d.file(from, n))) }
	none := func(*device, string, string, int) {}
	return map[string]moved{"renamed": {none, rename}, "copied": {write, remove}, "rewritten": {remove, write}}
}

// motion is a device of three mailboxes in which something happens during the next run.
func motion(t *testing.T) *device {
	d := newDevice(t, dovecot.Options{})
	s := d.remote()
	d.create(s, "A")
	d.create(s, "B")
	d.put(s, "INBOX", 0, 10)
	d.put(s, "A", 10, 20)
	d.put(s, "B", 20, 30)
	d.ok(s.Close())
	d.sync()
	d.equal()
	return d
}

// untouched demands that a run neither deleted nor doubled, and that the next one makes both sides equal without that.
func (d *device) untouched(r Report, err error, when string) {
	d.Helper()
	if err != nil || r.DeletedRemote+r.DeletedLocal+r.Uploaded+r.New+r.Failed+len(r.Guards) > 0 {
		d.Errorf("%s: %+v %v", when, r, err)
	}
	if r := d.sync(); r.DeletedRemote+r.DeletedLocal+r.Uploaded+r.New > 0 {
		d.Errorf("%s: the next run: %+v", when, r)
	}
	d.equal()
	d.rest()
}

// A file that is moved while the folders are read is found in its new place, whenever that happens: here at every time that
// a folder begins to be read.
func TestMovedWhileFoldersAreRead(t *testing.T) {
	for name, way := range ways() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := motion(t)
			at := 1
			for reached := true; reached; at++ {
				reached = false
				for _, move := range [][2]string{{"A", "INBOX"}, {"INBOX", "A"}, {"A", "B"}, {"B", "A"}, {"INBOX", "B"}, {"B", "INBOX"}} {
					reached = d.movedAt(way, move[0], move[1], at) || reached
				}
			}
			if at < 5 {
				t.Errorf("only %d readings", at)
			}
		})
	}
}

// movedAt moves a file in a run, when a folder is read for the n-th time, and says whether it was.
func (d *device) movedAt(way moved, from, to string, at int) bool {
	d.Helper()
	for _, b := range []string{"A", "B", "INBOX"} { // so that each is read
		e := d.entries(b)[5]
		_, err := d.dir(b).SetFlags(e, e.Set^maildir.FlagFlagged, e.Letters)
		d.ok(err)
	}
	n, calls := d.numbers(from)[0], 0
	way.first(d, from, to, n)
	r, err := d.run(func(o *Options) {
		now := o.Now
		o.Now = func() time.Time {
			if calls++; calls == at {
				way.then(d, from, to, n)
			}
			return now()
		}
	})
	if calls < at {
		way.then(d, from, to, n)
		d.sync()
		return false
	}
	d.untouched(r, err, fmt.Sprintf("%d from %s to %s, at reading %d", n, from, to, at))
	return true
}

// What happens between the plan and a deletion, or an upload, is seen before it is too late.
func TestMovedAfterThePlan(t *testing.T) {
	for name, way := range ways() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := motion(t)
			way.first(d, "INBOX", "A", 3)
			r, err := d.run(func(o *Options) {
				o.Progress = func(e Event) {
					if _, ok := e.(Planned); ok {
						way.then(d, "INBOX", "A", 3)
					}
				}
			})
			d.untouched(r, err, name)
		})
	}
}

// A copy that somebody made stays one, and a deletion is one.
func TestCopiedAndRemovedForGood(t *testing.T) {
	t.Parallel()
	d := motion(t)
	d.deliver("A", 3)
	if r := d.sync(); r.Uploaded != 1 {
		t.Errorf("%+v", r)
	}
	d.ok(d.dir("INBOX").Remove(d.file("INBOX", 3)))
	if r := d.sync(); r.DeletedRemote != 1 {
		t.Errorf("%+v", r)
	}
	d.equal()
	d.rest()
}

// A run was killed behind an APPEND, and before the next one the file is moved: it is that message all the same.
func TestMovedAfterAnUploadThatWasKilled(t *testing.T) {
	servers := crashServers()
	for _, name := range []string{"full", "no UIDPLUS"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTemplate(t, servers[name])
			for step := 1; ; step++ {
				d := w.copy()
				before, killed := w.kill(d, step)
				if !killed {
					t.Fatal("no upload")
				}
				if before != "agree upload" || !slices.Contains(d.numbers("INBOX"), 100) {
					w.drop(d)
					continue
				}
				_, err := d.dir("INBOX").MoveTo(d.file("INBOX", 100), d.dir("A"))
				d.ok(err)
				d.sync()
				d.equal()
				d.rest()
				if in := d.numbers("INBOX"); slices.Contains(in, 100) || !slices.Contains(d.numbers("A"), 100) {
					t.Errorf("INBOX has %v, A has %v", in, d.numbers("A"))
				}
				break
			}
		})
	}
}

// Folders in which nothing happened are not read, whatever is deleted or moved elsewhere. A reading asks for the time, as does waiting for the next one.
func TestUnchangedFoldersAreNotRead(t *testing.T) {
	t.Parallel()
	d := newDevice(t, dovecot.Options{})
	s := d.remote()
	for n := range 20 {
		d.create(s, fmt.Sprint("M", n))
	}
	d.put(s, "INBOX", 0, 10)
	d.ok(s.Close())
	d.sync()
	d.sync() // which finds all at rest
	asked := func(change func()) (n int) {
		change()
		_, err := d.run(func(o *Options) {
			now := o.Now
			o.Now = func() time.Time { n++; return now() }
		})
		d.ok(err)
		return n
	}
	quiet := asked(func() {})
	removed := asked(func() { d.ok(d.dir("INBOX").Remove(d.file("INBOX", 3))) })
	moved := asked(func() {
		_, err := d.dir("INBOX").MoveTo(d.file("INBOX", 4), d.dir("M7"))
		d.ok(err)
	})
	if quiet > 2 || removed > quiet+4 || moved > quiet+4 {
		t.Errorf("%d, %d and %d readings", quiet, removed-quiet, moved-quiet)
	}
	d.equal()
}

// numbers are the letters of a mailbox.
func (d *device) numbers(name string) (all []int) {
	d.Helper()
	for _, e := range d.entries(name) {
		b, err := os.ReadFile(d.dir(name).Path(e))
		d.ok(err)
		_, rest, _ := strings.Cut(string(b), "Subject: letter ")
		line, _, _ := strings.Cut(rest, "\n")
		n, err := strconv.Atoi(line)
		d.ok(err)
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}

// A file that is moved, and goes on to a third folder before it has got its flags from the server, is there once in the end,
// with those flags: whenever it goes on, and whichever side had moved it first.
func TestMovedOnBeforeItsFlagsCome(t *testing.T) {
	t.Parallel()
	d := motion(t)
	s := d.remote()
	for n := 1; d.goesOn(s, n, "", n); n++ {
		if n == 9 {
			t.Fatal("no end")
		}
	}
	for n := 11; d.goesOn(s, n, "rename ", n-10); n++ {
		if n == 19 {
			t.Fatal("no end")
		}
	}
}

// goesOn moves a letter to B at the n-th step of a run, from the one on that begins with after, and says whether there was one.
// With after the server has moved it, else its user.
func (d *device) goesOn(s *imap.Session, letter int, after string, n int) bool {
	d.Helper()
	ctx, from, to := context.Background(), "INBOX", "A"
	if after != "" {
		from, to = to, from
	}
	d.select_(s, from)
	uids, err := uidsOf(ctx, s, letter)
	d.ok(err)
	_, err = s.Store(ctx, uids, goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagAnswered}, 0)
	if d.ok(err); after != "" {
		_, err = s.Move(ctx, uids, to)
	} else {
		_, err = d.dir(from).MoveTo(d.file(from, letter), d.dir(to))
	}
	d.ok(err)
	steps := 0
	r, err := d.run(func(o *Options) {
		o.Step = func(step string) {
			if steps > 0 || strings.HasPrefix(step, after) {
				steps++
			}
			if steps == n && slices.Contains(d.numbers(to), letter) {
				_, err := d.dir(to).MoveTo(d.file(to, letter), d.dir("B"))
				d.ok(err)
			}
		}
	})
	d.untouched(r, err, fmt.Sprintf("letter %d, at step %d of %d", letter, n, steps))
	for _, name := range []string{to, "B"} {
		if slices.Contains(d.numbers(name), letter) && d.file(name, letter).Set&maildir.FlagReplied == 0 {
			d.Errorf("letter %d, at step %d: it lost its flag", letter, n)
		}
	}
	return steps >= n
}
