package restore

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"postie/imap/imaptest"
	"postie/testdata/dovecot"
)

// dateless lets a server give all that is appended the time at which it comes.
func dateless() imaptest.Quirk {
	date := regexp.MustCompile(` "[ \d]\d-[A-Z][a-z]{2}-\d{4} [\d:]{8} [+-]\d{4}"`)
	return imaptest.Quirk{Hears: func(_ *imaptest.Dialogue, command string) string {
		if strings.Contains(command, " APPEND ") {
			return date.ReplaceAllString(command, "")
		}
		return command
	}}
}

// Dates that a server does not keep are told, a line for each mailbox, and named, whether it tells UIDs or not. It fails nothing, and costs a round
// trip for each mailbox at the most two times.
func TestDatesNotKept(t *testing.T) {
	next := street(t, dovecot.Options{})
	root := dovecot.Dir(t)
	put(t, root, "INBOX/cur/1.a:2,", letter(1), 1)
	put(t, root, "INBOX/cur/2.a:2,", letter(2), 100*366) // to come, which Dovecot does not take
	put(t, root, "Lists/go/cur/3.a:2,", letter(3), 3)
	put(t, root, "Lists/go/cur/4.a:2,", letter(4), 4)
	put(t, root, "Other/cur/5.a:2,", letter(5), 5)
	const line = ": the server did not keep the date of arrival of "
	for name, c := range map[string]struct {
		quirks  []imaptest.Quirk
		redated []string
		notices []string
	}{
		"those to come":               {nil, []string{"2.a"}, []string{"INBOX" + line + "1 messages"}},
		"those to come, without UIDs": {[]imaptest.Quirk{imaptest.Replace(`\[APPENDUID [^]]*\] `, "")}, []string{"2.a"}, []string{"INBOX" + line + "1 messages"}},
		"none":                        {[]imaptest.Quirk{dateless()}, []string{"1.a", "2.a", "3.a", "4.a", "5.a"}, []string{"INBOX" + line + "2 messages", "Lists/go" + line + "2 messages", "Other" + line + "1 messages"}},
		"FETCH is refused":            {[]imaptest.Quirk{imaptest.Refuse("^UID FETCH", 1, "NO [CANNOT] no")}, nil, []string{"INBOX: whether the server kept the dates of arrival could not be found out"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := next(t)
			a.ok(a.connected().Create(t.Context(), "Lists/go")) // one that is there, too
			a.quirks = c.quirks
			r := a.restore(root)
			var redated []string
			for _, e := range a.events {
				if d, ok := e.(Redated); ok {
					_, file, _ := strings.Cut(d.Where, "cur/")
					redated = append(redated, strings.TrimSuffix(file, ":2,"))
				}
			}
			slices.Sort(redated)
			notices := a.notices()
			slices.Sort(notices)
			if !slices.Equal(redated, c.redated) || r.Redated != len(c.redated) || len(notices) != len(c.notices) {
				t.Fatalf("%v, %q, %+v", redated, notices, r)
			}
			for i, want := range c.notices {
				if !strings.HasPrefix(notices[i], want) {
					t.Errorf("%q, want %q", notices[i], want)
				}
			}
			a.rests(root)
		})
	}
}
