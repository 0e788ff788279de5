package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postie/cmd/postie/internal/exit"
	"postie/maildir"
	"postie/testdata/dovecot"
)

const everything = "lrwstipekxa"

// rightful is an account whose mailbox A lets its user do only so much (RFC 4314 section 2.1), which the server tells or not.
func rightful(t *testing.T, plugins string) (d *device, set func(rights string)) {
	dir := dovecot.Dir(t)
	acl := filepath.Join(dir, "acl")
	set = func(rights string) {
		if err := errors.Join(os.WriteFile(acl, []byte("A owner "+rights+"\n"), 0o644), os.Chmod(dir, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	set(everything)
	f := newFleet(t, dovecot.Options{Extra: fmt.Sprintf("protocol imap {\n mail_plugins = %s\n}\nplugin {\n acl = vfile:%s:cache_secs=0\n}\n", plugins, acl)})
	d = f.postie("one", maildir.FS)
	f.put("INBOX", 0, 3)
	f.ok(f.client.Create("A", nil).Wait())
	f.put("A", 10, 14)
	d.sync()
	d.equal()
	return d, set
}

// What a mailbox does not let us do is said once, makes no run fail, is not taken for a change by the other side, and is
// done as soon as it can be. All else goes on.
func TestRights(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, rights string
		said         []string
		there        string // letters in A
	}{
		{"read only", "lr", []string{"read-only"}, "[10 11 12 13]"},
		{"no insertion", "lrswtek", []string{"not permit to upload"}, "[10F 13]"},
		{"no deletion", "lrswik", []string{"not permit to move", "not permit to delete"}, "[10F 11 12 13 20]"},
		{"no expunge", "lrswtik", []string{"not permit to move"}, "[10F 11T 12 13 20]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, set := rightful(t, "acl")
			set(tt.rights)
			d.rename(d.find("A", 10), "F")
			d.remove(d.find("A", 11))
			d.deliver("A", 20, "")
			d.move(d.find("A", 12), "INBOX")
			d.deliver("INBOX", 3, "S")
			here := d.files("INBOX", "A")
			for i := range 3 {
				out := d.exits(exit.OK)
				for _, said := range tt.said {
					if strings.Contains(out, said) != (i == 0) {
						t.Errorf("run %d: %s", i, out)
					}
				}
			}
			if got := d.letters("A"); got != tt.there {
				t.Errorf("there are %s, want %s", got, tt.there)
			}
			if now := d.files("INBOX", "A"); fmt.Sprint(now) != fmt.Sprint(here) {
				t.Errorf("here are\n%v\nwant\n%v", now, here)
			}
			set(everything)
			d.put("A", 30, 31) // so that it is looked at
			d.sync()
			d.equal()
			d.rests()
			if a, inbox := d.letters("A"), d.letters("INBOX"); a != "[10F 13 20 30]" || inbox != "[0 1 2 3S 12]" {
				t.Error(a, inbox)
			}
		})
	}
}

// Where the server tells rights (MYRIGHTS), what is forbidden is not tried in each run, nor planned; and what is permitted again
// is done, though nothing else has changed.
func TestRightsTold(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, rights, said, a, inbox string }{
		{"read only", "lr", "read-only", "[10 11 12 13]", "[0 1 2 3S 12]"},
		{"no insertion", "lrswtek", "takes no messages", "[10F 13]", "[0 1 2 3S 12]"},
		{"no deletion", "lrswik", "read-only", "[10F 11 12 13 20]", "[0 1 2 3S 12]"},
		{"no expunge", "lrswtik", "only marked", "[10F 11T 12T 13 20]", "[0 1 2 3S 12]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, set := rightful(t, "acl imap_acl")
			set(tt.rights)
			d.rename(d.find("A", 10), "F")
			d.remove(d.find("A", 11))
			d.deliver("A", 20, "")
			d.move(d.find("A", 12), "INBOX")
			d.deliver("INBOX", 3, "S")
			for i := range 3 {
				out := d.exits(exit.OK, "-vv")
				if strings.Contains(out, tt.said) != (i == 0) {
					t.Errorf("run %d: %s", i, out)
				}
				for _, verb := range []string{"APPEND", "UID COPY", "UID MOVE", "UID STORE", "EXPUNGE"} {
					if i > 0 && strings.Contains(out, " "+verb+" ") {
						t.Errorf("run %d tries %s", i, verb)
					}
				}
				d.rests()
			}
			if a, inbox := d.letters("A"), d.letters("INBOX"); a != tt.a || inbox != tt.inbox {
				t.Errorf("there are %s and %s, want %s and %s", a, inbox, tt.a, tt.inbox)
			}
			set(everything)
			d.sync()
			d.equal()
			d.rests()
			if a, inbox := d.letters("A"), d.letters("INBOX"); a != "[10F 13 20]" || inbox != "[0 1 2 3S 12]" {
				t.Error(a, inbox)
			}
			if out := d.exits(exit.OK, "-vv"); strings.Contains(out, "MYRIGHTS") {
				t.Error("rights are asked for though there is nothing to do")
			}
		})
	}
}

// letters are those in a mailbox on the server, with their flags.
func (f *fleet) letters(mailbox string) string {
	f.Helper()
	all := f.there(mailbox)
	slices.SortFunc(all, func(a, b held) int { return a.n - b.n })
	var names []string
	for _, h := range all {
		names = append(names, fmt.Sprintf("%d%s", h.n, h.flags))
	}
	return fmt.Sprint(names)
}
