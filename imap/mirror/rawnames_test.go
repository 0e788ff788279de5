package mirror

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"postie/imap/imaptest"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// malformedNames is a server whose mailboxes are called on the wire as no name should be, by what they are called in fact. It also lists
// one without a name.
func malformedNames(names map[string]string) imaptest.Quirk {
	return imaptest.Quirk{
		Says: func(_ *imaptest.Dialogue, response string) []string {
			if !strings.HasPrefix(response, "* LIST ") && !strings.HasPrefix(response, "* STATUS ") && !strings.HasPrefix(response, "* LSUB ") {
				return []string{response}
			}
			for name, wire := range names {
				response = strings.ReplaceAll(response, " "+name, ` "`+wire+`"`)
			}
			if strings.HasPrefix(response, "* LIST ") && strings.Contains(response, " INBOX") {
				return []string{response, `* LIST () "/" ""`}
			}
			return []string{response}
		},
		Hears: func(_ *imaptest.Dialogue, command string) string {
			line, rest, _ := strings.Cut(command, "\r\n")
			for name, wire := range names {
				line = strings.ReplaceAll(line, `"`+wire+`"`, name)
			}
			if len(line) < len(command) && strings.Contains(command, "\r\n") {
				return line + "\r\n" + rest
			}
			return line
		},
	}
}

// Mailboxes whose names are not canonical modified UTF-7 are synchronised like any other, both ways; what cannot be named in a command
// is named to the user in each run, and keeps nothing else back.
func TestMalformedNames(t *testing.T) {
	names := map[string]string{"X1": "AT&T", "X2": "Rock & Roll", "X3": "Entw\xfcrfe", "X4": "a\tb", "X5": "&bad", "X6": "&AAA-", "X7": "Gr\u00fc\u00dfe", "X8": "AT&-T"}
	here := map[string]string{"X1": "AT%26T", "X2": "Rock & Roll", "X3": "Entwürfe", "X4": "a\tb", "X5": "&bad", "X6": "&AAA-", "X7": "Grüße", "X8": "AT&T"}
	for _, layout := range []maildir.Layout{maildir.FS, maildir.MaildirPlusPlus} {
		t.Run(fmt.Sprint(layout), func(t *testing.T) {
			t.Parallel()
			d := newDevice(t, dovecot.Options{})
			d.layout, d.quirks = layout, []imaptest.Quirk{malformedNames(names)}
			s := d.remote()
			n := 0
			for name := range names {
				d.create(s, name)
				d.put(s, name, n, n+2)
				n += 2
			}
			run := func() Report {
				t.Helper()
				r, err := d.run(nil)
				if err != nil || r.Failed != 1 || r.Mailboxes != 1 {
					t.Errorf("%+v %v", r, err)
				}
				if !slices.ContainsFunc(d.events, func(e Event) bool { f, ok := e.(Failed); return ok && f.Mailbox == `""` }) {
					t.Errorf("not told: %v", d.events)
				}
				return r
			}
			if r := run(); r.New != n {
				t.Errorf("%+v", r)
			}
			for name, box := range here {
				if got := d.numbers(box); len(got) != 2 {
					t.Errorf("%s: %q has %v", name, box, got)
				}
				d.flag(box, d.numbers(box)[0], maildir.FlagFlagged)
				d.ok(d.dir(box).Remove(d.file(box, d.numbers(box)[1])))
				d.deliver(box, 100+n)
				n++
			}
			if r := run(); r.New+r.DeletedLocal != 0 || r.FlagsPushed != len(names) || r.DeletedRemote != len(names) || r.Uploaded != len(names) {
				t.Errorf("%+v", r)
			}
			if r := run(); r.Totals != (Report{}).Totals {
				t.Errorf("a run at rest: %+v", r)
			}
			there := d.there()
			for name := range names {
				if all := strings.Join(there[name], "\n"); len(there[name]) != 2 || strings.Count(all, "[F") != 1 {
					t.Errorf("%s: %s", name, all)
				}
			}
			// A body is fetched by the name that the server gave, without a LIST; and the mailbox goes when its user deletes it there.
			d.ok(s.Delete(context.Background(), "X1"))
			if r, _ := d.run(func(o *Options) { o.Policy.AllowMassDelete = true }); r.DeletedLocal != 2 {
				t.Errorf("%+v", r)
			}
			if got := d.numbers("AT&T"); len(got) != 2 {
				t.Errorf("its neighbour has %v", got)
			}
		})
	}
}
