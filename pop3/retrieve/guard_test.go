package retrieve

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postie/maildir"
	"postie/maildir/index"
	"postie/pop3/pop3test"
)

// What was kept and is due now is not deleted on the server when most of it has no whole copy here, or a folder vanished; single
// messages that the user deleted are; and what is damaged here is fetched again before. A dry run says the same.
func TestDueWithoutCopies(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it fetches for each way to lose files")
	}
	const n = 40
	all := func(w *world, do func(path string) error, count int) {
		for _, e := range w.keys()[:count] {
			if err := do(w.dir.Path(e)); err != nil {
				w.Fatal(err)
			}
		}
	}
	empty := func(path string) error { return os.Truncate(path, 0) }
	cut := func(path string) error { return os.Truncate(path, 40) }
	nuls := func(path string) error { // as a file system leaves them after a power cut
		info, err := os.Stat(path)
		return errors.Join(err, os.WriteFile(path, make([]byte, info.Size()), 0o600))
	}
	grow := func(path string) error {
		text, err := os.ReadFile(path)
		return errors.Join(err, os.WriteFile(path, append(text, make([]byte, 4096)...), 0o600))
	}
	for name, tt := range map[string]struct {
		spoil   func(w *world)
		lost    []string // folders, as cmd tells that has made them anew
		guard   bool
		deleted int
		here    int
	}{
		"all removed":           {spoil: func(w *world) { all(w, os.Remove, n) }, guard: true},
		"a third removed":       {spoil: func(w *world) { all(w, os.Remove, 13) }, guard: true, here: n - 13},
		"all empty":             {spoil: func(w *world) { all(w, empty, n) }, guard: true, here: n},
		"all cut":               {spoil: func(w *world) { all(w, cut, n) }, guard: true, here: n},
		"some gone, some empty": {spoil: func(w *world) { all(w, os.Remove, 7); all(w, empty, 7) }, guard: true, here: n - 7},
		"new removed":           {spoil: func(w *world) { os.RemoveAll(filepath.Join(string(w.dir), "new")) }, lost: []string{"new"}, guard: true},
		"new and cur removed": {spoil: func(w *world) {
			os.RemoveAll(filepath.Join(string(w.dir), "new"))
			os.RemoveAll(filepath.Join(string(w.dir), "cur"))
		}, lost: []string{"new", "cur"}, guard: true},
		"one here, and a folder vanished": {spoil: func(w *world) { all(w, os.Remove, 1) }, lost: []string{"cur"}, guard: true, here: n - 1},
		"a few removed":                   {spoil: func(w *world) { all(w, os.Remove, 5) }, deleted: n, here: n - 5},
		"a few empty":                     {spoil: func(w *world) { all(w, empty, 5) }, deleted: n, here: n},
		"a few cut":                       {spoil: func(w *world) { all(w, cut, 5) }, deleted: n, here: n},
		"nothing":                         {spoil: func(w *world) {}, deleted: n, here: n},
		"a few filled with NULs":          {spoil: func(w *world) { all(w, nuls, 5) }, deleted: n, here: n + 5}, // what nobody knows is not removed
		"a few grown by NULs":             {spoil: func(w *world) { all(w, grow, 5) }, deleted: n, here: n + 5},
		"all grown by NULs":               {spoil: func(w *world) { all(w, grow, n) }, guard: true, here: n},
		"all filled with NULs":            {spoil: func(w *world) { all(w, nuls, n) }, guard: true, here: n},
		"all read": {spoil: func(w *world) {
			all(w, func(path string) error {
				return os.Rename(path, filepath.Join(string(w.dir), "cur", string(maildir.KeyOf(filepath.Base(path)))+":2,S"))
			}, n)
		}, deleted: n, here: n},
		"all edited": {spoil: func(w *world) {
			all(w, func(path string) error {
				text, err := os.ReadFile(path)
				return errors.Join(err, os.WriteFile(path, append([]byte("X-Label: seen\n"), text...), 0o600))
			}, n)
		}, deleted: n, here: n},
	} {
		for way, due := range map[string]Policy{"days": {Keep: Keep{Mode: For, Age: 14 * 24 * time.Hour}}, "no longer kept": {}} {
			for _, without := range [][]string{nil, {"TOP"}} {
				t.Run(name+" "+way+" without "+strings.Join(without, ""), func(t *testing.T) {
					due.MaxDelete = .3
					w := newWorld(t, pop3test.Options{Without: without}, few(n)...)
					w.ok(Policy{Keep: Keep{Mode: Forever}})
					tt.spoil(w)
					w.now = w.now.AddDate(0, 0, 20)
					lost := func(o *Options) { o.Lost = tt.lost }
					dry, dryErr := w.run(due, lost, func(o *Options) { o.DryRun = true })
					report, err := w.run(due, lost)
					again := 0
					if way == "days" { // what is fetched again stays for its time
						again = report.New
					}
					if is[*Guard](err) != tt.guard || is[*Guard](dryErr) != tt.guard || report.Deleted != tt.deleted-again || len(w.keys()) != tt.here {
						t.Errorf("%+v, %v; dry %v; %d files", report, err, dryErr, len(w.keys()))
					}
					if tt.guard && (len(w.server.Maildrop("alice")) != n || report.New > 0) {
						t.Errorf("touched: %+v", report)
					}
					if !tt.guard {
						if name != "all edited" && tt.here == n {
							w.holds(stored(few(n)))
						}
						planned := 0
						for _, op := range dry.Plan.Ops {
							if op.Action == Drop || op.Damaged != nil || len(op.Against) > 0 {
								planned++
							}
						}
						if planned != n {
							t.Errorf("the dry run tells of %d", planned)
						}
					}
				})
			}
		}
	}
}

// With --allow-mass-delete what is gone goes, and what is damaged is fetched again first.
func TestDueWithoutCopiesAllowed(t *testing.T) {
	w := newWorld(t, pop3test.Options{}, few(40)...)
	w.ok(Policy{Keep: Keep{Mode: Forever}})
	gone := 0
	for i, e := range w.keys() {
		spoil := os.Remove
		if i%2 == 0 {
			spoil = func(path string) error { return os.Truncate(path, 0) }
		} else {
			gone++
		}
		if err := spoil(w.dir.Path(e)); err != nil {
			t.Fatal(err)
		}
	}
	report := w.ok(Policy{MaxDelete: .3, AllowMassDelete: true})
	if report.New != 40-gone || report.Deleted != 40 || len(w.keys()) != 40-gone {
		t.Errorf("%+v, %d files", report, len(w.keys()))
	}
}

// A crash at any step of storing a damaged copy's message anew doubles nothing and deletes nothing too early.
func TestDamagedCopyAndCrash(t *testing.T) {
	for step := 1; ; step++ {
		w := newWorld(t, pop3test.Options{}, few(3)...)
		w.ok(Policy{Keep: Keep{Mode: Forever}})
		if err := os.Truncate(w.dir.Path(w.keys()[1]), 10); err != nil {
			t.Fatal(err)
		}
		more := w.killed(step)
		w.ok(Policy{})
		here := local(t, w.dir)
		delete(here, "Message-ID") // what is left of the damaged one, where the run was stopped before that was removed
		if !maps.Equal(here, stored(few(3))) || len(w.server.Maildrop("alice")) > 0 {
			t.Errorf("step %d: %d messages here, %d on the server", step, len(here), len(w.server.Maildrop("alice")))
		}
		if !more {
			return
		}
	}
}

// A server whose TOP shows another header than RETR gives: known messages are read and compared, however often the session
// breaks before they are gone, and none is stored twice.
func TestTopDiffers(t *testing.T) {
	const n = 30
	cut := true
	o := pop3test.Options{Answer: func(c pop3test.Command) *pop3test.Answer {
		switch {
		case strings.HasPrefix(c.Line, "TOP "):
			return &pop3test.Answer{Octets: "+OK\r\nX-Served-By: " + c.Line + "\r\nMessage-ID: <other@example.test>\r\n\r\n.\r\n"}
		case c.Line == "QUIT" && cut:
			return &pop3test.Answer{HangUp: true}
		}
		return nil
	}}
	w := newWorld(t, o, few(n)...)
	w.ok(Policy{Keep: Keep{Mode: Forever}})
	for range 3 {
		w.run(Policy{})
		w.holds(stored(few(n)))
	}
	w.server.SetMaildrop("alice", "secret", renamed(few(n))...)
	w.ok(Policy{Keep: Keep{Mode: Forever}})
	w.holds(stored(few(n)))
	cut = false
	for range 2 {
		w.ok(Policy{})
	}
	w.holds(stored(few(n)))
	if left := len(w.server.Maildrop("alice")); left > 0 {
		t.Errorf("%d are left", left)
	}
}

func renamed(maildrop []pop3test.Message) []pop3test.Message {
	for i := range maildrop {
		maildrop[i].UIDL = "other" + maildrop[i].UIDL
	}
	return maildrop
}

// A server whose UIDL is the number of the message: when another client deletes the first one, what is left is not fetched again,
// and what is new is, though it has the number and the size of one that is known.
func TestNumbersForUIDLs(t *testing.T) {
	for name, sizes := range map[string]func(int) []pop3test.Message{"sizes differ": few, "sizes are equal": letters} {
		for _, without := range [][]string{nil, {"TOP"}} {
			t.Run(name, func(t *testing.T) {
				const n = 9 // so that all numbers have one digit, and all letters one size
				w := newWorld(t, pop3test.Options{Numbered: true, Without: without}, sizes(n-1)...)
				keep := Policy{Keep: Keep{Mode: Forever}}
				w.ok(keep)
				w.commands()
				if report := w.ok(keep); report.New > 0 || w.commands()["TOP"] > 1 && without == nil {
					t.Errorf("unchanged: %+v", report)
				}
				w.server.SetMaildrop("alice", "secret", sizes(n)[1:]...)
				w.commands()
				report := w.ok(keep)
				if asked := w.commands()["RETR"]; report.New != 1 || asked > 1 && without == nil {
					t.Errorf("%+v, asked for %d", report, asked)
				}
				w.holds(stored(sizes(n)))
				if report := w.ok(keep); report.New > 0 {
					t.Errorf("again: %+v", report)
				}
				if report := w.ok(Policy{}); report.New > 0 || report.Deleted != n-1 {
					t.Errorf("deleted: %+v", report)
				}
				w.holds(stored(sizes(n)))
			})
		}
	}
}

// The state may lie elsewhere: a Maildir that was emptied beside it is the guard all the same.
func TestStateElsewhere(t *testing.T) {
	w := newWorld(t, pop3test.Options{}, few(20)...)
	state := t.TempDir()
	run := func(p Policy) (Report, error) {
		if err := w.dir.Ensure(); err != nil {
			t.Fatal(err)
		}
		store, err := index.Open(t.Context(), w.dir, &index.Options{State: state})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		o := options(w.server.Dial, store, w.dir)
		o.Policy = p
		report, err := Run(t.Context(), o)
		w.server.Wait()
		return report, err
	}
	if _, err := run(Policy{Keep: Keep{Mode: Forever}}); err != nil {
		t.Fatal(err)
	}
	for _, e := range w.keys() {
		if err := os.Remove(w.dir.Path(e)); err != nil {
			t.Fatal(err)
		}
	}
	if report, err := run(Policy{MaxDelete: .3}); !is[*Guard](err) || len(w.server.Maildrop("alice")) != 20 {
		t.Errorf("%+v, %v", report, err)
	}
}

// A Maildir that was lost does not empty the server little by little, as its messages become due: however few they are in one run.
func TestDueLittleByLittle(t *testing.T) {
	const days = 12
	kept := Policy{Keep: Keep{Mode: For, Age: 14 * 24 * time.Hour}, MaxDelete: .3}
	for name, spoil := range map[string]func(w *world){
		"files": func(w *world) {
			for _, e := range w.keys() {
				os.Remove(w.dir.Path(e))
			}
		},
		"folder": func(w *world) { os.RemoveAll(filepath.Join(string(w.dir), "new")) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, pop3test.Options{}, few(days)...)
			for range days {
				w.ok(kept, func(o *Options) { o.Policy.Limit = 1 })
				w.now = w.now.AddDate(0, 0, 1)
			}
			spoil(w)
			for range 20 {
				_, err := w.run(kept, func(o *Options) {
					if name == "folder" {
						o.Lost = []string{"new"}
					}
				})
				if left := len(w.server.Maildrop("alice")); left != days {
					t.Fatalf("%d are left there, %v", left, err)
				}
				w.now = w.now.AddDate(0, 0, 1)
			}
			if _, err := w.run(kept); !is[*Guard](err) && name == "files" {
				t.Errorf("the guard said %v", err)
			}
		})
	}
}
