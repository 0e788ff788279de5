package index

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"postie/maildir"
)

var overwritten = flag.Int("octets", 300, "how many random octets of a database are overwritten")

// worked is what a command does with an index: it lists, follows the Maildir, reads the base and writes.
func worked(t *testing.T, root maildir.Dir) (n int, err error) {
	s, err := Open(t.Context(), root, nil)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if _, err := s.Refresh(t.Context()); err != nil {
		return 0, err
	}
	_, err = s.Counts(t.Context(), nil)
	if err == nil {
		err = s.Ran(t.Context(), "imap", Login{"alice", "h"}, fmt.Sprint(rand.Int()), "", 1)
	}
	ms, e := s.messages(t.Context(), "TRUE")
	return len(ms), errors.Join(err, e)
}

// recovers demands that a database with one octet changed is used or set aside, at the second run at the latest, and that no
// message of the Maildir is missing then.
func recovers(t *testing.T, whole []byte, at int, octet byte) {
	t.Helper()
	root := newRoot(t)
	for n := range 3 {
		put(t, root, fmt.Sprintf("cur/%d.a.b:2,S", n), letter(n))
	}
	changed := append([]byte{}, whole...)
	changed[at] = octet
	put(t, root, ".postie.db", string(changed))
	var err error
	n := 0
	for range 2 {
		if n, err = worked(t, root); err == nil {
			break
		}
		if _, ok := errors.AsType[*Newer](err); ok && at/4 == 60/4 { // a number that it might well be
			return
		}
		if _, ok := errors.AsType[*Damaged](err); !ok {
			t.Errorf("octet %d is %#x: %v", at, octet, err)
		}
	}
	if err != nil || n < 3 {
		t.Errorf("octet %d is %#x: %d messages, %v", at, octet, n, err)
	}
	if err := os.RemoveAll(string(root)); err != nil {
		t.Error(err)
	}
}

// small is a database with three messages and an account.
func small(t *testing.T) []byte {
	root := newRoot(t)
	for n := range 3 {
		put(t, root, fmt.Sprintf("cur/%d.a.b:2,S", n), letter(n))
	}
	if _, err := worked(t, root); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(string(root), ".postie.db"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Every bit of the header, flipped: no panic, and no index that stays useless.
func TestEveryBitOfTheHeader(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it opens some hundred damaged databases")
	}
	whole := small(t)
	for bit := range 800 {
		if testing.Short() && bit%8 != 7 {
			continue
		}
		recovers(t, whole, bit/8, whole[bit/8]^1<<(bit%8))
	}
}

// Random octets anywhere: the same.
func TestRandomOctets(t *testing.T) {
	whole := small(t)
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	many := *overwritten
	if testing.Short() {
		many = min(many, 30)
	}
	for range many {
		recovers(t, whole, random.IntN(len(whole)), byte(random.Uint32()))
	}
	if t.Failed() {
		t.Logf("seed %d", seed)
	}
}
