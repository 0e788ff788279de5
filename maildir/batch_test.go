package maildir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Len is the number of deliveries in the batch.
func (b *Batch) Len() int { return len(b.deliveries) }

// Commit is Sync, and Publish of what was synced.
func (b *Batch) Commit() error {
	var all, some Failures
	for _, err := range []error{b.Sync(), b.Publish()} {
		if errors.As(err, &some) {
			all = append(all, some...)
		}
	}
	return all.orNil()
}

type crashed struct{}

// crash runs f until it panics with crashed, which stands for kill -9, or to its end.
func crash(f func()) {
	defer func() {
		if r := recover(); r != nil && r != (crashed{}) {
			panic(r)
		}
	}()
	f()
}

func add(t testing.TB, b *Batch, d Dir, text string, flags Flags) *Delivery {
	t.Helper()
	f, err := d.Create()
	must(t, err)
	_, err = io.WriteString(f, text)
	must(t, err)
	b.Add(f, flags)
	return f
}

// In this order, or a crash loses mail: keyword table, files, names, folders.
func TestBatchOrder(t *testing.T) {
	root := t.TempDir()
	a, c := Dir(filepath.Join(root, "a")), Dir(filepath.Join(root, "c"))
	must(t, a.Ensure())
	must(t, c.Ensure())
	var got []string
	b := Batch{Step: func(step string) {
		verb, path, _ := strings.Cut(step, " ")
		rel, _ := filepath.Rel(root, path)
		rel, _, _ = strings.Cut(rel, "/1") // the rest of a key
		if verb == "fsync" && strings.Contains(path, "tmp") {
			if fi, err := os.Stat(path); err != nil || fi.Size() == 0 {
				t.Errorf("%s: %v", step, err)
			}
		}
		got = append(got, verb+" "+rel)
	}}
	f1 := add(t, &b, a, "1", Flags{})
	f2 := add(t, &b, a, "22", Flags{Set: FlagSeen, Keywords: "blue"})
	f3 := add(t, &b, c, "333", Flags{})
	f4 := add(t, &b, a, "4444", Flags{Keywords: "red blue"})
	if b.Len() != 4 || b.Bytes() != 10 {
		t.Error(b.Len(), b.Bytes())
	}
	must(t, b.Sync())
	if len(scan(t, a))+len(scan(t, c)) != 0 {
		t.Error("visible before Publish")
	}
	must(t, b.Publish())
	want := []string{
		"fsync a/tmp", "rename a/dovecot-keywords", "fsync-dir a",
		"fsync a/tmp", "fsync a/tmp", "fsync c/tmp", "fsync a/tmp",
		"rename a/new", "rename a/cur", "rename c/new", "rename a/cur",
		"fsync-dir a/new", "fsync-dir a/cur", "fsync-dir c/new",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	for f, flags := range map[*Delivery]string{f1: "", f2: ":2,Sa", f3: "", f4: ":2,ab"} {
		e := f.Entry()
		if want := fmt.Sprintf("%s,S=%d%s", f.Key(), f.Wire().Size, flags); e.Name != want || e.New != (flags == "") {
			t.Errorf("%+v, want %s", e, want)
		}
		if is := found(t, f.dir, f.Key()); is != e {
			t.Errorf("%+v is not %+v", is, e)
		}
	}
	if b.Len() != 0 || b.Bytes() != 0 || len(list(t, a)) != 4 {
		t.Error("not empty afterwards")
	}
}

// Stopped before any durable step, each message is whole, in exactly one place.
func TestBatchCrash(t *testing.T) {
	texts := []string{"one", "two", "three"}
	for stop, done := 1, false; !done; stop++ {
		d := newDir(t)
		steps := 0
		b := Batch{Step: func(string) {
			if steps++; steps == stop {
				panic(crashed{})
			}
		}}
		for i, text := range texts {
			add(t, &b, d, text, Flags{Set: FlagSet(i)})
		}
		crash(func() {
			must(t, b.Commit())
			done = true
		})
		var got []string
		for _, rel := range list(t, d) {
			content, err := os.ReadFile(d.sub(rel))
			must(t, err)
			got = append(got, string(content))
		}
		slices.Sort(got)
		if !slices.Equal(got, []string{"one", "three", "two"}) {
			t.Errorf("before step %d: %q", stop, got)
		}
		published := max(0, min(3, steps-4))
		if n := len(scan(t, d)); !done && n != published {
			t.Errorf("before step %d: %d published, want %d", stop, n, published)
		}
	}
}

func TestBatchFailures(t *testing.T) {
	d, broken := newDir(t), newDir(t)
	var b Batch
	good := add(t, &b, d, "good", Flags{})
	gone := add(t, &b, d, "gone", Flags{})
	closed := add(t, &b, d, "closed", Flags{})
	noFolder := add(t, &b, broken, "no folder", Flags{})
	noTable := add(t, &b, broken, "no table", Flags{Keywords: "k"})
	must(t, os.Remove(gone.path))
	must(t, closed.Close())
	must(t, os.Mkdir(broken.sub(keywordFile), 0o700))
	must(t, os.Remove(broken.sub("new")))

	var fails Failures
	if err := b.Sync(); !errors.As(err, &fails) || !errors.Is(err, fs.ErrClosed) {
		t.Fatal(err)
	}
	if keys := keysOf(fails); !slices.Equal(keys, []Key{closed.Key(), noTable.Key()}) || b.Len() != 3 {
		t.Error(fails)
	}
	late := add(t, &b, d, "late", Flags{})
	if err := b.Publish(); !errors.As(err, &fails) || !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if keys := keysOf(fails); !slices.Equal(keys, []Key{gone.Key(), noFolder.Key()}) {
		t.Error(fails)
	}
	// What was never synced is never published, but waits.
	if es := scan(t, d); len(es) != 1 || es[0] != good.Entry() || b.Len() != 1 {
		t.Errorf("%+v", es)
	}
	must(t, b.Commit())
	found(t, d, late.Key())
	if got := list(t, broken); got != nil {
		t.Errorf("left: %q", got)
	}
}

// When a folder cannot be made durable its messages are named, and stay where they are.
func TestBatchFolderNotDurable(t *testing.T) {
	d := newDir(t)
	b := Batch{Step: func(step string) {
		if step == "fsync-dir "+d.sub("new") {
			must(t, os.Rename(d.sub("new"), d.sub("away")))
		}
	}}
	lost := add(t, &b, d, "1", Flags{})
	add(t, &b, d, "2", Flags{Set: FlagSeen})
	var fails Failures
	if err := b.Commit(); !errors.As(err, &fails) || !slices.Equal(keysOf(fails), []Key{lost.Key()}) || b.Len() != 0 {
		t.Error(err)
	}
	if got := list(t, d); len(got) != 2 || !strings.HasPrefix(got[0], "away/") {
		t.Errorf("%q", got)
	}
}

func TestBatchClosedDraftIsNotPublished(t *testing.T) {
	d := newDir(t)
	var b Batch
	f := add(t, &b, d, "x", Flags{})
	must(t, b.Sync())
	must(t, f.Close())
	var fails Failures
	if err := b.Publish(); !errors.As(err, &fails) || len(fails) != 1 || b.Len() != 0 {
		t.Error(err)
	}
	if err := b.Commit(); err != nil {
		t.Error("an empty batch:", err)
	}
}

// Commit names what either half of it met.
func TestBatchCommitFailures(t *testing.T) {
	d, broken := newDir(t), newDir(t)
	var b Batch
	gone := add(t, &b, d, "gone", Flags{})
	noFolder := add(t, &b, broken, "no folder", Flags{Set: FlagSeen})
	add(t, &b, d, "good", Flags{})
	must(t, os.Remove(gone.path))
	must(t, os.Remove(broken.sub("cur")))
	var fails Failures
	if err := b.Commit(); !errors.As(err, &fails) || !slices.Equal(keysOf(fails), []Key{gone.Key(), noFolder.Key()}) {
		t.Error(err)
	}
	if len(scan(t, d)) != 1 {
		t.Error("the good one is not there")
	}
}

func TestBatchNeverOverwrites(t *testing.T) {
	d := newDir(t)
	var b Batch
	f := add(t, &b, d, "mine", Flags{})
	must(t, os.WriteFile(d.Path(f.Entry()), []byte("theirs"), 0o600))
	if err := b.Commit(); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if got, _ := os.ReadFile(d.Path(f.Entry())); string(got) != "theirs" {
		t.Errorf("%s", got)
	}
}

func TestBatchClose(t *testing.T) {
	d := newDir(t)
	var b Batch
	add(t, &b, d, "1", Flags{})
	must(t, b.Sync())
	add(t, &b, d, "2", Flags{})
	must(t, b.Close())
	if got := list(t, d); got != nil || b.Len() != 0 {
		t.Errorf("left: %q", got)
	}
}

func keysOf(fails Failures) (keys []Key) {
	for _, f := range fails {
		keys = append(keys, f.Key)
	}
	return keys
}

func BenchmarkBatch(b *testing.B) {
	d, m := newDir(b), message(12<<10)
	b.SetBytes(int64(256 * len(m)))
	b.ReportAllocs()
	for b.Loop() {
		var batch Batch
		for range 256 {
			f, err := d.Create()
			must(b, err)
			_, err = f.Write(m)
			must(b, err)
			batch.Add(f, Flags{})
		}
		must(b, batch.Commit())
	}
}
