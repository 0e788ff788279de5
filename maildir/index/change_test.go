package index

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postie/maildir"
)

// numbered gives messages by their NUMBERs.
func numbered(t testing.TB, s *Store, ids ...int64) (ms []Message) {
	t.Helper()
	for _, id := range ids {
		m, ok, err := s.ByID(t.Context(), id)
		if err != nil || !ok {
			t.Fatal(id, ok, err)
		}
		ms = append(ms, m)
	}
	return ms
}

// TestChange: every change is in the Maildir, in the table, and nothing is left for Refresh.
func TestChange(t *testing.T) {
	root := newRoot(t)
	s := open(t, root, nil)
	put(t, root, "new/a", letter(1))
	refreshed(t, s)
	put(t, root, "cur/b:2,FS", letter(2))
	refreshed(t, s)
	put(t, root, "cur/c:2,Sz", letter(3))
	refreshed(t, s)
	ctx := t.Context()
	step := func(name string, ms []Message, err error, done int, ls ...string) {
		t.Helper()
		want(t, name, fmt.Sprint(len(ms), err), fmt.Sprint(done, " <nil>"))
		want(t, name, lines(t, s), ls)
		r := refreshed(t, s)
		r.Scanned = 0
		want(t, name+": left for Refresh", r, Refreshed{})
	}
	ms, err := s.Mark(ctx, numbered(t, s, 1, 2), Change{Set: maildir.FlagSeen | maildir.FlagReplied, Clear: maildir.FlagFlagged})
	step("marked", ms, err, 2, "1 INBOX cur/a:2,RS RS letter 1", "2 INBOX cur/b:2,RS RS letter 2", "3 INBOX cur/c:2,Sz S letter 3")
	ms, err = s.Mark(ctx, numbered(t, s, 1), Change{Clear: maildir.FlagSeen | maildir.FlagReplied})
	step("what was in cur stays", ms, err, 1, "1 INBOX cur/a:2,  letter 1", "2 INBOX cur/b:2,RS RS letter 2", "3 INBOX cur/c:2,Sz S letter 3")
	ms, err = s.Mark(ctx, numbered(t, s, 2, 3), Change{Add: maildir.NewKeywords("work", "home")})
	step("keywords", ms, err, 2, "1 INBOX cur/a:2,  letter 1", "2 INBOX cur/b:2,RSab RS letter 2", "3 INBOX cur/c:2,Sabz S letter 3")
	want(t, "in the table", numbered(t, s, 3)[0].Flags.Keywords, "home work")
	ms, err = s.Mark(ctx, numbered(t, s, 3), Change{Remove: maildir.NewKeywords("WORK")})
	step("a keyword removed, a strange letter kept", ms, err, 1, "1 INBOX cur/a:2,  letter 1", "2 INBOX cur/b:2,RSab RS letter 2", "3 INBOX cur/c:2,Saz S letter 3")
	ms, err = s.Move(ctx, numbered(t, s, 2), "Lists/Gö", maildir.MaildirPlusPlus)
	step("moved", ms, err, 1, "1 INBOX cur/a:2,  letter 1", "2 Lists/Gö cur/b:2,RSab RS letter 2", "3 INBOX cur/c:2,Saz S letter 3")
	if _, err := os.Stat(filepath.Join(string(root), ".Lists.G&APY-", "cur", "b:2,RSab")); err != nil {
		t.Error(err)
	}
	ms, err = s.Move(ctx, numbered(t, s, 2, 1), "inbox", maildir.MaildirPlusPlus)
	step("and back", ms, err, 2, "1 INBOX cur/a:2,  letter 1", "2 INBOX cur/b:2,RSab RS letter 2", "3 INBOX cur/c:2,Saz S letter 3")
	ms, err = s.Remove(ctx, numbered(t, s, 1, 3))
	step("removed", ms, err, 2, "2 INBOX cur/b:2,RSab RS letter 2")
}

// TestChangeStale: other programs renamed or removed files since the last look.
func TestChangeStale(t *testing.T) {
	root := newRoot(t)
	s := open(t, root, nil)
	for n, name := range []string{"a", "b", "c", "d"} {
		put(t, root, "new/"+name, letter(n))
		refreshed(t, s) // one by one: the NUMBERs follow the letters
	}
	known := all(t, s)
	move(t, root, "new/a", root, "cur/a:2,F")
	move(t, root, "new/b", root, "cur/b:2,S")
	os.Remove(filepath.Join(string(root), "new/c"))
	move(t, root, "new/d", root, "cur/d:2,")
	put(t, root, "cur/d:2,", "Subject: another message of this key\n\n")
	ms, err := s.Mark(t.Context(), known[:3], Change{Set: maildir.FlagReplied})
	want(t, "marked", len(ms), 2)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("INBOX/%d: ", known[2].ID)) {
		t.Error(err)
	}
	ms, err = s.Remove(t.Context(), known[1:])
	want(t, "removed", len(ms), 2) // one was gone
	if err == nil || !strings.Contains(err.Error(), "changed meanwhile") {
		t.Error(err)
	}
	refreshed(t, s)
	var left []string
	for _, l := range lines(t, s) {
		left = append(left, strings.SplitN(l, " ", 3)[2])
	}
	want(t, "left", left, "[cur/a:2,FR FR letter 0 cur/d:2,  letter 3]")
}

func TestMoveRefuses(t *testing.T) {
	root := newRoot(t)
	s := open(t, root, nil)
	put(t, root, "new/a", letter(1))
	refreshed(t, s)
	for _, name := range []string{"", "a//b", "/a", ".hidden", "a\nb", "a/"} {
		if _, err := s.Move(t.Context(), numbered(t, s, 1), name, maildir.MaildirPlusPlus); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
	want(t, "stays", lines(t, s), "[1 INBOX new/a  letter 1]")
}

func TestCounts(t *testing.T) {
	root := newRoot(t)
	s := open(t, root, nil)
	put(t, root, "new/a", letter(1))
	put(t, root, "cur/b:2,FS", letter(2))
	put(t, sub(t, root, ".Box"), "cur/c:2,F", letter(3))
	refreshed(t, s)
	counts, err := s.Counts(t.Context(), nil)
	want(t, "counts", fmt.Sprint(counts, err), "[{INBOX 2 1 1 0} {Box 1 1 1 0}] <nil>")
}
