package mirror

import (
	"context"
	"regexp"
	"sync"
	"testing"

	"postie/imap/imaptest"
	"postie/imap/plan"
	"postie/testdata/dovecot"
)

// leavesOut drops responses of that form from the answers to commands of that form.
func leavesOut(command, response string) imaptest.Quirk {
	asks, says := regexp.MustCompile(command), regexp.MustCompile(response)
	var asked sync.Map // by dialogue
	return imaptest.Quirk{
		Hears: func(d *imaptest.Dialogue, command string) string {
			asked.Store(d, asks.MatchString(command))
			return command
		},
		Says: func(d *imaptest.Dialogue, response string) []string {
			if now, _ := asked.Load(d); now == true && says.MatchString(response) {
				return nil
			}
			return []string{response}
		},
	}
}

// A mailbox that a LIST leaves out is there all the same, if anything else says so: nothing is deleted, and all comes. INBOX always is.
func TestUnlisted(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	nothing := imaptest.Refuse(`^LIST .*RETURN`, 0, "OK nothing")
	plain := imaptest.Without("LIST-EXTENDED")
	for _, tt := range []struct {
		name   string
		quirks quirks
		first  bool // it is so from the beginning
	}{
		{"extended LIST says nothing", quirks{nothing}, true},
		{"extended LIST is refused", quirks{imaptest.Refuse(`^LIST .*RETURN`, 0, "BAD what?")}, true},
		{"extended LIST leaves one out", quirks{leavesOut(`LIST .*RETURN`, `^\* (LIST|STATUS) .*\bA\b`)}, false},
		{"no LIST and no STATUS names A", quirks{imaptest.Replace(`^\* (LIST|STATUS) .*\bA\b.*`, "")}, false},
		{"no LIST names INBOX", quirks{imaptest.Replace(`^\* (LIST|STATUS) .*INBOX$`, "")}, true},
		{"no LIST names INBOX, plain", quirks{plain, imaptest.Replace(`^\* LIST .*INBOX$`, "")}, true},
		{"no LIST names anything", quirks{nothing, imaptest.Replace(`^\* LIST .*`, "")}, false},
		{"no LIST names A, STATUS is refused", quirks{nothing, imaptest.Replace(`^\* LIST .* A$`, ""), imaptest.Refuse(`^STATUS`, 0, "NO [INUSE] later")}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := w.device(t)
			s := d.remote()
			beginning(d, s)
			bodies := int64(1)
			if tt.first {
				d.quirks, bodies = tt.quirks, 13
			} else {
				d.sync()
			}
			d.put(s, "A", 60, 61)
			d.quirks = tt.quirks
			d.does(func() { d.sync() }, bodies)
			d.quiet()
			d.quirks = nil
			d.quiet()
		})
	}
}

// Where nobody says whether a mailbox is there, it is left alone, and that is told.
func TestUnlistedUndecided(t *testing.T) {
	t.Parallel()
	d := newStreet(t, dovecot.Options{}).device(t)
	beginning(d, d.remote())
	d.sync()
	d.quirks = quirks{imaptest.Replace(`^\* (LIST|STATUS) .*\bA\b.*`, ""), imaptest.Refuse(`^(STATUS|EXAMINE|SELECT) "?A`, 0, "NO [UNAVAILABLE] not now")}
	for range 2 {
		if r, err := d.run(nil); err != nil || r.Failed != 1 || r.DeletedLocal+r.Uploaded+len(r.Guards) > 0 {
			t.Errorf("%+v, %v, %v", r, err, d.failures())
		}
	}
	d.quirks = nil
	d.equal()
	d.quiet()
}

// A mailbox that is gone is still found to be gone: the guard stops that, and the user may let it pass.
func TestUnlistedGone(t *testing.T) {
	t.Parallel()
	w := newStreet(t, dovecot.Options{})
	for name, q := range map[string]quirks{"extended": nil, "plain": {imaptest.Without("LIST-EXTENDED")},
		"no code": {imaptest.Replace(`\[NONEXISTENT\] `, "")}} {
		t.Run(name, func(t *testing.T) {
			d := w.device(t, q...)
			s := d.remote()
			beginning(d, s)
			d.sync()
			d.ok(s.Delete(context.Background(), "A"))
			if r := d.sync(); len(r.Guards) != 1 || r.DeletedLocal > 0 {
				t.Errorf("%+v", r)
			}
			d.policy.AllowMassDelete = true
			d.sync()
			d.equal()
			d.quiet()
		})
	}
}

// A guard that speaks of messages that are gone on the server asks it once more, by SEARCH, before it does.
func TestGuardAsksAgain(t *testing.T) {
	t.Parallel()
	d := newStreet(t, dovecot.Options{}).device(t)
	d.put(d.remote(), "INBOX", 0, 30)
	d.sync()
	d.put(d.remote(), "INBOX", 30, 31)
	d.quirks = quirks{answering("QRESYNC", "* 11 EXISTS", "* VANISHED (EARLIER) 1:20"), imaptest.Replace(`MESSAGES 31`, "MESSAGES 11")}
	if r, err := d.run(nil); err != nil || r.Failed != 1 || r.DeletedLocal+len(r.Guards) > 0 {
		t.Errorf("%+v, %v, %v", r, err, d.failures())
	}
	d.quirks = nil
	d.sync()
	d.equal()
	d.quiet()
}

// An account that has no INBOX yet, and says only then where its mailboxes lie: one sync makes it and puts up what is here. A dry run foretells
// that, and where nothing may be made on the server nothing is amiss.
func TestNoInbox(t *testing.T) {
	t.Parallel()
	w := newStreet(t, below())
	for name, inbox := range map[string]bool{"with mail in INBOX": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			d := w.device(t, imaptest.NoInbox())
			d.policy.AllowMassDelete = true // else nothing goes up unasked that was here before the first sync
			d.deliver("Archive", 1)
			d.deliver("Lists/go", 2)
			if inbox {
				d.deliver("INBOX", 3)
			}
			for _, change := range []func(*Options){func(o *Options) { o.DryRun = true }, func(o *Options) { o.Policy.Create = plan.Local }} {
				if r, err := d.run(change); err != nil || r.Failed > 0 {
					t.Errorf("%+v, %v, %v", r, err, d.failures())
				}
			}
			d.sync()
			d.equal()
			d.quiet()
		})
	}
}

// One whose server makes no INBOX is told why the others are not there either, and nothing is tried that would be refused.
func TestNoInboxRefused(t *testing.T) {
	t.Parallel()
	d := newStreet(t, below()).device(t, imaptest.Refuse("^CREATE", 0, "NO Permission denied"), imaptest.NoInbox())
	d.policy.AllowMassDelete = true
	d.deliver("Archive", 1)
	if r, err := d.run(nil); err != nil || r.Failed != 2 {
		t.Errorf("%+v, %v, %v", r, err, d.failures())
	}
}
