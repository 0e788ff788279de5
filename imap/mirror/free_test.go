package mirror

import (
	"context"
	"fmt"
	"strings"
	"testing"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/base"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// A body that was freed stays away, whatever policy wants, until it is asked for: by one, or by all.
func TestFreed(t *testing.T) {
	t.Parallel()
	d := newDevice(t, dovecot.Options{})
	s := d.remote()
	d.create(s, "A")
	d.put(s, "INBOX", 1, 6, goimap.FlagSeen)
	d.sync()
	_, err := d.do(freeing(1, 2, 3), nil)
	d.ok(err)
	if n := len(d.entries("INBOX")); n != 2 || len(d.listed()) != 5 {
		t.Fatalf("%d files, %v", n, d.listed())
	}
	d.same()
	// It is a pair as any: flags come and go, it is moved, and keeps on being without a body.
	d.select_(s, "INBOX")
	_, err = s.Store(context.Background(), goimap.UIDSetNum(1), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagFlagged}, 0)
	d.ok(err)
	_, err = s.Move(context.Background(), goimap.UIDSetNum(2), "A")
	d.ok(err)
	if r := d.sync(); r.FlagsPulled != 1 || r.Moved != 1 || d.bodies.Load() != 0 {
		t.Errorf("%+v, %d bodies", r, d.bodies.Load())
	}
	d.same()
	if r, err := d.fetch(3); err != nil || r.New != 1 {
		t.Errorf("%+v %v", r, err)
	}
	d.same()
	d.policy.Bodies.Freed = true
	if r := d.sync(); r.New != 2 {
		t.Errorf("%+v", r)
	}
	d.equal()
	d.policy.Bodies.Freed = false
	d.same()
}

// A free that was killed before any step never reads as a deletion, nor as new files: each message has its body, or was freed.
func TestFreeKilled(t *testing.T) {
	t.Parallel()
	d := newDevice(t, dovecot.Options{})
	d.put(d.remote(), "INBOX", 1, 5, goimap.FlagSeen)
	d.server.Deliver(t, d.user, []byte("Subject: letter 5\nMessage-ID: <5@x>\n\nbare\nLF\n")) // does not come back as it was sent
	d.sync()
	listed := fmt.Sprint(d.listed())
	step := 1
	for ; ; step++ {
		c, at := d.killedAt("free", step)
		if c == nil {
			break
		}
		c.opened(func() {
			if hidden, err := c.store.Follow(context.Background()); err != nil || len(hidden) > 0 {
				t.Errorf("step %d, %s: %v are not shown, %v", step, at, hidden, err)
			}
		})
		c.same()
		if fmt.Sprint(c.listed()) != listed || len(c.there()["INBOX"]) != 5 {
			t.Errorf("step %d, %s: %v", step, at, c.listed())
		}
		_, err := c.fetch(1, 2, 3)
		d.ok(err)
		c.equal()
		c.same()
	}
	if step < 6 {
		t.Errorf("only %d steps", step)
	}
}

// A free that waits for something, or meets another program, leaves the file where it is.
func TestFreeRefused(t *testing.T) {
	t.Parallel()
	d := newDevice(t, dovecot.Options{})
	d.put(d.remote(), "INBOX", 1, 3)
	d.sync()
	_, err := d.do(func(ctx context.Context, o Options) (Report, error) {
		ms := d.of(1, 2)
		d.flag("INBOX", 1, maildir.FlagSeen) // at this moment
		done, err := base.Free(ctx, o.Store, ms, nil)
		if len(done) != 1 || done[0].ID != 2 || done[0].Entry.Name != "" {
			t.Errorf("freed: %+v", done)
		}
		return Report{}, err
	}, nil)
	if err == nil || !strings.Contains(err.Error(), "run postie sync first") {
		t.Error(err)
	}
	if r := d.sync(); r.FlagsPushed != 1 || r.DeletedRemote+r.New != 0 {
		t.Errorf("%+v", r)
	}
	d.same()
}
