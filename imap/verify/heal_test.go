package verify

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/mirror"
	"postie/maildir/index"
	"postie/maildir/verify"
	"postie/testdata/dovecot"
)

// clean demands that nothing differs, octet for octet, and that a sync has nothing to do.
func (c *copied) clean(when string, messages int) {
	c.Helper()
	if said, counts := c.verify(deep); len(said) > 0 || counts.Messages != messages || counts.Files != messages {
		c.Errorf("%s: %q, %+v", when, said, counts)
	}
}

// repair fetches again what a Run finds damaged or missing, and stops before a step.
func (c *copied) repair(stop int) (steps int, aside []string) {
	c.Helper()
	c.opened(func(s *index.Store) error {
		wanted := c.wanted(s)
		type stopped struct{}
		defer func() {
			if r := recover(); r != nil && r != any(stopped{}) {
				panic(r)
			}
		}()
		_, err := mirror.FetchAgain(c.Context(), mirror.Options{Account: index.Login{User: c.user, Host: "localhost"}, IMAP: c.imap(), Store: s, Root: c.root, Policy: c.policy,
			Step: func(name string) {
				if name == "base putting aside" || strings.HasPrefix(name, "put aside") { // the others are in a transaction
					if steps++; steps == stop {
						panic(stopped{})
					}
				}
			}}, wanted, func(_, path string) { aside = append(aside, path) })
		return err
	})
	return steps, aside
}

// What is damaged, missing, or was never brought comes again; flags that are not pushed yet stay, the damaged file is kept, and nothing
// is deleted there. Stopped at any step, the next sync brings the rest.
func TestRepair(t *testing.T) {
	server := dovecot.Start(t, dovecot.Options{Users: []string{"u0", "u1", "u2"}})
	for stop := range 3 {
		t.Run(fmt.Sprint("stopped at step ", stop), func(t *testing.T) {
			t.Parallel()
			c := newCopied(t, server, fmt.Sprint("u", stop))
			c.put("INBOX", 0, 8, goimap.FlagSeen)
			c.sync()
			path := c.file("INBOX", 3)
			c.edit(path, flip)
			c.ok(os.Rename(path, strings.TrimSuffix(path, "S")+"FS"), os.Remove(c.file("INBOX", 5)), os.Remove(c.file("INBOX", 6)))
			c.exec("DELETE FROM pair WHERE uid = 7", "DELETE FROM message WHERE subject = 'letter 6'")
			if stop > 0 {
				c.repair(stop)
			}
			if _, aside := c.repair(0); stop == 0 && len(aside) != 1 {
				t.Errorf("put aside: %q", aside)
			}
			c.sync()
			c.clean("after repair", 8)
			if f := c.file("INBOX", 3); !strings.HasSuffix(f, ":2,FS") {
				t.Errorf("its flags are %s", filepath.Base(f))
			}
			kept, err := filepath.Glob(filepath.Join(c.root, "INBOX", ".postie.damaged-*"))
			if c.ok(err); len(kept) != 1 {
				t.Errorf("kept: %q", kept)
			}
		})
	}
}

// A repair is stopped before each of its steps: the tree is what it was at that moment. Another repair and a sync make all
// whole then, the damaged file is kept, and nothing was deleted on the server.
func TestRepairStoppedAnywhere(t *testing.T) {
	server := dovecot.Start(t, dovecot.Options{})
	c := newCopied(t, server, "alice")
	c.put("INBOX", 0, 12, goimap.FlagSeen)
	c.sync()
	c.edit(c.file("INBOX", 3), flip)
	c.edit(c.file("INBOX", 4), func(b []byte) []byte { return b[:20] })
	c.ok(os.Remove(c.file("INBOX", 5)), os.Remove(c.file("INBOX", 6)))
	root := c.root
	var copies []string
	n := 0
	c.mend(func(string) {
		to := filepath.Join(dovecot.Dir(t), fmt.Sprint("copy", n))
		n++
		if err := copyLive(root, to); err != nil {
			t.Error(err)
		}
		copies = append(copies, to)
	}, nil)
	if len(copies) < 6 {
		t.Fatalf("only %d steps", len(copies))
	}
	for i, to := range copies {
		c.root = to
		c.mend(nil, nil)
		c.sync()
		c.clean(fmt.Sprintf("stopped before step %d of %d", i+1, len(copies)), 12)
		if kept, err := filepath.Glob(filepath.Join(to, "INBOX", ".postie.damaged-*")); err != nil || len(kept) != 2 {
			t.Errorf("step %d: kept: %q, %v", i+1, kept, err)
		}
	}
	c.root = root
	c.clean("not stopped", 12)
}

// mend repairs what a Run finds.
func (c *copied) mend(step func(string), aside func(mailbox, path string)) {
	c.Helper()
	c.opened(func(s *index.Store) error {
		wanted := c.wanted(s)
		_, err := mirror.FetchAgain(c.Context(), mirror.Options{Account: index.Login{User: c.user, Host: "localhost"}, IMAP: c.imap(), Store: s, Root: c.root, Policy: c.policy,
			Batch: 1, Step: step}, wanted, aside)
		return err
	})
}

// wanted is what a Run finds damaged or missing.
func (c *copied) wanted(s *index.Store) (wanted []mirror.Again) {
	c.Helper()
	_, err := Run(c.Context(), Options{Account: index.Login{User: c.user, Host: "localhost"}, IMAP: c.imap(), Store: s, Root: c.root, Policy: c.policy, Deep: true, Report: func(d verify.Difference) error {
		if d.Kind == verify.Damaged || d.Kind == verify.Missing {
			wanted = append(wanted, mirror.Again{Mailbox: d.Mailbox, UID: d.UID, Message: d.Message.ID})
		}
		return nil
	}})
	c.ok(err)
	return wanted
}

// A copy of the tree that is taken at any moment of a run, as restic and borg take it, restores to a state that the next sync heals:
// nothing is lost on the server, nothing is doubled. Beside the files the database alone is enough once a run has ended.
func TestSnapshots(t *testing.T) {
	server := dovecot.Start(t, dovecot.Options{})
	c := newCopied(t, server, "alice")
	c.put("INBOX", 0, 12, goimap.FlagSeen)
	c.sync()
	c.put("INBOX", 12, 24)
	c.store("INBOX", 2, goimap.FlagFlagged)
	var copies []string
	root := c.root
	snapshot := func() {
		to := filepath.Join(dovecot.Dir(t), "copy")
		if err := copyLive(root, to); err != nil {
			t.Error(err)
		}
		copies = append(copies, to)
	}
	n := 0
	c.opened(func(s *index.Store) error {
		_, err := mirror.Run(t.Context(), mirror.Options{Account: index.Login{User: c.user, Host: "localhost"}, IMAP: c.imap(), Store: s, Root: c.root, Policy: c.policy, Batch: 4,
			Now: func() time.Time { return time.Now().Add(time.Hour) }, Step: func(string) {
				if n++; n%3 == 1 {
					snapshot()
				}
			}})
		return err
	})
	snapshot()
	last := copies[len(copies)-1]
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		if info, err := os.Stat(filepath.Join(last, ".postie.db"+suffix)); err == nil && info.Size() > 0 {
			t.Errorf("after a run %s holds %d octets", info.Name(), info.Size())
		}
		os.Remove(filepath.Join(last, ".postie.db"+suffix))
	}
	for i, to := range copies {
		c.root = to
		c.sync()
		c.clean(fmt.Sprintf("copy %d of %d", i, len(copies)), 24)
	}
	if len(copies) < 5 {
		t.Errorf("%d copies", len(copies))
	}
}

// copyLive copies a tree that is being changed, as a backup program does: with times, and without what vanishes meanwhile.
func copyLive(from, to string) error {
	var folders []string
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(from, path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case errors.Join(err, relErr) != nil:
			return errors.Join(err, relErr)
		case e.IsDir():
			folders = append(folders, rel)
			return os.Mkdir(filepath.Join(to, rel), 0o700)
		case !e.Type().IsRegular():
			return nil
		}
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, rel), content, 0o600)
		}
		return errors.Join(err, sameTime(path, filepath.Join(to, rel)))
	})
	for _, rel := range folders {
		err = errors.Join(err, sameTime(filepath.Join(from, rel), filepath.Join(to, rel)))
	}
	return err
}

// sameTime gives a copy the time of what it was made from, if that is still there.
func sameTime(from, to string) error {
	info, err := os.Stat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Chtimes(to, time.Time{}, info.ModTime())
}
