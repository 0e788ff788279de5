package index

import (
	"testing"
	"time"
)

func TestTraffic(t *testing.T) {
	at := time.Date(2025, 11, 21, 22, 30, 0, 0, time.UTC)
	root := newRoot(t)
	alice := Login{"alice", "Imap.Example.org"}
	received := func(after time.Duration, protocol string, bytes int64) {
		t.Helper()
		at = at.Add(after)
		s := open(t, root, &Options{Now: func() time.Time { return at }}) // another run
		defer s.Close()
		if err := s.Received(t.Context(), protocol, alice, bytes); err != nil {
			t.Fatal(err)
		}
	}
	received(0, "imap", 100)
	received(time.Minute, "imap", 11)
	received(time.Minute, "pop3", 5000)
	received(time.Hour, "imap", 7)
	s := open(t, root, &Options{Now: func() time.Time { return at }})
	defer s.Close()
	got, err := s.Traffic(t.Context(), "imap", Login{"alice", "imap.example.ORG"})
	if err != nil {
		t.Fatal(err)
	}
	hour := time.Date(2025, 11, 21, 22, 0, 0, 0, time.UTC)
	want(t, "two hours", got, []Traffic{{hour, 111}, {hour.Add(time.Hour), 7}})
	at = at.Add(49 * time.Hour)
	if err := s.Received(t.Context(), "imap", alice, 1); err != nil {
		t.Fatal(err)
	}
	got, err = s.Traffic(t.Context(), "imap", alice)
	if err != nil || len(got) != 1 {
		t.Errorf("two days later %v, %v", got, err)
	}
}
