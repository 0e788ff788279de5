package mirror

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/plan"
	"postie/maildir"
	"postie/testdata/dovecot"
	"postie/testdata/victim"
)

// archive is a policy that lets go of what was verified a moment ago.
func archive() plan.Policy {
	p := usual()
	p.AllowMassDelete = true
	p.Terms = plan.Terms{Direction: plan.Archive, DeleteAfter: time.Millisecond}
	return p
}

// clearing is a run of an archive.
func clearing(ctx context.Context, o Options) (Report, error) {
	o.Policy, o.Now = archive(), func() time.Time { return time.Now().Add(2 * time.Hour) } // after it was verified
	return Run(ctx, o)
}

// whole says whether a message, by its line of mails, is among others, whatever its flags.
func (m mails) whole(line string) bool {
	message, _, _ := strings.Cut(line, " [")
	for _, all := range m {
		for _, other := range all {
			if strings.HasPrefix(other, message+" [") {
				return true
			}
		}
	}
	return false
}

// An archive is verified and clears its server; some of its copies are damaged meanwhile, shortened, lengthened, emptied, exchanged, lost.
// Killed before every step: at no time is a message gone from the server whose copy is not whole, and the next runs clear what is whole and
// leave what is not.
func TestClearKilledAtEveryStep(t *testing.T) {
	for i, o := range []dovecot.Options{{}, rungs()["no UIDPLUS"]} {
		w := newAccounts(t, o)
		d, s := w.d, w.d.remote()
		d.create(s, "A")
		d.put(s, "INBOX", 0, 9)
		d.put(s, "A", 20, 23)
		d.ok(s.Close())
		d.policy = archive()
		d.policy.DeleteAfter = 1000 * time.Hour
		d.sync()
		original := d.there()
		damage := map[int]func(string) error{
			1: func(p string) error { return os.Truncate(p, 40) },
			2: func(p string) error { return os.WriteFile(p, nil, 0o600) },
			3: func(p string) error { return os.WriteFile(p, []byte("Subject: other\n\nother\n"), 0o600) },
			4: func(p string) error { return os.Truncate(p, 4096) },
			5: os.Remove,
		}
		for n, do := range damage {
			d.ok(do(d.dir("INBOX").Path(d.file("INBOX", n))))
		}
		step, stride := some(i, 2)
		for ; ; step += stride {
			c := w.copy()
			before, killed, err := victim.Run(c.victim(step, "clear"))
			d.ok(err)
			lost := func(when string) {
				t.Helper()
				here, there := c.here(), c.there()
				for name, all := range original {
					for _, line := range all {
						if !here.whole(line) && !there.whole(line) {
							t.Fatalf("step %d (%s), %s: %s is nowhere: %s", step, before, when, name, line)
						}
					}
				}
			}
			lost("killed")
			for range 3 {
				_, err := c.run(func(o *Options) { o.Policy = archive() })
				d.ok(err)
				lost("after it")
			}
			if n := fmt.Sprint(len(c.there()["INBOX"]), len(c.there()["A"])); n != "5 0" {
				t.Fatalf("step %d (%s): %s are on the server", step, before, n)
			}
			w.drop(c)
			if !killed {
				break
			}
		}
		if step < 5 {
			t.Errorf("only %d steps", step)
		}
	}
}

// What the server gives now otherwise than it did, does not give at all, or what lies here in other octets, is not verified, so nothing lets
// go of it; and what was verified under other UIDs is verified anew.
func TestVerifiedOnlyIfEqual(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	d := w.device(t)
	s := d.remote()
	d.put(s, "INBOX", 0, 6)
	d.policy = archive()
	d.policy.DeleteAfter = 0
	d.sync()
	d.ok(os.Truncate(d.dir("INBOX").Path(d.file("INBOX", 1)), 40))
	d.policy = archive()
	d.policy.DeleteAfter = 48 * time.Hour
	if r, err := d.run(nil); err != nil || r.DeletedRemote > 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	d.clock += 47 * time.Hour
	if r := d.sync(); r.DeletedRemote > 0 {
		t.Fatalf("before its time: %+v", r)
	}
	d.clock += 2 * time.Hour
	if r := d.sync(); r.DeletedRemote != 5 || r.Cleared == 0 {
		t.Fatalf("%+v", r)
	}
	if n := len(d.there()["INBOX"]); n != 1 {
		t.Fatalf("%d are there", n)
	}
	if n := len(d.entries("INBOX")); n != 6 {
		t.Fatalf("%d are here", n)
	}
	for _, e := range d.entries("INBOX") {
		if table, err := d.dir("INBOX").Keywords(); err != nil || table.Flags(e, "").Set&maildir.FlagTrashed != 0 {
			t.Errorf("%s is marked here, %v", e.Name, err)
		}
	}
	d.quiet()
}

// What was archived costs a sync nothing in which nothing happens: its rows are not read. What of it comes back is known again.
func TestManyArchived(t *testing.T) {
	d := newStreet(t, dovecot.Options{}).device(t)
	d.policy.Terms = plan.Terms{Direction: plan.Archive}
	s := d.remote()
	d.put(s, "INBOX", 0, 6)
	d.sync()
	d.select_(s, "INBOX")
	_, err := s.Store(t.Context(), goimap.UIDSetNum(1, 2, 3), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagDeleted}, 0)
	d.ok(err, s.ExpungeAll(t.Context()))
	d.sync()
	cost := func() uint64 {
		d.rest()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		d.sync()
		runtime.ReadMemStats(&after)
		return after.Mallocs - before.Mallocs
	}
	few := cost()
	d.opened(func() {
		d.ok(d.store.Write(t.Context(), func(tx *sql.Tx) error {
			for _, q := range []string{
				`INSERT INTO message (mailbox, key, twin, tail, new, flags, keywords, date, size, hash, exact, header, sender, recipients, subject, message_id)
					SELECT mailbox, key || '.' || n, 0, tail, new, flags, keywords, date, size, hash, exact, header, sender, recipients, subject, message_id
					FROM message, (WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100000) SELECT n FROM c) WHERE id = (SELECT message FROM pair WHERE state = 4 LIMIT 1)`,
				`INSERT INTO pair (box, key, state, local, local_keywords, remote, remote_keywords, size, date, emailid, message)
					SELECT p.box, m.key, 4, p.local, p.local_keywords, p.remote, p.remote_keywords, p.size, p.date, p.emailid, m.id
					FROM message m, (SELECT * FROM pair WHERE state = 4 LIMIT 1) p WHERE m.id NOT IN (SELECT message FROM pair)`,
				"UPDATE box SET pairs = (SELECT count(*) FROM pair WHERE box = box.id)",
			} {
				if _, err := tx.Exec(q); err != nil {
					return err
				}
			}
			return nil
		}))
	})
	if many := cost(); many > few+10000 {
		t.Errorf("%d allocations with 100,000 archived rows, %d with 3", many, few)
	}
	d.put(s, "INBOX", 1, 2) // it comes back
	if r := d.sync(); r.New+r.Uploaded+r.DeletedLocal+r.DeletedRemote != 0 {
		t.Errorf("%+v", r)
	}
}
