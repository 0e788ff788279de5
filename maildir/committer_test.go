package maildir

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
)

// draftOf is a message that is written in full.
func draftOf(t *testing.T, c *Committer[string], d Dir, text string) *Draft {
	t.Helper()
	f, err := c.Create(d)
	if err != nil {
		t.Fatal(err)
	}
	if whole, err := f.Fill(strings.NewReader(text), io.Discard, func(int) {}); !whole || err != nil {
		t.Fatal(whole, err)
	}
	return f
}

func TestCommitter(t *testing.T) {
	d := newDir(t)
	var got [][]string
	c := NewCommitter(3, nil, func(files *Batch, all []string) error {
		got = append(got, all)
		return errors.Join(files.Sync(), files.Publish())
	})
	for i := range 8 {
		item := fmt.Sprint(i)
		if i != 4 { // one without a file, which counts all the same
			c.Stage(draftOf(t, c, d, "A: b\r\n\r\n"+item+"\r\n"), Flags{})
		}
		if err := c.Add(item); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if want := "[[0 1 2] [3 4 5] [6 7]]"; fmt.Sprint(got) != want {
		t.Errorf("batches %v, want %s", got, want)
	}
	if n := len(scan(t, d)); n != 7 {
		t.Errorf("%d files, want 7", n)
	}
}

// After a commit that failed nothing more is stored, what waits is discarded, and each caller hears why.
func TestCommitterFails(t *testing.T) {
	d := newDir(t)
	full, calls := errors.New("full"), 0
	c := NewCommitter(1, nil, func(*Batch, []string) error { calls++; return full })
	var err error
	for i := 0; err == nil; i++ {
		if i == 4 {
			t.Fatal("nobody says that it failed")
		}
		c.Stage(draftOf(t, c, d, "A: b\r\n\r\n"), Flags{})
		err = c.Add("")
	}
	if !errors.Is(err, full) || !errors.Is(c.Close(), full) {
		t.Errorf("got %v", err)
	}
	if left := list(t, d); calls != 1 || len(left) != 0 {
		t.Errorf("%d commits; left: %v", calls, left)
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

func TestSplit(t *testing.T) {
	other := errors.New("other")
	outcome := Failures{{Key: "b", Err: errors.New("odd name")}, {Key: "c", Err: fmt.Errorf("write: %w", syscall.ENOSPC)}}
	for _, c := range []struct {
		outcome error
		want    string
	}{
		{nil, "[a b c] [] [] <nil>"},
		{other, "[a b c] [] [] other"},
		{outcome, "[a] [b c] [b] write: " + syscall.ENOSPC.Error()},
		{outcome[:1], "[a c] [b] [b] <nil>"},
	} {
		var told []string
		stored, lost, err := Split([]string{"a", "b", "c"}, c.outcome, func(s string) Key { return Key(s) },
			func(s string, err error) { told = append(told, s) })
		if got := fmt.Sprint(stored, lost, told, err); got != c.want {
			t.Errorf("%v: got %s, want %s", c.outcome, got, c.want)
		}
	}
}
