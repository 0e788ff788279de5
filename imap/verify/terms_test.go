package verify

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/base"
	"postie/imap/mirror"
	"postie/imap/plan"
	"postie/maildir/index"
	"postie/maildir/verify"
	"postie/testdata/dovecot"
)

// own gives the mailboxes of a pattern terms of their own.
func (c *copied) own(pattern string, terms plan.Terms) {
	c.terms = append(c.terms, mirror.Terms{Pattern: pattern, Terms: terms})
}

// here makes a mailbox with one file here.
func (c *copied) here(mailbox string, n int) {
	c.Helper()
	dir := filepath.Join(c.root, mailbox)
	for _, sub := range []string{"cur", "new", "tmp"} {
		c.ok(os.MkdirAll(filepath.Join(dir, sub), 0o700))
	}
	c.ok(os.WriteFile(filepath.Join(dir, "new", fmt.Sprintf("%d.here.host", n)), []byte(strings.ReplaceAll(letter(n), "\r\n", "\n")), 0o600))
}

// everything is done on both sides, in a mailbox and with mailboxes.
func everything(c *copied) {
	c.Helper()
	path := c.file("Lists", 13)
	c.ok(os.Rename(path, strings.TrimSuffix(path, "S")+"FS"), os.Remove(c.file("Lists", 14)))
	c.here("Lists", 90)
	c.here("Lists/mine", 91)
	c.store("Lists", 2, goimap.FlagDeleted)
	c.store("Lists", 3, goimap.FlagFlagged)
	c.put("Lists", 30, 31)
	c.remote(func(ctx context.Context, s *imap.Session) error {
		return cmp.Or(s.Delete(ctx, "Lists/old"), s.Create(ctx, "Lists/theirs"))
	})
	c.put("Lists/theirs", 40, 42)
}

// The terms of single mailboxes count: what their direction, bodies or keep_for makes differ is no difference once a sync has seen to it. It is
// counted, and no fault is overlooked beside it.
func TestTerms(t *testing.T) {
	tests := map[string]struct {
		terms  plan.Terms
		change func(c *copied)
		before []string // that a Run tells before the sync; nil: it is not looked at
		counts verify.Counts
		fault  func(c *copied)
		found  []string // of it
	}{
		"bodies": {plan.Terms{Bodies: plan.Bodies{None: true}}, func(c *copied) {}, nil, verify.Counts{Messages: 15, Bodyless: 10}, nil, nil},
		"pull": {plan.Terms{Direction: plan.Pull}, func(c *copied) {
			everything(c)
			c.remote(func(ctx context.Context, s *imap.Session) error { return s.Create(ctx, "Lists/old") }) // else the guard would ask
			c.put("Lists/old", 15, 20)
		}, nil, verify.Counts{Messages: 16, OneSide: 2}, func(c *copied) { c.ok(os.Remove(c.file("Lists", 13))) },
			[]string{"missing_here Lists 4: its file is gone: the next sync leaves it out from then on"}},
		"put back": {plan.Terms{Direction: plan.Pull, Revert: true}, func(c *copied) {
			c.ok(os.Remove(c.file("Lists", 14)))
			c.here("Lists", 90)
		}, []string{"missing_here Lists 5: its file is gone: the next sync brings it again", "unknown_file Lists 0: the file is new here, and nothing is put there"},
			verify.Counts{Messages: 15, OneSide: 1}, nil, nil},
		"archive": {plan.Terms{Direction: plan.Archive}, everything, nil, verify.Counts{Messages: 11, OneSide: 2, Archived: 6},
			func(c *copied) {
				c.ok(os.Remove(c.file("Lists/old", 16)))
				c.edit(c.file("Lists/old", 17), flip)
			}, []string{"damaged Lists/old 0: its octets are others", "missing_here Lists/old 0: its file is gone"}},
		"push": {plan.Terms{Direction: plan.Push}, everything, nil, verify.Counts{Messages: 10, OneSide: 1, Archived: 6}, nil, nil},
		"keep_for": {plan.Terms{Direction: plan.Archive, KeepFor: 24 * time.Hour}, func(c *copied) { c.sync() }, nil,
			verify.Counts{Messages: 15, Bodyless: 10}, nil, nil},
		"both ways": {plan.Terms{}, func(c *copied) { c.ok(os.Remove(c.file("Lists", 14))) },
			[]string{"missing_here Lists 5: its file is gone: the next sync takes that for a deletion"}, verify.Counts{Messages: 14}, nil, nil},
	}
	var users []string
	for name := range tests {
		users = append(users, strings.ReplaceAll(name, " ", ""))
	}
	server := dovecot.Start(t, dovecot.Options{Users: users})
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		tt := tests[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCopied(t, server, strings.ReplaceAll(name, " ", ""))
			c.remote(func(ctx context.Context, s *imap.Session) error {
				return cmp.Or(s.Create(ctx, "Lists"), s.Create(ctx, "Lists/old"))
			})
			c.put("INBOX", 0, 5, goimap.FlagSeen)
			c.put("Lists", 10, 15, goimap.FlagSeen)
			c.put("Lists/old", 15, 20)
			if name == "bodies" {
				c.own("Lists*", tt.terms)
			}
			c.sync()
			c.own("Lists*", tt.terms)
			c.own("*", plan.Terms{}) // the first that fits counts
			tt.change(c)
			if said, _ := c.verify(nil); tt.before != nil && !slices.Equal(said, tt.before) {
				t.Errorf("before the sync: %q", said)
			}
			c.sync()
			c.sync()
			c.rests()
			for _, form := range []func(*Options){nil, deep} {
				said, counts := c.verify(form)
				got := verify.Counts{Messages: counts.Messages, OneSide: counts.OneSide, Archived: counts.Archived, Bodyless: counts.Bodyless}
				if len(said) > 0 || got != tt.counts {
					t.Errorf("said %q, %+v in place of %+v", said, got, tt.counts)
				}
			}
			if tt.fault != nil {
				tt.fault(c)
				if said, _ := c.verify(deep); !slices.Equal(said, tt.found) {
					t.Errorf("after a fault: %q", said)
				}
			}
		})
	}
}

// freeAll drops the bodies of all messages.
func freeAll(ctx context.Context, s *index.Store) error {
	ms, err := s.Select(ctx, "", "m.key <> ''")
	if err == nil {
		_, err = base.Free(ctx, s, ms, nil)
	}
	return err
}
