package mirror

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postie/maildir"
	"postie/testdata/dovecot"
)

// tree lists all mail below the root, with contents, modes and mtimes.
func (d *device) tree() string {
	d.Helper()
	var all []string
	d.ok(filepath.WalkDir(d.root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == d.root || strings.HasPrefix(e.Name(), ".postie") {
			return err
		}
		info, err := e.Info()
		line := fmt.Sprint(path, info.Mode(), info.ModTime().UnixNano())
		if info.Mode().IsRegular() {
			b, err := os.ReadFile(path)
			d.ok(err)
			line += fmt.Sprintf(" %x", sha256.Sum256(b))
		}
		all = append(all, line)
		return err
	}))
	return strings.Join(all, "\n")
}

// What is out of order in a Maildir is found by a look, which changes nothing, and mended by the run: twins get keys of their own, letters that
// mean something else are respelt, folders that are missing are made.
func TestMend(t *testing.T) {
	t.Parallel()
	d := newDevice(t, dovecot.Options{})
	s := d.remote()
	d.create(s, "A")
	d.put(s, "INBOX", 0, 4, "work")
	d.put(s, "A", 10, 12, "home", "later")
	d.sync()
	moved := d.file("INBOX", 1)
	d.ok(os.Rename(d.dir("INBOX").Path(moved), filepath.Join(string(d.dir("A")), "cur", moved.Name))) // with the letter of INBOX
	twin := d.file("INBOX", 2)
	d.ok(os.WriteFile(filepath.Join(string(d.dir("INBOX")), "cur", string(twin.Key)+":2,F"), []byte(strings.ReplaceAll(letter(100), "\r\n", "\n")), 0o600))
	for _, sub := range []string{"new", "tmp"} {
		d.ok(os.RemoveAll(filepath.Join(string(d.dir("INBOX")), sub)))
	}
	before := d.tree()
	r, err := d.run(func(o *Options) { o.DryRun = true })
	if err != nil || r.Uploaded != 1 || r.Moved != 1 || len(r.Plan.Ops) != 5 {
		t.Errorf("the dry run says %+v, %v", r, err)
	}
	if after := d.tree(); after != before {
		t.Errorf("it was\n%s\n, is\n%s", before, after)
	}
	if r := d.sync(); r.Uploaded != 1 || r.Moved != 1 || r.DeletedLocal+r.DeletedRemote+r.New > 0 {
		t.Errorf("%+v", r)
	}
	table, err := d.dir("A").Keywords()
	d.ok(err)
	if ks, _ := table.Keywords(d.file("A", 1).Letters); ks != maildir.NewKeywords("work") {
		t.Errorf("the letter that was moved has %q", ks)
	}
	if a, b := d.file("INBOX", 2), d.file("INBOX", 100); a.Key != twin.Key || b.Key == a.Key || b.Set != maildir.FlagFlagged {
		t.Errorf("the twins are %v and %v", a, b)
	}
	d.equal()
	d.rest()
}
