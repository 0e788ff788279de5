package maildir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// newDir makes an empty Maildir.
func newDir(t testing.TB) Dir {
	t.Helper()
	d := Dir(filepath.Join(t.TempDir(), "mail"))
	must(t, d.Ensure())
	return d
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// touch makes a file below d, whose content is its own path.
func touch(t testing.TB, d Dir, rel string) {
	t.Helper()
	must(t, os.WriteFile(d.sub(rel), []byte(rel), 0o600))
}

// list gives the paths of all files below d.
func list(t testing.TB, d Dir) []string {
	t.Helper()
	var rels []string
	must(t, filepath.WalkDir(string(d), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			path, err = filepath.Rel(string(d), path)
			rels = append(rels, path)
		}
		return err
	}))
	return rels
}

func scan(t testing.TB, d Dir) []Entry {
	t.Helper()
	var es []Entry
	for e, err := range d.Scan() {
		must(t, err)
		es = append(es, e)
	}
	return es
}

// A backup may leave out what is empty. A Maildir that is not there is not made by that.
func TestComplete(t *testing.T) {
	d := newDir(t)
	must(t, os.Remove(d.sub("new")))
	must(t, os.Remove(d.sub("tmp")))
	draft, err := d.Create()
	must(t, err)
	must(t, draft.Close())
	_, err = d.Parts()
	must(t, err)
	must(t, os.RemoveAll(string(d)))
	if _, err := d.Create(); !errors.Is(err, fs.ErrNotExist) || d.Complete() == nil {
		t.Errorf("made again: %v", err)
	}
}

func TestEnsure(t *testing.T) {
	d := Dir(filepath.Join(t.TempDir(), "a", "b", "mail"))
	for range 2 {
		must(t, d.Ensure())
	}
	for _, sub := range []string{"..", "", "cur", "new", "tmp"} {
		fi, err := os.Stat(d.sub(sub))
		must(t, err)
		if fi.Mode() != fs.ModeDir|0o700 {
			t.Errorf("%q has mode %v", sub, fi.Mode())
		}
	}
	if left := list(t, d); left != nil {
		t.Errorf("left behind: %q", left)
	}
}

func TestEnsureRefuses(t *testing.T) {
	root := Dir(t.TempDir())
	touch(t, root, "file")
	must(t, os.Mkdir(root.sub("odd"), 0o700))
	touch(t, root, "odd/cur")
	must(t, os.Symlink("nowhere", root.sub("dangling")))
	for _, name := range []string{"file", "file/below", "odd", "dangling"} {
		if err := Dir(root.sub(name)).Ensure(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if os.Geteuid() != 0 { // root may write anywhere
		d := newDir(t)
		must(t, os.Chmod(d.sub("tmp"), 0o500))
		if err := d.Ensure(); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("read-only tmp: %v", err)
		}
	}
}

func TestStamp(t *testing.T) {
	d := newDir(t)
	past := time.Now().Add(-time.Hour)
	for _, sub := range []string{"new", "cur"} {
		must(t, os.Chtimes(d.sub(sub), past, past))
		before, err := d.Parts()
		must(t, err)
		touch(t, d, sub+"/1")
		after, err := d.Parts()
		must(t, err)
		if before.Stamp == after.Stamp || before.Places != after.Places {
			t.Errorf("%s: stamp did not change", sub)
		}
	}
	at := time.Unix(1000, 0)
	for _, c := range []struct {
		new, cur time.Duration
		want     bool
	}{
		{-3 * time.Second, -3 * time.Second, true},
		{-time.Second, -3 * time.Second, false},
		{-3 * time.Second, -2 * time.Second, false},
		{time.Hour, -3 * time.Second, false},
	} {
		if got := (Stamp{at.Add(c.new).UnixNano(), at.Add(c.cur).UnixNano()}).Settled(at); got != c.want {
			t.Errorf("%v %v: settled = %v", c.new, c.cur, got)
		}
	}
	if p, err := Dir(d.sub("none")).Parts(); err != nil || len(p.Lost) != 2 {
		t.Errorf("missing: %v %v", p, err)
	}
}

// A folder that was removed and made again is another one, whatever number it got, and however soon; one that was renamed, or in which
// files come and go, is not. What is recorded of it comes back as it was, and what an older postie recorded is read.
func TestPlaces(t *testing.T) {
	d := newDir(t)
	before, err := d.Parts()
	must(t, err)
	if before.Places == (Places{}) {
		return // this file system does not tell
	}
	touch(t, d, "new/1")
	must(t, os.Rename(string(d), string(d)+"-moved"))
	d += "-moved"
	after, err := d.Parts()
	if must(t, err); len(after.Others(before.Places)) > 0 {
		t.Errorf("%v, %v", before, after)
	}
	must(t, os.RemoveAll(d.sub("new")))
	must(t, os.Mkdir(d.sub("new"), 0o700))
	after, err = d.Parts()
	if must(t, err); !slices.Equal(after.Others(before.Places), []string{"new"}) {
		t.Errorf("%v, %v", before, after)
	}
	for _, p := range []Parts{after, {}, {Stamp: after.Stamp}, {Places: after.Places}} {
		if s, places := Recorded(Record(p.Stamp, p.Places)); s != p.Stamp || places != p.Places {
			t.Errorf("%+v: %v %v", p, s, places)
		}
	}
	if s, p := Recorded("17 18"); s != (Stamp{17, 18}) || p != (Places{}) || len(after.Others(p)) > 0 {
		t.Errorf("%v %v", s, p)
	}
	for _, text := range []string{"x", "17", "a b c d", "1 2 3"} {
		if _, p := Recorded(text); p != (Places{}) {
			t.Errorf("%q: %v", text, p)
		}
	}
}

// What a process of ours left that has died goes at once; what one that lives, another program or another machine made stays.
func TestCleanTmpOfTheDead(t *testing.T) {
	d := newDir(t)
	dead := exec.Command("true")
	must(t, dead.Run())
	name := func(pid int, host string) string {
		return fmt.Sprintf("1700000000.M12P%dR0123456789abcdef.%s", pid, host)
	}
	gone := name(dead.Process.Pid, hostname())
	stays := []string{name(os.Getpid(), hostname()), name(1, hostname()), name(dead.Process.Pid, "elsewhere"),
		fmt.Sprintf("1700000000.%d_1.%s", dead.Process.Pid, hostname()), "x"}
	for _, f := range append(stays, gone) {
		touch(t, d, "tmp/"+f)
	}
	if n, err := d.CleanTmp(time.Now()); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	if got := list(t, d); len(got) != len(stays) || slices.Contains(got, "tmp/"+gone) {
		t.Errorf("left: %s", got)
	}
}

func TestCleanTmp(t *testing.T) {
	d := newDir(t)
	touch(t, d, "tmp/1")
	touch(t, d, "tmp/2")
	touch(t, d, "cur/3")
	must(t, os.Mkdir(d.sub("tmp/folder"), 0o700))
	// A draft that carries an old date is not old.
	must(t, os.Chtimes(d.sub("tmp/2"), time.Unix(0, 0), time.Unix(0, 0)))
	for _, c := range []struct {
		age  time.Duration
		want int
	}{{35 * time.Hour, 0}, {37 * time.Hour, 2}, {37 * time.Hour, 0}} {
		n, err := d.CleanTmp(time.Now().Add(c.age))
		if err != nil || n != c.want {
			t.Errorf("after %v: %d, %v; want %d", c.age, n, err, c.want)
		}
	}
	if got := strings.Join(list(t, d), " "); got != "cur/3" {
		t.Errorf("left: %s", got)
	}
}
