package mirror

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	goimap "github.com/emersion/go-imap/v2"

	"postie/maildir"
	"postie/testdata/dovecot"
)

// fillFolder puts letters into a folder as another program would have, had it fetched them.
func (d *device) fillFolder(folder string, from, to int) {
	d.Helper()
	for _, sub := range []string{"tmp", "new", "cur"} {
		d.ok(os.MkdirAll(filepath.Join(d.root, folder, sub), 0o700))
	}
	for n := from; n < to; n++ {
		file := filepath.Join(d.root, folder, "cur", letterFile(n))
		d.ok(os.WriteFile(file, []byte(strings.ReplaceAll(letter(n), "\r\n", "\n")), 0o600))
	}
}

func letterFile(n int) string { return "1762164000." + strings.Repeat("1", n+1) + ".host:2," }

// A backup without empty folders leaves Maildirs that lack some. They are made whole, and nothing is taken for deleted.
func TestEmptyFoldersMissing(t *testing.T) {
	t.Parallel()
	d := newDevice(t, dovecot.Options{})
	s := d.remote()
	d.put(s, "INBOX", 0, 3, goimap.FlagSeen)
	d.sync()
	for _, sub := range []string{"new", "tmp"} {
		d.ok(os.Remove(filepath.Join(string(d.dir("INBOX")), sub)))
	}
	d.put(s, "INBOX", 3, 5)
	if r := d.sync(); r.New != 2 || r.DeletedRemote+r.Failed != 0 {
		t.Errorf("%+v", r)
	}
	d.equal()
	d.rest()
}

// A slip of the pen must not look as if all were well: it ends the run if it is all that was asked for, and is a failure else.
func TestNoMailboxChosen(t *testing.T) {
	t.Parallel()
	d := newDevice(t, dovecot.Options{})
	for _, tt := range []struct {
		patterns     []string
		none         bool
		failed, said int
	}{
		{patterns: []string{"Nosuch"}, none: true},
		{patterns: []string{"Nosuch"}, none: true},
		{patterns: []string{"Nosuch", "inbox"}, failed: 1},
		{patterns: []string{"Nosuch", "inbox"}, failed: 1},
		{patterns: []string{"Nosuch*"}, said: 1},
		{patterns: []string{"!Nosuch"}},
		{},
	} {
		d.patterns = tt.patterns
		r, err := d.run(nil)
		if is[*NoMailboxError](err) != tt.none || err != nil && !tt.none || r.Failed != tt.failed || len(d.notices()) != tt.said {
			t.Errorf("%q: %+v %v %q", tt.patterns, r, err, d.notices())
		}
	}
}

// Another layout is for mailboxes that are new. Those that are here stay where they are, and none is taken for gone.
func TestLayoutChanged(t *testing.T) {
	t.Parallel()
	layouts := []maildir.Layout{maildir.FS, maildir.MaildirPlusPlus, maildir.FS}
	d := newDevice(t, dovecot.Options{})
	s := d.remote()
	for i, layout := range layouts {
		d.layout = layout
		name := fmt.Sprintf("A/B%d", i)
		d.create(s, name)
		d.put(s, name, 10*i, 10*i+3)
		d.put(s, "INBOX", 10*i+5, 10*i+7)
		if r := d.sync(); r.New != 5 || r.Uploaded+r.DeletedLocal+r.DeletedRemote != 0 || len(r.Guards) > 0 {
			t.Errorf("run %d: %+v", i, r)
		}
		d.rest()
	}
	for _, folder := range []string{"INBOX", "A/B0", ".A.B1", "A/B2"} {
		if !isDir(filepath.Join(d.root, folder, "cur")) {
			t.Errorf("%s is not there", folder)
		}
	}
	d.ok(os.RemoveAll(filepath.Join(d.root, "A/B0")))
	if r := d.sync(); len(r.Guards) != 1 {
		t.Errorf("gone: %+v", r)
	}
}

// Folders of other programs become those of mailboxes that have none, also where that program knows them by the server's whole name.
// Of two folders of one mailbox that which is named as ours are is it, and the other is left alone.
func TestFoldersOfOtherPrograms(t *testing.T) {
	t.Parallel()
	o := rungs()["below INBOX"]
	d := newDevice(t, o)
	s := d.remote()
	for i, name := range []string{"Sent", "Entwürfe", "A/B"} {
		d.create(s, name)
		d.put(s, name, 3*i, 3*i+3)
	}
	d.fillFolder("INBOX/Sent", 0, 3)
	d.fillFolder("Entwürfe", 3, 6)
	d.fillFolder("Entw&APw-rfe", 3, 6)
	d.fillFolder(".hidden/A", 9, 11)
	d.fillFolder("INBOX.A.B", 6, 9)
	d.fillFolder("Own", 12, 14)
	d.stays("unasked", map[string]int{"Own": 2})
	if !slices.ContainsFunc(d.events, func(e Event) bool {
		n, ok := e.(Notice)
		return ok && n.Mailbox == "Entw&APw-rfe" && strings.Contains(n.Text, "left alone")
	}) {
		t.Errorf("nothing is said of the second folder: %v", d.events)
	}
	for pass, uploaded := range []int{2, 0} {
		d.policy.AllowMassDelete = pass == 0
		r := d.sync()
		if r.New+r.DeletedLocal+r.DeletedRemote+r.FlagsPulled+r.FlagsPushed != 0 || r.Uploaded != uploaded || len(r.Guards) > 0 {
			t.Errorf("pass %d: %+v", pass, r)
		}
		notices := 0
		for _, e := range d.events {
			if n, ok := e.(Notice); ok && n.Mailbox == "Entw&APw-rfe" && strings.Contains(n.Text, "left alone") {
				notices++
			}
		}
		if notices != 0 {
			t.Errorf("pass %d: told again of the second folder: %v", pass, d.events)
		}
	}
	there := d.there()
	if len(there) != 5 || len(there["Own"]) != 2 || len(there["Sent"]) != 3 {
		t.Errorf("there: %v", there)
	}
	for _, folder := range []string{"Sent", "A"} {
		if exists(filepath.Join(d.root, folder)) {
			t.Errorf("there is a folder %s now", folder)
		}
	}
	d.rest()
}
