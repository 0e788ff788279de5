package mirror

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/base"
	"postie/imap/imaptest"
	"postie/maildir/index"
	"postie/testdata/dovecot"
)

// refused are the capabilities that are done without.
func (d *device) refused() (all []goimap.Cap) {
	d.Helper()
	d.opened(func() {
		a, err := base.Open(context.Background(), d.store, index.Login{User: "alice", Host: "localhost"})
		d.ok(err)
		refused, err := a.Refused(context.Background())
		d.ok(err)
		for c := range refused {
			all = append(all, c)
		}
	})
	return all
}

// asked is a run that goes well, and how many commands it sent, but for LOGOUT, whose answer nobody waits for.
func (d *device) asked() (n int) {
	d.Helper()
	r, err := d.run(func(o *Options) {
		trace := o.IMAP.Trace
		o.IMAP.Trace = func(dir byte, line string) {
			if trace(dir, line); dir == 'C' && strings.HasPrefix(line, "T") && !strings.HasSuffix(line, "LOGOUT") {
				n++
			}
		}
	})
	if d.ok(err); r.Failed > 0 {
		d.Errorf("%+v: %v", r, d.failures())
	}
	return n
}

// keptBack is a server that keeps something back.
type keptBack struct {
	name   string
	rung   quirks
	quirks quirks // while it does
	always bool   // it goes on
	change func(d *device)
	says   string
	cap    goimap.Cap
}

func keepers() []keptBack {
	flag := func(d *device) {
		s := d.remote()
		d.select_(s, "INBOX")
		_, err := s.Store(context.Background(), goimap.UIDSetNum(4), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagFlagged}, 0)
		d.ok(err, s.Close())
	}
	expunge := func(d *device) {
		s := d.remote()
		d.select_(s, "INBOX")
		_, err := s.Store(context.Background(), goimap.UIDSetNum(4), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagDeleted}, 0)
		d.ok(err, s.ExpungeAll(context.Background()), s.Close())
	}
	// It has a mod-sequence, and does not raise it: not in STATUS, nor in SELECT, nor of a message.
	stale := quirks{imaptest.Replace(`(HIGHESTMODSEQ) \d+`, "$1 1000"), imaptest.Replace(`MODSEQ \(\d+\)`, "MODSEQ (7)")}
	none := append(quirks{imaptest.Replace(`MODSEQ \(\d+\)`, "MODSEQ (0)")}, stale[0])
	old := append(quirks{imaptest.Replace(`(STATUS "?INBOX"? .*MESSAGES) \d+`, "$1 8")}, stale...)
	return []keptBack{
		{"QRESYNC leaves a change out", nil, quirks{leaves(4, "")}, false, flag, "the flags of 1 message changed", goimap.CapCondStore},
		{"CHANGEDSINCE leaves a change out", condstore(), quirks{leaves(4, "")}, false, flag, "the flags of 1 message changed", goimap.CapCondStore},
		{"a mod-sequence that stays", nil, stale, true, flag, "the flags of 1 message changed", goimap.CapCondStore},
		{"a mod-sequence of 0", nil, none, true, flag, "the flags of 1 message changed", goimap.CapCondStore},
		{"a STATUS that stays", nil, old, true, expunge, "", ""},
	}
}

// What a server keeps back is found when its mailbox is compared whole, and said; then it is equal here, and the server is not asked in
// that way any more. Until then, and afterwards, quiet runs cost what they did.
func TestAudit(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for _, k := range keepers() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			d := w.device(t, k.rung...)
			if k.always {
				d.quirks = slices.Concat(k.rung, k.quirks)
			}
			s := d.remote()
			d.put(s, "INBOX", 0, 8)
			d.sync()
			d.quirks = slices.Concat(k.rung, k.quirks)
			k.change(d)
			d.sync()
			if !k.always {
				d.quirks = k.rung
			}
			quiet := d.asked()
			if a := d.here().less(d.there()); len(a) != 1 {
				t.Fatalf("only here: %q", a)
			}
			if len(d.refused()) > 0 {
				t.Errorf("refused: %v", d.refused())
			}
			d.clock += auditEvery + time.Hour
			n := d.asked()
			if d.equal(); quiet != 1 || n > quiet+3 { // SELECT, FETCH, and NOOP where something is gone
				t.Errorf("an audit took %d commands, a quiet run %d", n, quiet)
			}
			said := strings.Join(d.notices(), "\n")
			if !strings.Contains(said, k.says) || k.cap != "" && !slices.Equal(d.refused(), []goimap.Cap{k.cap}) {
				t.Errorf("said %q, refused %v", said, d.refused())
			}
			if k.cap != "" && k.always { // now it is seen at once
				s := d.remote()
				d.select_(s, "INBOX")
				_, err := s.Store(context.Background(), goimap.UIDSetNum(6), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagFlagged}, 0)
				d.ok(err)
				d.sync()
				d.equal()
			}
		})
	}
}

// Mailboxes are compared whole one in each run, the oldest first, and none before its time.
func TestAuditInTurn(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	d := w.device(t)
	s := d.remote()
	for _, name := range []string{"A", "B"} {
		d.create(s, name)
		d.put(s, name, 10, 14)
	}
	d.put(s, "INBOX", 0, 4)
	d.sync()
	d.quiet()
	d.clock += auditEvery + time.Hour
	var cost []int
	for range 5 {
		cost = append(cost, d.asked())
	}
	if !slices.Equal(cost, []int{3, 3, 3, 1, 1}) {
		t.Errorf("three mailboxes cost %v commands", cost)
	}
	if len(d.refused()) > 0 || len(d.notices()) > 0 {
		t.Errorf("refused %v, said %q", d.refused(), d.notices())
	}
}

// An honest server is never blamed, whatever others do while it is asked.
func TestAuditIsFair(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for name, rung := range map[string]quirks{"QRESYNC": nil, "CONDSTORE": condstore()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := w.device(t, rung...)
			seed := uint64(len(name)) // the same history each time; any with POSTIE_TEST_LONG
			if os.Getenv("POSTIE_TEST_LONG") != "" {
				seed = uint64(time.Now().UnixNano())
			}
			fmt.Sscan(os.Getenv("POSTIE_TEST_SEED"), &seed)
			t.Logf("POSTIE_TEST_SEED=%d", seed)
			r := rand.New(rand.NewPCG(seed, 1))
			s := d.remote()
			d.put(s, "INBOX", 0, 20)
			d.select_(s, "INBOX")
			next := 20
			var mu sync.Mutex
			change := func() {
				mu.Lock()
				defer mu.Unlock()
				uid := goimap.UIDSetNum(goimap.UID(1 + r.IntN(next)))
				switch r.IntN(4) {
				case 0:
					d.put(s, "INBOX", next, next+1)
					next++
				case 1:
					_, err := s.Store(context.Background(), uid, goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagDeleted}, 0)
					d.ok(err, s.ExpungeAll(context.Background()))
				default:
					op := []goimap.StoreFlagsOp{goimap.StoreFlagsAdd, goimap.StoreFlagsDel}[r.IntN(2)]
					_, err := s.Store(context.Background(), uid, op, []goimap.Flag{goimap.FlagFlagged}, 0)
					d.ok(err)
				}
			}
			busy := imaptest.Quirk{Hears: func(_ *imaptest.Dialogue, command string) string {
				if strings.Contains(command, "SELECT") || strings.Contains(command, "FETCH") || strings.Contains(command, "SEARCH") || strings.Contains(command, "NOOP") {
					change()
				}
				return command
			}}
			d.policy.AllowMassDelete = true
			for range 12 {
				d.quirks = append(slices.Clip(rung), busy)
				_, err := d.run(func(o *Options) { o.AuditEvery = time.Nanosecond })
				d.ok(err)
				d.quirks = rung
				for _, n := range d.notices() {
					if strings.Contains(n, "kept back") || strings.Contains(n, "does not do it") {
						t.Errorf("blamed: %s", n)
					}
				}
			}
			d.sync()
			d.sync()
			d.equal()
			if _, err := os.Stat(string(d.dir("INBOX"))); err != nil || len(d.refused()) > 0 {
				t.Error(err, d.refused())
			}
		})
	}
}

// The choice: the oldest that is due, of those that are not compared in each run anyway.
func TestToAudit(t *testing.T) {
	now := time.Date(2026, 11, 3, 10, 0, 0, 0, time.UTC)
	make := func(name string, age time.Duration, change func(*box)) *box {
		b := &box{Mailbox: base.Mailbox{ID: 1, Name: name, ModSeq: 5, Audited: now.Add(-age)}, known: true, serverSide: serverSide{remote: &imap.Mailbox{}}}
		if change != nil {
			change(b)
		}
		return b
	}
	day := 24 * time.Hour
	for name, tt := range map[string]struct {
		boxes []*box
		want  string
	}{
		"none":                {nil, ""},
		"none is due":         {[]*box{make("A", day, nil), make("B", 6*day, nil)}, ""},
		"the oldest":          {[]*box{make("A", 8*day, nil), make("B", 9*day, nil), make("C", 8*day, nil)}, "B"},
		"never":               {[]*box{make("A", 8*day, nil), make("B", 0, func(b *box) { b.Audited = time.Time{} })}, "B"},
		"no mod-sequences":    {[]*box{make("A", 9*day, func(b *box) { b.ModSeq = 0 }), make("B", 8*day, nil)}, "B"},
		"not in this run":     {[]*box{make("A", 9*day, func(b *box) { b.outside = true })}, ""},
		"not there":           {[]*box{make("A", 9*day, func(b *box) { b.remote = nil })}, ""},
		"the clock was ahead": {[]*box{make("A", -300*day, nil)}, "A"},
	} {
		got := ""
		if b := toAudit(tt.boxes, now, auditEvery); b != nil {
			got = b.Name
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}
