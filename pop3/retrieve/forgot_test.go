package retrieve

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"postie/pop3/pop3test"
)

// An older database that was put back knows less than there is: nothing is stored a second time, and what is deleted is read before.
func TestOlderDatabasePutBack(t *testing.T) {
	for _, without := range [][]string{nil, {"TOP"}, {"UIDL"}} {
		for _, keep := range []Policy{{Keep: Keep{Mode: Forever}}, {}} {
			t.Run(fmt.Sprint(without, keep.Keep.Mode), func(t *testing.T) {
				maildrop := few(24)
				w := newWorld(t, pop3test.Options{Without: without}, maildrop[:3]...)
				w.ok(Policy{Keep: Keep{Mode: Forever}})
				path := filepath.Join(string(w.dir), ".postie.db")
				old, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				w.server.Append("alice", maildrop[3:23]...)
				w.ok(Policy{Keep: Keep{Mode: Forever}})
				if err := os.WriteFile(path, old, 0o600); err != nil {
					t.Fatal(err)
				}
				w.server.Append("alice", maildrop[23])
				if dry := w.ok(keep, func(o *Options) { o.DryRun = true }); without == nil && keep.Keep.Mode == Forever && count(dry.Plan, Fetch) != 1 {
					t.Errorf("dry run: %d are fetched", count(dry.Plan, Fetch))
				}
				if report := w.ok(keep); report.New != 1 || report.Matched < 20 {
					t.Errorf("%+v", report)
				}
				w.holds(stored(maildrop))
				w.commands()
				if report := w.ok(Policy{Keep: Keep{Mode: Forever}}); report.New > 0 || without == nil && w.commands()["RETR"]+w.commands()["TOP"] > 0 {
					t.Errorf("again: %+v", report)
				}
				if w.ok(Policy{}); len(w.server.Maildrop("alice")) > 0 {
					t.Error("not deleted")
				}
				w.holds(stored(maildrop))
			})
		}
	}
}

func count(p Plan, a Action) (n int) {
	for _, op := range p.Ops {
		if op.Action == a {
			n++
		}
	}
	return n
}

// Rows of the ledger that are lost, or of which single fields are not what they were: nothing is doubled, nothing is deleted that
// is not here, nothing stays away.
func TestLedgerDamaged(t *testing.T) {
	for name, statement := range map[string]string{
		"half of the rows lost": "DELETE FROM receipt WHERE id % 2 = 0",
		"all rows lost":         "DELETE FROM receipt",
		"another maildrop's":    "INSERT INTO maildrop (id, user, host) VALUES (99, 'x', 'y'); UPDATE receipt SET maildrop = 99 WHERE id % 3 = 0",
		"UIDL":                  "UPDATE receipt SET uidl = uidl || 'x' WHERE id % 2 = 0",
		"size listed":           "UPDATE receipt SET listed = listed + 4096 WHERE id % 2 = 0",
		"header":                "UPDATE receipt SET header = zeroblob(32) WHERE id % 2 = 0",
		"hash":                  "UPDATE receipt SET hash = zeroblob(32) WHERE id % 2 = 0",
		"state":                 "UPDATE receipt SET state = 77 WHERE id % 2 = 0",
		"state too large":       "UPDATE receipt SET state = 300, exact = 7, read = -1 WHERE id % 2 = 0",
		"state gone":            "UPDATE receipt SET state = 3 WHERE id % 2 = 0",
		"time":                  "UPDATE receipt SET at = -9223372036854775807 WHERE id % 2 = 0",
		"time to come":          "UPDATE receipt SET at = 9223372036854775807 WHERE id % 2 = 0",
		"key":                   "UPDATE receipt SET key = 'nowhere' WHERE id % 4 = 0",
	} {
		t.Run(name, func(t *testing.T) {
			maildrop := few(20)
			w := newWorld(t, pop3test.Options{}, maildrop...)
			keep := Policy{Keep: Keep{Mode: Forever}}
			w.ok(keep)
			w.spoil(statement)
			w.ok(keep)
			w.holds(stored(maildrop))
			w.ok(Policy{MaxDelete: .3})
			w.holds(stored(maildrop))
			if left := len(w.server.Maildrop("alice")); left > 0 {
				t.Errorf("%d are still on the server", left)
			}
		})
	}
}

// Ten octets of the database at random, many times: nothing is doubled, nothing is lost.
func TestTenOctetsOfTheDatabase(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 5
	}
	for seed := range rounds {
		maildrop := few(60)
		w := newWorld(t, pop3test.Options{}, maildrop...)
		keep := Policy{Keep: Keep{Mode: Forever}}
		w.ok(keep)
		path := filepath.Join(string(w.dir), ".postie.db")
		octets, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(uint64(seed), 1))
		for range 10 {
			octets[4096+random.IntN(len(octets)-4096)] = byte(random.Uint32())
		}
		if err := os.WriteFile(path, octets, 0o600); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			_, err = w.run(keep)
		}
		if err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		doubled := len(w.keys()) - len(stored(maildrop))
		if doubled > 0 {
			t.Errorf("seed %d: %d messages are doubled", seed, doubled)
		}
		for content := range stored(maildrop) {
			if local(t, w.dir)[content] == 0 {
				t.Errorf("seed %d: lost: %.40q", seed, content)
			}
		}
		w.server.Close()
	}
}
