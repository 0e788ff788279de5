package mirror

import (
	"context"
	"slices"
	"strings"
	"testing"

	"postie/imap/imaptest"
	"postie/testdata/dovecot"
)

// A mailbox is put aside on the server, and its name is given to a new one: the old files follow their messages, and only
// what is new is fetched.
func TestDetectRenames(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for name, q := range map[string]quirks{
		"full": nil, "old": append(old(), imaptest.Without("LIST-EXTENDED")), "OBJECTID": objectID(), "other sizes": {imaptest.Replace(`RFC822.SIZE \d(\d\d)`, "RFC822.SIZE $1")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := w.device(t, q...)
			s, ctx := d.remote(), context.Background()
			beginning(d, s)
			d.does(func() { d.sync() }, 12)
			d.ok(d.dir("A").Remove(d.file("A", 21)))
			d.ok(s.Rename(ctx, "A", "Old/2024"))
			s = d.remote()
			d.create(s, "A")
			d.put(s, "A", 300, 302)
			told := d.rehearsed()
			if len(told) < 4 || !slices.ContainsFunc(told, func(op string) bool { return strings.HasPrefix(op, "rename A to Old/2024 here") }) {
				t.Errorf("dry run: %v", told)
			}
			var r Report
			var done []string
			d.does(func() {
				var err error
				done, r, err = d.performed()
				d.ok(err)
			}, 2)
			if !slices.Equal(told, done) {
				t.Errorf("told:\n%s\ndone:\n%s", strings.Join(told, "\n"), strings.Join(done, "\n"))
			}
			if r.New != 2 || r.DeletedLocal > 0 || r.DeletedRemote != 1 || len(r.Guards) > 0 {
				t.Errorf("%+v", r)
			}
			d.quiet()
		})
	}
}
