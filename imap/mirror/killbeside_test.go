package mirror

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/testdata/dovecot"
	"postie/testdata/victim"
)

// busy is an account that people and programs change on both sides while a run is at work.
type busy struct {
	*device
	s    *imap.Session
	rand *rand.Rand
	next int          // the next new letter
	gone map[int]bool // letters that somebody deleted
}

// change is one of them: a letter comes on either side, a file gets other flags or goes, a message on the server too.
func (b *busy) change() {
	b.Helper()
	ctx := context.Background()
	switch b.rand.IntN(8) {
	case 0:
		b.put(b.s, "INBOX", b.next, b.next+1)
		b.next++
	case 1:
		b.deliver("INBOX", b.next)
		b.next++
	case 2:
		b.select_(b.s, "INBOX")
		n := b.rand.IntN(b.next)
		uids, err := uidsOf(ctx, b.s, n)
		b.ok(err)
		if len(uids) == 0 {
			return
		}
		if b.rand.IntN(4) > 0 {
			_, err = b.s.Store(ctx, uids, goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagFlagged}, 0)
			b.ok(err)
			return
		}
		b.gone[n] = true
		_, err = b.s.Store(ctx, uids, goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagDeleted}, 0)
		b.ok(err, b.s.Expunge(ctx, uids))
	default:
		b.renameOne()
	}
}

// renameOne gives a file other flags, or takes it away.
func (b *busy) renameOne() {
	b.Helper()
	sub := []string{"new", "cur"}[b.rand.IntN(2)]
	all, err := os.ReadDir(filepath.Join(string(b.dir("INBOX")), sub))
	b.ok(err)
	if len(all) == 0 {
		return
	}
	name := all[b.rand.IntN(len(all))].Name()
	from := filepath.Join(string(b.dir("INBOX")), sub, name)
	if b.rand.IntN(12) == 0 {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.Remove(from)
		}
		if err == nil {
			_, rest, _ := strings.Cut(string(text), "Subject: letter ")
			n := -1
			fmt.Sscan(rest, &n)
			b.gone[n] = true
		} else if !errors.Is(err, fs.ErrNotExist) { // the run has renamed it
			b.Error(err)
		}
		return
	}
	base, _, _ := strings.Cut(name, ":2,")
	to := filepath.Join(string(b.dir("INBOX")), "cur", base+":2,"+[]string{"", "F", "S", "FS", "RS"}[b.rand.IntN(5)])
	if err := os.Rename(from, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.Error(err)
	}
}

// settled demands that runs that nobody disturbs make both sides equal, with each letter once, unless somebody deleted it.
func (b *busy) settled(when string) {
	b.Helper()
	b.sync()
	b.sync()
	b.equal()
	b.rest()
	places := spots(b.here())
	for n := range b.next {
		// One that was deleted beside a run that was killed may be back, as one that nobody knew yet; but not twice.
		if found := len(places[n]); found > 1 || found == 0 && !b.gone[n] {
			b.Errorf("%s: letter %d is here %d times", when, n, found)
		}
	}
}

// Killed with -9 at a durable step while both sides change: 20 rounds, 300 with POSTIE_TEST_LONG=1.
func TestKilledBesideChanges(t *testing.T) {
	t.Parallel()
	rounds := 20
	if os.Getenv("POSTIE_TEST_LONG") != "" {
		rounds = 300
	}
	d := newDevice(t, dovecot.Options{})
	b := &busy{device: d, s: d.remote(), rand: rand.New(rand.NewPCG(1, 2)), next: 24, gone: map[int]bool{}}
	b.policy.AllowMassDelete = true
	b.put(b.s, "INBOX", 0, b.next)
	b.sync()
	kills, changes := 0, 0
	for round := range rounds {
		for range 6 {
			b.change()
		}
		end := make(chan string, 1)
		go func() {
			said, killed, err := victim.Run(b.victim(1+(round*7)%37, ""))
			end <- fmt.Sprint(map[bool]string{true: "killed "}[killed], said, err)
		}()
		said := ""
		for n := 0; said == "" && n < 60; n++ {
			select {
			case said = <-end:
			default:
				b.change()
				changes++
			}
		}
		if said == "" {
			said = <-end
		}
		if strings.HasPrefix(said, "killed ") {
			kills++
		}
		if round%5 == 4 {
			b.settled(fmt.Sprint("round ", round))
		}
	}
	t.Logf("%d kills, %d changes beside them", kills, changes)
	if kills < rounds/2 {
		t.Errorf("only %d kills", kills)
	}
}
