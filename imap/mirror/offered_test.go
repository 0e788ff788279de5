package mirror

import (
	"regexp"
	"slices"
	"sync/atomic"
	"testing"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/imaptest"
	"postie/testdata/dovecot"
)

// offers is a server that offers a capability and does not understand the commands that need it.
type offers struct {
	capability string
	command    string // pattern of what is refused
	answer     string
	rung       quirks
}

func refusals() []offers {
	return []offers{
		{capability: "NAMESPACE", command: `^NAMESPACE`},
		{capability: "LIST-EXTENDED", command: `^LIST .*RETURN`},
		{capability: "LIST-EXTENDED", command: `^LIST .*RETURN .*STATUS`, answer: "NO cannot"},
		{capability: "QRESYNC", command: `QRESYNC \(`},
		{capability: "CONDSTORE", command: `^SELECT .*\((CONDSTORE|QRESYNC)`},
		{capability: "CONDSTORE", command: `CHANGEDSINCE`, rung: condstore()},
		{capability: "CONDSTORE", command: `UNCHANGEDSINCE`},
		{capability: "CONDSTORE", command: `FETCH .*MODSEQ`},
		{capability: "ENABLE", command: `^ENABLE`},
		{capability: "ESEARCH", command: `SEARCH RETURN`},
		{capability: "MOVE", command: `^UID MOVE`},
		{capability: "MOVE", command: `^UID MOVE`, answer: "NO not today"},
		{capability: "UIDPLUS", command: `^UID EXPUNGE`},
	}
}

// What CAPABILITY offers and the server refuses is done without: all comes and goes all the same, and the next run does not ask for it.
func TestOfferedAndRefused(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for _, o := range refusals() {
		t.Run(o.capability+" "+o.command+o.answer, func(t *testing.T) {
			t.Parallel()
			if o.answer == "" {
				o.answer = "BAD what is that?"
			}
			var asked atomic.Int32
			counts := imaptest.Quirk{Hears: func(_ *imaptest.Dialogue, command string) string {
				if regexp.MustCompile(o.command).MatchString(command[1+slices.Index([]byte(command), ' '):]) {
					asked.Add(1)
				}
				return command
			}}
			d := w.device(t, slices.Concat(o.rung, quirks{counts, imaptest.Refuse(o.command, 0, o.answer)})...)
			scenario(d)
			if asked.Swap(0) == 0 {
				t.Error("it was never asked")
			}
			d.put(d.remote(), "INBOX", 500, 501)
			d.sync()
			d.equal()
			if n := asked.Load(); n > 0 {
				t.Errorf("asked %d times again", n)
			}
		})
	}
}

// A capability that the user does not want is not used.
func TestWithout(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for capability, command := range map[goimap.Cap]string{"condstore": `CONDSTORE|QRESYNC|CHANGEDSINCE|MODSEQ`, "MOVE": `MOVE`, "NAMESPACE": `^NAMESPACE`,
		"LIST-EXTENDED": `RETURN \(S`, "ESEARCH": `SEARCH RETURN`, "UIDPLUS": `UID EXPUNGE`, "LITERAL+": `\{\d+\+\}`, "ENABLE": `ENABLE`} {
		t.Run(string(capability), func(t *testing.T) {
			t.Parallel()
			d := w.device(t, imaptest.Refuse(command, 0, "BAD it was used"))
			d.without = []goimap.Cap{capability}
			scenario(d)
			for _, e := range d.events {
				if n, ok := e.(Notice); ok {
					t.Errorf("said %v", n)
				}
			}
		})
	}
}
