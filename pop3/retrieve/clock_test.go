package retrieve

import (
	"testing"
	"time"

	"postie/pop3/pop3test"
)

// A clock that jumps back and forth: what is new comes, nothing comes twice, and nothing is deleted that was not kept for its time by
// the clock that the run has.
func TestClockJumps(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for name, jumps := range map[string][]time.Duration{
		"back":        {0, -year, -30 * year, -80 * year},
		"forth":       {-60 * year, -40 * year, -20 * year, 0},
		"to and fro":  {0, -50 * year, 0, -20 * year, time.Hour},
		"before 1970": {-90 * year, -91 * year, -90 * year},
	} {
		for _, keep := range []Keep{{Mode: Forever}, {Mode: For, Age: 200 * year}, {Mode: UntilDeleted}} {
			maildrop := few(3 + len(jumps))
			w := newWorld(t, pop3test.Options{}, maildrop[:3]...)
			began := w.now
			for n, jump := range jumps {
				w.server.Append("alice", maildrop[3+n])
				w.now = began.Add(jump)
				if report := w.ok(Policy{Keep: keep}); report.New != map[bool]int{true: 4, false: 1}[n == 0] || report.Deleted > 0 {
					t.Errorf("%s, %v, run %d: %+v", name, keep, n, report)
				}
				w.holds(stored(maildrop[:4+n]))
				w.server.Wait()
			}
			if left := len(w.server.Maildrop("alice")); left != len(maildrop) {
				t.Errorf("%s, %v: %d are left", name, keep, left)
			}
			w.server.Close()
		}
	}
	w := newWorld(t, pop3test.Options{}, few(3)...)
	keep := Policy{Keep: Keep{Mode: For, Age: 14 * 24 * time.Hour}}
	w.ok(keep)
	if w.now = w.now.Add(-year); w.ok(keep).Deleted > 0 {
		t.Error("deleted before its time")
	}
	if w.now = w.now.Add(year + 15*24*time.Hour); w.ok(keep).Deleted != 3 {
		t.Error("not deleted in its time")
	}
}
