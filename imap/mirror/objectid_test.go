package mirror

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"postie/imap/imaptest"
	"postie/testdata/dovecot"
)

// objectID is a server with OBJECTID (RFC 8474), of which it has MAILBOXID: what does not change when a mailbox is renamed.
func objectID() quirks {
	asked := regexp.MustCompile(`MAILBOXID |EMAILID `)
	selected := regexp.MustCompile(`^\* OK \[UIDVALIDITY (\d+)\]`)
	status := regexp.MustCompile(`^(\* STATUS .*UIDVALIDITY (\d+))`)
	return quirks{imaptest.Replace(`(CAPABILITY IMAP4rev1)`, "$1 OBJECTID"), {
		Hears: func(_ *imaptest.Dialogue, command string) string { return asked.ReplaceAllString(command, "") },
		Says: func(_ *imaptest.Dialogue, response string) []string {
			if m := selected.FindStringSubmatch(response); m != nil {
				return []string{response, "* OK [MAILBOXID (F" + m[1] + ")] Ok"}
			}
			if m := status.FindStringSubmatch(response); m != nil {
				return []string{strings.Replace(response, m[1], m[1]+" MAILBOXID (F"+m[2]+")", 1)}
			}
			return []string{response}
		},
	}}
}

// oneUIDValidity is a server on which all mailboxes have the same.
func oneUIDValidity() quirks {
	return quirks{imaptest.Without("QRESYNC"), imaptest.Replace(`(UIDVALIDITY|APPENDUID|COPYUID) \d+`, "$1 7")}
}

// A mailbox that is renamed on the server is renamed here, and nothing is fetched; one that is made in the place of another is not
// that other, though its UIDVALIDITY and UIDs be the same.
func TestMailboxID(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for name, q := range map[string]quirks{"plain": nil, "one UIDVALIDITY": oneUIDValidity(), "OBJECTID": objectID(), "OBJECTID, one UIDVALIDITY": append(objectID(), oneUIDValidity()...)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := w.device(t, q...)
			scenario(d)
			s, ctx := d.remote(), context.Background()
			d.ok(s.Rename(ctx, "A", "B"))
			d.does(func() { d.sync() }, 0)
			d.quiet()
			d.create(s, "Other")
			d.put(s, "Other", 400, 404)
			d.ok(s.Rename(ctx, "Other", "C"), s.Delete(ctx, "New"))
			d.policy.AllowMassDelete = true
			d.does(func() { d.sync() }, 4)
			d.policy.AllowMassDelete = false
			d.quiet()
		})
	}
}
