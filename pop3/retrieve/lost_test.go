package retrieve

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"postie/maildir"
	"postie/maildir/index"
	"postie/pop3/ledger"
	"postie/pop3/pop3test"
)

// accident is how a folder of a Maildir is lost, of a world with messages in new/, in cur/ and in the subfolder Archive.
type accident struct {
	path   string // below the Maildir
	again  bool   // it is made again, empty
	before bool   // before anybody looks
}

// A folder that vanished with mail in it deletes nothing on the server, whoever looked in between: a list, a run that keeps all; and be it
// there again, empty. When it comes back all is as it was; with AllowMassDelete what was in it goes.
func TestLostFolderIsRemembered(t *testing.T) {
	kept := Policy{Keep: Keep{Mode: Forever}}
	old := Keep{Mode: For, Age: 14 * 24 * time.Hour}
	for name, a := range map[string]accident{
		"subfolder": {path: ".Archive"}, "subfolder, made again": {path: ".Archive", again: true}, "subfolder, made again at once": {path: ".Archive", again: true, before: true},
		"its cur, made again": {path: ".Archive/cur", again: true, before: true},
		"new, made again":     {path: "new", again: true, before: true}, "cur, made again": {path: "cur", again: true, before: true},
	} {
		for between, look := range map[string]func(*world){
			"nobody":   func(*world) {},
			"list":     func(w *world) { w.list() },
			"two runs": func(w *world) { w.run(kept); w.run(kept) },
		} {
			for policy, p := range map[string]Policy{"until deleted": {Keep: Keep{Mode: UntilDeleted}}, "days": {Keep: old}, "no longer kept": {}} {
				for _, back := range []bool{true, false} {
					if !back && between != "list" {
						continue
					}
					t.Run(name+" "+between+" "+policy, func(t *testing.T) {
						t.Parallel()
						p := p
						p.MaxDelete = .3
						w := archived(t, p)
						aside := string(w.dir) + "-aside"
						w.must(os.Rename(filepath.Join(string(w.dir), a.path), aside))
						want := 12
						if !back {
							want -= w.in(aside)
						}
						if a.again && a.before {
							w.again(a.path)
						}
						if between == "nobody" || a.before || filepath.Dir(a.path) == "." {
							look(w)
						}
						if a.again && !a.before {
							w.again(a.path)
						}
						w.now = w.now.AddDate(0, 0, 20)
						for n := range 3 {
							report, err := w.run(p, func(o *Options) { o.DryRun = n == 0 })
							if left := len(w.server.Maildrop("alice")); !is[*Guard](err) || left != 12 {
								t.Fatalf("run %d: %d deleted, %v; %d messages of 12 are left", n, report.Deleted, err, left)
							}
						}
						if back {
							w.must(os.RemoveAll(filepath.Join(string(w.dir), a.path)), os.Rename(aside, filepath.Join(string(w.dir), a.path)))
							w.ok(p)
						} else {
							p.AllowMassDelete = true
							w.ok(p)
						}
						left := len(w.server.Maildrop("alice"))
						if p.Keep.Mode == UntilDeleted && left != want || p.Keep.Mode != UntilDeleted && left != 0 {
							t.Errorf("%d are left", left)
						}
						if here := len(w.keys()) + w.in(filepath.Join(string(w.dir), ".Archive")); back && here != 12 {
							t.Errorf("%d are here", here)
						}
						p.AllowMassDelete = false
						w.ok(p)
					})
				}
			}
		}
	}
}

// archived is a world with 12 messages, of which 4 were read, and 4 moved to a subfolder.
func archived(t *testing.T, p Policy) *world {
	w := newWorld(t, pop3test.Options{}, few(12)...)
	if p.Keep.Mode == Delete {
		p.Keep.Mode = Forever
	}
	w.ok(p)
	archive := maildir.Dir(filepath.Join(string(w.dir), ".Archive"))
	w.must(archive.Ensure())
	for i, e := range w.keys()[:8] {
		to := w.dir
		if i%2 == 0 {
			to = archive
		}
		w.must(os.Rename(w.dir.Path(e), filepath.Join(string(to), "cur", e.Name+":2,S")))
	}
	w.list()
	return w
}

func (w *world) must(errs ...error) {
	w.Helper()
	for _, err := range errs {
		if err != nil {
			w.Fatal(err)
		}
	}
}

// again makes a folder again, empty.
func (w *world) again(path string) {
	dir := filepath.Join(string(w.dir), path)
	w.must(os.Mkdir(dir, 0o700))
	if filepath.Base(path) == ".Archive" {
		w.must(maildir.Dir(dir).Ensure())
	}
}

// in says how many messages lie in a folder that was put aside.
func (w *world) in(aside string) (n int) {
	filepath.WalkDir(aside, func(_ string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			n++
		}
		return nil
	})
	return n
}

// list looks into the Maildir as commands do that read it.
func (w *world) list() {
	w.Helper()
	store, err := index.Open(w.Context(), w.dir, &index.Options{Read: true})
	w.must(err)
	defer store.Close()
	_, err = store.Refresh(w.Context())
	w.must(err)
	_, err = store.Follow(w.Context())
	w.must(err)
}

// Files that went at once, too many for one run, delete nothing on the server, however few of them are due in one run and though others are
// here; those that went few at a time do.
func TestDueLittleByLittleAndSomeAreHere(t *testing.T) {
	const days = 30
	kept := Policy{Keep: Keep{Mode: For, Age: 40 * 24 * time.Hour}, MaxDelete: .3}
	for name, atOnce := range map[string]bool{"at once": true, "few a day": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, pop3test.Options{}, few(days)...)
			for range days {
				w.ok(kept, func(o *Options) { o.Policy.Limit = 1 })
				w.now = w.now.AddDate(0, 0, 1)
			}
			lost := w.keys()[:14]
			for i, e := range lost {
				w.must(os.Remove(w.dir.Path(e)))
				if !atOnce && i%7 == 6 {
					w.ok(kept)
				}
			}
			guarded := 0
			for range 45 {
				_, err := w.run(kept)
				if is[*Guard](err) {
					guarded++
				} else {
					w.must(err)
				}
				w.now = w.now.AddDate(0, 0, 1)
			}
			left := len(w.server.Maildrop("alice"))
			if atOnce && (guarded == 0 || left < 14) || !atOnce && (guarded > 0 || left > 0) {
				t.Errorf("%d are left, guarded %d times", left, guarded)
			}
			if w.ok(Policy{Keep: kept.Keep, MaxDelete: .3, AllowMassDelete: true}); len(w.server.Maildrop("alice")) > 0 {
				t.Error("it was allowed")
			}
		})
	}
}

func TestLosses(t *testing.T) {
	receipts := func(n int, lost string) (all []ledger.Receipt) {
		for i := range n {
			all = append(all, ledger.Receipt{ID: int64(i + 1), State: ledger.Stored, Key: maildir.Key(rune('a' + i)), Lost: lost})
		}
		return all
	}
	missing := func(n int) map[maildir.Key]bool {
		m := map[maildir.Key]bool{}
		for i := range n {
			m[maildir.Key(rune('a'+i))] = true
		}
		return m
	}
	p := Policy{Keep: Keep{Mode: For}, MaxDelete: .3}
	allowed := p
	allowed.AllowMassDelete = true
	for name, tt := range map[string]struct {
		v    View
		p    Policy
		n    int
		want string
	}{
		"nothing":           {View{Receipts: receipts(20, "")}, p, 0, ""},
		"ten":               {View{Receipts: receipts(20, ""), Missing: missing(10)}, p, 10, ledger.Erased},
		"all of few":        {View{Receipts: receipts(2, ""), Missing: missing(2)}, p, 2, ledger.AtOnce},
		"one":               {View{Receipts: receipts(1, ""), Missing: missing(1)}, p, 1, ledger.Erased},
		"eleven":            {View{Receipts: receipts(20, ""), Missing: missing(11)}, p, 11, ledger.AtOnce},
		"eleven of many":    {View{Receipts: receipts(40, ""), Missing: missing(11)}, p, 11, ledger.Erased},
		"known already":     {View{Receipts: receipts(20, ledger.Erased), Missing: missing(20)}, p, 0, ""},
		"with a folder":     {View{Receipts: receipts(20, "Box"), Missing: missing(20)}, p, 0, ""},
		"back":              {View{Receipts: receipts(20, "Box")}, p, 20, ledger.Here},
		"allowed":           {View{Receipts: receipts(20, "Box"), Missing: missing(20)}, allowed, 20, ledger.Erased},
		"allowed, and seen": {View{Receipts: receipts(20, ""), Missing: missing(20)}, allowed, 20, ledger.Erased},
		"all is kept":       {View{Receipts: receipts(20, ""), Missing: missing(20)}, Policy{Keep: Keep{Mode: Forever}}, 0, ""},
	} {
		got := Losses(tt.v, tt.p)
		if len(got) != tt.n || slices.ContainsFunc(slices.Collect(maps.Values(got)), func(s string) bool { return s != tt.want }) {
			t.Errorf("%s: %v", name, got)
		}
	}
}
