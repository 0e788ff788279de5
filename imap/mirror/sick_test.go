package mirror

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"postie/imap/imaptest"
	"postie/testdata/dovecot"
)

// One message that the server cannot give, its body or even its header: all others come, and it is told of in each run.
// Some servers give all others and then refuse, some stop where it lies, some refuse the whole command. When the server is
// mended, it comes too.
func TestSickMessage(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for _, part := range []string{whole, `BODY.PEEK`} {
		for _, gives := range []string{"the others", "those before", "none"} {
			t.Run(part+" "+gives, func(t *testing.T) {
				t.Parallel()
				d := w.device(t, sick(5, part, gives))
				beginning(d, d.remote())
				for n := range 3 {
					r, err := d.run(nil)
					if err != nil || r.New != []int{11, 0, 0}[n] || r.Failed != 1 || r.DeletedLocal+r.DeletedRemote+r.Uploaded+len(r.Guards) > 0 {
						t.Errorf("run %d: %+v, %v", n, r, err)
					}
				}
				if here := d.here().letters(); here["20"] != 1 || here["3"] != 0 {
					t.Errorf("here: %v", here)
				}
				d.quirks = nil
				d.does(func() { d.sync() }, 1)
				d.quiet()
			})
		}
	}
	// While a mailbox is to be matched again, a message whose header cannot be had must not look as if it were gone.
	for _, gives := range []string{"the others", "none"} {
		t.Run("while matching "+gives, func(t *testing.T) {
			t.Parallel()
			d := w.device(t)
			beginning(d, d.remote())
			d.sync()
			d.ok(os.Remove(filepath.Join(d.root, ".postie.db")))
			d.quirks = []imaptest.Quirk{sick(5, `BODY.PEEK`, gives)}
			for range 2 {
				r, err := d.run(nil)
				if err != nil || r.Failed != 1 || r.New+r.DeletedLocal+r.DeletedRemote+r.Uploaded+len(r.Guards) > 0 || d.bodies.Load() > 0 {
					t.Errorf("%+v, %v", r, err)
				}
			}
			d.quirks = nil
			d.does(func() { d.sync() }, 0)
			d.quiet()
		})
	}
}

// sick is a server that fails at a message of INBOX whenever that part of it is asked for.
func sick(uid int, part, gives string) imaptest.Quirk {
	asks := regexp.MustCompile(`^UID FETCH (\S+) .*` + part)
	this := regexp.MustCompile(fmt.Sprintf(`^\* \d+ FETCH .*\bUID %d .*BODY\[`, uid))
	const refusal = " NO [SERVERBUG] cannot read a message"
	fell := false // in the answer to this command
	return imaptest.Quirk{
		Hears: func(d *imaptest.Dialogue, command string) string {
			tag, rest, _ := strings.Cut(command, " ")
			if m := asks.FindStringSubmatch(rest); gives != "none" || m == nil || d.Selected != "INBOX" || !within(m[1], uid) {
				return command
			}
			d.Say(tag + refusal)
			return ""
		},
		Says: func(d *imaptest.Dialogue, response string) []string {
			tag, _, _ := strings.Cut(response, " ")
			switch command := d.Answers(response); {
			case d.Selected != "INBOX":
			case fell && command != "":
				fell = false
				return []string{tag + refusal}
			case strings.Contains(response, "BODY[") && (this.MatchString(response) && (part != whole || strings.Contains(response, "BODY[]")) || fell && gives == "those before"):
				fell = true
				return nil
			}
			return []string{response}
		},
	}
}

const whole = `BODY.PEEK\[\]`

// within says whether a UID is in a set as it is written.
func within(set string, uid int) bool {
	for part := range strings.SplitSeq(set, ",") {
		first, last, pair := strings.Cut(part, ":")
		a, _ := strconv.Atoi(first)
		b, err := strconv.Atoi(last)
		if a == uid || pair && a <= uid && (uid <= b || err != nil) {
			return true
		}
	}
	return false
}
