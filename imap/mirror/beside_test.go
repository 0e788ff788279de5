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

	"postie/maildir"
	"postie/maildir/index"
)

// beside are the commands that need no lock: what they do to messages, and what that leads to where these lay.
func beside() map[string]command {
	return map[string]command{
		"list": {func(_ *index.Store, ms []index.Message) ([]index.Message, error) { return ms, nil }, func(was []string) []string { return was }},
		"mark": {func(s *index.Store, ms []index.Message) ([]index.Message, error) {
			return s.Mark(context.Background(), ms, index.Change{Set: maildir.FlagDraft})
		}, func(was []string) []string {
			for i := range was {
				was[i] = strings.Replace(was[i], "[", "[D", 1)
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
	w := newTemplate(t, rungs()["full"])
	for _, name := range slices.Sorted(maps.Keys(beside())) {
		t.Run(name, func(t *testing.T) {
			step, stride := 1, 5
			if thorough() {
				stride = 1
			}
			for ; w.besides(t, name, step); step += stride {
			}
			if step < 30 {
				t.Errorf("only %d steps", step)
			}
		})
	}
}

// touched are letters to which nothing happens, that were flagged here, moved here, flagged there, are new there, and new here.
func touched() []int { return []int{0, 1, 5, 7, 12, 20, 30, 100, 110} }

// besides does something at the n-th step of a run, and says whether there was one.
func (w *template) besides(t *testing.T, name string, n int) bool {
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
				at, acted = step, d.acts(c)
			}
		}
	})
	if err != nil || len(r.Guards)+r.Failed > 0 {
		t.Errorf("step %d, %s: %+v %v %v", n, at, r, err, d.events)
	}
	d.sync()
	d.equal()
	d.rest()
	want, got := spots(w.want), spots(d.here())
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

// acts does something to what is listed, as the commands do, and names the letters.
func (d *device) acts(c command) (acted []int) {
	d.Helper()
	ctx := context.Background()
	store, err := index.Open(ctx, maildir.Dir(d.root), &index.Options{Read: true})
	d.ok(err)
	defer store.Close()
	hidden, err := store.Follow(ctx)
	d.ok(err)
	var ms []index.Message
	for m, err := range store.List(ctx, listAll()) {
		d.ok(err)
		if !hidden[m.ID] && slices.Contains(touched(), number(m)) {
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
