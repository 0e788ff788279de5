package mirror

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/base"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/index/query"
	"postie/testdata/dovecot"
)

// beside are the commands that need no lock: what they do to messages, and what that leads to where these lay.
func beside() map[string]command {
	return map[string]command{
		"list": {func(_ *index.Store, ms []index.Message) ([]index.Message, error) { return ms, nil }, func(was []string) []string { return was }},
		"mark": {func(s *index.Store, ms []index.Message) ([]index.Message, error) {
			return s.Mark(context.Background(), ms, index.Change{Set: maildir.FlagDraft})
		}, func(was []string) []string {
			for i := range was {
				was[i] = strings.Replace(strings.Replace(was[i], "[D", "[", 1), "[", "[D", 1)
			}
			return was
		}},
		"move": {func(s *index.Store, ms []index.Message) ([]index.Message, error) {
			return s.Move(context.Background(), ms, "There", maildir.FS)
		}, func(was []string) []string {
			for i := range was {
				_, flags, _ := strings.Cut(was[i], " ")
				was[i] = "There " + flags
			}
			return was
		}},
		"delete": {func(s *index.Store, ms []index.Message) ([]index.Message, error) {
			return s.Remove(context.Background(), ms)
		}, func([]string) []string { return nil }},
	}
}

type command struct {
	do   func(*index.Store, []index.Message) ([]index.Message, error)
	then func(was []string) []string
}

// Whatever somebody does beside a run, at every step of it, comes true; nothing else is lost, doubled or changed, and one more run ends it.
func TestCommandsBesideEveryStep(t *testing.T) {
	t.Parallel()
	newTemplate(t, rungs()["full"]).everything(30, func(d *device) map[int][]string {
		d.equal()
		return spots(d.here())
	})
}

// So it is where bodies are not here, and what is done to messages is only pending; also while their bodies come.
func TestCommandsBesideEveryStepWithoutBodies(t *testing.T) {
	w := newBodyless(t)
	t.Run("none", func(t *testing.T) {
		w.T = t
		w.everything(12, func(d *device) map[int][]string {
			d.Helper()
			there, listed := spots(d.there()), d.places()
			if !maps.EqualFunc(there, listed, slices.Equal) {
				d.Errorf("%v is listed, want %v", listed, there)
			}
			return there
		})
	})
	t.Run("all", func(t *testing.T) {
		w.T, w.d.policy.Bodies = t, plan.Bodies{}
		w.everything(30, func(d *device) map[int][]string {
			d.equal()
			return spots(d.here())
		})
	})
}

// newBodyless is an account without bodies, with changes of every kind on both sides.
func newBodyless(t *testing.T) *template {
	w := newAccounts(t, dovecot.Options{})
	w.d.policy.Bodies.None = true
	d, s, ctx := w.d, w.d.remote(), context.Background()
	d.create(s, "A")
	d.create(s, "There")
	d.put(s, "INBOX", 0, 13)
	d.put(s, "A", 20, 25)
	d.sync()
	for name, letters := range map[string][]int{"mark": {1, 2}, "move": {5, 6}, "delete": {3, 4}} {
		d.acts(beside()[name], letters)
	}
	d.put(s, "A", 30, 32, goimap.FlagFlagged)
	d.select_(s, "INBOX")
	_, err := s.Store(ctx, goimap.UIDSetNum(8), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagAnswered}, 0)
	d.ok(err)
	_, err = s.Move(ctx, goimap.UIDSetNum(10), d.theirs("A"))
	d.ok(err)
	d.ok(s.Close())
	first := w.copy()
	first.sync()
	w.want = first.there()
	first.rest()
	return w
}

// places says where letters are, and with which flags, as the index has it.
func (d *device) places() map[int][]string {
	d.Helper()
	at := map[int][]string{}
	d.opened(func() {
		for m, err := range query.List(context.Background(), d.store, listAll()) {
			d.ok(err)
			at[number(m)] = append(at[number(m)], fmt.Sprintf("%s [%s %s]", m.Mailbox, m.Flags.Set, m.Flags.Keywords))
		}
	})
	return at
}

// everything does each command at the steps of a run, of which there are as many as some at least. look says what there is in the end, and demands that it is so everywhere.
func (w *template) everything(some int, look func(*device) map[int][]string) {
	w.Helper()
	for i, name := range slices.Sorted(maps.Keys(beside())) {
		w.Run(name, func(t *testing.T) {
			step, stride := 1+5*i, 22
			if thorough() {
				step, stride = 1, 1
			}
			for ; w.besides(t, name, step, look); step += stride {
			}
			if step < some {
				t.Errorf("only %d steps", step)
			}
		})
	}
}

// touched are letters to which nothing happens, that were flagged here, moved here, flagged there, are new there, and new here.
func touched() []int { return []int{0, 1, 5, 7, 12, 20, 30, 100, 110} }

// besides does something at the n-th step of a run, and says whether there was one.
func (w *template) besides(t *testing.T, name string, n int, look func(*device) map[int][]string) bool {
	d, c, steps := w.copy(), beside()[name], 0
	d.T = t
	defer w.drop(d)
	var acted []int
	var at string
	var mu sync.Mutex
	r, err := d.run(func(o *Options) {
		o.Batch = 2
		o.Step = func(step string) {
			mu.Lock()
			defer mu.Unlock()
			if steps++; steps == n {
				at, acted = step, d.acts(c, touched())
			}
		}
	})
	if err != nil || len(r.Guards)+r.Failed > 0 {
		t.Errorf("step %d, %s: %+v %v %v", n, at, r, err, d.events)
	}
	d.sync()
	d.rest()
	want, got := spots(w.want), look(d)
	for _, letter := range acted {
		want[letter] = c.then(want[letter])
	}
	for _, letter := range slices.Sorted(maps.Keys(want)) {
		if !slices.Equal(want[letter], got[letter]) {
			t.Errorf("step %d, %s: letter %d is %v, want %v (%v were touched)", n, at, letter, got[letter], want[letter], acted)
		}
		delete(got, letter)
	}
	if len(got) > 0 {
		t.Errorf("step %d, %s: too much: %v", n, at, got)
	}
	return steps >= n
}

// acts does something to those of letters that are listed, as the commands do, and names them.
func (d *device) acts(c command, letters []int) (acted []int) {
	d.Helper()
	ctx := context.Background()
	store, err := index.Open(ctx, maildir.Dir(d.root), &index.Options{Read: true})
	d.ok(err)
	defer store.Close()
	hidden, err := store.Follow(ctx)
	d.ok(err)
	var ms []index.Message
	for m, err := range query.List(ctx, store, listAll()) {
		d.ok(err)
		if !hidden[m.ID] && slices.Contains(letters, number(m)) {
			ms = append(ms, m)
		}
	}
	ms, err = c.do(store, ms)
	if err != nil && !strings.Contains(err.Error(), "just coming in") {
		d.Error(err)
	}
	for _, m := range ms {
		acted = append(acted, number(m))
	}
	return acted
}

func number(m index.Message) (n int) {
	fmt.Sscanf(m.Summary.Subject, "letter %d", &n)
	return n
}

// spots says where letters are, and with which flags.
func spots(all mails) map[int][]string {
	at := map[int][]string{}
	line := regexp.MustCompile(`^(.*): "ubject: letter (\d+)" \S+ (\[.*\])$`)
	for _, lines := range all {
		for _, l := range lines {
			var n int
			parts := line.FindStringSubmatch(l)
			fmt.Sscan(parts[2], &n)
			at[n] = append(at[n], parts[1]+" "+parts[3])
		}
	}
	for _, places := range at {
		slices.Sort(places)
	}
	return at
}

// The same beside free: what is done to a message whose body is just being dropped comes true, or is refused, and nothing else
// is deleted for it.
func TestCommandsBesideFree(t *testing.T) {
	t.Parallel()
	w := newAccounts(t, dovecot.Options{})
	s, ctx := w.d.remote(), context.Background()
	w.d.create(s, "There")
	w.d.put(s, "INBOX", 0, 4)
	w.d.ok(s.Close())
	w.d.sync()
	w.want = w.d.there()
	for name, c := range beside() {
		for n := 1; ; n++ {
			d, steps, at, acted := w.copy(), 0, "", []int(nil)
			d.opened(func() {
				var ms []index.Message
				for m, err := range query.List(ctx, d.store, listAll()) {
					d.ok(err)
					ms = append(ms, m)
				}
				base.Free(ctx, d.store, ms[:2], func(step string) { // what it refuses stays as it is
					if steps++; steps == n && step != "base freed" { // which holds the index
						at, acted = step, d.acts(c, []int{0, 1, 2, 3})
					}
				})
			})
			if r := d.sync(); r.New+r.DeletedLocal > 0 {
				t.Errorf("%s at %s: %+v", name, at, r)
			}
			d.rest()
			want, got := spots(w.want), spots(d.there())
			for _, letter := range acted {
				want[letter] = c.then(want[letter])
			}
			maps.DeleteFunc(want, func(_ int, places []string) bool { return len(places) == 0 })
			if !maps.EqualFunc(want, got, slices.Equal) || !maps.EqualFunc(want, d.places(), slices.Equal) {
				t.Errorf("%s at %s: %v, and %v are listed, want %v", name, at, got, d.places(), want)
			}
			if w.drop(d); steps < n {
				if n < 5 {
					t.Errorf("%s: only %d steps", name, steps)
				}
				break
			}
		}
	}
}
