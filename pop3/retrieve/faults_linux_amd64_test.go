package retrieve

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"postie/maildir"
	"postie/pop3/pop3test"
	"postie/testdata/victim"
)

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
	defer w.server.Wait()
	return victim.Meet(w, f, string(w.dir), "fetch", envStep+"=0", envAddress+"="+w.address, envDir+"="+string(w.dir))
}

// System call number N on a file of the Maildir or the database fails, or the process is killed there: nothing is lost, nothing is doubled,
// and what is deleted on the server is here. POSTIE_TEST_LONG=1 tries every N in every way.
func TestSystemCallFails(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts a process for each fault")
	}
	t.Parallel()
	w, _ := begun(t, pop3test.Options{})
	_, _, _, count := w.fault(victim.Fault{})
	if count < 100 {
		t.Fatalf("only %d calls", count)
	}
	victim.EachCall(t, count, 17, func(at int, way unix.Errno) {
		w, maildrop := begun(t, pop3test.Options{})
		said, _, _, _ := w.fault(victim.Fault{At: at, Err: way})
		w.recovers(maildrop, fmt.Sprintf("call %d, %q: %s", at, way, said))
		w.server.Close()
		os.RemoveAll(string(w.dir))
	})
}

// The power is cut behind system call number N: of what no fsync vouches for the disk has nothing, names only, contents only, all, or
// what chance has it. One more run, and nothing is lost, nothing is doubled, nothing was deleted on the server that is not here whole.
func TestPowerCut(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts a process for each cut")
	}
	t.Parallel()
	victim.EachCut(t, 19, 4, func(cut victim.Fault, images int) bool {
		w, maildrop := begun(t, pop3test.Options{})
		before := filepath.Join(t.TempDir(), "before")
		if err := os.CopyFS(before, os.DirFS(string(w.dir))); err != nil {
			t.Fatal(err)
		}
		said, killed, ops, _ := w.fault(cut)
		dir, there := string(w.dir), w.server.Maildrop("alice")
		for image := range images {
			w.dir = maildir.Dir(filepath.Join(t.TempDir(), "inbox"))
			if err := victim.AfterPowerCut(before, dir, ops, image, string(w.dir)); err != nil {
				t.Fatal(err)
			}
			w.server.SetMaildrop("alice", "secret", there...)
			w.recovers(maildrop, fmt.Sprintf("power cut at call %d (%s), image %d", cut.At, said, image))
			os.RemoveAll(string(w.dir))
		}
		w.server.Close()
		os.RemoveAll(before)
		return killed
	})
}
