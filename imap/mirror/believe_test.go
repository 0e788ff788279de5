package mirror

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/imaptest"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// lie is a server that contradicts itself.
type lie struct {
	name   string
	rung   quirks // what the server lacks
	quirks quirks
	first  bool // it lies in the first run already
}

func condstore() quirks { return quirks{imaptest.Without("QRESYNC")} }

// answering puts responses before the tagged answers to commands that a pattern matches.
func answering(pattern string, more ...string) imaptest.Quirk {
	re := regexp.MustCompile(pattern)
	return imaptest.Quirk{Says: func(d *imaptest.Dialogue, response string) []string {
		if command := d.Answers(response); command == "" || !re.MatchString(command) {
			return []string{response}
		}
		return append(slices.Clone(more), response)
	}}
}

// leaves takes from the FETCH responses that tell no header and no body of a message of INBOX an item, or all of it.
func leaves(uid int, item string) imaptest.Quirk {
	this := imaptest.Item{Name: "UID", Value: fmt.Sprint(uid)}
	return imaptest.Fetches(func(d *imaptest.Dialogue, items []imaptest.Item) [][]imaptest.Item {
		switch {
		case d.Selected != "INBOX" || !slices.Contains(items, this) || slices.ContainsFunc(items, func(i imaptest.Item) bool { return i.Name[0] == 'B' }):
			return [][]imaptest.Item{items}
		case item == "":
			return nil
		}
		return [][]imaptest.Item{slices.DeleteFunc(items, func(i imaptest.Item) bool { return i.Name == item })}
	})
}

func lies() []lie {
	one, none := imaptest.Replace, quirks(nil)
	fetch, uid := quirks{leaves(4, "")}, quirks{leaves(4, "UID")}
	inbox := func(q imaptest.Quirk) imaptest.Quirk {
		return imaptest.Quirk{Says: func(d *imaptest.Dialogue, response string) []string {
			if d.Selected != "INBOX" {
				return []string{response}
			}
			return q.Says(d, response)
		}}
	}
	return []lie{
		{name: "SEARCH finds nothing", rung: condstore(), quirks: quirks{one(`^(\* E?SEARCH).*`, "$1")}},
		{name: "ESEARCH finds two", rung: condstore(), quirks: quirks{one(`^(\* ESEARCH.* UID).*`, "$1 ALL 2:3")}},
		{name: "SEARCH finds two", rung: append(condstore(), imaptest.Without("ESEARCH")), quirks: quirks{one(`^(\* SEARCH).*`, "$1 2 3")}},
		{name: "VANISHED of what is there", rung: none, quirks: quirks{inbox(answering("QRESYNC", "* VANISHED (EARLIER) 3:5"))}},
		{name: "VANISHED of everything", rung: none, quirks: quirks{inbox(answering("QRESYNC", "* VANISHED (EARLIER) 1:4294967295"))}},
		{name: "VANISHED of what a FETCH shows", rung: none, quirks: quirks{
			inbox(answering("QRESYNC", "* VANISHED (EARLIER) 4", `* 3 FETCH (UID 4 FLAGS () MODSEQ (99))`))}},
		{name: "VANISHED and EXISTS agree, FETCH shows it", rung: none, quirks: quirks{
			inbox(answering("QRESYNC", "* 8 EXISTS", "* VANISHED (EARLIER) 4", `* 3 FETCH (UID 4 FLAGS () MODSEQ (99))`))}},
		{name: "VANISHED does not come", rung: none, quirks: quirks{one(`^\* VANISHED.*`, "")}},
		{name: "EXISTS says none", rung: none, quirks: quirks{inbox(one(`^\* \d+ EXISTS`, "* 0 EXISTS"))}},
		{name: "EXISTS says none, CONDSTORE", rung: condstore(), quirks: quirks{inbox(one(`^\* \d+ EXISTS`, "* 0 EXISTS"))}},
		{name: "EXISTS says none, old", rung: old(), quirks: quirks{inbox(one(`^\* \d+ EXISTS`, "* 0 EXISTS"))}},
		{name: "FETCH leaves one out", rung: old(), quirks: fetch},
		{name: "FETCH leaves a UID out", rung: old(), quirks: uid},
		{name: "first FETCH leaves one out", rung: old(), quirks: fetch, first: true},
		{name: "first FETCH leaves a UID out", rung: old(), quirks: uid, first: true},
		{name: "first FETCH leaves one out, CONDSTORE", rung: condstore(), quirks: fetch, first: true},
		{name: "first FETCH leaves one out, QRESYNC", rung: none, quirks: fetch, first: true},
		{name: "first SEARCH finds two", rung: none, quirks: quirks{inbox(one(`^(\* ESEARCH.* UID).*`, "$1 ALL 2:3"))}, first: true},
	}
}

// failures are what a run told of.
func (d *device) failures() (all []string) {
	for _, e := range d.events {
		if f, ok := e.(Failed); ok {
			all = append(all, fmt.Sprint(f.Mailbox, f.UID, f.Err))
		}
	}
	return all
}

// A server that contradicts itself is not believed: nothing is deleted, it is said, and told as a failure, whatever way it is asked,
// and new mail comes all the same. When it is honest again, all becomes equal.
func TestContradiction(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for _, l := range lies() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			d := w.device(t, l.rung...)
			s := d.remote()
			beginning(d, s)
			if !l.first {
				d.sync()
			}
			d.put(s, "INBOX", 200, 201)
			d.select_(s, "INBOX")
			_, err := s.Store(context.Background(), goimap.UIDSetNum(9), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagDeleted}, 0)
			d.ok(err, s.ExpungeAll(context.Background()))
			d.quirks = slices.Concat(l.rung, l.quirks)
			for n := range 2 {
				r, err := d.run(nil)
				if n > 0 && r.Failed == 0 {
					break // some lies come out once only
				}
				if err != nil || r.Failed != 1 || r.DeletedLocal+r.DeletedRemote+r.Uploaded+len(r.Guards) > 0 {
					t.Errorf("run %d: %+v, %v, %v", n, r, err, d.failures())
				}
				if here := d.here()["INBOX"]; !l.first && len(here) < 8 || len(here) < 7 && l.name != "first SEARCH finds two" {
					t.Errorf("run %d: here are %v", n, here)
				}
			}
			d.quirks = l.rung
			d.sync()
			d.equal()
			d.quiet()
		})
	}
}

// A SEARCH, or a VANISHED, that cannot be read is no empty answer: that mailbox fails, by its name, the others go on over the same session, nothing
// is deleted, and the next run asks again for all that changed since. One behind a command that has no use for it hinders nothing.
func TestUnreadableAnswers(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	answer := func(pattern, line string) imaptest.Quirk {
		q := answering(pattern, line)
		return imaptest.Quirk{Says: func(d *imaptest.Dialogue, response string) []string {
			if d.Selected != "INBOX" {
				return []string{response}
			}
			return q.Says(d, response)
		}}
	}
	named := regexp.MustCompile("^INBOX0.*an answer that cannot be read")
	for _, l := range []struct {
		lie
		unused bool
	}{
		{lie{name: "ESEARCH", rung: condstore(), quirks: quirks{answer("SEARCH", "* ESEARCH UID ALL 1:x")}}, false},
		{lie{name: "SEARCH", rung: append(condstore(), imaptest.Without("ESEARCH")), quirks: quirks{answer("SEARCH", "* SEARCH 1 2 x")}}, false},
		{lie{name: "VANISHED", quirks: quirks{answer("QRESYNC", "* VANISHED (EARLIER) 1:x")}}, false},
		{lie{name: "VANISHED, unasked", quirks: quirks{answer("NOOP|FETCH|SEARCH", "* VANISHED 1:x")}}, true},
	} {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			d := w.device(t, l.rung...)
			s := d.remote()
			d.create(s, "Zoo")
			d.put(s, "INBOX", 0, 8)
			d.put(s, "Zoo", 100, 104)
			d.sync()
			d.put(s, "INBOX", 200, 201)
			d.put(s, "Zoo", 201, 202)
			d.select_(s, "INBOX")
			_, err := s.Store(context.Background(), goimap.UIDSetNum(4), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagDeleted}, 0)
			d.ok(err, s.ExpungeAll(context.Background()))
			d.quirks = slices.Concat(l.rung, l.quirks)
			for range 2 {
				dials := 0
				r, err := d.run(func(o *Options) {
					dial := o.IMAP.Dial
					o.IMAP.Dial = func(ctx context.Context) (net.Conn, error) { dials++; return dial(ctx) }
				})
				here, failed := d.here(), strings.Join(d.failures(), "")
				if err != nil || dials != 1 || len(here["Zoo"]) != 5 || r.Uploaded+r.DeletedRemote+len(r.Guards) > 0 {
					t.Errorf("%+v, %v, %d connections; here are %v", r, err, dials, here)
				}
				if !l.unused && (r.Mailboxes != 1 || len(here["INBOX"]) != 8 || !named.MatchString(failed)) || l.unused && failed != "" {
					t.Errorf("%+v, %s; here are %v", r, failed, here)
				}
			}
			d.quirks = l.rung
			d.sync()
			d.equal()
			d.quiet()
		})
	}
}

// While a mailbox is matched again, a message that the server left out must not look as if its file were new, or gone there.
func TestContradictionWhileMatching(t *testing.T) {
	t.Parallel()
	w := newStreet(t, dovecot.Options{})
	for name, rung := range map[string]quirks{"QRESYNC": nil, "old": old()} {
		t.Run(name, func(t *testing.T) {
			d := w.device(t, rung...)
			beginning(d, d.remote())
			d.sync()
			d.ok(os.Remove(filepath.Join(d.root, ".postie.db")))
			d.quirks = append(rung, leaves(4, ""))
			r, err := d.run(nil)
			if err != nil || r.Failed != 1 || r.DeletedLocal+r.DeletedRemote+r.Uploaded+len(r.Guards) > 0 || d.bodies.Load() > 0 {
				t.Errorf("%+v, %v, %v", r, err, d.failures())
			}
			d.quirks = rung
			d.does(func() { d.sync() }, 0)
			d.quiet()
		})
	}
}

// Flags that a FETCH does not tell are not known: nobody's become others. They may come in a row of their own, or before or after
// others that tell less.
func TestUntoldFlags(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	modseq := imaptest.Fetches(func(_ *imaptest.Dialogue, items []imaptest.Item) [][]imaptest.Item {
		var some []imaptest.Item
		for _, i := range items {
			if i.Name == "UID" || i.Name == "MODSEQ" {
				some = append(some, i)
			}
		}
		return [][]imaptest.Item{some, items, some}
	})
	alone := imaptest.Fetches(func(_ *imaptest.Dialogue, items []imaptest.Item) [][]imaptest.Item {
		var flags, others []imaptest.Item
		for _, i := range items {
			if i.Name == "FLAGS" {
				flags = append(flags, i)
			} else {
				others = append(others, i)
			}
		}
		return [][]imaptest.Item{others, flags}
	})
	never := imaptest.Replace(`FLAGS \([^)]*\)`, "X-NO 1")
	for _, tt := range []struct {
		name  string
		quirk imaptest.Quirk
		told  bool
	}{
		{"never", never, false}, {"for themselves", imaptest.Split("FLAGS", false), true}, {"first, for themselves", imaptest.Split("FLAGS", true), true},
		{"without UID", alone, true}, {"and MODSEQ", modseq, true},
	} {
		for rung, lacks := range map[string]quirks{"QRESYNC": nil, "CONDSTORE": condstore(), "old": old()} {
			t.Run(tt.name+", "+rung, func(t *testing.T) {
				t.Parallel()
				d := w.device(t, lacks...)
				s := d.remote()
				d.put(s, "INBOX", 0, 8, goimap.FlagSeen)
				d.sync()
				d.select_(s, "INBOX")
				_, err := s.Store(context.Background(), goimap.UIDSetNum(3), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagFlagged}, 0)
				d.ok(err)
				d.quirks = slices.Concat(lacks, quirks{tt.quirk})
				r, err := d.run(nil)
				if err != nil || (r.Failed == 0) != tt.told || tt.told != (r.FlagsPulled == 1) || r.FlagsPushed > 0 {
					t.Errorf("%+v, %v, %v", r, err, d.failures())
				}
				for _, e := range d.entries("INBOX") {
					if e.Set&maildir.FlagSeen == 0 {
						t.Errorf("%s is not read any more", e.Key)
					}
				}
				d.quirks = lacks
				d.sync()
				d.equal()
				d.quiet()
			})
		}
	}
}

// Rows of what changed that do not say of which message they tell leave nobody the wiser: the flags of all are read, and where these do
// not come with UIDs either, that is told, and the next run asks again. No change of flags is lost.
func TestUnnamedFlags(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	unnamed := leaves(3, "UID")
	for rung, lacks := range map[string]quirks{"QRESYNC": nil, "CONDSTORE": condstore(), "old": old()} {
		for _, once := range []bool{true, false} {
			t.Run(fmt.Sprint(rung, once), func(t *testing.T) {
				t.Parallel()
				d := w.device(t, lacks...)
				s := d.remote()
				d.put(s, "INBOX", 0, 8)
				d.sync()
				d.select_(s, "INBOX")
				_, err := s.Store(context.Background(), goimap.UIDSetNum(3), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagFlagged}, 0)
				d.ok(err)
				told := 0
				d.quirks = append(slices.Clip(lacks), imaptest.Quirk{Says: func(d *imaptest.Dialogue, response string) []string {
					says := unnamed.Says(d, response)
					if says[0] != response {
						told++
					}
					if once && told > 1 {
						return []string{response}
					}
					return says
				}})
				r, err := d.run(nil)
				if mended := once && rung != "old"; err != nil || told == 0 || r.FlagsPulled+r.Failed != 1 || mended != (r.FlagsPulled == 1) {
					t.Errorf("%+v, %v, %v", r, err, d.failures())
				}
				d.quirks = lacks
				d.sync()
				d.equal()
				d.quiet()
			})
		}
	}
}
