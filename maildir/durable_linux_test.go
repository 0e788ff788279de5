package maildir

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// ways to make files durable; Batch takes the last.
var ways = []struct {
	name    string
	durable func(paths []string) error
}{
	{"each", func(paths []string) error { return parallel(1, paths) }},
	{"parallel8", func(paths []string) error { return parallel(8, paths) }},
	{"parallel32", func(paths []string) error { return parallel(syncers, paths) }},
	{"syncfs", syncfs},
	{"range+each", func(paths []string) error { hint(paths); return parallel(1, paths) }},
	{"range+parallel32", func(paths []string) error { hint(paths); return parallel(syncers, paths) }},
}

func parallel(n int, paths []string) error {
	var wg sync.WaitGroup
	var first atomic.Pointer[error]
	slots := make(chan struct{}, n)
	for _, path := range paths {
		slots <- struct{}{}
		wg.Go(func() {
			if err := syncFile(path); err != nil {
				first.Store(&err)
			}
			<-slots
		})
	}
	wg.Wait()
	if err := first.Load(); err != nil {
		return *err
	}
	return nil
}

// hint is counted in full here; in a Batch most of it happens while messages come in.
func hint(paths []string) {
	for _, path := range paths {
		if f, err := openMessageFile(path, 0); err == nil {
			f.startWriteback()
			f.Close()
		}
	}
}

func syncfs(paths []string) error {
	f, err := os.Open(filepath.Dir(paths[0]))
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Syncfs(int(f.Fd()))
}

// loads on the same file system, beside the batches.
var loads = []struct {
	name string
	work func(b *testing.B, f *os.File, stop <-chan struct{})
}{
	{"idle", func(*testing.B, *os.File, <-chan struct{}) {}},
	{"fsync4MBs", func(b *testing.B, f *os.File, stop <-chan struct{}) { // a database
		writer(b, f, stop, 64<<10, 64<<20, 16*time.Millisecond, true)
	}},
	{"dirty300MBs", func(b *testing.B, f *os.File, stop <-chan struct{}) { // a copy of something large
		writer(b, f, stop, 1<<20, 2<<30, 3*time.Millisecond, false)
	}},
}

func writer(b *testing.B, f *os.File, stop <-chan struct{}, piece, wrap int64, pause time.Duration, sync bool) {
	p := make([]byte, piece)
	for at := int64(0); ; at = (at + piece) % wrap {
		select {
		case <-stop:
			return
		case <-time.After(pause):
		}
		_, err := f.WriteAt(p, at)
		if err == nil && sync {
			err = f.Sync()
		}
		if err != nil {
			b.Error(err)
			return
		}
	}
}

// BenchmarkDurable measures the ways to make a batch of 256 files durable, in turn, on the disk of $TMPDIR, without and
// with other load: median and worst milliseconds of each way. Run it with -benchtime=20x.
func BenchmarkDurable(b *testing.B) {
	for _, load := range loads {
		for _, size := range []int{4 << 10, 12 << 10} {
			b.Run(fmt.Sprintf("%s/%dKB", load.name, size>>10), func(b *testing.B) {
				root := b.TempDir()
				f, err := os.Create(filepath.Join(root, "load"))
				must(b, err)
				defer f.Close()
				stop := make(chan struct{})
				var wg sync.WaitGroup
				wg.Go(func() { load.work(b, f, stop) })
				if load.name != "idle" {
					time.Sleep(time.Second) // let it build up
				}
				measure(b, root, message(size))
				close(stop)
				wg.Wait()
			})
		}
	}
}

func measure(b *testing.B, root string, m []byte) {
	times := make([][]float64, len(ways))
	for b.Loop() {
		for i, way := range ways {
			dir := filepath.Join(root, way.name)
			must(b, os.Mkdir(dir, 0o700))
			var paths []string
			for j := range 256 {
				paths = append(paths, filepath.Join(dir, fmt.Sprint(j)))
				must(b, os.WriteFile(paths[j], m, 0o600))
			}
			start := time.Now()
			must(b, way.durable(paths))
			times[i] = append(times[i], float64(time.Since(start).Microseconds())/1000)
			must(b, os.RemoveAll(dir))
		}
	}
	for i, way := range ways {
		slices.Sort(times[i])
		b.ReportMetric(times[i][len(times[i])/2], way.name+"-ms")
		b.ReportMetric(times[i][len(times[i])-1], way.name+"-max-ms")
	}
	b.ReportMetric(0, "ns/op")
}
