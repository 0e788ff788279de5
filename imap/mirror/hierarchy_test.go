package mirror

import (
	"context"
	"slices"
	"testing"

	"postie/imap/imaptest"
	"postie/testdata/dovecot"
)

// Servers whose separator is ".", and whose mailboxes all lie below INBOX, whether they say so by NAMESPACE or not.
func TestHierarchies(t *testing.T) {
	for name, o := range map[string]dovecot.Options{"dots": {Separator: "."}, "below INBOX": {Separator: ".", Prefix: "INBOX."}, "below INBOX, slashes": {Prefix: "INBOX/"}} {
		w := newStreet(t, o)
		for _, q := range []peculiar{
			{"", nil},
			{" without NAMESPACE", quirks{imaptest.Without("NAMESPACE")}},
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

// A server without NAMESPACE that holds nothing but INBOX yet, and takes no mailbox beside it.
func TestFirstMailboxBelowInbox(t *testing.T) {
	o := dovecot.Options{Separator: ".", Prefix: "INBOX."}
	d := newStreet(t, o).device(t, imaptest.Without("NAMESPACE"))
	d.put(d.remote(), "INBOX", 0, 3)
	d.sync()
	d.deliver("New", 110)
	d.deliver("Lists/go", 111)
	if r := d.sync(); r.Uploaded != 2 {
		t.Errorf("%+v", r)
	}
	d.equal()
	d.quiet()
}

// Mailboxes below INBOX are what they are where others lie beside it, also when those come later or go.
func TestInboxHasChildren(t *testing.T) {
	d := newStreet(t, dovecot.Options{}).device(t, imaptest.Without("NAMESPACE"))
	s := d.remote()
	d.create(s, "INBOX/Sub")
	d.create(s, "Beside")
	d.put(s, "INBOX/Sub", 0, 3)
	d.put(s, "Beside", 3, 4)
	d.sync()
	d.equal()
	if here := d.here(); len(here["INBOX/Sub"]) != 3 {
		t.Errorf("here: %v", here)
	}
	d.ok(s.Rename(context.Background(), "Beside", "INBOX/Beside"))
	d.does(func() { d.sync() }, 0)
	d.quiet()
}

// The prefix that was guessed stays when a mailbox appears beside INBOX.
func TestGuessStays(t *testing.T) {
	d := newStreet(t, dovecot.Options{}).device(t, imaptest.Without("NAMESPACE"))
	d.prefix = "INBOX/"
	s := d.remote()
	d.create(s, "Sub")
	d.put(s, "Sub", 0, 3)
	d.sync()
	d.equal()
	d.ok(s.Create(context.Background(), "Beside"))
	d.does(func() { d.sync() }, 0)
	if here := d.here(); len(here["Sub"]) != 3 {
		t.Errorf("here: %v", here)
	}
	d.quiet()
}
