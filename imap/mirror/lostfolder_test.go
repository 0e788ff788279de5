package mirror

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"postie/maildir"
	"postie/testdata/dovecot"
)

const anew = "made again, empty"

// losses are accidents by which a Maildir loses folders.
func losses() map[string]func(d *device, path string) {
	gone := func(d *device, path string) { d.ok(os.RemoveAll(path)) }
	return map[string]func(*device, string){
		"removed": gone,
		anew: func(d *device, path string) {
			gone(d, path)
			d.ok(os.Mkdir(path, 0o700))
		},
		"a file in its place": func(d *device, path string) {
			gone(d, path)
			d.ok(os.WriteFile(path, nil, 0o600))
		},
		"a link to nothing in its place": func(d *device, path string) {
			gone(d, path)
			d.ok(os.Symlink("/nonexistent/disk", path))
		},
		"a link to itself in its place": func(d *device, path string) {
			gone(d, path)
			d.ok(os.Symlink(path, path))
		},
	}
}

// A folder of a Maildir that held messages and vanished is guarded, whatever the fraction: run after run, and a dry run says so
// too. The other mailboxes go on. When it comes back nothing has happened.
func TestFolderLost(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for name, loss := range losses() {
		for _, subs := range [][]string{{"new"}, {"cur"}, {"new", "cur"}} {
			for _, layout := range []maildir.Layout{maildir.FS, maildir.MaildirPlusPlus} {
				if layout != maildir.FS && name != "removed" {
					continue
				}
				t.Run(name+" "+strings.Join(subs, " ")+map[maildir.Layout]string{maildir.MaildirPlusPlus: " maildir++"}[layout], func(t *testing.T) {
					t.Parallel()
					d := w.device(t)
					d.layout = layout
					lostFolder(d, loss, subs, name == anew)
				})
			}
		}
	}
}

func lostFolder(d *device, loss func(*device, string), subs []string, anew bool) {
	s := d.remote()
	d.create(s, "A")
	d.put(s, "A", 40, 42)
	d.put(s, "INBOX", 0, 30)
	d.sync()
	for n := range 24 { // 6 stay in new/
		d.flag("INBOX", n, maildir.FlagSeen)
	}
	d.sync()
	kept := filepath.Join(dovecot.Dir(d.T), "kept")
	d.ok(os.CopyFS(kept, os.DirFS(string(d.dir("INBOX")))))
	for _, sub := range subs {
		loss(d, filepath.Join(string(d.dir("INBOX")), sub))
	}
	d.ok(d.dir("A").Remove(d.file("A", 40)))
	said := ""
	for n := range 4 {
		r, err := d.run(func(o *Options) { o.DryRun = n%2 == 0 })
		if err != nil || len(r.Guards) != 1 || r.Guards[0].Mailbox != "INBOX" || r.Failed+r.New+r.Uploaded+r.DeletedLocal > 0 {
			d.Fatalf("run %d: %+v, %v", n, r, err)
		}
		if text := r.Guards[0].Error(); said != "" && text != said {
			d.Errorf("%s, and then %s", said, text)
		}
		said = r.Guards[0].Error()
		if deleted := []int{1, 1, 0, 0}[n]; r.DeletedRemote != deleted {
			d.Errorf("run %d: %+v", n, r)
		}
	}
	want := map[string]string{"new": "its folder new/ is gone here: deleting 6 of 30", "cur": "its folder cur/ is gone here: deleting 24 of 30",
		"new cur": "INBOX is gone here: deleting it on the server too, with 30 messages"}[strings.Join(subs, " ")]
	if anew {
		want = strings.ReplaceAll(want, "is gone here", "was made anew here, and nothing that it held is left")
		if len(subs) == 2 {
			want = "nothing that it held is left: deleting 30 of 30"
		}
	}
	if !strings.Contains(said, want) {
		d.Errorf("it says: %s", said)
	}
	if there := d.there()["INBOX"]; len(there) != 30 {
		d.Errorf("%d are left", len(there))
	}
	for _, sub := range subs {
		path := filepath.Join(string(d.dir("INBOX")), sub)
		d.ok(os.RemoveAll(path), os.CopyFS(path, os.DirFS(filepath.Join(kept, sub))))
	}
	if r := d.sync(); r.DeletedRemote+r.New+r.Uploaded+len(r.Guards) > 0 {
		d.Errorf("it is back: %+v", r)
	}
	d.equal()
	d.rest()
}

// Who really wants it can have it; and a folder that held nothing is no loss.
func TestFolderLostAllowed(t *testing.T) {
	t.Parallel()
	w := newStreet(t, dovecot.Options{})
	for _, sub := range []string{"new", "cur"} {
		d := w.device(t)
		s := d.remote()
		d.put(s, "INBOX", 0, 20)
		d.sync()
		for n := range 10 {
			d.flag("INBOX", n, maildir.FlagSeen)
		}
		d.sync()
		loss := filepath.Join(string(d.dir("INBOX")), sub)
		d.ok(os.RemoveAll(loss))
		d.policy.AllowMassDelete = true
		if r := d.sync(); r.DeletedRemote != 10 || len(r.Guards) > 0 {
			t.Errorf("%s: %+v", sub, r)
		}
		d.policy.AllowMassDelete = false
		d.equal()
		d.rest()
		other := filepath.Join(string(d.dir("INBOX")), map[string]string{"new": "cur", "cur": "new"}[sub])
		d.ok(os.RemoveAll(loss))
		e := d.namesIn(other)[0]
		d.ok(os.Remove(filepath.Join(other, e)))
		if r := d.sync(); r.DeletedRemote != 1 || len(r.Guards) > 0 {
			t.Errorf("without an empty %s: %+v", sub, r)
		}
		d.equal()
		d.rest()
	}
}

// namesIn lists the names in a folder.
func (d *device) namesIn(path string) (names []string) {
	d.Helper()
	all, err := os.ReadDir(path)
	d.ok(err)
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

// What a Maildir lacks is made whole once nothing is in doubt. Where that cannot be, that mailbox is named, and the others go on.
func TestFolderLostForGood(t *testing.T) {
	t.Parallel()
	w := newStreet(t, dovecot.Options{})
	d := w.device(t)
	s := d.remote()
	d.create(s, "A")
	d.put(s, "INBOX", 0, 4)
	d.sync()
	path := filepath.Join(string(d.dir("A")), "new")
	d.ok(os.Remove(path), os.Symlink("/nonexistent/disk", path))
	d.put(s, "A", 10, 12)
	d.put(s, "INBOX", 4, 6)
	r, err := d.run(nil)
	if err != nil || r.New != 2 || r.Failed != 1 || len(r.Guards) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
	failed := slices.ContainsFunc(d.events, func(e Event) bool { f, ok := e.(Failed); return ok && f.Mailbox == "A" })
	if !failed {
		t.Errorf("%+v", d.events)
	}
	d.ok(os.Remove(path))
	d.sync()
	d.equal()
	d.rest()
}

// A folder that cannot be looked into is named, and what is missing elsewhere may be in it: nothing of it is deleted, and none is
// missing because of it. All else goes on.
func TestFolderClosed(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for _, layout := range []maildir.Layout{maildir.FS, maildir.MaildirPlusPlus} {
		for _, part := range []string{"", "cur", "new"} {
			d := w.device(t)
			d.layout = layout
			s := d.remote()
			d.create(s, "A")
			d.put(s, "A", 40, 42)
			d.put(s, "INBOX", 0, 20)
			d.sync()
			d.ok(d.dir("INBOX").Remove(d.file("INBOX", 3)))
			d.deliver("INBOX", 100)
			closed := filepath.Join(string(d.dir("A")), part)
			d.ok(os.Chmod(closed, 0o000))
			for n := range 3 {
				r, err := asNobody(d, func() (Report, error) { return d.run(func(o *Options) { o.DryRun = n == 0 }) })
				if err != nil || r.Failed == 0 || r.Uploaded > 0 != (n < 2) || r.DeletedRemote+r.DeletedLocal+r.New+len(r.Guards) > 0 {
					t.Errorf("%q, run %d: %+v, %v", part, n, r, err)
				}
				if !slices.ContainsFunc(d.events, func(e Event) bool { f, ok := e.(Failed); return ok && strings.Contains(f.Err.Error(), closed) }) {
					t.Errorf("%q, run %d: %+v", part, n, d.events)
				}
			}
			d.ok(os.Chmod(closed, 0o700))
			if r := d.sync(); r.DeletedRemote != 1 || r.New+r.Uploaded > 0 {
				t.Errorf("%q: open again: %+v", part, r)
			}
			d.equal()
			d.rest()
		}
	}
}

// asNobody does something as a user that modes hold for.
func asNobody(d *device, do func() (Report, error)) (Report, error) {
	d.Helper()
	if os.Geteuid() != 0 {
		return do()
	}
	const nobody = 65534
	d.ok(os.Chmod(filepath.Dir(d.root), 0o755))
	d.ok(filepath.WalkDir(d.root, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, nobody, nobody))
	}))
	d.ok(syscall.Seteuid(nobody))
	defer func() { d.ok(syscall.Seteuid(0)) }()
	return do()
}
