package base

import (
	"database/sql"
	"testing"
)

// What servers say of subscriptions is kept, and what they do not say is not known; nor is it of a mailbox that no version asked for.
func TestSubscribed(t *testing.T) {
	s, a, in, other := based(t)
	third := &Mailbox{Name: "C", Folder: "C-2"}
	must(t, a.Enter(t.Context(), third))
	got, err := Subscribed(t.Context(), s)
	must(t, err)
	want(t, "nothing was said", got, map[string]bool{})
	in.Subscribed, third.Subscribed = sql.Null[bool]{Valid: true}, sql.Null[bool]{V: true, Valid: true}
	must(t, a.Record(t.Context(), *in, *other, *third))
	all, err := a.Mailboxes(t.Context())
	must(t, err)
	want(t, "mailboxes", []sql.Null[bool]{all[0].Subscribed, all[1].Subscribed, all[2].Subscribed}, []sql.Null[bool]{other.Subscribed, third.Subscribed, in.Subscribed})
	got, err = Subscribed(t.Context(), s)
	must(t, err)
	want(t, "by folder", got, map[string]bool{"INBOX": false, "C-2": true})
}
