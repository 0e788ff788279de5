package mirror

import (
	"context"
	"os"
	"slices"
	"testing"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/maildir"
)

// away moves a letter on the server, as a program does that knows neither MOVE nor UIDPLUS, and gives it flags on the way.
func (d *device) away(s *imap.Session, n int, from, to string, flags ...goimap.Flag) {
	d.Helper()
	ctx := context.Background()
	d.select_(s, from)
	uids, err := uidsOf(ctx, s, n)
	if d.ok(err); len(flags) > 0 {
		_, err = s.Store(ctx, uids, goimap.StoreFlagsAdd, flags, 0)
		d.ok(err)
	}
	if to != "" {
		_, err = s.Copy(ctx, uids, d.theirs(to))
		d.ok(err)
	}
	_, err = s.Store(ctx, uids, goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagDeleted}, 0)
	d.ok(err, s.ExpungeAll(ctx))
}

// taken moves the file of a letter, under its key or under a new one.
func (d *device) taken(n int, from, to string, anew bool) {
	d.Helper()
	e := d.file(from, n)
	if anew {
		d.deliver(to, n)
		d.ok(d.dir(from).Remove(e))
		return
	}
	_, err := d.dir(from).MoveTo(e, d.dir(to))
	d.ok(err)
}

// Both sides move one message to different mailboxes: the server's move wins, and one copy is left, with the flags of both.
func TestMovedApart(t *testing.T) {
	for _, name := range []string{"full", "no QRESYNC", "no UIDPLUS", "no MOVE", "bare"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := rungs()[name]
			d := newDevice(t, o)
			s := d.remote()
			d.create(s, "A")
			d.create(s, "B")
			d.put(s, "INBOX", 0, 30)
			d.sync()
			for n := range 20 { // more than a window
				d.taken(n, "INBOX", "A", n%2 == 1)
				d.away(s, n, "INBOX", "B")
			}
			d.flag("A", 2, maildir.FlagFlagged)
			d.away(s, 2, "B", "B", goimap.FlagAnswered) // under a new UID once more
			d.taken(20, "INBOX", "A", false)
			d.away(s, 20, "INBOX", "A", goimap.FlagFlagged) // to the same place
			d.taken(21, "INBOX", "A", false)
			d.away(s, 21, "INBOX", "INBOX") // put there again
			d.taken(22, "INBOX", "A", true)
			d.away(s, 22, "INBOX", "INBOX", goimap.FlagFlagged)
			r, err := d.run(nil)
			if err != nil || r.New+r.Uploaded+r.DeletedLocal+r.DeletedRemote+r.Failed+len(r.Guards) > 0 {
				t.Errorf("%+v %v", r, err)
			}
			d.equal()
			if a, b := d.numbers("A"), d.numbers("B"); !slices.Equal(a, []int{20, 21, 22}) || len(b) != 20 {
				t.Errorf("A has %v, B has %v", a, b)
			}
			if f := d.file("B", 2).Set; f != maildir.FlagFlagged|maildir.FlagReplied {
				t.Errorf("flags %s", f)
			}
			d.rest()
		})
	}
}

// What one side moves and the other deletes is there once, where it was moved to.
func TestMovedAndDeleted(t *testing.T) {
	for _, name := range []string{"full", "bare"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := rungs()[name]
			d := newDevice(t, o)
			s := d.remote()
			d.create(s, "A")
			d.create(s, "B")
			d.put(s, "INBOX", 0, 12)
			d.sync()
			d.taken(1, "INBOX", "A", false)
			d.away(s, 1, "INBOX", "")
			d.taken(2, "INBOX", "A", true)
			d.away(s, 2, "INBOX", "")
			d.ok(d.dir("INBOX").Remove(d.file("INBOX", 3)))
			d.away(s, 3, "INBOX", "B", goimap.FlagFlagged)
			d.sync()
			d.equal()
			d.rest()
			if a, b := d.numbers("A"), d.numbers("B"); !slices.Equal(a, []int{1, 2}) || !slices.Equal(b, []int{3}) {
				t.Errorf("A has %v, B has %v", a, b)
			}
		})
	}
}

// A mailbox that is called one thing here and another there has the server's name in the end, with all that was in it.
func TestRenamedApart(t *testing.T) {
	for name, layout := range map[string]maildir.Layout{"full": maildir.FS, "bare": maildir.MaildirPlusPlus} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := rungs()[name]
			d := newDevice(t, o)
			d.layout = layout
			s := d.remote()
			d.create(s, "Old")
			d.create(s, "Old/sub")
			d.put(s, "Old", 0, 5)
			d.put(s, "Old/sub", 5, 8)
			d.sync()
			d.ok(s.Rename(context.Background(), d.theirs("Old"), d.theirs("Theirs")))
			for _, box := range []string{"Old/sub", "Old"} {
				to := d.dir("Mine" + box[len("Old"):])
				d.ok(to.Ensure())
				for _, sub := range []string{"new", "cur"} {
					d.ok(os.Remove(string(to)+"/"+sub), os.Rename(string(d.dir(box))+"/"+sub, string(to)+"/"+sub))
				}
				d.ok(os.RemoveAll(string(d.dir(box))))
			}
			d.deliver("Mine", 9)
			r := d.sync()
			if r.New+r.DeletedLocal+r.DeletedRemote > 0 || r.Uploaded != 1 {
				t.Errorf("%+v", r)
			}
			d.equal()
			if got := d.numbers("Theirs"); len(got) != 6 {
				t.Errorf("Theirs has %v", got)
			}
			if _, kept := d.there()["Mine"]; kept {
				t.Error("Mine was made on the server")
			}
			d.rest()
		})
	}
}
