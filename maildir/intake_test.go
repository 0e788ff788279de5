package maildir

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
)

// notebook is a Ledger that remembers what it was told.
type notebook struct {
	arriving, stored [][]string
	lost, failed     []string
	full             error // Arriving gives it
	visible          func() int
}

func (n *notebook) Arriving(all []string) error {
	if n.visible != nil {
		all = append(all, fmt.Sprint(n.visible()))
	}
	n.arriving = append(n.arriving, all)
	return n.full
}

func (n *notebook) Stored(stored, lost []string) error {
	n.stored, n.lost = append(n.stored, stored), append(n.lost, lost...)
	return nil
}

func (n *notebook) Failed(one string, why error) { n.failed = append(n.failed, one+": "+why.Error()) }

// take puts a message that is written in full into an Intake.
func take(t *testing.T, in *Intake[string], d Dir, item string) error {
	t.Helper()
	f, err := in.Create(d)
	must(t, err)
	if whole, err := f.Fill(strings.NewReader("A: b\r\n\r\n"+item+"\r\n"), io.Discard, func(int) {}); !whole || err != nil {
		t.Fatal(whole, err)
	}
	return in.Add(item, in.Stage(f, Flags{}))
}

// Each batch is recorded before any of its files can be seen, and once more when they can.
func TestIntake(t *testing.T) {
	d := newDir(t)
	book := &notebook{}
	book.visible = func() int { return len(scan(t, d)) }
	in := NewIntake(3, nil, Ledger[string](book))
	for i := range 8 {
		item := fmt.Sprint(i)
		if i == 4 { // one without a file, which counts all the same
			must(t, in.Add(item, ""))
		} else {
			must(t, take(t, in, d, item))
		}
	}
	must(t, in.Close())
	if got, want := fmt.Sprint(book.arriving, book.stored), "[[0 1 2 0] [3 5 3] [6 7 5]] [[0 1 2] [4 3 5] [6 7]]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if n := len(scan(t, d)); n != 7 {
		t.Errorf("%d files, want 7", n)
	}
}

// After a batch that failed as a whole nothing more is stored, what waits is discarded, and each caller hears why.
func TestIntakeEnds(t *testing.T) {
	d := newDir(t)
	book := &notebook{full: errors.New("full")}
	in := NewIntake(1, nil, Ledger[string](book))
	var err error
	for i := 0; err == nil; i++ {
		if i == 4 {
			t.Fatal("nobody says that it failed")
		}
		err = take(t, in, d, "")
	}
	if !errors.Is(err, book.full) || !errors.Is(in.Close(), book.full) {
		t.Errorf("got %v", err)
	}
	if left := list(t, d); len(book.arriving) != 1 || len(book.stored) != 0 || len(left) != 0 {
		t.Errorf("%+v; left: %v", book, left)
	}
}

// What cannot be published is told as lost, with its cause; the others are stored.
func TestIntakeLoses(t *testing.T) {
	d := newDir(t)
	book := &notebook{}
	in := NewIntake(0, func(step string) {
		if verb, path, _ := strings.Cut(step, " "); verb == "rename" && strings.Contains(path, ",S=9") {
			must(t, os.WriteFile(path, nil, 0o600)) // somebody has taken the name
		}
	}, Ledger[string](book))
	for _, item := range []string{"a", "bb", "c"} {
		must(t, take(t, in, d, item))
	}
	must(t, in.Close())
	if fmt.Sprint(book.arriving, book.stored, book.lost) != "[[a bb c]] [[a c]] [bb]" || len(book.failed) != 1 || !strings.HasPrefix(book.failed[0], "bb: ") {
		t.Errorf("%+v", book)
	}
}

// A line that breaks is no failure to store.
func TestFillTells(t *testing.T) {
	d := newDir(t)
	f, err := d.Create()
	if err != nil {
		t.Fatal(err)
	}
	octets := 0
	broken := io.MultiReader(strings.NewReader("A: b\r\n"), iotest.ErrReader(io.ErrUnexpectedEOF))
	if whole, err := f.Fill(broken, io.Discard, func(n int) { octets += n }); whole || err != nil || octets != 6 {
		t.Errorf("whole %v, error %v, %d octets", whole, err, octets)
	}
	f.Close()
	if whole, err := f.Fill(strings.NewReader("A: b\r\n"), io.Discard, func(int) {}); whole || err == nil {
		t.Errorf("a closed draft: whole %v, error %v", whole, err)
	}
}

func TestIntakeSplits(t *testing.T) {
	other := errors.New("other")
	outcome := Failures{{Key: "b", Err: errors.New("odd name")}, {Key: "c", Err: fmt.Errorf("write: %w", syscall.ENOSPC)}}
	for _, c := range []struct {
		outcome error
		want    string
	}{
		{nil, "[A B C] [] 0 <nil>"},
		{other, "[A B C] [] 0 other"},
		{outcome, "[A] [B C] 1 write: " + syscall.ENOSPC.Error()},
		{outcome[:1], "[A C] [B] 1 <nil>"},
	} {
		book := &notebook{}
		in := &Intake[string]{ledger: book}
		stored, lost, err := in.split([]item[string]{{"a", "A"}, {"b", "B"}, {"c", "C"}}, c.outcome)
		if got := fmt.Sprint(known(stored), known(lost), len(book.failed), err); got != c.want {
			t.Errorf("%v: got %s, want %s", c.outcome, got, c.want)
		}
	}
}
