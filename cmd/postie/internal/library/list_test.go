package library

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"strings"
	"testing"
	"time"

	"postie/maildir/index"
)

func TestMerged(t *testing.T) {
	seq := func(hours ...int) iter.Seq2[Item, error] {
		return func(yield func(Item, error) bool) {
			for _, h := range hours {
				if h < 0 {
					yield(Item{}, fmt.Errorf("hour %d", h))
					return
				}
				if !yield(Item{Message: index.Message{ID: int64(h), Date: time.Unix(int64(h)*3600, 0)}}, nil) {
					return
				}
			}
		}
	}
	newest := func(a, b Item) int { return b.Date.Compare(a.Date) }
	for _, c := range []struct {
		seqs []iter.Seq2[Item, error]
		want string
	}{
		{nil, ""},
		{[]iter.Seq2[Item, error]{seq(3, 2, 1)}, "3 2 1"},
		{[]iter.Seq2[Item, error]{seq(9, 5, 1), seq(), seq(8, 7, 2), seq(6)}, "9 8 7 6 5 2 1"},
		{[]iter.Seq2[Item, error]{seq(9, -1), seq(8, 7)}, "9 error"},
	} {
		var got []string
		for i, err := range merged(newest, c.seqs) {
			if err != nil {
				got = append(got, "error")
				continue
			}
			got = append(got, fmt.Sprint(i.ID))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s, want %s", s, c.want)
		}
		for range merged(newest, c.seqs) { // and stops when the reader does
			break
		}
	}
}

// Two names that are one file, as on a file system that ignores case: the second mailbox does not overwrite the first one.
func TestApart(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := errors.Join(root.WriteFile("A.mbox", []byte("of an earlier export"), 0o600), root.Link("A.mbox", "a.mbox")); err != nil {
		t.Fatal(err)
	}
	w, info, err := apart(root, "A.mbox", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteString("A"); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	if _, _, err := apart(root, "a.mbox", []fs.FileInfo{info}); err == nil || !strings.Contains(err.Error(), "a.mbox would overwrite") {
		t.Error(err)
	}
	if b, err := root.ReadFile("A.mbox"); err != nil || string(b) != "A" {
		t.Errorf("%q, %v", b, err)
	}
}
