package index

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"postie/maildir"
)

// sub makes a Maildir++ subfolder.
func sub(t testing.TB, root maildir.Dir, name string) maildir.Dir {
	t.Helper()
	d := maildir.Dir(filepath.Join(string(root), name))
	if err := d.Ensure(); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestRefresh(t *testing.T) {
	root := newRoot(t)
	s := open(t, root, nil)
	lists := sub(t, root, ".Lists.golang")
	step := func(name string, r Refreshed, ls ...string) {
		t.Helper()
		want(t, name, refreshed(t, s), r)
		want(t, name, lines(t, s), ls)
		want(t, name+", again", refreshed(t, s), Refreshed{})
	}
	put(t, root, "new/a", letter(1))
	step("first", Refreshed{Scanned: 2, Added: 1}, "1 INBOX new/a  letter 1")
	put(t, root, "cur/b:2,FS", letter(2))
	put(t, lists, "cur/c:2,", letter(3))
	put(t, root, "cur/.hidden", letter(3))
	step("delivered", Refreshed{Scanned: 2, Added: 2}, "1 INBOX new/a  letter 1", "2 INBOX cur/b:2,FS FS letter 2", "3 Lists/golang cur/c:2,  letter 3")
	move(t, root, "new/a", root, "cur/a,S=5:2,S")
	step("read", Refreshed{Scanned: 1, Changed: 1}, "1 INBOX cur/a,S=5:2,S S letter 1", "2 INBOX cur/b:2,FS FS letter 2", "3 Lists/golang cur/c:2,  letter 3")
	move(t, root, "cur/a,S=5:2,S", lists, "cur/a,S=5:2,RS")
	step("moved", Refreshed{Scanned: 2, Moved: 1}, "1 Lists/golang cur/a,S=5:2,RS RS letter 1", "2 INBOX cur/b:2,FS FS letter 2", "3 Lists/golang cur/c:2,  letter 3")
	move(t, lists, "cur/c:2,", root, "new/other.key")
	step("moved under another key", Refreshed{Scanned: 2, Moved: 1}, "1 Lists/golang cur/a,S=5:2,RS RS letter 1", "2 INBOX cur/b:2,FS FS letter 2", "3 INBOX new/other.key  letter 3")
	os.Remove(root.Path(maildir.EntryOf("other.key", true)))
	step("deleted", Refreshed{Scanned: 1, Removed: 1}, "1 Lists/golang cur/a,S=5:2,RS RS letter 1", "2 INBOX cur/b:2,FS FS letter 2")
	put(t, root, "new/other.key", letter(3))
	step("a NUMBER is not used again", Refreshed{Scanned: 1, Added: 1}, "1 Lists/golang cur/a,S=5:2,RS RS letter 1", "2 INBOX cur/b:2,FS FS letter 2", "6 INBOX new/other.key  letter 3")
	move(t, root, ".Lists.golang", root, ".Go")
	step("folder renamed", Refreshed{Scanned: 1, Moved: 1}, "1 Go cur/a,S=5:2,RS RS letter 1", "2 INBOX cur/b:2,FS FS letter 2", "6 INBOX new/other.key  letter 3")
	if err := os.RemoveAll(filepath.Join(string(root), ".Go")); err != nil {
		t.Fatal(err)
	}
	step("folder removed", Refreshed{Removed: 1}, "2 INBOX cur/b:2,FS FS letter 2", "6 INBOX new/other.key  letter 3")
}

func TestRefreshReads(t *testing.T) {
	root := newRoot(t)
	put(t, root, "dovecot-keywords", "0 work\n1 $Junk\n")
	put(t, root, "cur/a:2,Sb", letter(1))
	arrived := time.Date(2020, 2, 3, 4, 5, 6, 789e6, time.UTC)
	if err := os.Chtimes(filepath.Join(string(root), "cur/a:2,Sb"), arrived, arrived); err != nil {
		t.Fatal(err)
	}
	s := open(t, root, nil)
	refreshed(t, s)
	m, ok, err := s.ByKey(t.Context(), "a")
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	wire, _ := maildir.WireOf(strings.NewReader(letter(1)))
	want(t, "wire", m.Wire, wire)
	want(t, "date", m.Date, arrived)
	want(t, "flags", m.Flags, maildir.Flags{Set: maildir.FlagSeen, Keywords: "$Junk"})
	want(t, "summary", []any{m.Summary.From, m.Summary.To, m.Summary.MessageID, m.Summary.Date}, "[Ann <ann@example.org> bob@example.org 1@example.org 2025-11-03 10:00:00 +0000 UTC]")
	bs, err := s.Briefs(t.Context())
	want(t, "briefs", []any{len(bs), bs[0].ID, bs[0].Key, bs[0].Wire, bs[0].Header, err}, []any{1, m.ID, m.Entry.Key, m.Wire, m.Header, nil})
	m, ok, err = s.ByID(t.Context(), m.ID)
	want(t, "by id", []any{m.Entry.Name, ok, err}, "[a:2,Sb true <nil>]")

	// A keyword without a letter lives in the index only, and a rename leaves it there.
	if _, err := s.w.Exec("UPDATE message SET keywords = '$Junk unlettered'"); err != nil {
		t.Fatal(err)
	}
	move(t, root, "cur/a:2,Sb", root, "cur/a:2,a")
	refreshed(t, s)
	m, _, _ = s.ByKey(t.Context(), "a")
	want(t, "keywords", m.Flags.Keywords, "unlettered work")
}

// TestRefreshOdd: things in a Maildir that are not plain messages.
func TestRefreshOdd(t *testing.T) {
	root := newRoot(t)
	s := open(t, root, nil)
	in := func(name string) string { return filepath.Join(string(root), name) }
	if err := os.Mkdir(in("cur/folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(in("new/fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", in("new/dangling")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(in("cur/loop"), in("cur/loop")); err != nil {
		t.Fatal(err)
	}
	put(t, root, "new/empty", "")
	put(t, root, "new/:2,", "no key: no message")
	put(t, root, "tmp/letter", letter(9))
	if err := os.Symlink(in("tmp/letter"), in("cur/link:2,S")); err != nil {
		t.Fatal(err)
	}
	want(t, "odd", refreshed(t, s), Refreshed{Scanned: 1, Added: 1})
	want(t, "settled", refreshed(t, s), Refreshed{})
	if err := os.Mkdir(in(".NoMaildir"), 0o700); err != nil {
		t.Fatal(err)
	}
	sub(t, root, ".Box")
	put(t, root, ".Box/new/m", letter(1))
	want(t, "subfolder", refreshed(t, s), Refreshed{Scanned: 1, Added: 1})
	if err := os.RemoveAll(in(".Box/new")); err != nil {
		t.Fatal(err)
	}
	want(t, "a folder that is no whole Maildir any more loses nothing", refreshed(t, s), Refreshed{Scanned: 1})
	if err := os.RemoveAll(in("cur")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Refresh(t.Context()); err == nil {
		t.Error("a root without cur/ was refreshed")
	}
	want(t, "messages", len(all(t, s)), 2)
}

// TestTwins: two files of one key in one folder are two messages if they differ, else one.
func TestTwins(t *testing.T) {
	root := newRoot(t)
	s := open(t, root, nil)
	put(t, root, "new/a", letter(1))
	put(t, root, "cur/a:2,S", letter(2))
	put(t, root, "cur/a:2,F", letter(1))
	want(t, "twins", refreshed(t, s), Refreshed{Scanned: 1, Added: 2})
	got := strings.Join(lines(t, s), "\n")
	if !strings.Contains(got, "letter 1") || !strings.Contains(got, "letter 2") {
		t.Error(got)
	}
	move(t, root, "cur/a:2,S", root, "cur/a:2,RS")
	want(t, "one renamed", refreshed(t, s), Refreshed{Scanned: 1, Changed: 1})
	if got := strings.Join(lines(t, s), "\n"); !strings.Contains(got, "cur/a:2,RS RS letter 2") {
		t.Error(got)
	}
	os.Remove(filepath.Join(string(root), "new/a"))
	refreshed(t, s)
	want(t, "the copy stands in", len(all(t, s)), 2)
	os.Remove(filepath.Join(string(root), "cur/a:2,F"))
	refreshed(t, s)
	want(t, "one left", len(all(t, s)), 1)
}

// TestMoveCarriesLedger: a receipt follows its message to another key, or until-deleted would see a deletion.
func TestMoveCarriesLedger(t *testing.T) {
	root := newRoot(t)
	s := open(t, root, nil)
	put(t, root, "new/a", letter(1))
	refreshed(t, s)
	if _, err := s.w.Exec(`INSERT INTO maildrop (id, user, host) VALUES (1, 'alice', 'h'); INSERT INTO receipt
		(maildrop, uidl, state, key, listed, size, hash, exact, header, read, at) VALUES (1, 'u', 1, 'a', 0, 0, x'', 0, x'', 0, 0)`); err != nil {
		t.Fatal(err)
	}
	move(t, root, "new/a", root, "cur/b:2,S")
	refreshed(t, s)
	var key string
	if err := s.w.QueryRow("SELECT key FROM receipt").Scan(&key); err != nil || key != "b" {
		t.Errorf("the receipt's key is %q, %v", key, err)
	}
	want(t, "message", lines(t, s), []string{"1 INBOX cur/b:2,S S letter 1"})
}

// TestEqualCopies: copies that stay keep their NUMBER, those that move are matched by count.
func TestEqualCopies(t *testing.T) {
	root := newRoot(t)
	s := open(t, root, nil)
	box := sub(t, root, ".Box")
	for _, key := range []string{"a", "b", "c"} {
		put(t, root, "cur/"+key+":2,", letter(1))
	}
	refreshed(t, s)
	before := all(t, s)
	os.Remove(root.Path(before[0].Entry))
	move(t, root, before[1].Entry.Rel(), box, "cur/x:2,")
	want(t, "one moved, one gone", refreshed(t, s), Refreshed{Scanned: 2, Moved: 1, Removed: 1})
	got := lines(t, s)
	want(t, "messages", len(got), 2)
	want(t, "the one that stays", got[1], fmt.Sprintf("3 INBOX %s  letter 1", before[2].Entry.Rel()))
}

// TestStoppedRefresh: what was moved keeps its NUMBER even if the refresh that found it was stopped.
func TestStoppedRefresh(t *testing.T) {
	root := newRoot(t)
	box := sub(t, root, ".Box")
	s := open(t, root, nil)
	put(t, root, "cur/a:2,", letter(1))
	refreshed(t, s)
	move(t, root, "cur/a:2,", box, "cur/b:2,")
	r := refresh{s: s, with: map[int64]string{}, met: map[int64]bool{}, stamps: map[int64]string{}}
	fs, err := s.folders(t.Context())
	must(t, err)
	closed, err := r.compare(t.Context(), fs)
	must(t, errors.Join(closed, err))
	want(t, "both are there", len(all(t, s)), 2) // and finish is not reached
	want(t, "the next one", refreshed(t, s), Refreshed{Scanned: 2, Moved: 1})
	want(t, "messages", lines(t, s), []string{"1 Box cur/b:2,  letter 1"})
}

// TestUnsettled: a folder that changed a moment ago is scanned again.
func TestUnsettled(t *testing.T) {
	root := newRoot(t)
	s := open(t, root, nil)
	for range 2 {
		r, err := s.Refresh(t.Context())
		want(t, "scanned", []any{r.Scanned, err}, "[1 <nil>]")
	}
}

// TestRefreshDuringRenames: another program renames and delivers all the while; no NUMBER may change.
func TestRefreshDuringRenames(t *testing.T) {
	root := newRoot(t)
	const n = 100
	for i := range n {
		put(t, root, fmt.Sprintf("new/k%d", i), letter(i))
	}
	s := open(t, root, nil)
	refreshed(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	var renames atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		rel := func(i, round int) string {
			if round == 0 {
				return fmt.Sprintf("new/k%d", i)
			}
			return fmt.Sprintf("cur/k%d:2,%s", i, maildir.FlagSet(round%64))
		}
		for round := 0; ctx.Err() == nil; round++ {
			for i := range n {
				move(t, root, rel(i, round), root, rel(i, round+1))
				renames.Add(1)
			}
		}
	}()
	for round := range int64(6) {
		for renames.Load() < round*n {
			time.Sleep(time.Millisecond)
		}
		r, err := s.Refresh(t.Context())
		want(t, "removed", []any{r.Removed, err}, "[0 <nil>]")
	}
	cancel()
	<-done
	want(t, "added and removed at last", func() [2]int { r := refreshed(t, s); return [2]int{r.Added, r.Removed} }(), "[0 0]")
	for i, m := range all(t, s) {
		if m.ID != int64(i+1) || !exists(root.Path(m.Entry)) {
			t.Fatalf("message %d: %+v", i, m)
		}
	}
}

func TestMailboxNames(t *testing.T) {
	for folder, name := range map[string]string{
		".": "INBOX", ".Sent": "Sent", ".Lists.golang": "Lists/golang", ".Entw&APw-rfe": "Entwürfe",
		".INBOX": ".INBOX", ".A%2FB": ".A%2FB", ".a%2Eb": "a.b", ".%2Ex": ".%2Ex", ".broken&": ".broken&",
	} {
		want(t, folder, mailboxOf(folder), name)
		want(t, name, folderOf(name), folder)
	}
}
