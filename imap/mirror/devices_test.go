package mirror

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// Two devices and a third program change one account at random; when all rest, all are equal. POSTIE_TEST_SEED and
// POSTIE_TEST_ROUNDS ask for another history, or a longer one.
func TestDevicesConverge(t *testing.T) {
	seed, rounds := 1, 10
	if thorough() {
		rounds = 50
	}
	fmt.Sscan(os.Getenv("POSTIE_TEST_SEED"), &seed)
	fmt.Sscan(os.Getenv("POSTIE_TEST_ROUNDS"), &rounds)
	for _, name := range []string{"full", "no QRESYNC", "no CONDSTORE", "no UIDPLUS", "no MOVE", "below INBOX"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := rungs()[name]
			a := newDevice(t, o)
			b := newDeviceOn(t, a.server, o)
			b.user = a.user
			b.layout = maildir.MaildirPlusPlus
			a.policy.AllowMassDelete, b.policy.AllowMassDelete = true, true
			s := a.remote()
			w := &chaos{t: t, rand: rand.New(rand.NewPCG(uint64(seed), uint64(len(name)))), boxes: []string{"INBOX", "A", "A/B"}, s: s, a: a}
			a.create(s, "A")
			a.create(s, "A/B")
			a.put(s, "INBOX", 0, 10)
			w.next = 10
			a.sync()
			b.sync()
			for round := range rounds {
				for range 1 + w.rand.IntN(6) {
					w.change([]*device{a, b}[w.rand.IntN(2)])
				}
				for range 1 + w.rand.IntN(3) {
					w.changeThere()
				}
				for _, d := range [][]*device{{a, b}, {b, a}, {a}, {b}}[w.rand.IntN(4)] {
					d.sync()
				}
				if round%5 == 4 {
					for range 2 {
						a.sync()
						b.sync()
					}
					a.sync()
					a.equal()
					b.equal()
					a.rest()
					b.rest()
				}
				if t.Failed() {
					t.Fatalf("round %d: %s", round, strings.Join(w.did, "\n"))
				}
				w.did = nil
			}
		})
	}
}

// chaos changes at random.
type chaos struct {
	t     *testing.T
	rand  *rand.Rand
	boxes []string
	s     *imap.Session
	a     *device
	next  int
	did   []string
}

func (w *chaos) box() string { return w.boxes[w.rand.IntN(len(w.boxes))] }

func (w *chaos) note(d *device, what string, args ...any) {
	side := "there"
	if d != nil {
		side = fmt.Sprint("device ", d.layout)
	}
	w.did = append(w.did, side+": "+fmt.Sprintf(what, args...))
}

func (w *chaos) change(d *device) {
	name := w.box()
	all := d.entries(name)
	if len(all) == 0 || w.rand.IntN(4) == 0 {
		w.note(d, "deliver %d in %s", w.next, name)
		d.deliver(name, w.next)
		w.next++
		return
	}
	e := all[w.rand.IntN(len(all))]
	dir := d.dir(name)
	var err error
	switch w.rand.IntN(4) {
	case 0:
		w.note(d, "remove %s in %s", e.Key, name)
		err = dir.Remove(e)
	case 1:
		f := maildir.FlagSet(1 << w.rand.IntN(5))
		w.note(d, "flag %s %s in %s", e.Key, f, name)
		_, err = dir.SetFlags(e, e.Set^f, e.Letters)
	case 2:
		table, err2 := dir.AddKeywords("work")
		d.ok(err2)
		letters, _ := table.Letters("work")
		w.note(d, "keyword %s in %s", e.Key, name)
		_, err = dir.SetFlags(e, e.Set, e.Letters+letters)
	case 3:
		to := w.box()
		w.note(d, "move %s from %s to %s", e.Key, name, to)
		if to != name {
			_, err = dir.MoveTo(e, d.dir(to))
		}
	}
	d.ok(err)
}

func (w *chaos) changeThere() {
	ctx, name, d := context.Background(), w.box(), w.a
	d.select_(w.s, name)
	set, err := w.s.SearchAll(ctx)
	d.ok(err)
	nums, _ := set.Nums()
	if len(nums) == 0 || w.rand.IntN(3) == 0 {
		w.note(nil, "append %d in %s", w.next, name)
		d.put(w.s, name, w.next, w.next+1)
		w.next++
		return
	}
	uid := goimap.UIDSetNum(nums[w.rand.IntN(len(nums))])
	flag := []goimap.Flag{goimap.FlagSeen, goimap.FlagFlagged, "urgent", goimap.FlagForwarded}[w.rand.IntN(4)]
	switch w.rand.IntN(4) {
	case 0:
		w.note(nil, "flag %s of %s in %s", flag, uid, name)
		_, err = w.s.Store(ctx, uid, goimap.StoreFlagsAdd, []goimap.Flag{flag}, 0)
	case 1:
		w.note(nil, "unflag %s of %s in %s", flag, uid, name)
		_, err = w.s.Store(ctx, uid, goimap.StoreFlagsDel, []goimap.Flag{flag}, 0)
	case 2:
		to := w.box()
		w.note(nil, "move %s from %s to %s", uid, name, to)
		if to == name {
			return
		}
		_, err = w.s.Copy(ctx, uid, d.theirs(to))
		d.ok(err)
		fallthrough
	case 3:
		w.note(nil, "delete %s in %s", uid, name)
		_, err = w.s.Store(ctx, uid, goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagDeleted}, 0)
		d.ok(err, w.s.ExpungeAll(ctx))
	}
	d.ok(err)
}

// Another program renames and delivers all the while: nothing is deleted that nobody deleted.
func TestOthersRename(t *testing.T) {
	t.Parallel()
	d := newDevice(t, dovecot.Options{})
	d.clock = 0
	s := d.remote()
	d.put(s, "INBOX", 0, 60)
	d.sync()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	delivered := 0
	wg.Go(func() {
		r := rand.New(rand.NewPCG(3, 4))
		dir := d.dir("INBOX")
		for n := 1000; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			for e, err := range dir.Scan() {
				if err == nil && r.IntN(3) == 0 {
					dir.SetFlags(e, e.Set^maildir.FlagSeen, e.Letters) // it may be gone: another's doing
				}
			}
			time.Sleep(time.Millisecond) // the run needs the processor too
			if n%50 == 0 {
				name := fmt.Sprintf("%d.deliver%d.host", time.Now().Unix(), n)
				text := strings.ReplaceAll(letter(n), "\r\n", "\n")
				tmp, file := filepath.Join(string(dir), "tmp", name), filepath.Join(string(dir), "new", name)
				if os.WriteFile(tmp, []byte(text), 0o600) == nil && os.Rename(tmp, file) == nil {
					delivered++
				}
			}
		}
	})
	runs := 8
	if thorough() {
		runs = 200
	}
	for range runs {
		r, err := d.run(nil)
		if err != nil || r.DeletedLocal+r.DeletedRemote > 0 || len(r.Guards) > 0 {
			t.Errorf("%+v %v", r, err)
			break
		}
	}
	close(stop)
	wg.Wait()
	d.sync()
	d.sync()
	d.equal()
	if n := len(d.there()["INBOX"]); n != 60+delivered {
		t.Errorf("%d messages, want %d", n, 60+delivered)
	}
}
