package verify

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/imaptest"
	"postie/imap/mirror"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/look"
	"postie/maildir/verify"
	"postie/testdata/dovecot"
)

// copied is a user's account with its copy.
type copied struct {
	*testing.T
	server *dovecot.Server
	user   string
	root   string
	policy plan.Policy
	terms  []mirror.Terms
	later  time.Duration // how much later than now it is, for a sync
	quirks []imaptest.Quirk
	lines  []string // that we sent, in the last run
}

func newCopied(t *testing.T, server *dovecot.Server, user string) *copied {
	c := &copied{T: t, server: server, user: user, root: filepath.Join(dovecot.Dir(t), "mail"), policy: plan.Policy{MaxDelete: 1, Expunge: true, Create: plan.Both}}
	c.ok(os.MkdirAll(c.root, 0o700))
	return c
}

func (c *copied) ok(errs ...error) {
	c.Helper()
	for _, err := range errs {
		if err != nil {
			c.Fatal(err)
		}
	}
}

func (c *copied) imap() imap.Options {
	c.lines = nil
	return imap.Options{Dial: imaptest.Distort(c.server.DialIMAP, c.quirks...), Login: dovecot.User(c.user), Trace: func(dir byte, line string) {
		if dir == 'C' {
			c.lines = append(c.lines, line)
		}
	}}
}

// remote is another client.
func (c *copied) remote(do func(ctx context.Context, s *imap.Session) error) {
	c.Helper()
	quirks := c.quirks
	c.quirks = nil
	s, err := imap.Connect(c.Context(), c.imap())
	c.quirks = quirks
	c.ok(err)
	defer s.Close()
	c.ok(do(c.Context(), s))
}

func letter(n int) string {
	return fmt.Sprintf("Message-ID: <%d@x>\r\nSubject: letter %d\r\n\r\nHello %d\r\n%s", n, n, n, strings.Repeat("text\r\n", n%9))
}

func (c *copied) put(mailbox string, from, to int, flags ...goimap.Flag) {
	c.Helper()
	c.remote(func(ctx context.Context, s *imap.Session) error {
		for n := from; n < to; n++ {
			text := letter(n)
			up := imap.Upload{Flags: flags, Date: time.Date(2025, 11, 3, 10, 0, n%60, 0, time.UTC), Size: int64(len(text)), Body: strings.NewReader(text)}
			if _, err := s.Append(ctx, mailbox, up); err != nil {
				return err
			}
		}
		return nil
	})
}

// opened does something with the index.
func (c *copied) opened(do func(s *index.Store) error) {
	c.Helper()
	s, err := index.Open(c.Context(), maildir.Dir(c.root), nil)
	c.ok(err)
	defer s.Close()
	c.ok(do(s))
}

// exec changes the database, as a fault of a run would have left it.
func (c *copied) exec(statements ...string) {
	c.Helper()
	c.opened(func(s *index.Store) error {
		return s.Write(c.Context(), func(tx *sql.Tx) error {
			for _, q := range statements {
				if _, err := tx.Exec(q); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func (c *copied) sync() { c.Helper(); c.run(false) }

// rests demands that a sync has nothing to do.
func (c *copied) rests() {
	c.Helper()
	if p := c.run(true).Plan; len(p.Ops)+len(p.Guards) > 0 {
		c.Errorf("a sync has to do: %v %v", p.Ops, p.Guards)
	}
}

func (c *copied) run(dry bool) (r mirror.Report) {
	c.Helper()
	c.opened(func(s *index.Store) (err error) {
		r, err = mirror.Run(c.Context(), mirror.Options{DryRun: dry, Account: index.Login{User: c.user, Host: "localhost"}, IMAP: c.imap(), Store: s, Root: c.root, Policy: c.policy, Terms: c.terms,
			Now: func() time.Time { return time.Now().Add(c.later + time.Hour) }})
		if err == nil && r.Failed > 0 {
			c.Errorf("%+v", r)
		}
		return err
	})
	return r
}

// verify gives what a Run tells.
func (c *copied) verify(change func(*Options)) (said []string, counts verify.Counts) {
	c.Helper()
	c.opened(func(s *index.Store) (err error) {
		o := Options{Account: index.Login{User: c.user, Host: "localhost"}, IMAP: c.imap(), Store: s, Root: c.root, Policy: c.policy, Terms: mirror.Options{Terms: c.terms}.TermsOf, Report: func(d verify.Difference) error {
			said = append(said, fmt.Sprintf("%s %s %d: %s", d.Kind, d.Mailbox, d.UID, d.Detail))
			return nil
		}}
		if change != nil {
			change(&o)
		}
		counts, err = Run(c.Context(), o)
		return err
	})
	slices.Sort(said)
	return said, counts
}

func deep(o *Options) { o.Deep = true }

// file is the path of a letter's file.
func (c *copied) file(mailbox string, n int) string {
	c.Helper()
	dir := maildir.Dir(filepath.Join(c.root, mailbox))
	for e, err := range dir.Scan() {
		c.ok(err)
		b, err := os.ReadFile(dir.Path(e))
		c.ok(err)
		if strings.Contains(string(b), fmt.Sprintf("Subject: letter %d\n", n)) {
			return dir.Path(e)
		}
	}
	c.Fatalf("no letter %d in %s", n, mailbox)
	return ""
}

// edit changes the octets of a file, and nothing else about it.
func (c *copied) edit(path string, change func([]byte) []byte) {
	c.Helper()
	info, err := os.Stat(path)
	c.ok(err)
	b, err := os.ReadFile(path)
	c.ok(err, os.WriteFile(path, change(b), 0o600), os.Chtimes(path, time.Time{}, info.ModTime()))
}

func flip(b []byte) []byte { b[len(b)-3] ^= 1; return b }

func (c *copied) store(mailbox string, uid goimap.UID, flags ...goimap.Flag) {
	c.Helper()
	c.remote(func(ctx context.Context, s *imap.Session) error {
		if _, err := s.Select(ctx, mailbox, nil); err != nil {
			return err
		}
		_, err := s.Store(ctx, goimap.UIDSetNum(uid), goimap.StoreFlagsAdd, flags, 0)
		if err == nil && slices.Contains(flags, goimap.FlagDeleted) {
			err = s.ExpungeAll(ctx)
		}
		return err
	})
}

type fault struct {
	do      func(c *copied)
	shallow []string // what the shallow form tells
	deep    []string // what the deep form tells besides
}

func faults() map[string]fault {
	quiet := []string(nil)
	return map[string]fault{
		"healthy":       {func(c *copied) {}, nil, nil},
		"a flipped bit": {func(c *copied) { c.edit(c.file("INBOX", 3), flip) }, nil, []string{"damaged INBOX 4: its octets are others"}},
		"a cut file": {func(c *copied) { c.edit(c.file("INBOX", 3), func(b []byte) []byte { return b[:20] }) },
			[]string{"damaged INBOX 4: it has 20 octets on disk in place of 60"}, quiet},
		"another key": {func(c *copied) {
			path := c.file("INBOX", 3)
			c.ok(os.Rename(path, filepath.Join(filepath.Dir(path), "other:2,S")))
		}, []string{"other_key INBOX 4: …"}, quiet},
		"a missing file": {func(c *copied) { c.ok(os.Remove(c.file("INBOX", 3))) },
			[]string{"missing_here INBOX 4: its file is gone: the next sync takes that for a deletion"}, quiet},
		"a message that no sync brought": {func(c *copied) {
			c.ok(os.Remove(c.file("INBOX", 3)))
			c.exec("DELETE FROM pair WHERE uid = 4 AND box = (SELECT id FROM box WHERE mailbox = (SELECT id FROM mailbox WHERE name = 'INBOX'))", "DELETE FROM message WHERE subject = 'letter 3'")
		}, []string{"missing_here INBOX 4: the message is on the server, and no sync has brought it"}, quiet},
		"other flags": {func(c *copied) {
			c.exec("UPDATE pair SET remote = 0, local = 0 WHERE message = (SELECT id FROM message WHERE subject = 'letter 3')")
			path := c.file("INBOX", 3)
			c.ok(os.Rename(path, strings.TrimSuffix(path, "S")))
		}, []string{`other_flags INBOX 4: the server has the flags [\Seen], and () were agreed`}, quiet},
		"another date": {func(c *copied) { c.ok(os.Chtimes(c.file("INBOX", 3), time.Time{}, time.Unix(1e9, 0))) },
			[]string{"other_date INBOX 4: the file has the date 2001-09-09 01:46:40, and the server 2025-11-03 10:00:03"}, quiet},
		"other octets there": {func(c *copied) {
			c.exec("UPDATE message SET hash = x'0101010101010101010101010101010101010101010101010101010101010101' WHERE subject = 'letter 3'")
		}, nil,
			[]string{"damaged INBOX 4: its octets are others", "other_octets INBOX 4: the server gives other octets than the index knows"}},
		"another UIDVALIDITY": {func(c *copied) {
			c.exec("UPDATE box SET validity = validity + 1 WHERE mailbox = (SELECT id FROM mailbox WHERE name = 'INBOX')")
		},
			[]string{"other_uids INBOX 0: its UIDVALIDITY changed: the next sync finds out which message is which"}, quiet},
		"a mailbox that is only there": {func(c *copied) {
			c.remote(func(ctx context.Context, s *imap.Session) error { return s.Create(ctx, "New") })
		}, []string{"mailbox_missing_here New 0: the mailbox is on the server, and not here"}, quiet},
		"a mailbox that is only here": {func(c *copied) {
			c.remote(func(ctx context.Context, s *imap.Session) error { return s.Delete(ctx, "Old") })
		}, []string{"mailbox_missing_there Old 0: the mailbox is not on the server"}, quiet},
		"the server tells of half": {func(c *copied) { c.quirks = append(c.quirks, imaptest.Replace(`^\* \d+ FETCH .*UID [4-7] .*`, "")) },
			[]string{"not_given INBOX 0: …", "not_given Old 0: …"}, quiet},

		"done there since": {func(c *copied) {
			c.store("INBOX", 2, goimap.FlagFlagged)
			c.store("INBOX", 5, goimap.FlagDeleted)
			c.put("INBOX", 50, 51)
		}, []string{"not_pulled INBOX 11: the message is new there", `not_pulled INBOX 2: the server has the flags [\Flagged \Seen], and [\Seen] were agreed`,
			"not_pulled INBOX 5: the message is gone there"}, quiet},
		"done here since": {func(c *copied) {
			path := c.file("INBOX", 3)
			c.ok(os.Rename(path, strings.TrimSuffix(path, "S")+"FS"))
			c.ok(os.WriteFile(filepath.Join(c.root, "INBOX", "new", "9.local.host"), []byte("Subject: draft\n\ntext\n"), 0o600))
			path = c.file("INBOX", 6)
			c.ok(os.Rename(path, filepath.Join(c.root, "Old", "cur", filepath.Base(path))))
		}, []string{"not_pushed INBOX 0: the file is new here", `not_pushed INBOX 4: the flags here are [\Flagged \Seen], and [\Seen] were agreed`, "not_pushed INBOX 7: moved here to Old"}, quiet},
	}
}

// Every fault is found, and nothing else is called one. What differs since the last sync is told, and is no fault.
func TestFaults(t *testing.T) {
	var users []string
	for n := range len(faults()) {
		users = append(users, fmt.Sprint("user", n))
	}
	server := dovecot.Start(t, dovecot.Options{Users: users})
	n := 0
	for name, f := range faults() {
		user := users[n]
		n++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCopied(t, server, user)
			c.remote(func(ctx context.Context, s *imap.Session) error { return s.Create(ctx, "Old") })
			c.put("INBOX", 0, 10, goimap.FlagSeen)
			c.put("Old", 20, 25, "work")
			c.sync()
			f.do(c)
			c.check(nil, f.shallow)
			want := slices.Sorted(slices.Values(append(slices.Clone(f.shallow), f.deep...)))
			if name == "a cut file" { // the reason is told once, by what the octets are
				want = []string{"damaged INBOX 4: it has 21 octets in place of 67"}
			}
			c.check(deep, want)
		})
	}
}

// check demands what a Run tells, but for what "…" stands for, and that nothing was asked for that could change anything.
func (c *copied) check(form func(*Options), want []string) {
	c.Helper()
	said, counts := c.verify(form)
	said = slices.Clone(said)
	for i := range min(len(said), len(want)) {
		if before, ok := strings.CutSuffix(want[i], "…"); ok && strings.HasPrefix(said[i], before) {
			said[i] = want[i]
		}
	}
	if !slices.Equal(said, want) {
		c.Errorf("said %q, want %q", said, want)
	}
	if counts.Faults+counts.Waiting != len(said) {
		c.Errorf("%+v for %q", counts, said)
	}
	if len(want) == 0 && (counts.Messages != 15 || counts.Mailboxes != 2 || form != nil && (counts.Files != 15 || counts.There != 15)) {
		c.Errorf("%+v", counts)
	}
	changing := regexp.MustCompile(`(?i)^\S+ (SELECT|STORE|UID STORE|APPEND|COPY|UID COPY|MOVE|UID MOVE|EXPUNGE|UID EXPUNGE|CLOSE|CREATE|DELETE|RENAME|SUBSCRIBE|UNSUBSCRIBE)\b|BODY\[`)
	fetches := 0
	for _, line := range c.lines {
		if changing.MatchString(line) {
			c.Errorf("verify sent %q", line)
		}
		if strings.Contains(line, "UID FETCH") {
			fetches++
		}
	}
	if form == nil && fetches > 2 {
		c.Errorf("%d FETCH for two mailboxes", fetches)
	}
}

// What policy makes differ is no difference.
func TestPolicies(t *testing.T) {
	server := dovecot.Start(t, dovecot.Options{Users: []string{"none", "size", "freed", "keywords"}})
	policies := map[string]func(c *copied){
		"none": func(c *copied) { c.policy.Bodies.None = true; c.sync() },
		"size": func(c *copied) { c.policy.Bodies.MaxSize = 80; c.sync() },
		"freed": func(c *copied) {
			c.sync()
			c.opened(func(s *index.Store) error { return freeAll(c.Context(), s) })
		},
		"keywords": func(c *copied) {
			c.quirks = append(c.quirks, imaptest.Replace(`\[PERMANENTFLAGS \([^)]*\)\]`, `[PERMANENTFLAGS (\Seen \Deleted)]`))
			c.sync()
			path := c.file("INBOX", 3)
			c.ok(os.Rename(path, strings.TrimSuffix(path, "S")+"FS"))
			c.sync()
		},
	}
	for name, do := range policies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCopied(t, server, name)
			c.put("INBOX", 0, 10, goimap.FlagSeen)
			do(c)
			for _, form := range []func(*Options){nil, deep} {
				if said, counts := c.verify(form); len(said) > 0 || counts.Messages != 10 || name == "none" && counts.Bodyless != 10 {
					t.Errorf("said %q, %+v", said, counts)
				}
			}
		})
	}
}

// Files that another program brought have dates of their own: they are counted.
func TestOwnDates(t *testing.T) {
	server := dovecot.Start(t, dovecot.Options{})
	c := newCopied(t, server, "alice")
	c.put("INBOX", 0, 4)
	dir := maildir.Dir(filepath.Join(c.root, "INBOX"))
	c.ok(dir.Ensure())
	for n := range 4 {
		c.ok(os.WriteFile(filepath.Join(string(dir), "cur", fmt.Sprintf("%d.mbsync:2,", n)), []byte(strings.ReplaceAll(letter(n), "\r\n", "\n")), 0o600))
	}
	c.sync()
	if said, counts := c.verify(deep); len(said) > 0 || counts.OwnDates != 4 || counts.Files != 4 {
		t.Errorf("said %q, %+v", said, counts)
	}
	if _, ok, err := look.File(t.Context(), dir, "1.mbsync"); err != nil || !ok {
		t.Error(ok, err)
	}
}
