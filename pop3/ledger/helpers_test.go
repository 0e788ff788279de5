package ledger

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/index/query"
)

// newRoot makes an empty Maildir.
func newRoot(t testing.TB) maildir.Dir {
	t.Helper()
	root := maildir.Dir(filepath.Join(t.TempDir(), "inbox"))
	if err := root.Ensure(); err != nil {
		t.Fatal(err)
	}
	return root
}

// open opens the index of a root until the end of the test.
func open(t testing.TB, root maildir.Dir, o *index.Options) *index.Store {
	t.Helper()
	s, err := index.Open(t.Context(), root, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// of opens the ledger of a user.
func of(t testing.TB, s *index.Store, user string) *Ledger {
	t.Helper()
	l, err := Open(t.Context(), s, index.Login{User: user, Host: "POP.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// sample makes a message and its receipt as fetch would have them.
func sample(n int) (index.Message, Receipt) {
	hash := sha256.Sum256(fmt.Append(nil, n))
	key := maildir.Key(fmt.Sprintf("1763763600.M%06dP1234R%016x.host", n%1000000, n))
	wire := maildir.Wire{Size: int64(12000 + n%5000), Hash: hash, Exact: true}
	m := index.Message{Mailbox: index.Inbox, Entry: maildir.EntryOf(string(key), true), Date: time.UnixMilli(1763763600000 + int64(n)), Wire: wire, Header: hash}
	return m, Receipt{UIDL: fmt.Sprintf("%016x", n), Key: key, Listed: wire.Size, Wire: wire, Header: hash, Read: true}
}

func want(t testing.TB, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// all are the messages of the index.
func all(t testing.TB, s *index.Store) (ms []index.Message) {
	t.Helper()
	for m, err := range query.List(t.Context(), s, query.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		ms = append(ms, m)
	}
	return ms
}
