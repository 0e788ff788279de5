package maildir

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

var conversions = []struct {
	wire, disk string
	exact      bool
}{
	{"", "", true},
	{"a\r\nb\r\n", "a\nb\n", true},
	{"a\r\nb", "a\nb", true},
	{"\r\n\r\n", "\n\n", true},
	{"\n", "\n", false},
	{"a\nb\r\n", "a\nb\n", false},
	{"\r\n\n", "\n\n", false},
	{"\r", "\r", true},
	{"\r\r", "\r\r", true},
	{"a\rb\r\n", "a\rb\n", true},
	{"a\r\r\n", "a\r\n", false},
	{"\r\r\r\n", "\r\r\n", false},
	{"\n\r\n", "\n\n", false},
	{"\r\n\r", "\n\r", true},
	{"\x00\xff\x80\r\n.\r\n", "\x00\xff\x80\n.\n", true},
}

// deliver writes wire, cut into pieces of n octets, and publishes it.
func deliver(t testing.TB, d Dir, wire string, n int) *Delivery {
	t.Helper()
	f, err := d.Create()
	must(t, err)
	for rest := wire; rest != ""; {
		piece := rest[:min(n, len(rest))]
		_, err := io.WriteString(f, piece)
		must(t, err)
		rest = rest[len(piece):]
	}
	var b Batch
	if key := b.Add(f, Flags{}); key != f.Key() {
		t.Errorf("key %s is not %s", key, f.Key())
	}
	must(t, b.Commit())
	return f
}

// check compares a file with what the naive way makes of it.
func check(t testing.TB, path string, f *Delivery, wire string) {
	t.Helper()
	disk, err := os.ReadFile(path)
	must(t, err)
	if want := strings.ReplaceAll(wire, "\r\n", "\n"); string(disk) != want {
		t.Fatalf("%q lies on disk as %q, want %q", wire, disk, want)
	}
	back, err := io.ReadAll(NewWireReader(bytes.NewReader(disk)))
	must(t, err)
	want := Wire{int64(len(wire)), sha256.Sum256([]byte(wire)), string(back) == wire}
	if f.Wire() != want {
		t.Fatalf("%q: %+v, want %+v", wire, f.Wire(), want)
	}
	if f.Entry().Size != int64(len(disk)) {
		t.Fatalf("S=%d for %d octets", f.Entry().Size, len(disk))
	}
}

func TestDelivery(t *testing.T) {
	d := newDir(t)
	for _, c := range conversions {
		for n := 1; n <= len(c.wire)+1; n++ {
			f := deliver(t, d, c.wire, n)
			check(t, d.Path(f.Entry()), f, c.wire)
			if f.Wire().Exact != c.exact {
				t.Errorf("%q: exact = %v", c.wire, !c.exact)
			}
		}
	}
}

// Around the ends of both buffers.
func TestDraftLarge(t *testing.T) {
	d := newDir(t)
	wire := strings.Repeat(strings.Repeat("x", 77)+"\r\n", 4000) + strings.Repeat("y", 3*bufferSize)
	for _, n := range []int{1021, readSize, bufferSize, len(wire)} {
		f := deliver(t, d, wire, n)
		check(t, d.Path(f.Entry()), f, wire)
	}
	for _, size := range []int{readSize - 1, readSize, readSize + 1, bufferSize + readSize} {
		wire := strings.Repeat("z", size) + "\r\n"
		f := deliver(t, d, wire, size)
		check(t, d.Path(f.Entry()), f, wire)
	}
}

func FuzzDelivery(f *testing.F) {
	for _, c := range conversions {
		f.Add(c.wire, uint8(1))
	}
	d := newDir(f)
	f.Fuzz(func(t *testing.T, wire string, n uint8) {
		draft, err := d.Create()
		must(t, err)
		for rest := wire; rest != ""; {
			piece := rest[:min(int(n)+1, len(rest))]
			if _, err := io.WriteString(draft, piece); err != nil {
				t.Fatal(err)
			}
			rest = rest[len(piece):]
		}
		draft.stage(Flags{})
		check(t, draft.path, draft, wire)
		must(t, draft.Close())
	})
}

func TestDraftClose(t *testing.T) {
	d := newDir(t)
	f, err := d.Create()
	must(t, err)
	if fi, err := os.Stat(f.path); err != nil || fi.Mode() != 0o600 {
		t.Error(fi.Mode(), err)
	}
	must(t, f.Close())
	must(t, f.Close())
	if got := list(t, d); got != nil {
		t.Errorf("left: %q", got)
	}
	if _, err := f.Write([]byte("x")); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("write after close: %v", err)
	}

	f = deliver(t, d, "x", 1)
	must(t, f.Close())
	if got := list(t, d); len(got) != 1 {
		t.Errorf("a published message is gone: %q", got)
	}
	if _, err := f.Write([]byte("x")); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("write after publishing: %v", err)
	}
}

func TestDraftTime(t *testing.T) {
	d := newDir(t)
	f, err := d.Create()
	must(t, err)
	at := time.Unix(1234567890, 0)
	f.SetTime(at)
	io.WriteString(f, "x")
	var b Batch
	b.Add(f, Flags{Set: FlagSeen})
	must(t, b.Commit())
	if fi, err := os.Stat(d.Path(f.Entry())); err != nil || !fi.ModTime().Equal(at) {
		t.Error(fi.ModTime(), err)
	}
}

// An error of the disk sticks, and reaches whoever looks only at the batch.
func TestDraftWriteError(t *testing.T) {
	d := newDir(t)
	f, err := d.Create()
	must(t, err)
	must(t, f.file.Close())
	big := make([]byte, 2*bufferSize)
	for range 2 {
		if n, err := f.Write(big); n != 0 || err == nil {
			t.Errorf("wrote %d, %v", n, err)
		}
	}
	var b Batch
	key := b.Add(f, Flags{})
	var fails Failures
	if err := b.Commit(); !errors.As(err, &fails) || len(fails) != 1 || fails[0].Key != key {
		t.Error(err)
	}
	if got := list(t, d); got != nil || b.Len() != 0 {
		t.Errorf("left: %q", got)
	}
}

func TestWire(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "\n": "\r\n", "\n\n": "\r\n\r\n", "a\nb": "a\r\nb", "a\r\nb\n": "a\r\nb\r\n",
		"\r": "\r", "\r\r\n": "\r\r\n", "\n\r": "\r\n\r", "a\rb\n": "a\rb\r\n",
	} {
		must(t, iotest.TestReader(NewWireReader(strings.NewReader(in)), []byte(want)))
		for _, r := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in)), iotest.DataErrReader(strings.NewReader(in))} {
			got, err := WireOf(r)
			if want := (Wire{int64(len(want)), sha256.Sum256([]byte(want)), true}); err != nil || got != want {
				t.Errorf("%q: %+v %v", in, got, err)
			}
		}
	}
	if _, err := WireOf(iotest.ErrReader(fs.ErrClosed)); !errors.Is(err, fs.ErrClosed) {
		t.Error(err)
	}
}

func message(size int) []byte {
	line := strings.Repeat("x", 70) + "\r\n"
	return []byte(strings.Repeat(line, size/len(line)+1)[:size-2] + "\r\n")
}

func BenchmarkDelivery(b *testing.B) {
	for name, size := range map[string]int{"12KB": 12 << 10, "10MB": 10 << 20} {
		b.Run(name, func(b *testing.B) {
			d, m := newDir(b), message(size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				f, err := d.Create()
				must(b, err)
				_, err = io.CopyBuffer(struct{ io.Writer }{f}, struct{ io.Reader }{bytes.NewReader(m)}, make([]byte, 32<<10))
				must(b, err)
				must(b, f.Close())
			}
		})
	}
}
