package mirror

import (
	"context"
	"fmt"
	"strings"
	"testing"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/plan"
	"postie/maildir/index/query"
	"postie/testdata/dovecot"
)

// What policy asks for, of ten letters and an empty trash.
func TestPolicy(t *testing.T) {
	with := func(change func(*plan.Policy)) plan.Policy {
		p := usual()
		change(&p)
		return p
	}
	for name, c := range map[string]struct {
		server dovecot.Options
		policy plan.Policy
		try    func(*device)
	}{
		"expunge=false":            {dovecot.Options{}, with(func(p *plan.Policy) { p.Expunge = false }), onlyMarked},
		"foreign mark, no UIDPLUS": {rungs()["no UIDPLUS"], usual(), besideForeignMark},
		"moves beside a foreign mark, no MOVE, no UIDPLUS": {rungs()["bare"], withTrash(), movesBesideForeignMark},
		"bodies=none": {dovecot.Options{}, with(func(p *plan.Policy) { p.Bodies.None = true }), bodiesLater},
		"patterns":    {dovecot.Options{}, usual(), leftOut},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDevice(t, c.server)
			d.policy = c.policy
			s := d.remote()
			d.create(s, "Trash")
			d.put(s, "INBOX", 0, 10)
			d.sync()
			c.try(d)
		})
	}
}

// marked lets somebody else set \Deleted of a message in INBOX, or take it away.
func (d *device) marked(s *imap.Session, op goimap.StoreFlagsOp, uid goimap.UID) {
	d.Helper()
	d.select_(s, "INBOX")
	_, err := s.Store(context.Background(), goimap.UIDSetNum(uid), op, []goimap.Flag{goimap.FlagDeleted}, 0)
	d.ok(err)
}

// lists demands so many messages in lists.
func (d *device) lists(want int) {
	d.Helper()
	if n := len(d.listed()); n != want {
		d.Errorf("%d in the list, want %d", n, want)
	}
}

// A message that was only marked stays away, until somebody takes the mark off.
func onlyMarked(d *device) {
	d.delete("INBOX", 3)
	if r := d.sync(); r.DeletedRemote != 1 {
		d.Errorf("%+v", r)
	}
	d.has(9, 10, 0, 0)
	d.lists(9)
	d.rest()
	d.marked(d.remote(), goimap.StoreFlagsDel, 4)
	if r := d.sync(); r.New != 1 {
		d.Errorf("undeleted: %+v", r)
	}
	d.lists(10)
	d.equal()
	d.rest()
}

// An EXPUNGE would take along what somebody else marked: it waits until that mark is gone.
func besideForeignMark(d *device) {
	s := d.remote()
	d.marked(s, goimap.StoreFlagsAdd, 1)
	d.delete("INBOX", 3)
	d.sync()
	d.has(9, 10, 0, 0)
	d.rest()
	d.marked(s, goimap.StoreFlagsDel, 1)
	d.sync()
	d.has(9, 9, 0, 0)
	d.equal()
	d.rest()
}

// So do originals of what was moved; their copies are there at once, and once.
func movesBesideForeignMark(d *device) {
	s := d.remote()
	d.create(s, "A")
	d.sync()
	d.marked(s, goimap.StoreFlagsAdd, 1)
	d.delete("INBOX", 3)
	_, err := d.dir("INBOX").MoveTo(d.file("INBOX", 4), d.dir("A"))
	d.ok(err)
	for range 2 {
		d.sync()
		d.has(8, 10, 1, 1)
		if there, here := len(d.there()["A"]), len(d.here()["A"]); there != 1 || here != 1 {
			d.Errorf("A has %d there, %d here", there, here)
		}
	}
	d.lists(10)
	d.rest()
	d.marked(s, goimap.StoreFlagsDel, 1)
	d.sync()
	d.sync()
	d.equal()
	d.rest()
}

// Summaries alone are the same summaries when their bodies come.
func bodiesLater(d *device) {
	d.has(0, 10, 0, 0)
	d.lists(10)
	d.rest()
	before := strings.Join(d.listed(), "\n")
	d.policy.Bodies.None = false
	if r := d.sync(); r.New != 10 {
		d.Errorf("%+v", r)
	}
	d.equal()
	d.rest()
	if after := strings.Join(d.listed(), "\n"); after != before {
		d.Errorf("summaries changed:\n%s\n%s", before, after)
	}
}

// Mailboxes that patterns leave out are left alone, and what goes there is not deleted.
func leftOut(d *device) {
	s := d.remote()
	d.create(s, "Junk")
	d.put(s, "Junk", 50, 53)
	r, err := d.run(func(o *Options) { o.Mailboxes = []string{"*", "!Junk"} })
	d.ok(err)
	if _, ok := d.here()["Junk"]; ok || r.New != 0 {
		d.Errorf("%+v", r)
	}
	_, err = d.dir("INBOX").MoveTo(d.file("INBOX", 1), d.dir("Trash"))
	d.ok(err)
	r, err = d.run(func(o *Options) { o.Mailboxes = []string{"inbox"} })
	d.ok(err)
	if r.DeletedRemote+r.Moved != 0 {
		d.Errorf("a move out of what is synchronised was taken for a deletion: %+v", r)
	}
	d.sync()
	d.equal()
}

// listed is what the index tells of all messages.
func (d *device) listed() (lines []string) {
	d.Helper()
	d.opened(func() {
		for m, err := range query.List(context.Background(), d.store, listAll()) {
			d.ok(err)
			lines = append(lines, fmt.Sprint(m.ID, m.Mailbox, m.Summary.Subject))
		}
	})
	return lines
}
