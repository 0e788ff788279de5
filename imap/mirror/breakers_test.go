package mirror

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postie/imap/imaptest"
	"postie/imap/plan"
	"postie/testdata/dovecot"
)

// breaks is a server that cannot read a message of INBOX: it ends the connection, with or without a word or a part of it, or falls silent.
func breaks(uid int, part, how string, asked *atomic.Int32) imaptest.Quirk {
	asks := regexp.MustCompile(`^UID FETCH (\S+) .*` + part)
	if part == sizes {
		asks = regexp.MustCompile(`^UID FETCH (\S+) [^\[]*` + part + `[^\[]*$`)
	}
	this := regexp.MustCompile(fmt.Sprintf(`^\* \d+ FETCH .*\bUID %d .*BODY\[`, uid))
	if part == sizes {
		this = regexp.MustCompile(fmt.Sprintf(`^\* \d+ FETCH .*\bUID %d .*RFC822.SIZE \d+[^\[]*$`, uid))
	}
	if part == headers {
		this = regexp.MustCompile(fmt.Sprintf(`^\* \d+ FETCH .*\bUID %d .*BODY\[HEADER`, uid))
	}
	var silent sync.Map // dialogues; those of two connections may speak at once
	return imaptest.Quirk{
		Hears: func(d *imaptest.Dialogue, command string) string {
			_, rest, _ := strings.Cut(command, " ")
			if m := asks.FindStringSubmatch(rest); m != nil && d.Selected == "INBOX" && within(m[1], uid) {
				asked.Add(1)
			}
			return command
		},
		Says: func(d *imaptest.Dialogue, response string) []string {
			_, fell := silent.Load(d)
			switch {
			case fell:
				return nil
			case d.Selected != "INBOX" || !this.MatchString(response) || part == whole && !strings.Contains(response, "BODY[]"):
				return []string{response}
			}
			switch how {
			case "half":
				d.Say(response[:strings.Index(response, "\r\n")+20])
			case "BYE":
				d.Say("* BYE internal error")
			case "complaint":
				d.Say("* BAD command line too long")
			case "silence":
				silent.Store(d, true)
				return nil
			}
			d.Close()
			return nil
		},
	}
}

// One message that ends the connection, in each run: all others come, of this mailbox and those behind it, and it is named; it is asked for
// last, and ever more seldom. When the server is mended, it comes too.
func TestBreaker(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for _, how := range []string{"end", "half", "BYE", "complaint", "silence"} {
		for _, part := range []string{whole, `BODY.PEEK\[HEADER\]`} {
			t.Run(how+" "+part, func(t *testing.T) {
				t.Parallel()
				var asked atomic.Int32
				d := w.device(t, breaks(5, part, how, &asked))
				if part != whole {
					d.policy.Bodies = plan.Bodies{None: true}
				}
				if how == "silence" {
					d.idle = 700 * time.Millisecond
				}
				s := d.remote()
				beginning(d, s)
				d.create(s, "Z")
				d.put(s, "Z", 90, 93)
				for n, want := range []struct {
					came  int
					asked int32
				}{{14, 2}, {0, 1}, {0, 0}} {
					asked.Store(0)
					r, err := d.run(nil)
					if err != nil || r.New != want.came || r.Failed != 1 || r.DeletedLocal+r.DeletedRemote+r.Uploaded+len(r.Guards) > 0 || asked.Load() != want.asked {
						t.Errorf("run %d: %+v, %v, %v, asked %d times", n, r, err, d.failures(), asked.Load())
					}
					fails := strings.Join(d.failures(), "")
					if !strings.Contains(fails, "INBOX5") || !strings.Contains(fails, "octets") || how == "complaint" && n == 0 && !strings.Contains(fails, "command line too long") {
						t.Errorf("run %d: failed: %s", n, fails)
					}
				}
				d.quirks = nil
				d.clock += 2 * time.Hour
				if r := d.sync(); r.New != 1 {
					t.Errorf("mended: %+v", r)
				}
				d.quiet()
			})
		}
	}
}

// sizes and headers are what a server is asked for before a plan is made.
const (
	sizes   = "RFC822.SIZE"
	headers = `BODY.PEEK\[HEADER.FIELDS`
)

// One message that ends the connection when the server is asked for its size, in each run: all others come, of this mailbox and those
// behind it, and it is named; it is asked for last, and ever more seldom. When the server is mended, it comes too.
func TestBreakerNameless(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for _, how := range []string{"end", "BYE", "complaint", "silence"} {
		for rung, lacks := range map[string]quirks{"QRESYNC": nil, "old": old()} {
			t.Run(how+" "+rung, func(t *testing.T) {
				t.Parallel()
				var asked atomic.Int32
				d := w.device(t, append(slices.Clone(lacks), breaks(5, sizes, how, &asked))...)
				if how == "silence" {
					d.idle = 700 * time.Millisecond
				}
				s := d.remote()
				beginning(d, s)
				d.create(s, "Z")
				d.put(s, "Z", 90, 93)
				for n, came := range []int{14, 0, 0} {
					asked.Store(0)
					r, err := d.run(nil)
					if err != nil || r.New != came || r.Failed != 1 || r.DeletedLocal+r.DeletedRemote+r.Uploaded+len(r.Guards) > 0 {
						t.Errorf("run %d: %+v, %v, %v", n, r, err, d.failures())
					}
					if most := []int32{4, 1, 0}[n]; asked.Load() > most {
						t.Errorf("run %d: asked %d times", n, asked.Load())
					}
					fails := strings.Join(d.failures(), "")
					if !strings.Contains(fails, "INBOX5") || !strings.Contains(fails, "size or header") || how == "complaint" && n == 0 && !strings.Contains(fails, "command line too long") {
						t.Errorf("run %d: failed: %s", n, fails)
					}
				}
				d.quirks = lacks
				d.clock += 2 * time.Hour
				if r := d.sync(); r.New != 1 {
					t.Errorf("mended: %+v", r)
				}
				d.equal()
				d.quiet()
			})
		}
	}
}

// One that ends it when its header is asked for, since it may be a file that is new here: the others come and go. When nothing is new here,
// its size is enough.
func TestBreakerHeader(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	d := newStreet(t, dovecot.Options{}).device(t)
	s := d.remote()
	beginning(d, s)
	d.sync()
	d.put(s, "INBOX", 200, 203)
	d.deliver("INBOX", 700)
	d.quirks = quirks{breaks(10, headers, "end", &asked)}
	if r, err := d.run(nil); err != nil || r.New != 2 || r.Uploaded != 1 || r.Failed != 1 || r.Mailboxes > 0 || !strings.Contains(strings.Join(d.failures(), ""), "INBOX10") {
		t.Errorf("%+v, %v, %v", r, err, d.failures())
	}
	if r := d.sync(); r.New != 1 || r.Uploaded+r.DeletedLocal+r.DeletedRemote > 0 {
		t.Errorf("%+v", r)
	}
	d.equal()
	d.quiet()
}

// While a mailbox is matched, the file of such a message matches nothing: it waits, and is neither uploaded nor deleted, not even by
// --allow-mass-delete. The others are matched, and come.
func TestBreakerWhileMatching(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for _, how := range []string{"end", "BYE"} {
		for name, before := range map[string]func(d *device){
			"first sync": func(d *device) {
				d.deliver("INBOX", 1)
				d.deliver("INBOX", 3)
			},
			"lost database": func(d *device) {
				d.sync()
				d.ok(os.Remove(filepath.Join(d.root, ".postie.db")))
			},
		} {
			t.Run(how+" "+name, func(t *testing.T) {
				t.Parallel()
				var asked atomic.Int32
				d := w.device(t)
				s := d.remote()
				beginning(d, s)
				d.create(s, "Z")
				d.put(s, "Z", 90, 93)
				before(d)
				d.quirks = quirks{breaks(5, headers, how, &asked)}
				came := map[string]int{"first sync": 13, "lost database": 0}[name]
				for n := range 3 {
					d.policy.AllowMassDelete = n == 1
					r, err := d.run(nil)
					if err != nil || r.New != came || r.Failed != 1 || r.DeletedLocal+r.DeletedRemote+r.Uploaded+len(r.Guards) > 0 || !strings.Contains(strings.Join(d.failures(), ""), "INBOX5") {
						t.Errorf("run %d: %+v, %v, %v", n, r, err, d.failures())
					}
					came = 0
				}
				d.policy.AllowMassDelete = false
				d.quirks = nil
				d.clock += 7 * time.Hour
				if r := d.sync(); r.New+r.Uploaded+r.DeletedLocal+r.DeletedRemote > 0 {
					t.Errorf("mended: %+v", r)
				}
				d.equal()
				d.quiet()
			})
		}
	}
}

// Forty such messages, one after the other or scattered: each is named and remembered, and all others come.
func TestBreakersMany(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for i, part := range []string{sizes, whole} {
		for _, stride := range []int{1, 2} {
			if stride == 1+i && !thorough() {
				continue // those beside each other, and every second one: one of them for each
			}
			t.Run(fmt.Sprint(part, stride), func(t *testing.T) {
				t.Parallel()
				var asked atomic.Int32
				var q quirks
				for n := range 40 {
					q = append(q, breaks(1+n*stride, part, "end", &asked))
				}
				d := w.device(t, q...)
				d.window = 50
				s := d.remote()
				d.create(s, "Z")
				d.put(s, "INBOX", 0, 85)
				d.put(s, "Z", 90, 93)
				for n, came := range []int{48, 0} {
					r, err := d.run(nil)
					if err != nil || r.New != came || r.Failed != 40 || r.Mailboxes > 0 || r.DeletedLocal+r.DeletedRemote+r.Uploaded+len(r.Guards) > 0 {
						t.Fatalf("run %d: %+v, %v, %v", n, r, err, d.failures())
					}
				}
				d.quirks = nil
				d.clock += 2 * time.Hour
				if r := d.sync(); r.New != 40 {
					t.Errorf("mended: %+v", r)
				}
				d.quiet()
			})
		}
	}
}

// A server that ends the connection whatever is asked for: the run ends before long, and nothing is blamed on messages or mailboxes for good.
func TestBreaksAlways(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	var asked atomic.Int32
	for name, q := range map[string]imaptest.Quirk{"SELECT": endsAt(`^SELECT`, "", "end", &asked), "bodies": endsAt(`^UID FETCH .*BODY\.PEEK\[\]`, "", "end", &asked)} {
		t.Run(name, func(t *testing.T) {
			d := w.device(t, q)
			d.window = 400
			s := d.remote()
			d.create(s, "Z")
			d.put(s, "INBOX", 0, 100)
			d.put(s, "Z", 90, 93)
			asked.Store(0)
			r, err := d.run(nil)
			if name == "SELECT" && (err == nil || r.Failed > 0) || name == "bodies" && (err != nil || r.Failed == 0) || asked.Load() > 2*mostInRow {
				t.Errorf("%+v, %v, asked %d times", r, err, asked.Load())
			}
			d.quirks = nil
			d.clock += 2 * time.Hour
			if r := d.sync(); r.New != 103 {
				t.Errorf("mended: %+v", r)
			}
			d.equal()
		})
	}
}

// A server that does not know LITERAL+, though it offers it: what was to be a literal it reads as commands.
func TestLiteralRefused(t *testing.T) {
	t.Parallel()
	w := newStreet(t, dovecot.Options{})
	d := w.device(t, imaptest.LiteralPlusRefused())
	s := d.remote()
	beginning(d, s)
	d.sync()
	for n := range 20 {
		d.deliver("INBOX", 700+n)
	}
	if r := d.sync(); r.Uploaded != 20 {
		t.Errorf("%+v", r)
	}
	d.equal()
	d.quiet()
}
