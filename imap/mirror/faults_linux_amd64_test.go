package mirror

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	goimap "github.com/emersion/go-imap/v2"

	"postie/maildir"
	"postie/testdata/dovecot"
	"postie/testdata/victim"
)

// fault lets a run of a device meet a fault, and says how it ended and how many calls were counted.
func (w *template) fault(d *device, f victim.Fault) (said string, killed bool, ops []victim.Op, count int) {
	w.Helper()
	return victim.Meet(w, f, d.root, "sync", d.order(0, "")...)
}

// newKeywords is a template in which keywords come that the tables do not list yet, from both sides.
func newKeywords(t *testing.T) *template {
	w := newTemplate(t, dovecot.Options{})
	s := w.d.remote()
	w.d.put(s, "INBOX", 40, 42, "fresh", goimap.FlagSeen)
	w.d.put(s, "There", 42, 44, "fresh")
	w.d.ok(s.Close())
	_, err := w.d.dir("INBOX").AddKeywords(maildir.NewKeywords("here"))
	w.d.ok(err)
	table, err := w.d.dir("INBOX").Keywords()
	w.d.ok(err)
	letters, _ := table.Letters(maildir.NewKeywords("here"))
	from := w.d.dir("INBOX").Path(w.d.file("INBOX", 0))
	w.d.ok(os.Rename(from, filepath.Join(string(w.d.dir("INBOX")), "cur", strings.Split(filepath.Base(from), ":2,")[0]+":2,S"+letters)))
	first := w.copy()
	first.sync()
	first.equal()
	w.want = first.here()
	first.rest()
	return w
}

// System call number N on a file of the Maildirs or the database fails, or the process is killed there, in a run with changes of every
// kind on both sides: one more run ends as if nothing had happened. POSTIE_TEST_LONG=1 tries every N in every way.
func TestSystemCallFails(t *testing.T) {
	t.Parallel()
	w := newKeywords(t)
	_, _, _, count := w.fault(w.copy(), victim.Fault{})
	if count < 200 {
		t.Fatalf("only %d calls", count)
	}
	victim.EachCall(t, count, 131, func(at int, way unix.Errno) {
		d := w.copy()
		if w.may = ""; way != 0 {
			// Moved on both sides, to two mailboxes, and the one that it left cannot be read: in such a run nobody knows that, and it stays in both.
			w.may = `A: "ubject: letter 11"`
		}
		said, _, _, _ := w.fault(d, victim.Fault{At: at, Err: way})
		w.recovers(d, fmt.Sprintf("call %d, %q: %s", at, way, said))
	})
}

// The power is cut behind system call number N: of what no fsync vouches for the disk has nothing, names only, contents only, all, or
// what chance has it. One more run ends as if nothing had happened.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	w := newKeywords(t)
	victim.EachCut(t, 193, 2, func(cut victim.Fault, images int) bool {
		d := w.copy()
		before := filepath.Join(t.TempDir(), "before")
		if out, err := exec.Command("cp", "-a", d.root, before).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
		said, killed, ops, _ := w.fault(d, cut)
		for image := range images {
			after := w.copyOf(d)
			w.d.ok(os.RemoveAll(after.root), victim.AfterPowerCut(before, d.root, ops, image, after.root))
			w.recovers(after, fmt.Sprintf("power cut at call %d (%s), image %d", cut.At, said, image))
		}
		w.d.ok(os.RemoveAll(before))
		w.drop(d)
		return killed
	})
}
