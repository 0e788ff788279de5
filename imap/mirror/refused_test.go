package mirror

import (
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"postie/imap/imaptest"
	"postie/testdata/dovecot"
)

// A server refuses a command, every other one once only: nothing is lost or done twice, and a later run completes it.
func TestRefused(t *testing.T) {
	plain := []string{"QRESYNC", "CONDSTORE", "MOVE", "LIST-STATUS", "LIST-EXTENDED", "ESEARCH"}
	w := newStreet(t, dovecot.Options{})
	for n, tt := range []struct {
		command, answer string
		less            []string // capabilities
	}{
		{`^SELECT "?A`, "NO [NONEXISTENT] it went just now", nil},
		{`^SELECT "?INBOX`, "NO [UNAVAILABLE] not so fast", nil},
		{`^LIST`, "NO [LIMIT] not so fast", nil},
		{`^NAMESPACE`, "NO not today", nil},
		{`^LSUB`, "BAD what is that?", plain},
		{`^STATUS`, "NO [LIMIT] not so fast", plain},
		{`^ENABLE`, "BAD what is that?", nil},
		{`^CREATE`, "NO [NOPERM] no", nil},
		{`^SUBSCRIBE`, "NO no", nil},
		{`^APPEND`, "NO [TRYCREATE] it went just now", nil},
		{`^APPEND "?INBOX`, "NO [OVERQUOTA] full", nil},
		{`^APPEND`, "NO [LIMIT] not so fast", nil},
		{`^UID FETCH .*BODY.PEEK\[\]`, "NO [UNAVAILABLE] not so fast", nil},
		{`^UID FETCH .*HEADER`, "NO [SERVERBUG] sorry", nil},
		{`^UID FETCH .*FLAGS\)`, "NO [LIMIT] not so fast", plain},
		{`^UID FETCH .*CHANGEDSINCE`, "NO [LIMIT] not so fast", plain[:1]},
		{`^UID SEARCH`, "NO [LIMIT] not so fast", plain[:1]},
		{`^UID STORE`, "NO [LIMIT] not so fast", nil},
		{`^UID STORE`, "BAD what is that?", plain},
		{`^UID EXPUNGE`, "NO no", nil},
		{`^UID MOVE`, "NO [OVERQUOTA] full", nil},
		{`^UID MOVE`, "NO [TRYCREATE] it went just now", nil},
		{`^UID COPY`, "NO [TRYCREATE] it went just now", plain},
		{`^UID COPY`, "NO [OVERQUOTA] full", plain},
	} {
		times := n % 2 // 0: for the whole run
		t.Run(fmt.Sprint(tt.command, " ", tt.answer, " ", times, len(tt.less)), func(t *testing.T) {
			t.Parallel()
			d := w.device(t)
			for _, c := range tt.less {
				d.quirks = append(d.quirks, imaptest.Without(c))
			}
			refusing(d, tt.command, tt.answer, times)
		})
	}
}

// refusing plays the scenario with a refusal in the second run.
func refusing(d *device, command, answer string, times int) {
	d.Helper()
	s := d.remote()
	beginning(d, s)
	d.sync()
	everyChange(d, s)
	var met atomic.Bool
	ordinary := d.quirks
	look := imaptest.Quirk{Hears: func(_ *imaptest.Dialogue, c string) string {
		_, rest, _ := strings.Cut(c, " ")
		met.Store(met.Load() || regexp.MustCompile(command).MatchString(rest))
		return c
	}}
	d.quirks = append(ordinary[:len(ordinary):len(ordinary)], look, imaptest.Refuse(command, times, answer))
	d.run(nil) // as far as it can
	if !met.Load() {
		d.Error("nothing was refused")
	}
	d.complete(2)
	d.quirks = ordinary
	d.sync()
	d.equal()
	d.complete(1)
	d.quiet()
}

// complete demands that no letter that nobody deleted is lost, and that, at most so many times, each is on either side.
func (d *device) complete(most int) {
	d.Helper()
	here, there := d.here().letters(), d.there().letters()
	for _, n := range []string{"0", "2", "3", "5", "6", "7", "20", "21", "22", "23", "100", "110", "200"} {
		if here[n]+there[n] == 0 || here[n] > most || there[n] > most {
			d.Errorf("letter %s is %d times here and %d times there", n, here[n], there[n])
		}
	}
}

// letters counts letters by their number.
func (m mails) letters() map[string]int {
	number := regexp.MustCompile(`letter (\d+)`)
	count := map[string]int{}
	for _, lines := range m {
		for _, line := range lines {
			count[number.FindStringSubmatch(line)[1]]++
		}
	}
	return count
}
