package restore

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"postie/imap/imaptest"
	"postie/testdata/dovecot"
)

// endsAt ends the connection at commands that a pattern matches.
func endsAt(pattern string) imaptest.Quirk {
	re := regexp.MustCompile(pattern)
	return imaptest.Quirk{Hears: func(d *imaptest.Dialogue, command string) string {
		if re.MatchString(command) {
			d.Close()
			return ""
		}
		return command
	}}
}

// counted counts connections.
func counted(n *atomic.Int64) imaptest.Quirk {
	return imaptest.Quirk{Says: func(d *imaptest.Dialogue, response string) []string {
		if d.Said == 1 {
			n.Add(1)
		}
		return []string{response}
	}}
}

// A message at which the connection ends, or which is refused each time though that ought to pass, keeps back none of the others: they are there
// after one run, it is named, and the next run says so again and does nothing else.
func TestBreakers(t *testing.T) {
	next := street(t, dovecot.Options{})
	root := dovecot.Dir(t)
	var others []string
	for n := range 30 {
		put(t, root, fmt.Sprintf("%s/cur/%d.a:2,S", []string{"INBOX", "Lists/go"}[n%2], n), letter(n), n)
		if n != 4 && n != 11 {
			others = append(others, fmt.Sprintf("Subject: letter %d\n", n))
		}
	}
	put(t, root, "New/cur/50.a:2,S", letter(50), 50)
	const pattern = `(?s)^\S+ APPEND .*Subject: letter (4|11)\r\n`
	for name, c := range map[string]struct {
		quirks []imaptest.Quirk
		why    string
		most   int64 // connections, of a run
	}{
		"it ends":                       {[]imaptest.Quirk{endsAt(pattern)}, errEnds.Error(), 7},
		"it ends, without MULTIAPPEND":  {[]imaptest.Quirk{imaptest.Without("MULTIAPPEND"), endsAt(pattern)}, errEnds.Error(), 8},
		"it ends, without APPENDUID":    {[]imaptest.Quirk{imaptest.Replace(`\[APPENDUID [^]]*\] `, ""), endsAt(pattern)}, errEnds.Error(), 7},
		"refused as if it would pass":   {[]imaptest.Quirk{imaptest.Refuse(strings.Replace(pattern, `\S+ `, "", 1), 0, "NO [SERVERBUG] oops")}, "[SERVERBUG] oops", 1},
		"the same, without MULTIAPPEND": {[]imaptest.Quirk{imaptest.Without("MULTIAPPEND"), imaptest.Refuse(strings.Replace(pattern, `\S+ `, "", 1), 0, "NO [SERVERBUG] oops")}, "[SERVERBUG] oops", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := next(t)
			var connections atomic.Int64
			a.quirks = append(slices.Clone(c.quirks), counted(&connections))
			for n := range 2 {
				connections.Store(0)
				r, err := a.run(root, nil)
				a.ok(err)
				if want := map[bool]int{true: len(others) + 1, false: 0}[n == 0]; r.Uploaded != want || r.There != len(others)+1-want || r.Failed != 2 || r.Mailboxes != 0 {
					t.Errorf("run %d: %+v", n, r)
				}
				failures := a.failures()
				slices.Sort(failures)
				if len(failures) != 2 || !strings.HasPrefix(failures[0], "INBOX 4.a:2,S: ") || !strings.HasPrefix(failures[1], "Lists/go 11.a:2,S: ") || !strings.Contains(failures[0], c.why) {
					t.Errorf("run %d: %q", n, failures)
				}
				if got := connections.Load(); got > c.most {
					t.Errorf("run %d: %d connections", n, got)
				}
				if there := a.there(); len(there["INBOX"])+len(there["Lists/go"]) != len(others) || len(there["New"]) != 1 {
					t.Errorf("run %d: %d and %d are there", n, len(there["INBOX"]), len(there["Lists/go"]))
				}
			}
		})
	}
}

// A connection that ends at every message is no message's fault: the run ends, after few tries.
func TestEndsAtAll(t *testing.T) {
	a := street(t, dovecot.Options{})(t)
	var connections atomic.Int64
	a.quirks = []imaptest.Quirk{endsAt(`^\S+ APPEND `), counted(&connections)}
	root := dovecot.Dir(t)
	for n := range 200 {
		put(t, root, fmt.Sprintf("INBOX/cur/%d.a:2,", n), letter(n), n)
	}
	if r, err := a.run(root, nil); err == nil || r.Uploaded > 0 || connections.Load() > mostLosses+1 {
		t.Errorf("%v, %+v, %d connections", err, r, connections.Load())
	}
}
