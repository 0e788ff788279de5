package mirror

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/changes"
	"postie/imap/imaptest"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// doesNot answers OK to commands, and does not do them.
func doesNot(command string) imaptest.Quirk { return imaptest.Refuse(command, 0, "OK done") }

// A server that says OK to STORE and keeps the flags that it had: that is said once, the change stays here, is not taken back by the other
// side, and is not tried for ever.
func TestStoreNotDone(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for name, rung := range map[string]quirks{"QRESYNC": nil, "CONDSTORE": condstore(), "old": old()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := w.device(t, rung...)
			beginning(d, d.remote())
			d.sync()
			d.flag("INBOX", 1, maildir.FlagFlagged)
			d.flag("INBOX", 2, maildir.FlagReplied)
			d.quirks = append(quirks{doesNot(`^UID STORE`)}, rung...)
			for n, said := range []bool{true, false, false} {
				r := d.sync()
				if strings.Contains(strings.Join(d.notices(), " "), "does not keep them") != said || n > 0 && r.FlagsPushed+r.FlagsPulled > 0 {
					t.Errorf("run %d: %+v, %s", n, r, strings.Join(d.notices(), " "))
				}
				if d.file("INBOX", 1).Set&maildir.FlagFlagged == 0 {
					t.Errorf("run %d: the flag is gone here", n)
				}
			}
			d.quirks = rung
			d.flag("INBOX", 1, maildir.FlagSeen)
			if r := d.sync(); r.FlagsPushed != 1 {
				t.Errorf("%+v", r)
			}
			d.quiet()
			d.clock += 31 * 24 * time.Hour
			d.deliver("INBOX", 100)
			if r := d.sync(); r.FlagsPushed != 2 {
				t.Errorf("after a month: %+v", r)
			}
			d.equal()
			d.quiet()
		})
	}
}

// A server that keeps flags pays no round trip for this.
func TestStoreTrips(t *testing.T) {
	d := newStreet(t, dovecot.Options{}).device(t, old()...)
	beginning(d, d.remote())
	d.sync()
	d.sync()
	quiet := d.trips.Load()
	d.flag("INBOX", 1, maildir.FlagFlagged)
	d.flag("INBOX", 2, maildir.FlagFlagged)
	if d.sync(); d.trips.Load() > quiet+2 {
		t.Errorf("%d round trips; %d when there is nothing to do", d.trips.Load(), quiet)
	}
}

// A server that says OK to what takes messages away or puts them somewhere, and does not do it: nothing is lost on either side, it is said,
// and when the server is mended all becomes equal, nothing doubled.
func TestOKOnly(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	noUIDs := quirks{imaptest.Replace(`\[(APPENDUID|COPYUID) [^]]*\] `, "")}
	for name, c := range map[string]struct {
		quirks quirks
		trash  string
		fails  bool
		says   string
	}{
		"EXPUNGE":            {quirks: quirks{doesNot(`^(UID )?EXPUNGE`)}, says: "says OK to EXPUNGE"},
		"EXPUNGE, no UIDs":   {quirks: quirks{doesNot(`^(UID )?EXPUNGE`), imaptest.Without("UIDPLUS")}, says: "says OK to EXPUNGE"},
		"EXPUNGE and STORE":  {quirks: quirks{doesNot(`^(UID )?(EXPUNGE|STORE)`)}, says: "does not permit to delete"},
		"MOVE":               {quirks: append(quirks{doesNot(`^UID MOVE`)}, noUIDs...), says: "offers MOVE and does not do it"},
		"COPY":               {quirks: append(quirks{doesNot(`^UID COPY`), imaptest.Without("MOVE")}, noUIDs...), fails: true},
		"MOVE and COPY":      {quirks: append(quirks{doesNot(`^UID (COPY|MOVE)`)}, noUIDs...), fails: true, says: "offers MOVE and does not do it"},
		"COPY to the trash":  {quirks: append(quirks{doesNot(`^UID COPY`), imaptest.Without("MOVE")}, noUIDs...), trash: "Trash", fails: true},
		"MOVE to the trash":  {quirks: append(quirks{doesNot(`^UID MOVE`)}, noUIDs...), trash: "Trash", says: "offers MOVE and does not do it"},
		"COPY to that trash": {quirks: append(quirks{doesNot(`^UID COPY`), imaptest.Without("MOVE")}, noUIDs...), trash: "Apart", fails: true},
		"APPEND":             {quirks: quirks{doesNot(`^APPEND`)}, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := w.device(t)
			s := d.remote()
			beginning(d, s)
			d.create(s, "Trash")
			d.create(s, "Apart")
			d.put(s, "Trash", 60, 62)
			d.put(s, "Apart", 62, 64)
			d.patterns, d.policy.Trash = []string{"*", "!Apart"}, c.trash
			d.sync()
			d.ok(d.dir("INBOX").Remove(d.file("INBOX", 1)))
			_, err := d.dir("INBOX").MoveTo(d.file("INBOX", 2), d.dir("A"))
			d.ok(err)
			d.deliver("A", 100)
			before := d.there().letters()
			d.quirks = c.quirks
			for n := range 3 {
				r, err := d.run(nil)
				if err != nil || c.fails != (r.Failed > 0) || n == 0 && !strings.Contains(strings.Join(d.notices(), " "), c.says) {
					t.Errorf("run %d: %+v, %v, %v, %s", n, r, err, d.failures(), strings.Join(d.notices(), " "))
				}
				here, there := d.here().letters(), d.there().letters()
				for letter := range before {
					if letter != "1" && there[letter] != 1 || here["100"] != 1 || here["2"] != 1 {
						t.Fatalf("run %d: here %v, there %v", n, here, there)
					}
				}
			}
			d.quirks = nil
			d.clock += 31 * 24 * time.Hour
			d.run(nil)
			d.run(nil)
			if name == "APPEND" { // after two tries that bring nothing it is its user's turn
				return
			}
			for letter, n := range d.there().letters() {
				if n != 1 {
					t.Errorf("letter %s is %d times there", letter, n)
				}
			}
			d.patterns = nil
			d.sync()
			d.equal()
			d.quiet()
		})
	}
}

// An APPENDUID of a message that is not there is not believed: if it were, its file would be removed here by the next run.
func TestAppendedNowhere(t *testing.T) {
	d := newStreet(t, dovecot.Options{}).device(t)
	s := d.remote()
	beginning(d, s)
	d.sync()
	m, err := s.Select(context.Background(), "INBOX", nil)
	d.ok(err)
	d.deliver("INBOX", 100)
	d.quirks = quirks{imaptest.Refuse(`^APPEND`, 0, fmt.Sprintf("OK [APPENDUID %d %d] done", m.UIDValidity, m.UIDNext))}
	for n := range 4 {
		r, err := d.run(nil)
		if err != nil || r.Failed != 1 || r.Uploaded+r.DeletedLocal > 0 || d.here().letters()["100"] != 1 {
			t.Errorf("run %d: %+v, %v, %v", n, r, err, d.failures())
		}
	}
	if fails := d.failures(); !slices.ContainsFunc(fails, func(f string) bool { return strings.Contains(f, "could not be found") }) {
		t.Errorf("%q", fails)
	}
	if _, err := os.Stat(d.dir("INBOX").Path(d.file("INBOX", 100))); err != nil {
		t.Error(err)
	}
}

// Few messages, or one, that are gone by what STATUS and SELECT say: SEARCH is asked before the mailbox is emptied here.
func TestEmptiedBySayingSo(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for name, rung := range map[string]quirks{"QRESYNC": nil, "CONDSTORE": condstore(), "old": old()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := w.device(t, rung...)
			s := d.remote()
			beginning(d, s)
			d.create(s, "One")
			d.put(s, "One", 40, 41)
			d.sync()
			none := quirks{imaptest.Replace(`(STATUS "?(?:A|One)"? .*MESSAGES) \d+`, "$1 0"), imaptest.Replace(`^\* (1|4) EXISTS`, "* 0 EXISTS")}
			d.quirks = append(none, rung...)
			r, err := d.run(nil)
			if err != nil || r.Failed != 2 || r.DeletedLocal > 0 {
				t.Errorf("%+v, %v, %v", r, err, d.failures())
			}
			d.quirks = rung
			d.sync()
			d.equal()
			d.select_(s, "One")
			_, err = s.Store(context.Background(), changes.Every(), goimap.StoreFlagsAdd, []imap.Flag{goimap.FlagDeleted}, 0)
			d.ok(err, s.ExpungeAll(context.Background()))
			if r := d.sync(); r.DeletedLocal != 1 {
				t.Errorf("%+v", r)
			}
			d.quiet()
		})
	}
}

// A server whose LIST names nothing, asked either way, in a first sync: INBOX comes, and that the others are not known is said, and no success.
func TestListsNothing(t *testing.T) {
	d := newStreet(t, dovecot.Options{}).device(t, imaptest.Replace(`^\* LIST .*`, ""), imaptest.Replace(`^\* LSUB .*`, ""), imaptest.Replace(`^\* STATUS "?A"?.*`, ""))
	beginning(d, d.remote())
	r, err := d.run(nil)
	if err != nil || r.New != 8 || r.Failed != 1 || !strings.Contains(strings.Join(d.failures(), ""), "lists no mailbox at all") {
		t.Errorf("%+v, %v, %v", r, err, d.failures())
	}
	d.quirks = nil
	d.sync()
	d.equal()
	d.quiet()
}
