package mirror

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"postie/imap"
	"postie/imap/imaptest"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// counting is a server that estimates sizes, as Exchange does: some percent too much. (What is less than half of what was announced did not come.)
func counting(percent int) imaptest.Quirk {
	return imaptest.Fetches(func(_ *imaptest.Dialogue, items []imaptest.Item) [][]imaptest.Item {
		for i := range items {
			if n, err := strconv.Atoi(items[i].Value); err == nil && items[i].Name == "RFC822.SIZE" {
				items[i].Value = fmt.Sprint(n + n*percent/100)
			}
		}
		return [][]imaptest.Item{items}
	})
}

// Servers that count octets in their own way, or keep others than they got: in each recovery, what is there is matched and not
// fetched, nothing goes up again, flags are kept, it is said once, and then nothing is left to do.
func TestSizes(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for name, q := range map[string]quirks{
		"estimates":           {counting(30)},
		"adds a field":        {imaptest.Adds("X-Pm-Internal-Id: 4711")},
		"adds, and estimates": {imaptest.Adds("X-Pm-Internal-Id: 4711"), counting(30)},
		"adds, bare":          append(old(), imaptest.Without("UIDPLUS"), imaptest.Adds("X-Pm-Internal-Id: 4711")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := w.device(t, q...)
			s := d.remote()
			d.create(s, "A")
			d.put(s, "INBOX", 0, 8)
			d.put(s, "INBOX", 5, 7) // twice
			bare := strings.Replace(letter(9), "Message-ID: <9@example.org>\r\n", "", 1)
			_, err := s.Append(t.Context(), "INBOX", imap.Upload{Date: dateOf(9), Size: int64(len(bare)), Body: strings.NewReader(bare)})
			d.ok(err)
			d.sync()
			for n := range 5 {
				d.deliver("INBOX", 100+n)
			}
			if r := d.sync(); r.Uploaded != 5 || d.bodies.Load() > 0 {
				t.Fatalf("%+v", r)
			}
			d.quiet()
			d.movesThere(s, 7, 103)
			d.forget()
			d.recovers("the database is lost", 1, true)
			d.turn(1234567)
			d.recovers("another UIDVALIDITY", 2, false)
			d.turn(1234568)
			d.quirks = append(d.quirks, counting(45))
			d.recovers("another server", 3, true)
			d.foreign("INBOX")
			d.forget()
			d.recovers("a full Maildir", 4, true)
			d.movesThere(d.remote(), 3, 100)
		})
	}
}

// Servers that change the header of what is put there: messages without a Message-ID, by which they are known, and twins are known
// all the same when the database is lost, or the UIDs are others.
func TestHeaderChanged(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for name, quirk := range map[string]imaptest.Quirk{"octets above 127": imaptest.Munges(), "a field more": imaptest.Adds("X-Server: mine")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := w.device(t, imaptest.Without("MULTIAPPEND"), quirk)
			d.sync()
			for n, text := range []string{"Subject: caf\xe9\n\n\xe9\n", "Subject: f\xfcr\n dich\nFrom: \xc4 <a@example.org>\n\n",
				"Subject: caf\xe9\nMessage-ID: <1@example.org>\n\ntwice\n", "Subject: caf\xe9\nMessage-ID: <1@example.org>\n\ntwice\n"} {
				path := filepath.Join(string(d.dir("INBOX")), "cur", fmt.Sprintf("170000000%d.M%d.here:2,S", n, n))
				d.ok(os.WriteFile(path, []byte(text), 0o600), os.Chtimes(path, dateOf(3), dateOf(3)))
			}
			if r := d.sync(); r.Uploaded != 4 {
				t.Fatalf("%+v", r)
			}
			for _, lose := range []func(){d.forget, func() { d.turn(1234567) }} {
				lose()
				if r := d.sync(); r.New+r.Uploaded+r.DeletedLocal+r.DeletedRemote+len(r.Guards) > 0 {
					t.Errorf("%+v", r)
				}
				d.quiet()
				if here, there := len(d.entries("INBOX")), len(d.there()["INBOX"]); here != 4 || there != 4 {
					t.Errorf("%d here, %d there", here, there)
				}
			}
		})
	}
}

// recovers demands that two runs fetch, upload and delete nothing, that the first pushes a flag and tells whether messages were
// matched that may not be the same octets, and that the second says nothing.
func (d *device) recovers(what string, n int, tells bool) {
	d.Helper()
	d.flag("INBOX", n, maildir.FlagFlagged)
	files, messages := len(d.entries("INBOX")), len(d.there()["INBOX"])
	r := d.sync()
	if r.New+r.Uploaded+r.DeletedLocal+r.DeletedRemote+r.FlagsPulled+len(r.Guards) > 0 || r.FlagsPushed != 1 || d.bodies.Load() > 0 {
		d.Errorf("%s: %+v, %d bodies", what, r, d.bodies.Load())
	}
	if told := d.told(); told != tells {
		d.Errorf("%s: told %v", what, told)
	}
	if d.quiet(); d.told() {
		d.Errorf("%s: told twice", what)
	}
	if a, b := len(d.entries("INBOX")), len(d.there()["INBOX"]); a != files || b != messages {
		d.Errorf("%s: %d files, were %d; %d messages, were %d", what, a, files, b, messages)
	}
}

// told says whether the last run told of messages that may not be the same octets.
func (d *device) told() bool {
	return slices.ContainsFunc(d.events, func(e Event) bool {
		n, ok := e.(Notice)
		return ok && strings.Contains(n.Text, "on the server than here")
	})
}

// foreign makes of a Maildir that of another program: other names, and dates of when they were written, where there is a Message-ID.
func (d *device) foreign(name string) {
	d.Helper()
	for n, e := range d.entries(name) {
		path := d.dir(name).Path(e)
		b, err := os.ReadFile(path)
		d.ok(err)
		if strings.Contains(string(b), "Message-ID") {
			at := time.Date(2026, 1, 2, 3, 4, n, 0, time.UTC)
			d.ok(os.Chtimes(path, at, at))
		}
		d.ok(os.Rename(path, filepath.Join(string(d.dir(name)), "cur", fmt.Sprintf("17000000%02d.R%d.elsewhere:2,%s", n, n, e.Set))))
	}
}

// movesThere moves letters on the server; the files follow.
func (d *device) movesThere(s *imap.Session, letters ...int) {
	d.Helper()
	d.select_(s, "INBOX")
	for _, n := range letters {
		set, err := uidsOf(d.Context(), s, n)
		d.ok(err)
		_, err = s.Move(d.Context(), set, d.theirs("A"))
		d.ok(err)
	}
	if r := d.sync(); r.Moved != len(letters) || r.New+r.DeletedLocal+r.DeletedRemote > 0 || d.bodies.Load() > 0 {
		d.Errorf("moved there: %+v, %d bodies", r, d.bodies.Load())
	}
	d.quiet()
}
