package victim

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
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

// Meet runs the test binary again, in a role, lets it meet a fault on files below root, and says how it ended, which calls changed files,
// and how many were counted. Without a fault it has to succeed.
func Meet(t testing.TB, f Fault, root, role string, env ...string) (said string, killed bool, ops []Op, count int) {
	t.Helper()
	f.Root, f.Log = root, filepath.Join(t.TempDir(), "log")
	said, killed, err := Run(Traced(f, role, env...))
	if err != nil && f.At == 0 {
		t.Fatal(err, said)
	}
	if ops, count, err = Ops(f.Log); err != nil {
		t.Fatal(err, said)
	}
	return said, killed, ops, count
}

// EachCall tries faults at one of some of count system calls, in turn: the process is killed (0), or the call fails with EIO, ENOSPC, EMFILE. With
// POSTIE_TEST_LONG=1 each call is tried in every way.
func EachCall(t testing.TB, count, some int, try func(at int, way unix.Errno)) {
	t.Helper()
	ways := []unix.Errno{0, unix.EIO, unix.ENOSPC, unix.EMFILE}
	tried := 0
	stride, all := every(some)
	for at := 1 + (stride-1)/3; at <= count; at += stride {
		for n, way := range ways {
			if all || n == at/stride%len(ways) {
				try(at, way)
				tried++
			}
		}
	}
	t.Logf("%d calls, %d faults", count, tried)
}

// EachCut tries power cuts behind one of some of the system calls that change files, until a process came to its end: that is what try says. images are
// of how many trees that the disk may hold it is to try each; more of them with POSTIE_TEST_LONG=1.
func EachCut(t testing.TB, some, more int, try func(cut Fault, images int) (killed bool)) {
	t.Helper()
	images := Images + 1
	stride, all := every(some)
	if all {
		images = Images + more
	}
	cuts := 0
	for at := 1 + (stride-1)/3; ; at += stride {
		killed := try(Fault{At: at, Only: []string{"open", "write", "pwrite", "truncate", "fsync", "rename", "link", "unlink", "mkdir"}}, images)
		if cuts += images; !killed {
			break
		}
	}
	t.Logf("%d power cuts", cuts)
	if cuts < 20 {
		t.Errorf("only %d power cuts", cuts)
	}
}
