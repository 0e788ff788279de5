package maildir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"testing"
)

func TestScan(t *testing.T) {
	d := newDir(t)
	for _, rel := range []string{"cur/2:2,S", "new/1,S=5", "cur/.hidden", "new/.nfs1", "tmp/3", "cur/:2,S", "new/,S=5"} {
		touch(t, d, rel)
	}
	want := []Entry{{Name: "1,S=5", Key: "1", New: true, Size: 5}, {Name: "2:2,S", Key: "2", Set: FlagSeen, Size: -1}}
	if got := scan(t, d); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	for range d.Scan() {
		break // must not go on
	}
}

func TestScanOverChunks(t *testing.T) {
	d := newDir(t)
	n := 2*scanChunk + 1
	for i := range n {
		touch(t, d, fmt.Sprintf("cur/%d:2,", i))
	}
	seen := map[Key]bool{}
	for _, e := range scan(t, d) {
		seen[e.Key] = true
	}
	if len(seen) != n {
		t.Errorf("%d of %d", len(seen), n)
	}
}

func TestScanMissing(t *testing.T) {
	for _, sub := range []string{"new", "cur"} {
		d := newDir(t)
		must(t, os.Remove(d.sub(sub)))
		n := 0
		for _, err := range d.Scan() {
			if n++; !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v", sub, err)
			}
		}
		if n != 1 {
			t.Errorf("%s: %d yields", sub, n)
		}
	}
}

// found is the entry of a key, if it is there.
func found(t testing.TB, d Dir, key Key) Entry {
	t.Helper()
	i := slices.IndexFunc(scan(t, d), func(e Entry) bool { return e.Key == key })
	if i < 0 {
		t.Errorf("%s is not in %s", key, d)
		return Entry{}
	}
	return scan(t, d)[i]
}

func TestSubfolders(t *testing.T) {
	d := newDir(t)
	for _, sub := range []string{".b", ".a.b", "plain", ".a"} {
		must(t, Dir(d.sub(sub)).Ensure())
	}
	must(t, os.Mkdir(d.sub(".no-maildir"), 0o700))
	touch(t, d, ".postie.db")
	got, err := d.Subfolders()
	if want := []string{".a", ".a.b", ".b"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := Dir(d.sub("none")).Subfolders(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

func BenchmarkScan(b *testing.B) {
	d := newDir(b)
	for i := range 100_000 {
		f, err := os.Create(d.sub("cur", fmt.Sprintf("1700000000.M%06dP4242R0123456789abcdef.host,S=12345:2,S", i)))
		must(b, err)
		f.Close()
	}
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range d.Scan() {
			must(b, err)
			n++
		}
		if n != 100_000 {
			b.Fatal(n)
		}
	}
}
