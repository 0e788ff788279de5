package index

import (
	"testing"
	"time"
)

func TestRuns(t *testing.T) {
	at := time.UnixMilli(1763763600000).UTC()
	s := open(t, newRoot(t), &Options{Now: func() time.Time { return at }})
	alice := Login{"alice", "Pop.Example.org"}
	last := func(what string, w Run) {
		t.Helper()
		got, err := s.LastRun(t.Context(), "pop3", Login{"alice", "pop.example.ORG"})
		if err != nil {
			t.Fatal(err)
		}
		want(t, what, got, w)
	}
	ran := func(failure, hint string, code int) {
		t.Helper()
		if err := s.Ran(t.Context(), "pop3", alice, failure, hint, code); err != nil {
			t.Fatal(err)
		}
	}
	last("never", Run{})
	ran("refused", "try", 4)
	last("failed", Run{Failed: at, Error: "refused", Hint: "try", Code: 4})
	ran("", "", 0)
	last("well", Run{Succeeded: at})
	then := at
	at = at.Add(time.Hour)
	ran("gone", "", 5)
	last("failed again", Run{Succeeded: then, Failed: at, Error: "gone", Code: 5})
	tell := func(told string) {
		t.Helper()
		if err := s.Tell(t.Context(), "pop3", alice, told); err != nil {
			t.Fatal(err)
		}
	}
	tell("that it is gone")
	last("told", Run{Succeeded: then, Failed: at, Error: "gone", Code: 5, Told: "that it is gone"})
	ran("gone", "", 5)
	ran("", "", 0)
	last("well, and told", Run{Succeeded: at, Told: "that it is gone"})
	tell("")
	ran("gone", "", 5)
	then = at
	if err := s.Ran(t.Context(), "imap", alice, "other", "", 1); err != nil {
		t.Fatal(err)
	}
	last("another protocol", Run{Succeeded: then, Failed: at, Error: "gone", Code: 5})
}
