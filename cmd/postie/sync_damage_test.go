package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"postie/cmd/postie/internal/exit"
	"postie/maildir"
	"postie/maildir/index"
	"postie/testdata/dovecot"
)

// synced is a device with letters in two mailboxes, and, below killed, the database and the journal of a run that was killed after some of
// them came and others went.
func synced(t *testing.T, f *fleet, name string) (d *device, killed string) {
	d = f.postie(name, maildir.FS)
	f.put("INBOX", 0, 12)
	must(t, f.client.Create("A", nil).Wait())
	f.put("A", 20, 26, imap.FlagSeen)
	d.sync()
	killed = t.TempDir()
	s, err := index.Open(t.Context(), maildir.Dir(d.root), nil) // as long as it is open, its journal stays
	must(t, err)
	f.put("INBOX", 12, 18)
	d.deliver("A", 30, "F")
	d.remove(d.find("INBOX", 1))
	d.move(d.find("INBOX", 2), "A")
	d.rename(d.find("INBOX", 3), "RS")
	f.expunge(f.uid("INBOX", 4))
	d.sync()
	for _, suffix := range []string{"", "-wal"} {
		copyFile(t, filepath.Join(d.root, ".postie.db")+suffix, filepath.Join(killed, ".postie.db")+suffix)
	}
	must(t, s.Close())
	d.equal()
	return d, killed
}

// uids are all messages on the server.
func (f *fleet) uids(mailboxes ...string) (all []string) {
	for _, name := range mailboxes {
		for _, m := range f.fetch(name, &imap.FetchOptions{UID: true}) {
			all = append(all, fmt.Sprint(name, m.UID))
		}
	}
	return all
}

// outlives demands that mischief to the database of a sync loses and doubles nothing, on either side.
func outlives(t *testing.T, d *device, template, killed string, m mischief) {
	t.Helper()
	must(t, os.RemoveAll(d.root))
	must(t, os.CopyFS(d.root, os.DirFS(template)))
	if m.killed {
		for _, suffix := range []string{"", "-wal"} {
			copyFile(t, filepath.Join(killed, ".postie.db")+suffix, filepath.Join(d.root, ".postie.db")+suffix)
		}
	}
	m.do(t, d.root)
	before, there := fmt.Sprint(d.uids("INBOX", "A")), d.there("INBOX", "A")
	var told []string
	code, out := -1, ""
	for n := 0; n < 3 && (code != exit.OK || strings.Contains(out, "damaged")); n++ {
		code, out = d.run()
		told = append(told, fmt.Sprintf("exit code %d: %s", code, strings.TrimSpace(out)))
		if code != exit.OK && strings.TrimSpace(out) == "" {
			t.Errorf("%s: exit code %d without a word", m.name, code)
		}
	}
	if code != exit.OK && strings.Contains(told[0], "newer postie") {
		return
	}
	if code == exit.Guard { // the name of a mailbox is not what it was: nothing was done to it, and it is said
		if text := difference(d.there("INBOX", "A"), there); text != "" || !strings.Contains(out, "is gone") {
			t.Errorf("%s: guarded: %s\n%s", m.name, text, out)
		}
		return
	}
	if code != exit.OK {
		t.Errorf("%s: it does not end well", m.name)
	}
	if after := fmt.Sprint(d.uids("INBOX", "A")); after != before {
		t.Errorf("%s: on the server were %s\nand are %s", m.name, before, after)
	}
	all := d.mailboxes()
	if text := difference(d.here(all...), d.there(all...)); text != "" {
		t.Errorf("%s: here (+) and there (-) differ:\n%s", m.name, text)
	}
	if code, out := d.run("-n", "--json"); code != exit.OK || strings.Contains(out, `"event":"plan"`) {
		t.Errorf("%s: something is left to do: exit code %d\n%s", m.name, code, out)
	}
	if t.Failed() {
		t.Fatalf("%s:\n%s", m.name, strings.Join(told, "\n"))
	}
}

// A database that is damaged, cut, swapped, or older than the mail: both sides are matched again. Nothing is uploaded, fetched or
// deleted for it, and it ends as if nothing had happened.
func TestSyncAfterMischief(t *testing.T) {
	f := newFleet(t, dovecot.Options{Users: users(20)})
	other, journal := synced(t, f.other(t, "u0"), "other")
	for _, suffix := range []string{"", "-wal"} {
		copyFile(t, filepath.Join(journal, ".postie.db")+suffix, filepath.Join(other.root, ".postie.db")+suffix)
	}
	var d *device
	var template, killed string
	user := 0
	begin := func() {
		user++
		d, killed = synced(t, f.other(t, fmt.Sprint("u", user)), "one")
		template = filepath.Join(t.TempDir(), "template")
		must(t, os.CopyFS(template, os.DirFS(d.root)))
		d.put("INBOX", 50, 51) // comes after each
	}
	begin()
	all := append(mischiefs(other.root), emptied(t, template)...)
	for n := range accidents(28) {
		all = append(all, accident(uint64(n)))
	}
	for _, m := range all {
		t.Run(m.name, func(t *testing.T) {
			d.T, d.fleet.T = t, t
			outlives(t, d, template, killed, m)
		})
		if t.Failed() && user < 19 {
			begin() // what failed did something to the server
		}
	}
}
