package retrieve

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/index/query"
	"postie/pop3/pop3test"
)

// Promise 4: a mailbox that vanished (a subfolder on a disk that is not mounted, a removed cur/) deletes nothing on the
// server, however few messages lay there.
func TestVanishedFolderDeletesNothing(t *testing.T) {
	until := Policy{Keep: Keep{Mode: UntilDeleted}, MaxDelete: .3}
	for name, vanish := range map[string]func(w *world, elsewhere string) error{
		"subfolder": func(w *world, elsewhere string) error { return os.Rename(elsewhere, elsewhere+"-unmounted") },
		"cur":       func(w *world, _ string) error { return os.RemoveAll(filepath.Join(string(w.dir), "cur")) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, pop3test.Options{}, few(12)...)
			w.ok(until)
			elsewhere := filepath.Join(filepath.Dir(string(w.dir)), "disk")
			sub := maildir.Dir(filepath.Join(string(w.dir), ".Archive"))
			if err := maildir.Dir(elsewhere).Ensure(); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(elsewhere, string(sub)); err != nil {
				t.Fatal(err)
			}
			for _, e := range w.keys()[:4] {
				var err error
				if name == "subfolder" {
					err = os.Rename(w.dir.Path(e), filepath.Join(elsewhere, "cur", e.Name+":2,S"))
				} else {
					_, err = w.dir.SetFlags(e, maildir.FlagSeen, "")
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			w.ok(until)
			if err := vanish(w, elsewhere); err != nil {
				t.Fatal(err)
			}
			report, err := w.run(until, func(o *Options) {
				if name == "cur" { // which run has made anew, and whoever does tells
					o.Lost = []string{"cur"}
				}
			})
			if n := len(w.server.Maildrop("alice")); n != 12 || !errors.As(err, new(*Guard)) {
				t.Errorf("%+v, %v; %d messages of 12 are still on the server", report, err, n)
			}
		})
	}
}

// Many messages of one size (alerts, cron) and no TOP: memory must not grow with their square.
func TestManyOfOneSize(t *testing.T) {
	const n = 3000
	var maildrop []pop3test.Message
	for i := range n {
		maildrop = append(maildrop, pop3test.Message{Body: fmt.Appendf(nil, "Subject: alert %06d\r\n\r\nx\r\n", i)})
	}
	w := newWorld(t, pop3test.Options{Without: []string{"UIDL", "TOP"}}, maildrop...)
	keep := Policy{Keep: Keep{Mode: Forever}}
	w.ok(keep)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	w.ok(keep)
	runtime.ReadMemStats(&after)
	if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; mb > 200 {
		t.Errorf("a run over %d known messages of one size allocated %d MB", n, mb)
	}
}

// A server whose LIST sizes are wrong, and a lost database: what is fetched is compared with what is there.
func TestDatabaseLostAndSizesWrong(t *testing.T) {
	maildrop := few(5)
	for i := range maildrop {
		maildrop[i].Size = int64(len(maildrop[i].Body) + 17)
	}
	w := newWorld(t, pop3test.Options{}, maildrop...)
	keep := Policy{Keep: Keep{Mode: Forever}}
	w.ok(keep)
	if err := os.Remove(filepath.Join(string(w.dir), ".postie.db")); err != nil {
		t.Fatal(err)
	}
	w.ok(keep)
	w.holds(stored(maildrop))
}

// A run that was killed between publishing and 'stored': the next one finds the messages, and has to tell of them (events,
// count, index), else the new_mail hook and the summaries never learn of them.
func TestFoundMessagesAreTold(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it fetches for each way to find a message")
	}
	maildrop := few(4)
	step := 1
	for ; ; step++ {
		w := newWorld(t, pop3test.Options{}, maildrop[0])
		w.ok(Policy{})
		w.server.Append("alice", maildrop[1:]...)
		if !w.killed(step) {
			return
		}
		found := len(w.keys())
		told := rows(w)
		report := w.ok(Policy{})
		if n := rows(w); n != len(maildrop) {
			t.Errorf("killed at step %d with %d files, %d rows; afterwards %d rows in the index for %d messages, report.New %d", step, found, told, n, len(maildrop), report.New)
		}
	}
}

func rows(w *world) int {
	w.Helper()
	if err := w.dir.Ensure(); err != nil {
		w.Fatal(err)
	}
	s, err := index.Open(context.Background(), w.dir, nil)
	if err != nil {
		w.Fatal(err)
	}
	defer s.Close()
	n := 0
	for _, err := range query.List(context.Background(), s, query.ListOptions{}) {
		if err != nil {
			w.Fatal(err)
		}
		n++
	}
	return n
}

// The few descriptors that a process may have are no reason to fail a message: a smaller batch does.
func TestFewDescriptors(t *testing.T) {
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old)
	w := newWorld(t, pop3test.Options{}, few(200)...)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 64, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	report, err := w.run(Policy{})
	syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old)
	if err != nil || report.Failed > 0 || report.New != 200 {
		t.Errorf("%+v, %v", report, err)
	}
}

// Files of rows that are 'arriving' are looked for by one scan; while somebody renames (a mail program that sets flags) it
// misses live files, and what it misses is fetched a second time. Two scans must agree, as for deletions.
func TestArrivingWhileOthersRename(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it waits for whom it races with")
	}
	const n = 3900
	maildrop := few(n)
	w := newWorld(t, pop3test.Options{}, maildrop[0])
	w.dir = maildir.Dir(filepath.Join(t.TempDir(), "inbox")) // on a disk: tmpfs hides it mostly
	w.ok(Policy{})
	w.server.Append("alice", maildrop[1:]...)
	published := 0
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	w.runIn(ctx, Policy{}, func(o *Options) {
		o.Batch = n
		o.Step = func(step string) {
			if step == "ledger stored" { // all is published; the ledger cannot say so
				published++
				w.spoil("CREATE TRIGGER hold BEFORE UPDATE ON receipt BEGIN SELECT zeroblob(2000000000); END") // no damage
			}
		}
	})
	w.spoil("DROP TRIGGER hold")
	for _, e := range w.keys() { // read by now
		if _, err := w.dir.SetFlags(e, maildir.FlagSeen, ""); err != nil {
			t.Fatal(err)
		}
	}
	stop, done := make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		for flags := maildir.FlagSeen | maildir.FlagFlagged; ; flags ^= maildir.FlagFlagged {
			for e, err := range w.dir.Scan() {
				select {
				case <-stop:
					return
				default:
				}
				if err == nil {
					w.dir.SetFlags(e, flags, "")
				}
			}
		}
	}()
	w.commands()
	_, err := w.run(Policy{})
	close(stop)
	<-done
	if again := w.commands()["RETR"]; err != nil || again > 0 || published != 1 {
		t.Errorf("%d messages were fetched twice: %v", again, err)
	}
}

func (w *world) spoil(statement string) {
	db, err := sql.Open("sqlite", filepath.Join(string(w.dir), ".postie.db"))
	if err == nil {
		_, err = db.Exec(statement)
		db.Close()
	}
	if err != nil {
		w.Fatal(err)
	}
}

// A line that breaks after so many octets each time (a server's limit, a bad network) must not stop progress for ever: TOP for
// what is stored and due comes before all else, and nothing is deleted before everything is fetched.
func TestEveryConnectionIsCut(t *testing.T) {
	var maildrop []pop3test.Message
	for i := range 100 {
		maildrop = append(maildrop, pop3test.Message{Body: fmt.Appendf(nil, "Message-ID: <%d@x>\r\nX-Pad: %0600d\r\n\r\ntext\r\n", i, i)})
	}
	w := newWorld(t, pop3test.Options{}, maildrop...)
	w.server.SetFault(pop3test.Fault{On: pop3test.Octets, After: 20000})
	for range 40 {
		if _, err := w.run(Policy{}); err == nil {
			return
		}
	}
	t.Errorf("after 40 runs %d of %d messages are here, %d on the server", len(w.keys()), len(maildrop), len(w.server.Maildrop("alice")))
}

// A server that shows an empty maildrop once (its storage was not mounted) and then all messages again under their UIDLs.
func TestMaildropEmptyOnce(t *testing.T) {
	maildrop := few(5)
	for i := range maildrop {
		maildrop[i].UIDL = fmt.Sprint("uidl", i)
	}
	w := newWorld(t, pop3test.Options{}, maildrop...)
	keep := Policy{Keep: Keep{Mode: Forever}}
	w.ok(keep)
	w.server.SetMaildrop("alice", "secret")
	w.ok(keep)
	w.server.SetMaildrop("alice", "secret", maildrop...)
	w.ok(keep)
	w.holds(stored(maildrop))
}

// UW ipop3d, and others whose mailbox is an mbox file, keep what was read in the header of the message: "Status:  O" when
// it is retrieved first, "Status: RO" from the next session on. UIDL and size stay. It is the same message still: it is
// not fetched again when it is to be deleted.
func TestUWStatusAfterRetrieval(t *testing.T) {
	maildrop := func(status string) (all []pop3test.Message) {
		for i, m := range few(4) {
			header, body, _ := strings.Cut(string(m.Body), "\r\n\r\n")
			all = append(all, pop3test.Message{Body: []byte(header + "\r\nStatus: " + status + "\r\n\r\n" + body), UIDL: fmt.Sprintf("637edd3b%08x", i+1)})
		}
		return all
	}
	w := newWorld(t, pop3test.Options{}, maildrop(" O")...)
	w.ok(Policy{Keep: Keep{Mode: Forever}})
	w.server.SetMaildrop("alice", "secret", maildrop("RO")...)
	if err := w.dir.Remove(w.keys()[0]); err != nil {
		t.Fatal(err)
	}
	if report := w.ok(Policy{Keep: Keep{Mode: UntilDeleted}, MaxDelete: .3}); report.New != 0 || report.Deleted != 1 {
		t.Errorf("one deleted here: %+v", report)
	}
	if report := w.ok(Policy{}); report.New != 0 || report.Deleted != 3 || len(w.server.Maildrop("alice")) != 0 {
		t.Errorf("no longer kept: %+v", report)
	}
	if n := len(w.keys()); n != 3 {
		t.Errorf("%d messages here", n)
	}
}
