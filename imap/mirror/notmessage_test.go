package mirror

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	goimap "github.com/emersion/go-imap/v2"

	"postie/maildir"
	"postie/testdata/dovecot"
)

// words are the notices and failures of the last run.
func (d *device) words() (notices, failures []string) {
	for _, e := range d.events {
		switch e := e.(type) {
		case Notice:
			notices = append(notices, e.Mailbox+": "+e.Text)
		case Failed:
			failures = append(failures, e.Mailbox+": "+e.Err.Error())
		}
	}
	return notices, failures
}

// What lies in a Maildir and is no message is left alone: never uploaded, never followed, said once, and no failure in each run.
// That its folder is not read in some run does not make it news.
func TestNoMessages(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "passwd")
	if err := os.WriteFile(secret, []byte("Subject: secret\n\nroot\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]func(path string) error{
		"a symbolic link, which is not followed": func(path string) error { return os.Symlink(secret, path) },
		"a pipe":                                 func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a socket":                               socket,
		"a folder":                               func(path string) error { return os.Mkdir(path, 0o700) },
		"empty":                                  func(path string) error { return os.WriteFile(path, nil, 0o600) },
	}
	w := newStreet(t, dovecot.Options{})
	for kind, make := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			d := w.device(t)
			d.put(d.remote(), "INBOX", 0, 5)
			d.sync()
			var names []string
			for _, name := range []string{"cur/evil:2,S", "new/evil2", "cur/evil3:2,", "cur/evil4:2,"} {
				d.ok(make(filepath.Join(string(d.dir("INBOX")), name)))
				names = append(names, name)
			}
			for n := range 6 {
				switch n {
				case 3:
					d.flag("INBOX", 2, maildir.FlagFlagged)
				case 4:
					d.deliver("INBOX", 50)
				case 5:
					d.ok(d.dir("INBOX").Remove(d.file("INBOX", 3)))
				}
				r := d.sync()
				notices, _ := d.words()
				want := "INBOX: cur/evil3:2,, cur/evil4:2,, cur/evil:2,S, and 1 more (" + kind + "): no message, left alone"
				if n == 0 && !slices.Equal(notices, []string{want}) || n > 0 && len(notices) > 0 {
					t.Errorf("run %d: %q", n, notices)
				}
				if r.Uploaded > 0 != (n == 4) || r.DeletedRemote > 0 != (n == 5) || r.New > 0 && n > 0 {
					t.Errorf("run %d: %+v", n, r)
				}
			}
			if there := d.there()["INBOX"]; len(there) != 5 {
				t.Errorf("%q", there)
			}
			for _, name := range names {
				if _, err := os.Lstat(filepath.Join(string(d.dir("INBOX")), name)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// What takes the place of a message that is known, under its name, is said once too. Its message is not taken for deleted or changed; where
// the server deletes or marks it, the run ends well.
func TestReplacedByNoMessage(t *testing.T) {
	kinds := map[string]func(path string) error{
		"a symbolic link, which is not followed": func(path string) error { return os.Symlink("/etc/passwd", path) },
		"a pipe":                                 func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a folder":                               func(path string) error { return os.MkdirAll(path+"/full", 0o700) },
	}
	w := newStreet(t, dovecot.Options{})
	for kind, make := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			d := w.device(t)
			s := d.remote()
			d.put(s, "INBOX", 0, 5, goimap.FlagSeen)
			d.sync()
			path := d.dir("INBOX").Path(d.file("INBOX", 2))
			d.ok(os.Remove(path), make(path))
			for n := range 4 {
				switch n {
				case 1:
					d.deliver("INBOX", 50)
				case 2:
					d.select_(s, "INBOX")
					_, err := s.Store(t.Context(), goimap.UIDSetNum(3), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagFlagged}, 0)
					d.ok(err)
				case 3:
					d.select_(s, "INBOX")
					_, err := s.Store(t.Context(), goimap.UIDSetNum(3), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagDeleted}, 0)
					d.ok(err, s.Expunge(t.Context(), goimap.UIDSetNum(3)))
				}
				r := d.sync()
				notices, failures := d.words()
				if n == 0 && (len(notices) != 1 || !strings.HasSuffix(notices[0], "("+kind+"): no message, left alone")) || n > 0 && len(notices) > 0 && !(n == 3 && kind == "a folder") { // by then it is a folder that was nothing before
					t.Errorf("run %d: %q", n, notices)
				}
				if len(failures) > 0 || r.DeletedRemote+r.Failed > 0 || r.Uploaded > 0 != (n == 1) || r.New > 0 && n != 1 {
					t.Errorf("run %d: %+v, %q", n, r, failures)
				}
			}
		})
	}
}

func socket(path string) error {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	return syscall.Bind(fd, &syscall.SockaddrUnix{Name: path})
}

// A copy that was cut to nothing is not what its user wants to have there: its message is fetched again, whatever name the
// copy has now, and the message on the server stays.
func TestDamagedCopies(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for name, forget := range map[string]bool{"known": false, "database lost": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := w.device(t)
			s := d.remote()
			d.create(s, "A")
			d.put(s, "INBOX", 0, 5)
			d.put(s, "A", 10, 15)
			d.sync()
			for _, n := range []int{1, 2} {
				old := d.dir("INBOX").Path(d.file("INBOX", n))
				d.ok(os.Truncate(old, 0), os.Rename(old, filepath.Join(string(d.dir([]string{"", "INBOX", "A"}[n])), "cur", "copy"+old[len(old)-1:]+":2,")))
			}
			if forget {
				d.ok(os.Remove(filepath.Join(d.root, ".postie.db")))
			}
			if r := d.sync(); r.New != 2 || r.Uploaded+r.DeletedRemote+r.DeletedLocal+len(r.Guards) > 0 {
				t.Errorf("%+v", r)
			}
			if r := d.sync(); r.New+r.Uploaded+r.DeletedRemote+r.DeletedLocal > 0 {
				t.Errorf("once more: %+v", r)
			}
			if !slices.Equal(d.letters("INBOX"), []int{0, 1, 2, 3, 4}) || len(d.there()["INBOX"]) != 5 || len(d.there()["A"]) != 5 {
				t.Errorf("%v, %v", d.letters("INBOX"), d.there())
			}
			d.ok(d.dir("INBOX").Remove(d.file("INBOX", 3))) // from here on a deletion is one
			if r := d.sync(); r.DeletedRemote != 1 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// A file that cannot be read is named in each run, is not uploaded, and lets nothing be deleted that it could be. A link that takes
// the place of a file that was read is not followed either.
func TestUnreadableFile(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	d := w.device(t)
	d.put(d.remote(), "INBOX", 0, 5)
	d.sync()
	d.deliver("INBOX", 100)
	d.deliver("INBOX", 101)
	d.ok(d.dir("INBOX").Remove(d.file("INBOX", 3)))
	locked := d.dir("INBOX").Path(d.file("INBOX", 100))
	d.ok(os.Chmod(locked, 0o000))
	for n := range 4 {
		r, err := asNobody(d, func() (Report, error) { return d.run(func(o *Options) { o.DryRun = n%2 == 0 }) })
		_, failures := d.words()
		if err != nil || r.Failed != 1 || r.DeletedRemote > 0 || r.Uploaded > 0 != (n < 2) || len(failures) != 1 || !strings.Contains(failures[0], locked) {
			t.Errorf("run %d: %+v, %v, %q", n, r, err, failures)
		}
	}
	d.ok(os.Chmod(locked, 0o600))
	if r := d.sync(); r.Uploaded != 1 || r.DeletedRemote != 1 {
		t.Errorf("%+v", r)
	}
	d.equal()
	d.rest()
	d.deliver("INBOX", 200)
	path := d.dir("INBOX").Path(d.file("INBOX", 200))
	r, err := d.run(func(o *Options) {
		o.Step = func(step string) {
			if step == "intend upload" {
				d.ok(os.Rename(path, d.root+"/elsewhere"), os.Symlink(d.root+"/elsewhere", path))
			}
		}
	})
	if err != nil || r.Uploaded > 0 || r.Failed != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

// letters are the letters of a mailbox, without what is no letter.
func (d *device) letters(name string) (all []int) {
	d.Helper()
	for n := range 300 {
		for _, e := range d.entries(name) {
			b, err := os.ReadFile(d.dir(name).Path(e))
			d.ok(err)
			if strings.Contains(string(b), fmt.Sprintf("Subject: letter %d\n", n)) {
				all = append(all, n)
			}
		}
	}
	return all
}
