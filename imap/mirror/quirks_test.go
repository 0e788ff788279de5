package mirror

import (
	"context"
	"os"
	"regexp"
	"slices"
	"testing"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/imaptest"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// A street is a Dovecot with a user for each house of many. All tests that want the same kind share one.
type street struct {
	*dovecot.Street
	o dovecot.Options
}

func newStreet(t *testing.T, o dovecot.Options) *street {
	t.Helper()
	return &street{dovecots.Street(t, o), o}
}

// device is a device of a user that nobody else has, behind a server with quirks.
func (w *street) device(t *testing.T, quirks ...imaptest.Quirk) *device {
	t.Helper()
	d := newDeviceOn(t, w.Server, w.o)
	d.user, d.quirks = w.User(t), quirks
	return d
}

type quirks = []imaptest.Quirk

type peculiar struct {
	name   string
	quirks quirks
}

// wordings are servers that say the same in other words.
func wordings() []peculiar {
	return []peculiar{
		{"none", nil},
		{"UID last", quirks{imaptest.Last("UID")}},
		{"FLAGS first", quirks{imaptest.First("FLAGS")}},
		{"body first", quirks{imaptest.First("BODY")}},
		{"flags, then body", quirks{imaptest.Split("BODY", false)}},
		{"body, then flags", quirks{imaptest.Split("BODY", true)}},
		{"flags for themselves", quirks{imaptest.Split("FLAGS", false)}},
		{"small letters", quirks{imaptest.SmallLetters()}},
		{"space at the end", quirks{imaptest.Replace(`([^}])$`, "$1 ")}},
		{"spaces in FETCH", quirks{imaptest.Replace(`FETCH \(`, "FETCH  ( "), imaptest.Replace(`\)$`, " )")}},
		{"no text", quirks{imaptest.Replace(`^(\w+ OK) .*`, "$1")}},
		{"literals in LIST", quirks{imaptest.Replace(`^(\* LIST .*) (\w)$`, "$1 {1}\r\n$2"), imaptest.Replace(`^(\* STATUS) (\w) `, "$1 {1}\r\n$2 ")}},
		{"Inbox", quirks{imaptest.Replace(`INBOX`, "Inbox")}},
		{"no separator", quirks{imaptest.Replace(`"/"`, "NIL")}},
		{"day of one digit", quirks{imaptest.Replace(`INTERNALDATE "(0| )`, `INTERNALDATE "`)}},
		{"day with a space", quirks{imaptest.Replace(`INTERNALDATE "0`, `INTERNALDATE " `)}},
		{"other sizes", quirks{imaptest.Replace(`RFC822.SIZE \d(\d\d)`, "RFC822.SIZE $1")}},
	}
}

// silent servers leave out what they need not say.
func silent() []peculiar {
	return []peculiar{
		{"greets without capabilities", quirks{imaptest.Replace(`\[CAPABILITY [^]]*\] `, "")}},
		{"untagged capabilities at login", quirks{{Says: func(d *imaptest.Dialogue, response string) []string {
			code := regexp.MustCompile(`\[(CAPABILITY [^]]*)\] `)
			if m := code.FindStringSubmatch(response); m != nil && d.Answers(response) != "" {
				return []string{"* " + m[1], code.ReplaceAllString(response, "")}
			}
			return []string{code.ReplaceAllString(response, "")}
		}}}},
		{"no APPENDUID, no COPYUID", quirks{imaptest.Replace(`\[(APPENDUID|COPYUID) [^]]*\] `, "")}},
		{"no PERMANENTFLAGS", quirks{imaptest.Replace(`^\* OK \[PERMANENTFLAGS.*`, "")}},
		{"no new keywords", quirks{imaptest.Replace(` \\\*\)\]`, ")]")}},
		{"no UIDNEXT", quirks{imaptest.Replace(`^\* OK \[UIDNEXT.*`, ""), imaptest.Replace(` UIDNEXT \d+`, "")}},
		{"no HIGHESTMODSEQ", quirks{imaptest.Replace(`^\* OK \[HIGHESTMODSEQ.*`, "* OK [NOMODSEQ] none"), imaptest.Replace(` HIGHESTMODSEQ \d+`, "")}},
		{"LIST says no status", quirks{imaptest.Replace(`^\* STATUS.*`, "")}},
	}
}

// old servers know no mod-sequences. QRESYNC implies CONDSTORE.
func old() quirks { return quirks{imaptest.Without("QRESYNC"), imaptest.Without("CONDSTORE")} }

// talkative servers say more than was asked for.
func talkative() []peculiar {
	halves := imaptest.Split("BODY", false)
	return []peculiar{
		{"alerts", quirks{imaptest.Before(`^(\* \d|\* LIST|\* S|T)`, "* OK [ALERT] disk nearly full")}},
		{"nonsense", quirks{imaptest.Before(`^(\* \d|\* LIST|\* S|T)`, "* XYZZY (1 \"2\" {3}\r\nabc)", "* OK [XYZZY 5] hm")}},
		{"EXISTS and RECENT", quirks{imaptest.Repeat()}},
		{"EXISTS shrinks", quirks{imaptest.Before(`^\* 2 FETCH`, "* 1 EXISTS")}},
		{"flags again", quirks{imaptest.FlagsAgain(true)}},
		{"flags again without UID", quirks{imaptest.FlagsAgain(false)}},
		{"flags again and in other order", quirks{imaptest.First("BODY"), imaptest.FlagsAgain(false)}},
		{"VANISHED", quirks{imaptest.Ghost(3, "VANISHED 1")}},
		{"VANISHED between halves", quirks{halves, imaptest.Ghost(3, "VANISHED 1")}},
		{"EXPUNGE", append(old(), imaptest.Ghost(1, "1 EXPUNGE"))},
		{"EXPUNGE between halves", append(old(), halves, imaptest.Ghost(2, "1 EXPUNGE"))},
	}
}

// poor servers lack a capability, and do not understand the command that needs it.
func poor() (all []peculiar) {
	for _, c := range []string{"COMPRESS=DEFLATE", "ENABLE", "ESEARCH", "ID", "IDLE", "LIST-EXTENDED", "LIST-STATUS", "LITERAL+", "MOVE",
		"NAMESPACE", "QRESYNC", "SPECIAL-USE", "UIDPLUS", "UNSELECT"} {
		all = append(all, peculiar{"without " + c, quirks{imaptest.Without(c)}})
	}
	return append(all, peculiar{"without CONDSTORE", old()})
}

// Servers differ: a first sync, changes of every kind on both sides, one more sync, and nothing is left to do. Each body
// comes once. Quirks come in company, each at least once; POSTIE_TEST_THOROUGH tries each alone too.
func TestQuirks(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	all := company()
	if thorough() {
		all = slices.Concat(all, wordings(), silent(), talkative(), poor())
	}
	for _, q := range all {
		t.Run(q.name, func(t *testing.T) {
			t.Parallel()
			scenario(w.device(t, q.quirks...))
		})
	}
}

// company is each wording together with quirks of all other kinds.
func company() (all []peculiar) {
	kinds := [][]peculiar{wordings(), silent(), talkative(), poor()}
	for i, q := range wordings() {
		for n, kind := range kinds {
			other := kind[(i+5+n)%len(kind)]
			q.name, q.quirks = q.name+", "+other.name, slices.Concat(q.quirks, other.quirks)
		}
		all = append(all, q)
	}
	return all
}

// A server without UIDVALIDITY keeps no UIDs (RFC 3501 section 6.3.1): such mailboxes are told of and left alone, also if
// they had it before.
func TestNoUIDValidity(t *testing.T) {
	t.Parallel()
	d := newStreet(t, dovecot.Options{}).device(t)
	s := d.remote()
	beginning(d, s)
	d.sync()
	everyChange(d, s)
	before := d.here()
	d.quirks = quirks{imaptest.Replace(`^\* OK \[UIDVALIDITY.*`, ""), imaptest.Replace(`UIDVALIDITY \d+ ?`, "")}
	for range 2 {
		r, err := d.run(nil)
		if err != nil || r.Failed == 0 || r.New+r.Uploaded+r.DeletedLocal+r.DeletedRemote+len(r.Guards) > 0 || len(before.less(d.here())) > 0 {
			t.Errorf("%+v, %v", r, err)
		}
	}
	d.quirks = nil
	d.does(func() { d.sync() }, 1)
	d.quiet()
}

// scenario is what goes well behind every quirk.
func scenario(d *device) {
	d.Helper()
	s := d.remote()
	beginning(d, s)
	d.does(func() { d.sync() }, 12)
	for n := range 8 {
		info, err := os.Stat(d.dir("INBOX").Path(d.file("INBOX", n)))
		if d.ok(err); !info.ModTime().Equal(dateOf(n)) {
			d.Errorf("letter %d is of %v", n, info.ModTime())
		}
	}
	everyChange(d, s)
	d.does(func() { d.sync() }, 1)
	d.quiet()
}

// beginning is two mailboxes in which the first message is gone already.
func beginning(d *device, s *imap.Session) {
	d.Helper()
	d.create(s, "A")
	d.put(s, "INBOX", 0, 1, goimap.FlagDeleted)
	d.put(s, "INBOX", 0, 8)
	d.put(s, "A", 20, 21, goimap.FlagDeleted)
	d.put(s, "A", 20, 24, goimap.FlagSeen)
	for _, name := range []string{"INBOX", "A"} {
		d.select_(s, name)
		d.ok(s.ExpungeAll(context.Background()))
	}
}

// does demands that this brings so many bodies, and makes both sides equal.
func (d *device) does(what func(), bodies int64) {
	d.Helper()
	if what(); d.bodies.Load() != bodies {
		d.Errorf("%d bodies came, want %d", d.bodies.Load(), bodies)
	}
	d.equal()
}

// everyChange is one of every kind, on both sides; one message is new on the server.
func everyChange(d *device, s *imap.Session) {
	d.Helper()
	ctx := context.Background()
	d.flag("INBOX", 0, maildir.FlagFlagged)
	d.ok(d.dir("INBOX").Remove(d.file("INBOX", 1)))
	_, err := d.dir("INBOX").MoveTo(d.file("INBOX", 2), d.dir("A"))
	d.ok(err)
	d.deliver("INBOX", 100)
	d.deliver("New", 110)
	d.select_(s, "INBOX")
	_, err = s.Store(ctx, goimap.UIDSetNum(5), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagAnswered, "work"}, 0)
	d.ok(err)
	_, err = s.Copy(ctx, goimap.UIDSetNum(7), d.theirs("A"))
	d.ok(err)
	_, err = s.Store(ctx, goimap.UIDSetNum(6, 7), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagDeleted}, 0)
	d.ok(err, s.ExpungeAll(ctx))
	d.put(s, "INBOX", 200, 201)
}

// quiet demands that a run does nothing.
func (d *device) quiet() {
	d.Helper()
	r := d.sync()
	if r.New+r.Uploaded+r.FlagsPulled+r.FlagsPushed+r.Moved+r.DeletedLocal+r.DeletedRemote > 0 || d.bodies.Load() > 0 ||
		slices.ContainsFunc(d.events, func(e Event) bool { _, ok := e.(Done); return ok }) {
		d.Errorf("did something: %+v %v", r, d.events)
	}
}
