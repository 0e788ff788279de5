package mirror

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
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

// One message because of which the server refuses a whole command, for whatever reason it gives, of whatever is asked for: all others come,
// and it is named. A refusal that is for all is not asked about for ever.
func TestRefusedMessage(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	const sizesOnly, flagsOnly = `RFC822.SIZE[^\[]*$`, `\([^\[S]*FLAGS[^\[S]*$`
	for _, part := range []string{whole, sizesOnly, flagsOnly} {
		for _, why := range []string{"cannot", "[SERVERBUG] cannot", "[UNAVAILABLE] cannot", "[INUSE] cannot", "[CONTACTADMIN] cannot"} {
			t.Run(part+" "+why, func(t *testing.T) {
				t.Parallel()
				d := w.device(t, old()...)
				beginning(d, d.remote())
				if part == flagsOnly {
					d.sync()
					s := d.remote()
					d.put(s, "INBOX", 200, 211)
				}
				d.quirks = append(quirks{refusesOne(5, part, "none", why)}, old()...)
				r, err := d.run(nil)
				if err != nil || r.New != 11 || r.Failed != 1 || r.DeletedLocal+r.DeletedRemote+r.Uploaded+len(r.Guards) > 0 {
					t.Errorf("%+v, %v, %v", r, err, d.failures())
				}
				d.quirks = old()
				d.sync()
				d.equal()
				d.quiet()
			})
		}
	}
	d := w.device(t, imaptest.Refuse(`^UID FETCH .*BODY`, 0, "NO [UNAVAILABLE] later"))
	d.window = 200
	d.put(d.remote(), "INBOX", 0, 100)
	if r, err := d.run(nil); err != nil || r.New > 0 || r.Failed != 100 || d.trips.Load() > 60 {
		t.Errorf("%+v, %v, %d round trips", r, err, d.trips.Load())
	}
}

// sick is a server that fails at a message of INBOX whenever that part of it is asked for.
func sick(uid int, part, gives string) imaptest.Quirk {
	return refusesOne(uid, part, gives, "[SERVERBUG] cannot read a message")
}

// refusesOne is sick, with other words.
func refusesOne(uid int, part, gives, why string) imaptest.Quirk {
	asks := regexp.MustCompile(`^UID FETCH (\S+) .*` + part)
	this := regexp.MustCompile(fmt.Sprintf(`^\* \d+ FETCH .*\bUID %d .*BODY\[`, uid))
	refusal := " NO " + why
	var fallen sync.Map // dialogues, in the answer to this command
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
			_, fell := fallen.Load(d)
			switch command := d.Answers(response); {
			case d.Selected != "INBOX":
			case fell && command != "":
				fallen.Delete(d)
				return []string{tag + refusal}
			case strings.Contains(response, "BODY[") && (this.MatchString(response) && (part != whole || strings.Contains(response, "BODY[]")) || fell && gives == "those before"):
				fallen.Store(d, true)
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
