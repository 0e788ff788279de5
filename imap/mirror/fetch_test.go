package mirror

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/base"
	"postie/imap/changes"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/index/query"
	"postie/testdata/dovecot"
	"postie/testdata/victim"
)

// fetch is one Fetch, of the messages with these NUMBERs.
func (d *device) fetch(ids ...int64) (Report, error) {
	d.Helper()
	return d.do(fetching(ids...), nil)
}

func fetching(ids ...int64) func(context.Context, Options) (Report, error) {
	return func(ctx context.Context, o Options) (Report, error) { return Fetch(ctx, o, ids...) }
}

// of are messages by their NUMBER.
func (d *device) of(ids ...int64) (ms []index.Message) {
	d.Helper()
	for _, id := range ids {
		m, ok, err := d.store.ByID(context.Background(), id)
		d.ok(err)
		if !ok {
			d.Fatalf("there is no message %d", id)
		}
		ms = append(ms, m)
	}
	return ms
}

// same demands that a run finds nothing to do, and fetches nothing.
func (d *device) same() {
	d.Helper()
	if r := d.sync(); r.New+r.Uploaded+r.Moved+r.FlagsPulled+r.FlagsPushed+r.DeletedLocal+r.DeletedRemote+len(r.Guards) > 0 || d.bodies.Load() > 0 {
		d.Errorf("something was done: %+v, %d bodies", r, d.bodies.Load())
	}
	d.rest()
}

// withoutBodies is a device that keeps summaries only.
func withoutBodies(t *testing.T, o dovecot.Options) *device {
	d := newDevice(t, o)
	d.policy.Bodies.None = true
	return d
}

// One body comes down on demand, to where sync would have put it, and stays; the next run does nothing about it.
func TestFetch(t *testing.T) {
	for name, layout := range map[string]maildir.Layout{"full": maildir.FS, "below INBOX": maildir.MaildirPlusPlus, "bare": maildir.FS} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := withoutBodies(t, rungs()[name])
			d.layout = layout
			s := d.remote()
			d.create(s, "A/B")
			d.put(s, "A/B", 1, 4, goimap.FlagFlagged, "todo")
			d.put(s, "INBOX", 4, 6)
			d.sync()
			before := d.listed()
			r, err := d.fetch(2, 5) // of two mailboxes, in one connection
			if err != nil || r.New != 2 || r.Failed != 0 || d.bodies.Load() != 2 {
				t.Fatalf("%+v %v, %d bodies", r, err, d.bodies.Load())
			}
			if n := d.trips.Load(); n > 9 {
				t.Errorf("%d commands", n)
			}
			if after := d.listed(); fmt.Sprint(after) != fmt.Sprint(before) {
				t.Errorf("%v, before %v", after, before)
			}
			e := d.file("A/B", 2)
			info, err := os.Stat(d.dir("A/B").Path(e))
			d.ok(err)
			if want := time.Date(2025, 11, 3, 10, 0, 2, 0, time.UTC); !info.ModTime().Equal(want) || e.Set != maildir.FlagFlagged || e.New {
				t.Errorf("%s of %v", e.Rel(), info.ModTime())
			}
			if e := d.file("INBOX", 5); !e.New {
				t.Error(e.Rel())
			}
			here := d.here()
			if more := here.less(d.there()); len(more) > 0 || len(here["A/B"])+len(here["INBOX"]) != 2 {
				t.Errorf("%v", here)
			}
			d.same()
			if r, err := d.fetch(2, 5); err != nil || r.New != 0 || d.trips.Load() != 0 {
				t.Errorf("again: %+v %v, %d commands", r, err, d.trips.Load())
			}
			d.ok(d.dir("A/B").Remove(e)) // it has a body now, so that is a deletion
			if r := d.sync(); r.DeletedRemote != 1 || len(d.there()["A/B"]) != 2 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// What was changed here while there was no body shows in the file, and goes to the server with the next run.
func TestFetchWhatWasChanged(t *testing.T) {
	d := withoutBodies(t, dovecot.Options{})
	s := d.remote()
	d.create(s, "A")
	d.put(s, "INBOX", 1, 4, goimap.FlagSeen, "old")
	d.sync()
	d.opened(func() {
		_, err := d.store.Mark(context.Background(), d.of(1), index.Change{Set: maildir.FlagFlagged, Clear: maildir.FlagSeen, Add: "new", Remove: "old"})
		d.ok(err)
		_, err = d.store.Move(context.Background(), d.of(1, 2), "A", d.layout)
		d.ok(err)
		_, err = d.store.Remove(context.Background(), d.of(3))
		d.ok(err)
	})
	if r, err := d.fetch(1, 2, 3); err != nil || r.New != 3 {
		t.Fatalf("%+v %v", r, err)
	}
	if n := len(d.entries("INBOX")); n != 0 {
		t.Errorf("%d files in INBOX", n)
	}
	if e := d.file("A", 1); e.Set != maildir.FlagFlagged {
		t.Errorf("flags %s", e.Set)
	}
	if r := d.sync(); r.Moved != 2 || r.DeletedRemote != 1 || r.New+r.Uploaded+r.DeletedLocal != 0 {
		t.Errorf("%+v", r)
	}
	d.equal()
	d.rest()
}

// What may have happened on the server meanwhile is told, and nothing is changed here.
func TestFetchMeanwhile(t *testing.T) {
	d := withoutBodies(t, dovecot.Options{})
	s := d.remote()
	ctx := context.Background()
	d.create(s, "A")
	d.create(s, "B")
	d.put(s, "INBOX", 1, 3)
	d.put(s, "A", 3, 4)
	d.put(s, "B", 4, 5)
	d.sync()
	ids := map[int]int64{}
	d.opened(func() {
		for m, err := range query.List(ctx, d.store, listAll()) {
			d.ok(err)
			var n int
			fmt.Sscanf(m.Summary.Subject, "letter %d", &n)
			ids[n] = m.ID
		}
	})
	d.select_(s, "INBOX")
	_, err := s.Store(ctx, goimap.UIDSetNum(1), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagDeleted}, 0)
	d.ok(err, s.ExpungeAll(ctx))
	d.ok(s.Delete(ctx, "A"))
	time.Sleep(1100 * time.Millisecond) // Dovecot's UIDVALIDITY is a second
	d.create(s, "A")
	d.put(s, "A", 30, 31)
	d.ok(s.Delete(ctx, "B"))
	refused := func(err error) bool {
		_, ok := errors.AsType[*imap.Error](err)
		return ok
	}
	for name, c := range map[string]struct {
		n    int
		want func(error) bool
	}{
		"expunged":           {1, func(err error) bool { return errors.Is(err, ErrGone) }},
		"UIDVALIDITY":        {3, func(err error) bool { return errors.Is(err, ErrUIDValidity) }},
		"mailbox is deleted": {4, refused},
	} {
		if _, err := d.fetch(ids[c.n]); !c.want(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r, err := d.fetch(ids[1], ids[2], ids[3]); r.New != 1 || r.Failed != 2 || !errors.Is(err, ErrGone) || !errors.Is(err, ErrUIDValidity) {
		t.Errorf("one of three: %+v %v", r, err)
	}
	if here := d.here(); len(here["INBOX"]) != 1 || len(here["A"])+len(here["B"]) != 0 {
		t.Errorf("%v", here)
	}
	d.sync()
	if _, err := d.fetch(ids[1]); err != nil {
		t.Errorf("a NUMBER that is gone: %v", err)
	}
}

func TestFetchLockedOrOffline(t *testing.T) {
	d := withoutBodies(t, dovecot.Options{})
	d.put(d.remote(), "INBOX", 1, 2)
	d.sync()
	d.opened(func() {
		lock, err := d.store.Lock(context.Background(), 0)
		d.ok(err)
		_, err = d.fetch(1)
		if _, ok := errors.AsType[*index.Locked](err); !ok {
			t.Errorf("locked: %v", err)
		}
		d.ok(lock.Release())
	})
	d.server = &dovecot.Server{IMAP: 1} // where nobody listens
	_, err := d.fetch(1)
	if _, ok := errors.AsType[net.Error](err); !ok {
		t.Errorf("offline: %v", err)
	}
}

// deeds are what a victim may be killed at, other than a run.
func deeds() map[string]func(context.Context, Options) (Report, error) {
	return map[string]func(context.Context, Options) (Report, error){"fetch": fetching(1, 2, 3), "free": freeing(1, 2, 3), "clear": clearing}
}

func freeing(ids ...int64) func(context.Context, Options) (Report, error) {
	return func(ctx context.Context, o Options) (Report, error) {
		var ms []index.Message
		for _, id := range ids {
			m, _, err := o.Store.ByID(ctx, id)
			if err != nil {
				return Report{}, err
			}
			ms = append(ms, m)
		}
		lock, err := o.Store.Lock(ctx, 0)
		if err != nil {
			return Report{}, err
		}
		defer lock.Release()
		_, err = base.Free(ctx, o.Store, ms, o.Step)
		return Report{}, err
	}
}

// killedAt copies a device and kills a deed of the copy before a step; nil: there is no such step.
func (d *device) killedAt(deed string, step int) (*device, string) {
	d.Helper()
	c := *d
	c.root = filepath.Join(filepath.Dir(d.root), fmt.Sprint("step", step))
	if out, err := exec.Command("cp", "-a", d.root, c.root).CombinedOutput(); err != nil {
		d.Fatalf("%v %s", err, out)
	}
	before, killed, err := victim.Run(c.victim(step, deed))
	if err != nil {
		d.Fatalf("step %d: %v", step, err)
	}
	if killed {
		return &c, before
	}
	return nil, ""
}

// Killed before every step: whether the same is asked for again or a run comes first, there is each body once, and what waited
// to be pushed is pushed.
func TestFetchKilled(t *testing.T) {
	d := withoutBodies(t, dovecot.Options{})
	d.put(d.remote(), "INBOX", 1, 7)
	d.sync()
	d.opened(func() {
		_, err := d.store.Mark(context.Background(), d.of(2), index.Change{Set: maildir.FlagFlagged})
		d.ok(err)
	})
	step := 1
	for ; ; step++ {
		c, at := d.killedAt("fetch", step)
		if c == nil {
			break
		}
		if step%3 > 0 {
			told := c.rehearsed()
			if done, r, err := c.performed(); err != nil || r.Failed > 0 || !slices.Equal(told, done) {
				t.Errorf("step %d, %s: told %q, done %q, %v", step, at, told, done, err)
			}
		}
		_, err := c.fetch(1, 2, 3)
		d.ok(err)
		c.sync()
		here := c.here()
		if more := here.less(c.there()); len(more) > 0 || len(here["INBOX"]) != 3 || len(c.listed()) != 6 || c.file("INBOX", 2).Set != maildir.FlagFlagged {
			t.Errorf("step %d, %s: %v, %v", step, at, here, c.listed())
		}
		c.rest()
		if n := len(c.there()["INBOX"]); n != 6 {
			t.Fatalf("step %d, %s: %d messages there", step, at, n)
		}
	}
	if step < 12 {
		t.Errorf("only %d steps", step)
	}
}

// What was pending for messages whose bodies a fetch brought that was stopped before it had done that to the files: a dry run says what the next run does.
func TestPendingForeseen(t *testing.T) {
	t.Parallel()
	w := newAccounts(t, dovecot.Options{})
	w.d.policy.Bodies.None = true
	d, s, ctx := w.d, w.d.remote(), context.Background()
	d.create(s, "A")
	d.put(s, "INBOX", 1, 7)
	d.ok(s.Close())
	d.sync()
	d.opened(func() {
		_, err := d.store.Mark(ctx, d.of(2), index.Change{Set: maildir.FlagFlagged})
		d.ok(err)
		_, err = d.store.Move(ctx, d.of(1), "A", d.layout)
		d.ok(err)
		_, err = d.store.Remove(ctx, d.of(3))
		d.ok(err)
	})
	foreseen := false
	for step := 1; ; step++ {
		c := w.copy()
		at, killed, err := victim.Run(c.victim(step, "fetch"))
		d.ok(err)
		if !killed {
			break
		}
		told := c.rehearsed()
		done, r, err := c.performed()
		if err != nil || r.Failed > 0 || !slices.Equal(told, done) {
			t.Errorf("step %d, %s: told %q, done %q, %v", step, at, told, done, err)
		}
		foreseen = foreseen || at == "base arrived" && len(done) > 2
		c.rest()
		there := c.there()
		w.drop(c)
		if len(there["INBOX"]) != 4 || len(there["A"]) != 1 {
			t.Errorf("step %d, %s: %v", step, at, there)
		}
	}
	if !foreseen {
		t.Error("nothing was foreseen")
	}
}

// Pending changes survive a new UIDVALIDITY: they are about messages, not about numbers.
func TestPendingUnderNewUIDValidity(t *testing.T) {
	d := withoutBodies(t, dovecot.Options{})
	s := d.remote()
	d.create(s, "A")
	d.put(s, "A", 1, 6)
	d.sync()
	d.opened(func() {
		_, err := d.store.Remove(context.Background(), d.of(2))
		d.ok(err)
		_, err = d.store.Mark(context.Background(), d.of(5), index.Change{Set: maildir.FlagFlagged})
		d.ok(err)
	})
	d.ok(s.Delete(context.Background(), "A"))
	time.Sleep(1100 * time.Millisecond)
	d.create(s, "A")
	d.put(s, "A", 0, 6) // UID 2 is another message now
	r := d.sync()
	if r.DeletedRemote != 1 || r.FlagsPushed != 1 {
		t.Errorf("%+v", r)
	}
	var left []string
	d.select_(s, "A")
	for m, err := range s.FetchHeaders(context.Background(), changes.Every(), "Subject") {
		d.ok(err)
		b := make([]byte, 100)
		n, _ := m.Body.Read(b)
		left = append(left, strings.TrimSpace(strings.TrimPrefix(string(b[:n]), "Subject: letter "))+fmt.Sprint(changes.FlagsOf(m.Flags).Set))
	}
	if got := strings.Join(left, " "); got != "0 1 3 4 5F" {
		t.Errorf("left: %s", got)
	}
	d.same()
}
