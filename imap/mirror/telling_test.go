package mirror

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"postie/imap/base"
	"postie/imap/plan"
	"postie/maildir"
)

// A failure that two goroutines meet is told of and counted once.
func TestToldOnce(t *testing.T) {
	var events int // telling calls progress from one goroutine at a time
	told := newTelling(Options{Log: slog.New(slog.DiscardHandler), Progress: func(Event) { events++ }})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for uid := range 100 {
				told.tell(plan.Op{Kind: plan.Download, Mailbox: "INBOX", Key: maildir.Key(rune('a' + uid))}, errors.New("no"))
			}
		})
	}
	group.Wait()
	if events != 100 || told.report.Failed != 100 {
		t.Errorf("%d events, %+v", events, told.report)
	}
}

// Of two twins one got another name, the other one is gone: the folder is synced nevertheless.
func TestMendSyncsBesideFailure(t *testing.T) {
	dir := maildir.Dir(t.TempDir())
	if err := dir.Ensure(); err != nil {
		t.Fatal(err)
	}
	entry := func(name string) maildir.Entry { return maildir.EntryOf(name, false) }
	b := &box{Mailbox: base.Mailbox{Name: "INBOX"}}
	b.dir = dir
	b.files = []plan.File{{Key: "b"}, {Key: "c"}}
	b.parted = map[string]parting{"1": {entry("a:2,F"), entry("b:2,F")}, "2": {entry("a:2,S"), entry("c:2,S")}}
	if err := os.WriteFile(filepath.Join(string(dir), "cur", "a:2,F"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var steps []string
	account := &account{telling: newTelling(Options{Step: func(step string) { steps = append(steps, step) }}), mailboxes: &mailboxes{byName: map[string]*box{"INBOX": b}}}
	m := &mender{&agreements{account: account}}
	err := m.mend([]plan.Op{{Kind: plan.Repair, Mailbox: "INBOX", Key: "a"}})
	if want := []string{"rename a:2,F", "rename a:2,S", "fsync-dir INBOX"}; err != nil || !b.spoiled || !slices.Equal(steps, want) {
		t.Errorf("%v, %q", err, steps)
	}
}

// What took the place of a message is told from a message.
func TestDisplaced(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "message"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if displaced(filepath.Join(dir, "message")) || displaced(filepath.Join(dir, "none")) || !displaced(dir) {
		t.Error("a folder is one that is displaced, and nothing else is")
	}
}
