package mirror

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postie/imap/imaptest"
	"postie/testdata/dovecot"
)

// cutAt is a server that hears n commands of a kind, does not tell UIDs, and whose connection breaks when all are carried out: nothing is
// under way any more when the next run looks.
func cutAt(command string, n int) quirks {
	heard, said := 0, 0
	return quirks{imaptest.Replace(`\[(APPENDUID|COPYUID) [^]]*\] `, ""), {
		Hears: func(_ *imaptest.Dialogue, c string) string {
			if _, rest, _ := strings.Cut(c, " "); strings.HasPrefix(rest, command) {
				if heard++; heard > n {
					return ""
				}
			}
			return c
		},
		Says: func(d *imaptest.Dialogue, response string) []string {
			if strings.HasPrefix(d.Answers(response), command) {
				if said++; said == n {
					d.Close()
					return nil
				}
			}
			return []string{response}
		},
	}}
}

// once lets a run have one connection: where that is cut, the run is over.
func once(o *Options) {
	dial, dialed := o.IMAP.Dial, false
	o.IMAP.Dial = func(ctx context.Context) (net.Conn, error) {
		if dialed {
			return nil, net.ErrClosed
		}
		dialed = true
		return dial(ctx)
	}
}

func oldest() quirks {
	return append(old(), imaptest.Without("UIDPLUS"), imaptest.Without("ESEARCH"), imaptest.Replace(`^\* OK \[UIDNEXT.*`, ""), imaptest.Replace(` UIDNEXT \d+`, ""))
}

// A connection breaks amid uploads. The next run looks for all of them with as many commands as for one.
func TestManyUploadsCut(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for name, q := range map[string]quirks{"full": nil, "no UIDPLUS": {imaptest.Without("UIDPLUS")}, "no UIDNEXT": oldest()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := w.device(t, q...)
			s := d.remote()
			d.put(s, "INBOX", 0, 5)
			d.sync()
			d.put(s, "INBOX", 5, 8) // the base does not know them
			for n := 100; n < 160; n++ {
				d.deliver("INBOX", n)
			}
			d.quirks = append(cutAt("APPEND", 30), q...)
			if _, err := d.run(once); err == nil {
				t.Fatal("nothing was cut")
			}
			there := len(d.there()["INBOX"])
			d.quirks = q
			r := d.sync()
			commands := int(d.trips.Load()) - (68 - there)
			d.quirks = nil
			d.equal()
			if there != 38 || r.Uploaded != 60 || commands > 16 {
				t.Errorf("%d messages there, then %+v with %d commands but uploads", there, r, commands)
			}
			if there = len(d.there()["INBOX"]); there != 68 {
				t.Errorf("%d messages there", there)
			}
		})
	}
}

// A connection breaks between COPY and EXPUNGE. The next run finishes all moves at once.
func TestManyCopiesCut(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for name, q := range map[string]quirks{"UIDPLUS": {imaptest.Without("MOVE")}, "no UIDPLUS": append(oldest(), imaptest.Without("MOVE"))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := w.device(t, q...)
			s := d.remote()
			d.create(s, "A")
			d.put(s, "INBOX", 0, 30)
			d.sync()
			for n := range 20 {
				_, err := d.dir("INBOX").MoveTo(d.file("INBOX", n), d.dir("A"))
				d.ok(err)
			}
			d.quirks = append(cutAt("UID COPY", 1), q...)
			if _, err := d.run(once); err == nil {
				t.Fatal("nothing was cut")
			}
			d.quirks = q
			r := d.sync()
			n := d.trips.Load()
			d.quirks = nil
			d.equal()
			if in := len(d.numbers("A")); in != 20 || n > 16 || r.Uploaded+r.New > 0 {
				t.Errorf("%d in A, %+v with %d commands", in, r, n)
			}
		})
	}
}

// Of two files that have one Message-ID the first was not uploaded: the second is not taken for it.
func TestCutAmongFilesOfOneMessageID(t *testing.T) {
	t.Parallel()
	w := newStreet(t, dovecot.Options{})
	d := w.device(t)
	d.sync()
	for n, subject := range []string{"direct", "through a list"} {
		text := strings.Replace(letter(7), "letter 7", subject, 1)
		file := filepath.Join(string(d.dir("INBOX")), "new", fmt.Sprintf("170000000%d.twin.host", n))
		d.ok(os.WriteFile(file, []byte(strings.ReplaceAll(text, "\r\n", "\n")), 0o600))
	}
	appends := 0
	d.quirks = append(quirks{{Hears: func(_ *imaptest.Dialogue, c string) string {
		if strings.Contains(c, " APPEND ") {
			if appends++; appends == 1 {
				return ""
			}
		}
		return c
	}}}, cutAt("APPEND", 1)...)
	if _, err := d.run(once); err == nil {
		t.Fatal("nothing was cut")
	}
	d.quirks = nil
	d.sync()
	d.equal()
	if there := d.there()["INBOX"]; len(there) != 2 {
		t.Errorf("there are %q", there)
	}
}

// A run was killed behind an APPEND, and before the next one the file gets another key, here or in another folder, or is
// removed: it is that message all the same.
func TestRenamedAfterAnUploadThatWasCut(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for _, to := range []string{"INBOX", "A", ""} {
		for name, q := range map[string]quirks{"full": nil, "no UIDPLUS": {imaptest.Without("UIDPLUS")}} {
			t.Run(to+" "+name, func(t *testing.T) {
				t.Parallel()
				d := w.device(t, q...)
				d.create(d.remote(), "A")
				d.sync()
				d.deliver("INBOX", 100)
				d.quirks = append(cutAt("APPEND", 1), q...)
				if _, err := d.run(once); err == nil {
					t.Fatal("nothing was cut")
				}
				d.quirks = q
				from := d.dir("INBOX").Path(d.file("INBOX", 100))
				if to == "" {
					d.ok(os.Remove(from))
				} else {
					d.ok(os.Rename(from, filepath.Join(string(d.dir(to)), "cur", "1800000000.other.host:2,S")))
				}
				r := d.sync()
				d.quirks = nil
				d.equal()
				d.rest()
				all := slices.Concat(d.there()["INBOX"], d.there()["A"])
				if to == "" && len(all) != 0 || to != "" && (len(all) != 1 || !strings.HasPrefix(all[0], to)) || r.New > 0 {
					t.Errorf("%q, %+v", all, r)
				}
			})
		}
	}
}

// What was cut off cannot be looked for, since the server refuses: nothing is done twice meanwhile.
func TestCutAndRefused(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for command, times := range map[string]int{`^SELECT "?INBOX`: 1, `^UID FETCH .*HEADER`: 0} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			d := w.device(t)
			d.create(d.remote(), "A")
			d.sync()
			for n := 100; n < 104; n++ {
				d.deliver("INBOX", n)
			}
			d.quirks = cutAt("APPEND", 4)
			if _, err := d.run(once); err == nil {
				t.Fatal("nothing was cut")
			}
			d.deliver("A", 200)
			d.quirks = quirks{imaptest.Refuse(command, times, "NO [UNAVAILABLE] not so fast")}
			if r, err := d.run(nil); err != nil || r.Failed > 1 || r.Uploaded != 1 {
				t.Errorf("%+v %v", r, err)
			}
			d.quirks = nil
			d.sync()
			d.equal()
			d.quiet()
			if there := d.numbers("INBOX"); len(there) != 4 || len(d.there()["INBOX"]) != 4 {
				t.Errorf("INBOX has %v", there)
			}
		})
	}
}
