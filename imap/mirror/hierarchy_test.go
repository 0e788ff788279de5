package mirror

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"postie/imap/imaptest"
	"postie/testdata/dovecot"
)

// below is a server on which no mailbox lies beside INBOX.
func below() dovecot.Options { return dovecot.Options{Separator: ".", Prefix: "INBOX."} }

// Servers whose separator is ".", and whose mailboxes all lie below INBOX, whether they say so by NAMESPACE or not.
func TestHierarchies(t *testing.T) {
	for name, o := range map[string]dovecot.Options{"dots": {Separator: "."}, "below INBOX": below(), "below INBOX, slashes": {Prefix: "INBOX/"}} {
		w := newStreet(t, o)
		for _, q := range []peculiar{
			{"", nil},
			{" with small letters, without NAMESPACE", quirks{imaptest.Without("NAMESPACE"), imaptest.Replace("INBOX", "Inbox")}},
			{" that is old", slices.Concat(old(), quirks{imaptest.Without("NAMESPACE"), imaptest.Without("LIST-EXTENDED"), imaptest.Without("UIDPLUS"), imaptest.Without("MOVE")})},
		} {
			t.Run(name+q.name, func(t *testing.T) {
				t.Parallel()
				d := w.device(t, q.quirks...)
				scenario(d)
				d.deliver("Lists/go", 300)
				d.create(d.remote(), "Lists/rust")
				d.sync()
				d.equal()
				d.quiet()
			})
		}
	}
}

// Servers that do not say by NAMESPACE where mailboxes lie.
func TestWithoutNamespace(t *testing.T) {
	t.Parallel()
	w := newStreet(t, below())
	t.Run("first mailbox", func(t *testing.T) { firstMailbox(w.device(t, imaptest.Without("NAMESPACE"))) })
	w = newStreet(t, dovecot.Options{})
	t.Run("beside", func(t *testing.T) { inboxHasChildren(w.device(t, imaptest.Without("NAMESPACE"))) })
	t.Run("guessed", func(t *testing.T) { guessStays(w.device(t, imaptest.Without("NAMESPACE"))) })
	t.Run("on demand", func(t *testing.T) { fetchedBelow(w.device(t, imaptest.Without("NAMESPACE"))) })
}

// fetchedBelow: a body is fetched from a mailbox whose prefix nobody says.
func fetchedBelow(d *device) {
	d.prefix, d.policy.Bodies.None = "INBOX/", true
	s := d.remote()
	d.create(s, "Sub")
	d.put(s, "Sub", 0, 1)
	d.sync()
	if r, err := d.fetch(1); err != nil || r.New != 1 || len(d.here()["Sub"]) != 1 {
		d.Errorf("%+v, %v, here: %v", r, err, d.here())
	}
}

// firstMailbox: the server holds nothing but INBOX yet, and takes no mailbox beside it.
func firstMailbox(d *device) {
	d.put(d.remote(), "INBOX", 0, 3)
	d.sync()
	d.deliver("New", 110)
	d.deliver("Lists/go", 111)
	if r := d.sync(); r.Uploaded != 2 {
		d.Errorf("%+v", r)
	}
	d.equal()
	d.quiet()
}

// inboxHasChildren: mailboxes below INBOX are what they are where others lie beside it, also when those go.
func inboxHasChildren(d *device) {
	s := d.remote()
	d.create(s, "INBOX/Sub")
	d.create(s, "Beside")
	d.put(s, "INBOX/Sub", 0, 3)
	d.put(s, "Beside", 3, 4)
	d.sync()
	d.equal()
	if here := d.here(); len(here["INBOX/Sub"]) != 3 {
		d.Errorf("here: %v", here)
	}
	d.ok(s.Rename(context.Background(), "Beside", "INBOX/Beside"))
	d.does(func() { d.sync() }, 0)
	d.quiet()
}

// guessStays: the prefix that was guessed stays when a mailbox appears beside INBOX.
func guessStays(d *device) {
	d.prefix = "INBOX/"
	s := d.remote()
	d.create(s, "Sub")
	d.put(s, "Sub", 0, 3)
	d.sync()
	d.equal()
	d.ok(s.Create(context.Background(), "Beside"))
	d.does(func() { d.sync() }, 0)
	if here := d.here(); len(here["Sub"]) != 3 {
		d.Errorf("here: %v", here)
	}
	d.quiet()
}

// A server that makes the mailboxes above a new one, as such that can hold messages: one run makes both sides equal.
func TestParentsMadeThere(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for name, first := range map[string]func(*device){"created": (*device).settle, "renamed": func(d *device) {
		d.settle()
		d.deliver("Old", 1)
		d.sync()
		d.ok(os.MkdirAll(string(d.dir("Lokal/Neu")), 0o700), os.Rename(string(d.dir("Old")), string(d.dir("Lokal/Neu/Ünter"))))
	}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := w.device(t)
			s := d.remote()
			first(d)
			d.quirks = quirks{{Hears: func(_ *imaptest.Dialogue, c string) string {
				if strings.Contains(c, " CREATE ") || strings.Contains(c, " RENAME ") {
					d.create(s, "Lokal")
					d.create(s, "Lokal/Neu")
				}
				return c
			}}}
			if name == "created" {
				d.deliver("Lokal/Neu/Ünter", 1)
			}
			d.sync()
			d.quirks = nil
			d.equal()
			if here := d.here(); here["Lokal/Neu"] != nil || len(here["Lokal/Neu/Ünter"]) != 1 {
				t.Errorf("here: %v", here)
			}
			d.quiet()
		})
	}
}
