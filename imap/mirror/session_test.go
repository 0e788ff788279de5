package mirror

import (
	"context"
	"net"
	"testing"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/imaptest"
	"postie/testdata/dovecot"
)

// A session that stays: one login for many runs, each of which sees what happened meanwhile on either side; another run has the root
// between two of them; a connection that ended meanwhile, with or without a word, is replaced.
func TestSession(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for name, quirks := range map[string]quirks{
		"full":                  nil,
		"no UNSELECT, no MOVE":  {imaptest.Without("UNSELECT"), imaptest.Without("MOVE")},
		"a refused LIST-STATUS": {imaptest.Refuse(`^LIST .*RETURN`, -1, "BAD unknown")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := w.device(t, quirks...)
			d.opened(func() { keepSession(d) })
		})
	}
}

func keepSession(d *device) {
	ctx := context.Background()
	o := d.options()
	var conns []net.Conn
	dial := o.IMAP.Dial
	o.IMAP.Dial = func(ctx context.Context) (net.Conn, error) {
		conn, err := dial(ctx)
		conns = append(conns, conn)
		return conn, err
	}
	s := NewSession(o)
	defer s.Close()
	notices := 0
	cycle := func(n int, connections int) {
		d.Helper()
		r := d.remote()
		d.put(r, "INBOX", n, n+1)
		r.Close()
		d.deliver("INBOX", 100+n)
		d.events = nil
		report, err := s.Run(ctx)
		if err != nil || report.New != 1 || report.Uploaded != 1 || report.Bytes < 200 || report.Bytes > 20000 || len(conns) != connections {
			d.Errorf("run %d: %+v, %v, %d connections", n, report, err, len(conns))
		}
		for _, e := range d.events {
			if _, ok := e.(Notice); ok {
				notices++
			}
		}
		lock, err := d.store.Lock(ctx, 0)
		d.ok(err)
		lock.Release()
	}
	d.ok(d.dir("INBOX").Ensure())
	s.Options.Policy.AllowMassDelete = true // what lies here before the first run is no orphan
	cycle(1, 1)
	cycle(2, 1)
	if _, err := s.IMAP().Select(ctx, "INBOX", nil); err != nil { // somebody watched it
		d.Error(err)
	}
	cycle(3, 1)
	if s.IMAP().Has(goimap.CapIdle) {
		stop := make(chan struct{}, 1)
		stop <- struct{}{}
		d.ok(s.IMAP().Idle(ctx, stop))
	}
	cycle(4, 1)
	conns[0].Close()
	cycle(5, 2)
	d.ok(s.IMAP().Close())
	if s.IMAP() != nil {
		d.Error("a connection that was closed is still there")
	}
	cycle(6, 3)
	d.equal()
	if notices > 1 {
		d.Errorf("%d notices", notices)
	}
	d.ok(s.Logout(ctx))
}
