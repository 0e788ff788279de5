package mirror

import (
	"fmt"
	"hash/crc32"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postie/imap/imaptest"
	"postie/testdata/dovecot"
)

// gmail is a Dovecot in the manner of Gmail: CONDSTORE without QRESYNC, message ids of its own, and mailboxes that show
// what lies in others.
func gmail() quirks {
	return quirks{
		imaptest.Without("QRESYNC"), imaptest.Without("LIST-EXTENDED"), imaptest.Without("LIST-STATUS"), imaptest.Without("ENABLE"),
		imaptest.Replace(`(CAPABILITY IMAP4rev1)`, "$1 X-GM-EXT-1 SPECIAL-USE"),
		imaptest.Replace(`^\* LIST \((.*)\) (.*All Mail.?)$`, `* LIST ($1 \All) $2`),
		imaptest.Replace(`^\* LIST \((.*)\) (.*Starred.?)$`, `* LIST ($1 \Flagged) $2`),
		imaptest.Replace(`^\* LIST \((.*)\) (.*Important.?)$`, `* LIST ($1 \Important) $2`),
		numbered(),
	}
}

// numbered gives the same X-GM-MSGID to messages of one Message-ID.
func numbered() imaptest.Quirk {
	id := regexp.MustCompile(`(?i)message-id: (<.*>)`)
	return imaptest.Quirk{
		Hears: func(_ *imaptest.Dialogue, command string) string {
			return strings.Replace(command, "X-GM-MSGID ", "", 1)
		},
		Says: func(_ *imaptest.Dialogue, response string) []string {
			if m := id.FindStringSubmatch(response); m != nil {
				gm := fmt.Sprintf(" FETCH (X-GM-MSGID 1%d ", crc32.ChecksumIEEE([]byte(m[1])))
				response = strings.Replace(response, " FETCH (", gm, 1)
			}
			return []string{response}
		},
	}
}

// Gmail's All Mail, Starred and Important are left out unless they are asked for, and that is said once.
func TestGmail(t *testing.T) {
	t.Parallel()
	d := newStreet(t, dovecot.Options{}).device(t, gmail()...)
	s := d.remote()
	for _, name := range []string{"[Gmail]/All Mail", "[Gmail]/Starred", "[Gmail]/Important"} {
		d.create(s, name)
		d.put(s, name, 0, 1)
	}
	beginning(d, s)
	notices := 0
	said := func() {
		for _, e := range d.events {
			if n, ok := e.(Notice); ok && strings.Contains(n.Text, "messages of other mailboxes") {
				notices++
			}
		}
	}
	d.sync()
	said()
	everyChange(d, s)
	d.sync()
	said()
	if d.bodies.Load() != 1 || notices != 3 {
		t.Errorf("%d bodies, said %d times", d.bodies.Load(), notices)
	}
	d.quiet()
	here, there := d.here(), d.there()
	for name := range there {
		if strings.HasPrefix(name, "[Gmail]") {
			delete(there, name)
		}
	}
	if a, b := here.less(there), there.less(here); len(a)+len(b) > 0 {
		t.Errorf("here: %v, there: %v", a, b)
	}
	d.patterns = []string{"*", "[Gmail]/All Mail"}
	d.sync()
	if got := d.here(); len(got["[Gmail]/All Mail"]) != 1 || slices.ContainsFunc(d.events, func(e Event) bool { _, ok := e.(Notice); return ok }) {
		t.Errorf("here: %v, events %v", got, d.events)
	}
	d.quiet()
}
