package retrieve

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"postie/maildir"
	"postie/pop3/pop3test"
	"postie/testdata/victim"
)

// every says at which calls a fault is tried, and whether in every way: at some in one way each, with POSTIE_TEST_LONG=1 at each in all, with
// POSTIE_TEST_EVERY=N at each N-th in all.
func every(some int) (stride int, all bool) {
	if n, err := strconv.Atoi(os.Getenv("POSTIE_TEST_EVERY")); err == nil {
		return n, true
	}
	if os.Getenv("POSTIE_TEST_LONG") != "" {
		return 1, true
	}
	return some, false
}

// begun is a maildrop of which three messages were fetched and kept, and which has six now, three of them new.
func begun(t *testing.T, o pop3test.Options) (*world, []pop3test.Message) {
	maildrop := few(6)
	w := newWorld(t, o, maildrop[:3]...)
	w.ok(Policy{Keep: Keep{Mode: Forever}})
	w.server.Append("alice", maildrop[3:]...)
	return w, maildrop
}

// fault lets a fetch meet a fault, and says how it ended and how many calls were counted.
func (w *world) fault(f victim.Fault) (said string, killed bool, ops []victim.Op, count int) {
	w.Helper()
	f.Root, f.Log = string(w.dir), filepath.Join(w.TempDir(), "log")
	said, killed, err := victim.Run(victim.Traced(f, "fetch", envStep+"=0", envAddress+"="+w.address, envDir+"="+string(w.dir)))
	w.server.Wait()
	if err != nil && f.At == 0 {
		w.Fatal(err, said)
	}
	if ops, count, err = victim.Ops(f.Log); err != nil {
		w.Fatal(err, said)
	}
	return said, killed, ops, count
}

// System call number N on a file of the Maildir or the database fails, or the process is killed there: nothing is lost, nothing is doubled,
// and what is deleted on the server is here. POSTIE_TEST_LONG=1 tries every N in every way.
func TestSystemCallFails(t *testing.T) {
	t.Parallel()
	w, _ := begun(t, pop3test.Options{})
	_, _, _, count := w.fault(victim.Fault{})
	if count < 100 {
		t.Fatalf("only %d calls", count)
	}
	ways := []unix.Errno{0, unix.EIO, unix.ENOSPC, unix.EMFILE}
	tried := 0
	try := func(at int, way unix.Errno) {
		w, maildrop := begun(t, pop3test.Options{})
		said, _, _, _ := w.fault(victim.Fault{At: at, Err: way})
		w.recovers(maildrop, fmt.Sprintf("call %d, %q: %s", at, way, said))
		w.server.Close()
		os.RemoveAll(string(w.dir))
		tried++
	}
	stride, all := every(17)
	for at := 1 + (stride-1)/3; at <= count; at += stride {
		for n, way := range ways {
			if all || n == at/stride%len(ways) {
				try(at, way)
			}
		}
	}
	t.Logf("%d calls, %d faults", count, tried)
}

// The power is cut behind system call number N: of what no fsync vouches for the disk has nothing, names only, contents only, all, or
// what chance has it. One more run, and nothing is lost, nothing is doubled, nothing was deleted on the server that is not here whole.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	images := victim.Images + 1
	stride, all := every(19)
	if all {
		images = victim.Images + 4
	}
	cuts := 0
	changing := []string{"open", "write", "pwrite", "truncate", "fsync", "rename", "link", "unlink", "mkdir"}
	for at := 1 + (stride-1)/3; ; at += stride {
		w, maildrop := begun(t, pop3test.Options{})
		before := filepath.Join(t.TempDir(), "before")
		if err := os.CopyFS(before, os.DirFS(string(w.dir))); err != nil {
			t.Fatal(err)
		}
		said, killed, ops, _ := w.fault(victim.Fault{At: at, Only: changing})
		dir, there := string(w.dir), w.server.Maildrop("alice")
		for image := range images {
			w.dir = maildir.Dir(filepath.Join(t.TempDir(), "inbox"))
			if err := victim.AfterPowerCut(before, dir, ops, image, string(w.dir)); err != nil {
				t.Fatal(err)
			}
			w.server.SetMaildrop("alice", "secret", there...)
			w.recovers(maildrop, fmt.Sprintf("power cut at call %d (%s), image %d", at, said, image))
			os.RemoveAll(string(w.dir))
			cuts++
		}
		w.server.Close()
		os.RemoveAll(before)
		if !killed {
			break
		}
	}
	t.Logf("%d power cuts", cuts)
	if cuts < 20 {
		t.Errorf("only %d power cuts", cuts)
	}
}
