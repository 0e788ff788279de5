package index

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postie/maildir"
)

// stocked makes a closed index with two messages whose files are not there, for a Maildir that holds others.
func stocked(t *testing.T, n int) (maildir.Dir, string) {
	t.Helper()
	root := newRoot(t)
	for i := range n {
		put(t, root, "cur/"+string(rune('a'+i%26))+string(rune('a'+i/26%26))+string(rune('a'+i/676))+":2,S", letter(i))
	}
	s := open(t, root, nil)
	refreshed(t, s)
	fill(t, s, 2, 2)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return root, filepath.Join(string(root), ".postie.db")
}

func TestCloseLeavesOneFile(t *testing.T) {
	root, path := stocked(t, 2)
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		if exists(path + suffix) {
			t.Errorf("%s is left", suffix)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	// A copy made while the store is open, after another one was closed, is complete.
	reader := open(t, root, nil)
	s := open(t, root, nil)
	fill(t, s, 5, 5)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "messages seen by another store", len(all(t, reader)), 7)
	copied := newRoot(t)
	put(t, copied, ".postie.db", string(whole))
	want(t, "messages in the copy", len(all(t, open(t, copied, nil))), 7)
}

func TestNewer(t *testing.T) {
	root, path := stocked(t, 1)
	next := len(migrations()) + 1
	change(t, path, fmt.Sprint("PRAGMA user_version = ", next))
	before, _ := os.ReadFile(path)
	_, err := Open(t.Context(), root, nil)
	newer, ok := errors.AsType[*Newer](err)
	if !ok || newer.Have != next || newer.Know != len(migrations()) {
		t.Fatalf("Open: %v", err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("the file was changed")
	}
	change(t, path, fmt.Sprint("PRAGMA user_version = ", len(migrations())))
	want(t, "messages", len(all(t, open(t, root, nil))), 3)
}

// change executes statements on a closed database.
func change(t *testing.T, path string, q string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(q); err != nil {
		t.Fatal(err)
	}
}

// TestMigrate opens a database of every older version: made by the migrations up to there.
func TestMigrate(t *testing.T) {
	for version := range migrations() {
		root := newRoot(t)
		path := filepath.Join(string(root), ".postie.db")
		put(t, root, ".postie.db", "")
		for n := range version {
			change(t, path, fmt.Sprint(migrations()[n], "; PRAGMA user_version = ", n+1))
		}
		s := open(t, root, nil)
		want(t, "set aside", s.SetAside(), "")
		fill(t, s, 3, 3)
		want(t, "messages", len(all(t, s)), 3)
		var have int
		if err := s.w.QueryRow("PRAGMA user_version").Scan(&have); err != nil || have != len(migrations()) {
			t.Errorf("version %d, %v", have, err)
		}
	}
}

// Interrupted at whatever moment while it makes a database, Open says that, and the next one goes on from there.
func TestOpenInterrupted(t *testing.T) {
	root := newRoot(t)
	for delay := time.Duration(0); delay < 5*time.Millisecond; delay += 50 * time.Microsecond {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(delay, cancel)
		s, err := Open(ctx, root, nil)
		if err == nil {
			want(t, "set aside", s.SetAside(), "")
			err = s.Close()
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("after %v: %v", delay, err)
		}
		cancel()
		if delay%(250*time.Microsecond) == 0 {
			root = newRoot(t)
		}
	}
}

// TestDamaged damages a database in many ways; each time it is set aside whole, and the index made anew.
func TestDamaged(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"garbage":            func(b []byte) []byte { return bytes.Repeat([]byte("no database "), 1000) },
		"half a header":      func(b []byte) []byte { return b[:50] },
		"magic overwritten":  func(b []byte) []byte { copy(b, "SQLite format 2"); return b },
		"page size zero":     func(b []byte) []byte { b[16], b[17] = 0, 0; return b },
		"application id":     func(b []byte) []byte { b[68] = 1; return b },
		"last pages cut":     func(b []byte) []byte { return b[:len(b)-4196] },
		"only first page":    func(b []byte) []byte { return b[:4096] },
		"schema zeroed":      func(b []byte) []byte { clear(b[100:4096]); return b },
		"all but first page": func(b []byte) []byte { clear(b[4096:]); return b },
	} {
		t.Run(name, func(t *testing.T) {
			root, path := stocked(t, 2)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b = damage(b)
			put(t, root, ".postie.db", string(b))
			s := open(t, root, &Options{Now: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }})
			want(t, "set aside", s.SetAside(), path+".damaged-20260102T030405Z")
			if aside, err := os.ReadFile(s.SetAside()); err != nil || !bytes.Equal(aside, b) {
				t.Errorf("set aside is not what was there: %v", err)
			}
			want(t, "rebuilt", refreshed(t, s).Added, 2)
			s.Close()
			want(t, "set aside again", open(t, root, nil).SetAside(), "")
		})
	}
}

// TestDamageFoundLater damages what a short look cannot see.
func TestDamageFoundLater(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it damages a database in many ways")
	}
	root, path := stocked(t, 400)
	b, _ := os.ReadFile(path)
	var leaves [][]byte // of the message table
	for page := 4096; page < len(b); page += 4096 {
		if b[page] == 13 && bytes.Contains(b[page:page+4096], []byte("Ann <ann@example.org>")) {
			leaves = append(leaves, b[page:])
		}
	}
	copy(leaves[len(leaves)/2], "garbage")
	put(t, root, ".postie.db", string(b))
	s := open(t, root, nil)
	want(t, "set aside at first", s.SetAside(), "")
	_, err := s.messages(t.Context(), "TRUE")
	if damaged, ok := errors.AsType[*Damaged](err); !ok || damaged.Path != path {
		t.Fatalf("List: %v", err)
	}
	if _, err := Open(t.Context(), root, nil); !isLocked(err) {
		t.Errorf("Open while the damaged one is open: %v", err)
	}
	s.Close()
	s = open(t, root, nil)
	if !strings.HasPrefix(s.SetAside(), path+".damaged-") {
		t.Fatalf("set aside: %q", s.SetAside())
	}
	want(t, "rebuilt", refreshed(t, s).Added, 400)
}

// TestEmptyFile: what a crash leaves before the first migration is not damage.
func TestEmptyFile(t *testing.T) {
	root, _ := stocked(t, 2)
	put(t, root, ".postie.db", "")
	s := open(t, root, nil)
	want(t, "set aside", s.SetAside(), "")
	want(t, "rebuilt", refreshed(t, s).Added, 2)
}

func isLocked(err error) bool { _, ok := errors.AsType[*Locked](err); return ok }

// TestSuspicionUnfounded: a mark without damage costs nothing.
func TestSuspicionUnfounded(t *testing.T) {
	root, path := stocked(t, 2)
	put(t, root, ".postie.db.suspect", "")
	s := open(t, root, nil)
	want(t, "set aside", s.SetAside(), "")
	want(t, "messages", len(all(t, s)), 4)
	if exists(path + ".suspect") {
		t.Error("the mark is left")
	}
}

// TestOrphanedJournal: a journal whose database is gone must not be played into the new one.
func TestOrphanedJournal(t *testing.T) {
	root := newRoot(t)
	put(t, root, ".postie.db-wal", "left over")
	s := open(t, root, nil)
	if b, err := os.ReadFile(s.SetAside() + "-wal"); err != nil || string(b) != "left over" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestOpenErrors(t *testing.T) {
	if _, err := Open(t.Context(), maildir.Dir(filepath.Join(t.TempDir(), "none")), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no root: %v", err)
	}
	root := newRoot(t)
	if err := os.Mkdir(filepath.Join(string(root), ".postie.db"), 0o700); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(t.Context(), root, nil); err == nil {
		t.Errorf("a folder in the place of the database was taken (set aside %q)", s.SetAside())
	}
}

// TestOpenTogether: several processes may come to a new Maildir at once.
func TestOpenTogether(t *testing.T) {
	root := newRoot(t)
	errs := make(chan error)
	for range 8 {
		go func() {
			s, err := Open(t.Context(), root, nil)
			if err == nil {
				err = s.Close()
			}
			errs <- err
		}()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// TestRollbackJournal is the store on a network file system.
func TestRollbackJournal(t *testing.T) {
	root, path := stocked(t, 1)
	s := &Store{log: open(t, newRoot(t), nil).log, now: time.Now, scan: make(chan struct{}, 1), net: true}
	if err := s.locate(t.Context(), string(root), ""); err != nil {
		t.Fatal(err)
	}
	if err := s.connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	var mode string
	var sync int
	if err := s.w.QueryRow("SELECT journal_mode, synchronous FROM pragma_journal_mode, pragma_synchronous").Scan(&mode, &sync); err != nil {
		t.Fatal(err)
	}
	want(t, "mode", []any{mode, sync}, "[delete 3]")
	fill(t, s, 5, 5)
	want(t, "messages", len(all(t, s)), 6)
	if exists(path + "-wal") {
		t.Error("there is a WAL")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, "messages elsewhere", len(all(t, open(t, root, nil))), 6)
}

// TestText is the place of full text as search will use it: filled later, found by what is left to do, and emptied
// with the message.
func TestText(t *testing.T) {
	root := newRoot(t)
	s := open(t, root, nil)
	put(t, root, "new/a", letter(1))
	refreshed(t, s)
	count := func(q string) (n int) {
		t.Helper()
		if err := s.r.QueryRow(q).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	want(t, "left to do", count("SELECT count(*) FROM message INDEXED BY message_unindexed WHERE indexed < 2"), 1)
	for _, q := range []string{
		"INSERT INTO text (rowid, subject, sender, recipients) SELECT id, subject, sender, recipients FROM message",
		"UPDATE text SET subject = 'letter', sender = 'Ann', recipients = 'bob', cc = '', body = 'Füße', attachments = 'a.pdf' WHERE rowid = 1",
		"UPDATE message SET indexed = 2",
	} {
		if _, err := s.w.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	want(t, "found", count("SELECT rowid FROM text WHERE text MATCH 'fuße'"), 1)
	want(t, "left to do", count("SELECT count(*) FROM message WHERE indexed < 2"), 0)
	os.Remove(filepath.Join(string(root), "new/a"))
	want(t, "removed", refreshed(t, s).Removed, 1)
	want(t, "found", count("SELECT count(*) FROM text WHERE text MATCH 'letter'"), 0)
	want(t, "sound", count("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1)
}

// Who only reads makes one connection, each of which reads the whole schema.
func TestReadingConnections(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	s := open(t, root, nil)
	enter(t, s, []Message{sample(1)})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, root, nil)
	if err := s.Hurry(func() error { _, err := s.ByIDs(t.Context(), []int64{1}); return err }); err != nil {
		t.Fatal(err)
	}
	if w, r := s.w.Stats().OpenConnections, s.r.Stats().OpenConnections; w != 0 || r != 1 {
		t.Errorf("%d connections to write, %d to read", w, r)
	}
	enter(t, s, []Message{sample(2)})
	if w := s.w.Stats().OpenConnections; w != 1 {
		t.Errorf("%d connections to write", w)
	}
}
