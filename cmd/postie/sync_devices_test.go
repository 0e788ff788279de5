package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"postie/maildir"
	"postie/testdata/dovecot"
)

// rounds is for how long a test by chance goes on: for all with POSTIE_TEST_LONG=1.
func rounds(short, all int) int {
	if os.Getenv("POSTIE_TEST_LONG") != "" {
		return all
	}
	return short
}

// chance is another one each time, or that of POSTIE_TEST_SEED.
func chance(t *testing.T) *rand.Rand {
	seed, err := strconv.ParseUint(os.Getenv("POSTIE_TEST_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("POSTIE_TEST_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// history is what should have become of a letter since all were equal.
type history struct {
	held
	toggled map[string]bool // flags, each by one only
	places  []string        // where it was moved to, "": it was deleted
	blurred bool            // mbsync had a part in it: its moves are new messages, with the flags that it knew
}

// crowd are devices and a server that all change at random.
type crowd struct {
	*fleet
	*rand.Rand
	devices []*device
	letters map[int]*history
	next    int
	log     []string
}

func crowdBoxes() []string { return []string{"INBOX", "Lists/golang", "Entwürfe", "Work"} }

// Two postie Maildirs, one of mbsync, and a server: all change at random and sync in any order, and in the end all are
// equal, nothing is lost, nothing is doubled, and every change that nobody contradicted is there.
func TestDevices(t *testing.T) {
	t.Parallel()
	f := newFleet(t, dovecot.Options{})
	c := &crowd{fleet: f, Rand: chance(t), letters: map[int]*history{}, next: 1}
	all := `max_delete = "100%"`
	c.devices = []*device{f.postie("one", maildir.FS, all), f.postie("two", maildir.MaildirPlusPlus, all), f.isync("three")}
	for _, mailbox := range crowdBoxes() {
		if mailbox != "INBOX" {
			f.ok(f.client.Create(mailbox, nil).Wait())
		}
		for range 12 {
			c.append(mailbox)
		}
	}
	c.settle()
	defer func() {
		if t.Failed() {
			t.Log("since all were equal:\n" + strings.Join(c.log, "\n"))
		}
	}()
	for round := range rounds(20, 1000) {
		for range 1 + c.IntN(6) {
			if i := c.IntN(len(c.devices) + 1); i < len(c.devices) {
				c.changeHere(c.devices[i])
			} else {
				c.changeThere()
			}
		}
		for range 1 + c.IntN(3) {
			c.sync(c.devices[c.IntN(len(c.devices))])
		}
		if round%5 == 4 {
			c.settle()
		}
	}
	c.settle()
}

func (c *crowd) note(format string, args ...any) { c.log = append(c.log, fmt.Sprintf(format, args...)) }

func (c *crowd) sync(d *device) {
	c.Helper()
	c.note("%s syncs", d.name)
	d.sync()
}

// mailbox is any one.
func (c *crowd) mailbox() string { return crowdBoxes()[c.IntN(len(crowdBoxes()))] }

func (c *crowd) letter(mailbox, flags string) int {
	n := c.next
	c.next++
	c.letters[n] = &history{held: newHeld(mailbox, letter(n), 0, nil)}
	c.letters[n].flags = flags
	return n
}

func (c *crowd) append(mailbox string) {
	n := c.letter(mailbox, "")
	c.note("server: append %d to %s", n, mailbox)
	c.put(mailbox, n, n+1)
}

// mayMove says whether a letter may be moved or deleted: once, and now and then by two.
func (c *crowd) mayMove(n int) bool {
	h := c.letters[n]
	return h != nil && (len(h.places) == 0 || c.IntN(8) == 0)
}

func (c *crowd) mayToggle(n int, flag string) bool {
	h := c.letters[n]
	if h == nil || h.toggled[flag] {
		return false
	}
	if h.toggled == nil {
		h.toggled = map[string]bool{}
	}
	h.toggled[flag] = true
	return true
}

func (c *crowd) changeThere() {
	c.Helper()
	mailbox := c.mailbox()
	all := c.fetch(mailbox, &imap.FetchOptions{UID: true, Envelope: true, Flags: true})
	if len(all) == 0 || c.IntN(4) == 0 {
		c.append(mailbox)
		return
	}
	m := all[c.IntN(len(all))]
	n := number("Subject: " + m.Envelope.Subject + "\n")
	set := imap.UIDSetNum(m.UID)
	switch what := c.IntN(7); {
	case what == 6:
		c.wild(n, "server", mailbox, func(to string) {
			_, err := c.client.Copy(set, to).Wait()
			c.ok(err)
		}, func() { c.flag(set, imap.StoreFlagsAdd, imap.FlagDeleted) })
	case what == 0 && c.mayMove(n):
		c.note("server: expunge %d of %s", n, mailbox)
		c.letters[n].places = append(c.letters[n].places, "")
		c.expunge(set)
	case what == 1 && c.mayMove(n):
		to := c.mailbox()
		if to == mailbox {
			return
		}
		c.note("server: move %d of %s to %s", n, mailbox, to)
		c.letters[n].places = append(c.letters[n].places, to)
		_, err := c.client.Move(set, to).Wait()
		c.ok(err)
	default:
		flags := []imap.Flag{imap.FlagSeen, imap.FlagFlagged, imap.FlagAnswered, imap.FlagDraft, "work", "play"}
		f := flags[c.IntN(len(flags))]
		name := map[imap.Flag]string{imap.FlagSeen: "S", imap.FlagFlagged: "F", imap.FlagAnswered: "R", imap.FlagDraft: "D", "work": "work", "play": "play"}[f]
		if !c.mayToggle(n, name) {
			return
		}
		op := imap.StoreFlagsAdd
		if slices.Contains(m.Flags, f) {
			op = imap.StoreFlagsDel
		}
		c.note("server: toggle %s of %d in %s", name, n, mailbox)
		c.flag(set, op, f)
	}
}

func (c *crowd) changeHere(d *device) {
	c.Helper()
	mailbox := c.mailbox()
	all := d.files(mailbox)
	if len(all) == 0 || c.IntN(4) == 0 {
		flags := []string{"", "S", "FS"}[c.IntN(3)]
		n := c.letter(mailbox, flags)
		c.note("%s: deliver %d to %s, %q", d.name, n, mailbox, flags)
		d.deliver(mailbox, n, flags)
		return
	}
	f := all[c.IntN(len(all))]
	h := c.letters[f.n]
	switch what := c.IntN(7); {
	case what == 6:
		c.wild(f.n, d.name, mailbox, func(to string) { d.deliver(to, f.n, "S") }, func() { d.rename(f, "T") })
	case what == 0 && c.mayMove(f.n):
		c.note("%s: remove %d of %s", d.name, f.n, mailbox)
		h.places = append(h.places, "")
		d.remove(f)
	case what == 1 && c.mayMove(f.n):
		to := c.mailbox()
		if to == mailbox {
			return
		}
		c.note("%s: move %d of %s to %s", d.name, f.n, mailbox, to)
		h.places = append(h.places, to)
		h.blurred = h.blurred || d.mbsync
		d.move(f, to)
	default:
		name := string("SFRD"[c.IntN(4)])
		if !c.mayToggle(f.n, name) {
			return
		}
		h.blurred = h.blurred || d.mbsync
		c.note("%s: toggle %s of %d in %s", d.name, name, f.n, mailbox)
		d.rename(f, toggle(f.Set.String(), name, "")+f.Letters)
	}
}

// toggle adds a flag to sorted ones, or takes it away.
func toggle(flags, flag, separator string) string {
	all := slices.DeleteFunc(strings.Split(flags, separator), func(f string) bool { return f == "" })
	if i := slices.Index(all, flag); i >= 0 {
		all = slices.Delete(all, i, i+1)
	} else {
		all = append(all, flag)
	}
	slices.Sort(all)
	return strings.Join(all, separator)
}

// wild does to a letter what leaves nothing to be said about it but that all agree: a copy, also into the same mailbox,
// or \Deleted, which mbsync takes for a deletion.
func (c *crowd) wild(n int, who, mailbox string, copies func(string), marks func()) {
	delete(c.letters, n)
	if c.IntN(4) == 0 {
		c.note("%s: mark %d in %s", who, n, mailbox)
		marks()
		return
	}
	to := c.mailbox()
	c.note("%s: copy %d of %s to %s", who, n, mailbox, to)
	copies(to)
}

// settle syncs all until they should be equal, and looks whether everything is as it should be.
func (c *crowd) settle() {
	c.Helper()
	for range 3 { // what was only marked is expunged by mbsync, and the others learn it
		for _, i := range c.Perm(len(c.devices)) {
			c.sync(c.devices[i])
		}
	}
	for _, d := range c.devices {
		d.equal()
	}
	for _, d := range c.devices {
		if !d.mbsync {
			d.rests()
		}
	}
	byNumber := map[int][]held{}
	for _, it := range c.there(c.mailboxes()...) {
		byNumber[it.n] = append(byNumber[it.n], it)
	}
	for n := 1; n < c.next; n++ {
		if h := c.letters[n]; h != nil {
			c.judge(n, h, byNumber[n])
		}
	}
	if c.Failed() {
		c.FailNow()
	}
	c.log = nil
	c.letters = map[int]*history{}
	for n, all := range byNumber {
		if len(all) == 1 { // of copies that a conflict made nothing can be said
			c.letters[n] = &history{held: all[0]}
		}
	}
}

// judge says whether what became of a letter is right.
func (c *crowd) judge(n int, h *history, now []held) {
	c.Helper()
	for _, it := range now {
		if it.sum != h.sum {
			c.Errorf("letter %d was changed: %v", n, it)
		}
	}
	deleted := slices.Contains(h.places, "")
	switch {
	case len(h.places) > 1 && deleted:
	case len(h.places) > 1:
		if len(now) == 0 {
			c.Errorf("letter %d is lost: it was only moved, to %q", n, h.places)
		}
	case deleted:
		if len(now) != 0 {
			c.Errorf("letter %d was deleted and is back: %v", n, now)
		}
	case len(now) != 1:
		c.Errorf("letter %d is there %d times: %v (moved to %q)", n, len(now), now, h.places)
	default:
		want := h.held
		if len(h.places) == 1 {
			want.mailbox = h.places[0]
		}
		for f := range h.toggled {
			if len(f) == 1 {
				want.flags = toggle(want.flags, f, "")
			} else {
				want.keywords = toggle(want.keywords, f, " ")
			}
		}
		if h.blurred && len(h.places) > 0 {
			want.flags, want.keywords = now[0].flags, now[0].keywords
		}
		if want != now[0] {
			c.Errorf("letter %d is %v, want %v", n, now[0], want)
		}
	}
}
