package mirror

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"postie/imap/base"
	"postie/imap/imaptest"
	"postie/testdata/dovecot"
)

// subscribed is what the base knows of subscriptions.
func (d *device) subscribed() (all map[string]bool) {
	d.Helper()
	d.opened(func() {
		var err error
		all, err = base.Subscribed(context.Background(), d.store)
		d.ok(err)
	})
	return all
}

// A sync notes what is subscribed on the server, of mailboxes too in which nothing else changes, which LIST or its LSUB tells. A server
// that does not say it takes nothing away that is known.
func TestSubscribed(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for name, q := range map[string]quirks{"LIST-EXTENDED": nil, "LSUB": {imaptest.Without("LIST-EXTENDED"), imaptest.Without("LIST-STATUS")}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			count := imaptest.Quirk{Hears: func(_ *imaptest.Dialogue, command string) string {
				if _, verb, _ := strings.Cut(command, " "); strings.HasPrefix(verb, "LIST") || strings.HasPrefix(verb, "LSUB") {
					asked.Add(1)
				}
				return command
			}}
			d := w.device(t, append(q, count)...)
			ctx, s := t.Context(), d.remote()
			d.create(s, "A")
			d.create(s, "B")
			d.ok(s.Subscribe(ctx, d.theirs("A")))
			d.is("at first", d.subscribed(), map[string]bool{})
			d.sync()
			d.is("first", d.subscribed(), map[string]bool{"INBOX": false, "A": true, "B": false})
			d.ok(s.Unsubscribe(ctx, d.theirs("A")))
			d.ok(s.Subscribe(ctx, d.theirs("B")))
			d.ok(d.dir("C").Ensure())
			d.sync()
			d.sync()
			now := map[string]bool{"INBOX": false, "A": false, "B": true, "C": true}
			d.is("changed", d.subscribed(), now)
			asked.Store(0)
			d.sync()
			if n := asked.Load(); n != map[string]int64{"LIST-EXTENDED": 1, "LSUB": 2}[name] { // LIST, and LSUB in its flight
				t.Errorf("%d commands asked for mailboxes", n)
			}
			d.quirks = quirks{imaptest.Without("LIST-EXTENDED"), imaptest.Without("LIST-STATUS"), imaptest.Refuse("^LSUB", 0, "BAD what is that?")}
			d.ok(s.Subscribe(ctx, d.theirs("A")))
			d.sync()
			d.is("not said", d.subscribed(), now)
		})
	}
}

func (d *device) is(what string, got, want map[string]bool) {
	d.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		d.Errorf("%s: %v, want %v", what, got, want)
	}
}
