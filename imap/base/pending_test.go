package base

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"postie/maildir"
	"postie/maildir/index"
)

// An agreement forgets the pending change that it fulfils. One that was changed since it was read stays, and goes where its message goes.
func TestPendingGranted(t *testing.T) {
	_, a, in, other := based(t)
	ctx := t.Context()
	seen, since := maildir.PendingChange{UID: 1, To: "A"}, maildir.PendingChange{UID: 1, Delete: true}
	again, moved := paired(in, 1, ""), paired(in, 9, "")
	again.UID, moved.UID, moved.To = 1, 1, other.ID
	gone := Agreement{Mailbox: in.ID, UID: 1}
	for _, c := range []struct {
		what  string
		now   maildir.PendingChange
		agree Agreement
		left  string // in INBOX and the other mailbox
	}{
		{"fulfilled", seen, again, "[] []"},
		{"fulfilled, moved", seen, moved, "[] []"},
		{"changed since", since, again, "[{1 <nil>  true}] []"},
		{"changed since, moved", since, moved, "[] [{9 <nil>  true}]"},
		{"its message is gone", since, gone, "[] []"},
	} {
		must(t, a.Agree(ctx, []Agreement{gone, {Mailbox: other.ID, UID: 9}, paired(in, 1, "")}), a.Pend(ctx, in.ID, c.now))
		c.agree.Pending = seen
		must(t, a.Agree(ctx, []Agreement{c.agree}))
		one, err := a.Pending(ctx, in.ID)
		must(t, err)
		two, err := a.Pending(ctx, other.ID)
		must(t, err)
		want(t, c.what, fmt.Sprint(one, " ", two), c.left)
	}
}

// Flags that were pending while a sync took those of the server over remain the change that they were.
func TestPendingBesideAnAgreement(t *testing.T) {
	for _, c := range []struct {
		change      index.Change
		server      maildir.FlagSet
		to          bool // the message is moved besides
		left, shown string
	}{
		{index.Change{Set: maildir.FlagFlagged}, maildir.FlagReplied, false, "FR", "F"},
		{index.Change{Set: maildir.FlagFlagged}, maildir.FlagReplied, true, "FR", "F"},
		{index.Change{Set: maildir.FlagFlagged}, maildir.FlagFlagged | maildir.FlagReplied, false, "", "F"},
		{index.Change{Set: maildir.FlagFlagged}, 0, false, "F", "F"},
	} {
		s, a, in, other := based(t)
		ctx, g := t.Context(), paired(in, 1, "")
		must(t, a.Agree(ctx, []Agreement{g}))
		ms, err := s.Mark(ctx, numbered(t, s, 1), c.change)
		must(t, err)
		want(t, "shown", ms[0].Flags.Set.String(), c.shown)
		box := in
		if g.UID, g.Pair.Local.Set, g.Pair.Remote.Set = 1, c.server, c.server; c.to {
			g.To, box = other.ID, other
		}
		must(t, a.Agree(ctx, []Agreement{g}))
		left := ""
		all, err := a.Pending(ctx, box.ID)
		for _, w := range all {
			left += w.Flags.Set.String()
		}
		must(t, err)
		want(t, fmt.Sprint(c), left, c.left)
	}
}

// What is so already is no change, and a later one does not forget an earlier one.
func TestPending(t *testing.T) {
	s, a, in, _ := based(t)
	ctx := t.Context()
	must(t, a.Agree(ctx, []Agreement{paired(in, 1, "")}))
	one := func() index.Message {
		m, ok, err := s.ByID(ctx, 1)
		if must(t, err); !ok {
			t.Fatal("it is gone")
		}
		return m
	}
	pending := func() string {
		all, err := a.Pending(ctx, in.ID)
		must(t, err)
		text := ""
		for _, w := range all {
			if w.Flags != nil {
				text += w.Flags.Set.String()
			}
			text += fmt.Sprintf(" %s %v", w.To, w.Delete)
		}
		return text
	}
	mark := func(c index.Change) {
		_, err := s.Mark(ctx, []index.Message{one()}, c)
		must(t, err)
	}
	mark(index.Change{Set: maildir.FlagFlagged})
	want(t, "flagged", pending(), "F  false")
	mark(index.Change{Clear: maildir.FlagFlagged})
	want(t, "and back", pending(), "")
	_, err := s.Move(ctx, []index.Message{one()}, "B", maildir.FS)
	must(t, err)
	mark(index.Change{Set: maildir.FlagReplied})
	want(t, "moved and marked", pending(), "R B false")
	want(t, "is shown there", one().Mailbox, "B")
	_, err = s.Move(ctx, []index.Message{one()}, index.Inbox, maildir.FS)
	must(t, err)
	want(t, "and back", pending(), "R  false")
	_, err = s.Move(ctx, []index.Message{one()}, "B", maildir.FS)
	must(t, err)
	_, err = s.Remove(ctx, []index.Message{one()})
	must(t, err)
	want(t, "deleted", pending(), "R  true")
	hidden, err := s.Follow(ctx)
	if must(t, err); !hidden[1] {
		t.Error("it is shown still")
	}
}

// A file that a sync is about to publish is not one that is gone: who deletes its message is told to wait.
func TestChangeArriving(t *testing.T) {
	s, a, in, _ := based(t)
	_, err := a.Arrive(t.Context(), []Agreement{paired(in, 1, "k1")})
	must(t, err, at(s, in).Ensure())
	for name, do := range map[string]func([]index.Message) ([]index.Message, error){
		"delete": func(ms []index.Message) ([]index.Message, error) { return s.Remove(t.Context(), ms) },
		"mark": func(ms []index.Message) ([]index.Message, error) {
			return s.Mark(t.Context(), ms, index.Change{Clear: maildir.FlagSeen})
		},
		"move": func(ms []index.Message) ([]index.Message, error) { return s.Move(t.Context(), ms, "A/B", maildir.FS) },
	} {
		if done, err := do(numbered(t, s, 1)); len(done) > 0 || err == nil || !strings.Contains(err.Error(), "just coming in") {
			t.Errorf("%s: %v %v", name, done, err)
		}
	}
}

// A file that another program has moved here under its name has the letters of the folder that it came from, until a sync has
// seen it: a change of its flags leaves it its keywords.
func TestMarkCarried(t *testing.T) {
	s, a, in, other := based(t)
	ctx := t.Context()
	from, to := at(s, in), at(s, other)
	must(t, from.Ensure(), to.Ensure())
	for dir, keyword := range map[maildir.Dir]string{from: "home", to: "work"} {
		_, err := dir.AddKeywords(maildir.NewKeywords(keyword))
		must(t, err)
	}
	g := paired(in, 1, "k1")
	g.Entry, g.Pair.Local.Keywords = maildir.EntryOf("k1:2,Sa", false), maildir.NewKeywords("home")
	must(t, a.Agree(ctx, []Agreement{g}), os.WriteFile(to.Path(g.Entry), []byte("x"), 0o600))
	_, err := s.Follow(ctx)
	must(t, err)
	for _, c := range []index.Change{{Set: maildir.FlagFlagged}, {Clear: maildir.FlagSeen}} {
		ms, err := s.Mark(ctx, numbered(t, s, 1), c)
		if err != nil || len(ms) != 1 || ms[0].Flags.Keywords != "home" {
			t.Fatalf("%v %v", ms, err)
		}
	}
	want(t, "name", numbered(t, s, 1)[0].Entry.Name, "k1:2,Fb")
}
