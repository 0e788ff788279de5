package index

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postie/maildir"
	"postie/testdata/victim"
)

func TestMain(m *testing.M) { victim.Main(m, map[string]func() error{"writer": writeForEver}) }

// envRoot is the Maildir that the writer works on.
const envRoot = "POSTIE_TEST_ROOT"

// writeForEver holds a lock, writes without end, and says on standard output how many batches are durable.
func writeForEver() error {
	root := maildir.Dir(os.Getenv(envRoot))
	ctx := context.Background()
	s, err := Open(ctx, root, nil)
	if err != nil {
		return err
	}
	if _, err := s.LockMaildrop(ctx, Login{"alice", "h"}, 0); err != nil {
		return err
	}
	for batch := 0; err == nil; batch++ {
		var ms []Message
		for i := range 20 {
			ms = append(ms, sample(batch*20+i))
		}
		err = s.Write(ctx, func(tx *sql.Tx) error { return s.Enter(tx, ms) })
		fmt.Println(batch + 1)
	}
	return err
}

// start runs a writer until it has said that so many batches are durable.
func start(t *testing.T, root maildir.Dir, batches int) *exec.Cmd {
	t.Helper()
	c := victim.Command("writer", envRoot+"="+string(root))
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != fmt.Sprint(batches) {
	}
	return c
}

// TestKilled kills a process in the midst of its transactions, again and again on one database: every batch that was
// reported durable is there, each batch whole, and its lock is free.
func TestKilled(t *testing.T) {
	root := newRoot(t)
	for round := range 5 {
		batches := 1 + 7*round
		c := start(t, root, batches)
		s := open(t, root, nil)
		_, err := s.LockMaildrop(t.Context(), Login{"alice", "H"}, 0)
		if !isLocked(err) || !strings.Contains(err.Error(), fmt.Sprintf("pid %d ", c.Process.Pid)) {
			t.Errorf("lock of a living process: %v", err)
		}
		c.Process.Kill()
		c.Wait()
		if round%2 == 0 { // with and without a witness that keeps the WAL open
			s.Close()
			s = open(t, root, nil)
		}
		want(t, "set aside", s.SetAside(), "")
		lock, err := s.Lock(t.Context(), 0)
		if err != nil {
			t.Fatalf("stale lock: %v", err)
		}
		lock.Release()
		var verdict string
		if err := s.r.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
			t.Fatal(verdict, err)
		}
		if stored := len(all(t, s)); stored < batches*20 || stored%20 != 0 {
			t.Fatalf("%d batches durable, %d messages stored", batches, stored)
		}
		if _, err := s.w.Exec("DELETE FROM message"); err != nil {
			t.Fatal(err)
		}
		s.Close()
	}
}

// TestDamagedInUse: a database that another process has open is not pulled away, whoever holds which lock.
func TestDamagedInUse(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it damages a database in many ways")
	}
	root := newRoot(t)
	c := start(t, root, 1)
	defer func() { c.Process.Kill(); c.Wait() }()
	put(t, root, ".postie.db.suspect", "")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := Open(ctx, root, nil)
	if !isLocked(err) || !strings.Contains(err.Error(), fmt.Sprintf("pid %d ", c.Process.Pid)) {
		t.Errorf("Open: %v", err)
	}
	c.Process.Kill()
	c.Wait()
	want(t, "set aside", open(t, root, nil).SetAside(), "")
	if left, _ := filepath.Glob(filepath.Join(string(root), ".postie.db?*suspect")); left != nil {
		t.Error(left)
	}
}
