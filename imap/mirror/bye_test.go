package mirror

import (
	"os"
	"slices"
	"testing"

	"postie/imap/imaptest"
	"postie/testdata/dovecot"
)

// bye ends a connection by BYE in place of a response.
func bye(after int) imaptest.Quirk {
	return imaptest.Quirk{Says: func(d *imaptest.Dialogue, response string) []string {
		if d.Said < after {
			return []string{response}
		}
		d.Say("* BYE [UNAVAILABLE] shutting down")
		d.Close()
		return nil
	}}
}

// A server says BYE in the middle, a little later each time, until the work is done: nothing is lost or doubled.
func TestBye(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for name, q := range map[string]quirks{
		"full":                          nil,
		"old, body first, says no UIDs": slices.Concat(old(), quirks{imaptest.Without("MOVE"), imaptest.First("BODY"), imaptest.Replace(`\[(APPENDUID|COPYUID) [^]]*\] `, "")}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := w.device(t)
			s := d.remote()
			beginning(d, s)
			byes := d.persist(q)
			everyChange(d, s)
			byes += d.persist(q)
			d.equal()
			d.complete(1)
			d.quiet()
			if byes < 8 {
				t.Errorf("%d times BYE", byes)
			}
		})
	}
}

// persist runs until the server lets a run come to its end.
func (d *device) persist(q quirks) (byes int) {
	d.Helper()
	for err := os.ErrClosed; err != nil; byes++ {
		d.quirks = slices.Concat(q, quirks{bye(1 + 9*byes)})
		var r Report
		if r, err = d.run(nil); r.Failed > 0 || len(r.Guards) > 0 {
			d.Errorf("after %d times BYE: %+v, %v", byes, r, err)
		}
	}
	d.quirks = q
	return byes - 1
}
