package retrieve

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postie/pop3/pop3test"
)

// A dry run says what the next run does, also where that has to read messages to know, and changes nothing at all.
func TestRehearsal(t *testing.T) {
	old := Policy{Keep: Keep{Mode: For, Age: 24 * time.Hour}, MaxDelete: .3}
	for name, tt := range map[string]struct {
		o      pop3test.Options
		happen func(*world)
		p      Policy
	}{
		"nothing":                 {p: Policy{Keep: Keep{Mode: Forever}}},
		"new mail":                {happen: func(w *world) { w.server.Append("alice", few(12)[11]) }, p: Policy{Keep: Keep{Mode: Forever}}},
		"no TOP, due":             {o: pop3test.Options{Without: []string{"TOP"}}, p: old},
		"no UIDL":                 {o: pop3test.Options{Without: []string{"UIDL"}}, p: Policy{Keep: Keep{Mode: Forever}}},
		"no UIDL, due":            {o: pop3test.Options{Without: []string{"UIDL"}}, p: old},
		"neither":                 {o: pop3test.Options{Without: []string{"UIDL", "TOP"}}, p: Policy{Keep: Keep{Mode: Forever}}},
		"neither, no more kept":   {o: pop3test.Options{Without: []string{"UIDL", "TOP"}}, p: Policy{}},
		"numbers, the first gone": {o: pop3test.Options{Numbered: true, Without: []string{"TOP"}}, happen: func(w *world) { w.server.SetMaildrop("alice", "secret", few(12)[1:]...) }, p: Policy{Keep: Keep{Mode: Forever}}},
		"renumbered":              {happen: func(w *world) { w.server.SetMaildrop("alice", "secret", renamed(few(10))...) }, p: old},
		"database lost":           {happen: func(w *world) { os.Remove(filepath.Join(string(w.dir), ".postie.db")) }, p: Policy{}},
		"some damaged":            {happen: func(w *world) { os.Truncate(w.dir.Path(w.keys()[1]), 3) }, p: Policy{}},
		"some erased":             {happen: func(w *world) { os.Remove(w.dir.Path(w.keys()[1])) }, p: Policy{Keep: Keep{Mode: UntilDeleted}, MaxDelete: .3}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tt.o, few(10)...)
			w.ok(Policy{Keep: Keep{Mode: Forever}})
			if tt.happen != nil {
				tt.happen(w)
			}
			w.now = w.now.AddDate(0, 0, 3)
			before := w.files()
			dry := w.ok(tt.p, func(o *Options) { o.DryRun = true })
			if after := w.files(); !maps.Equal(before, after) && name != "database lost" {
				t.Errorf("the dry run changed %v to %v", before, after)
			}
			stored, deleted := 0, 0
			for _, op := range dry.Plan.Ops {
				if op.Action == Fetch {
					stored++
				}
				if op.Action == Drop || op.Action == Fetch && tt.p.Keep.Mode == Delete {
					deleted++
				}
			}
			if report := w.ok(tt.p); report.New != stored || report.Deleted != deleted {
				t.Errorf("it stored %d and deleted %d; the dry run said %d and %d", report.New, report.Deleted, stored, deleted)
			}
		})
	}
}

// files are all names below the Maildir with size and mtime, but for those that a database has while it is open.
func (w *world) files() map[string]string {
	all := map[string]string{}
	w.must(filepath.WalkDir(string(w.dir), func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && !strings.HasSuffix(path, "-shm") && !strings.HasSuffix(path, "-wal") && !e.IsDir() {
			all[path] = fmt.Sprint(info.Size(), info.ModTime())
		}
		return err
	}))
	return all
}
