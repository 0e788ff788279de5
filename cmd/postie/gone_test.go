package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"postie/cmd/postie/internal/exit"
	"postie/maildir"
	"postie/pop3/pop3test"
	"postie/testdata/dovecot"
)

// restless is a mail program that renames files and moves them between two folders, at random and as fast as it can, and now and
// then removes one that it may.
type restless struct {
	*testing.T
	dirs []maildir.Dir
	at   map[int]string // where each letter is
	may  func(n int) bool
	gone []int
	mu   sync.Mutex // guards gone
}

// newRestless finds the letters.
func newRestless(t *testing.T, may func(int) bool, dirs ...maildir.Dir) *restless {
	r := &restless{T: t, dirs: dirs, at: map[int]string{}, may: may}
	for _, dir := range dirs {
		for e, err := range dir.Scan() {
			content, err2 := os.ReadFile(dir.Path(e))
			if err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			r.at[number(string(content))] = dir.Path(e)
		}
	}
	return r
}

// works until stop is closed.
func (r *restless) works(chance *rand.Rand, stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		n := chance.IntN(len(r.at))
		from := r.at[n]
		if from == "" {
			continue
		}
		if r.may(n) && chance.IntN(40) == 0 {
			if os.Remove(from) == nil {
				r.at[n] = ""
				r.mu.Lock()
				r.gone = append(r.gone, n)
				r.mu.Unlock()
			}
			continue
		}
		base, _, _ := strings.Cut(filepath.Base(from), ":2,")
		to := filepath.Join(string(r.dirs[chance.IntN(len(r.dirs))]), "cur", base+":2,"+[]string{"", "F", "FS", "R", "S"}[chance.IntN(5)])
		if os.Rename(from, to) == nil {
			r.at[n] = to
		} else if path := r.renamed(base); path != "" { // by postie
			r.at[n] = path
		}
	}
}

func (r *restless) renamed(base string) string {
	for _, dir := range r.dirs {
		if found, _ := filepath.Glob(filepath.Join(string(dir), "*", base+"*")); len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// removed are the letters that it removed.
func (r *restless) removed() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(slices.Values(r.gone))
}

// One rule says when a file is gone. Whether sync, fetch or list asks, while another program renames, moves and removes at random: what
// is gone there was removed here, and in the end all that was removed is gone.
func TestGoneAlike(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts postie for each way to lose files")
	}
	const letters = 120
	may := func(n int) bool { return n%7 == 0 }
	t.Run("sync", func(t *testing.T) {
		f := newFleet(t, dovecot.Options{})
		d := f.postie("alike", maildir.FS)
		f.put("INBOX", 0, letters)
		f.ok(f.client.Create("Work", nil).Wait())
		d.sync()
		alike(t, newRestless(t, may, d.maildir("INBOX"), d.maildir("Work")), func() { d.exits(exit.OK) }, func() []int {
			var all []int
			for _, h := range f.there("INBOX", "Work") {
				all = append(all, h.n)
			}
			return all
		}, "-c", d.config())
		d.equal()
		d.rests()
	})
	t.Run("fetch", func(t *testing.T) {
		server := pop3test.NewServer(pop3test.Options{})
		defer server.Close()
		var maildrop []pop3test.Message
		for n := range letters {
			maildrop = append(maildrop, pop3test.Message{Body: []byte(letter(n))})
		}
		server.SetMaildrop("alice", "secret", maildrop...)
		address, err := server.Listen()
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("PW", "secret")
		dir := maildir.Dir(filepath.Join(dovecot.Dir(t), "inbox"))
		fetch := func() {
			var out bytes.Buffer
			code := run([]string{"fetch", "pop3://alice@" + address, "--tls", "none", "--password-env", "PW", "--keep=until-deleted", "-d", string(dir)}, &out, &out)
			if server.Wait(); code != exit.OK {
				t.Errorf("exit code %d\n%s", code, &out)
			}
		}
		fetch()
		sub := maildir.Dir(filepath.Join(string(dir), ".Work"))
		if err := sub.Ensure(); err != nil {
			t.Fatal(err)
		}
		alike(t, newRestless(t, may, dir, sub), fetch, func() (all []int) {
			for _, m := range server.Maildrop("alice") {
				all = append(all, number(string(m.Body)))
			}
			return all
		}, "-d", string(dir))
	})
}

// alike lets a run and a list go on beside a restless program. there lists the letters on the server.
func alike(t *testing.T, r *restless, run1 func(), there func() []int, where ...string) {
	before := there()
	check := func(when string, exact bool) {
		t.Helper()
		left, gone := there(), r.removed() // what is gone there was removed before that
		for _, n := range before {
			here := !slices.Contains(gone, n)
			if slices.Contains(left, n) != here && (here || exact) {
				t.Errorf("%s: letter %d is there: %v, and here: %v", when, n, !here, here)
			}
		}
		for i, n := range slices.Sorted(slices.Values(left)) {
			if exact && i > 0 && slices.Sorted(slices.Values(left))[i-1] == n {
				t.Errorf("%s: letter %d is there twice", when, n)
			}
		}
	}
	stop, ended := make(chan struct{}), sync.WaitGroup{}
	chance := chance(t)
	ended.Go(func() { r.works(chance, stop) })
	for i := range rounds(4, 100) {
		run1()
		check(fmt.Sprint("round ", i), false)
		if listed := listedLetters(t, where); len(listed) < len(before)-len(r.removed()) {
			t.Errorf("round %d: %d are listed, of %d", i, len(listed), len(before)-len(r.removed()))
		}
	}
	close(stop)
	ended.Wait()
	run1()
	run1()
	check("in the end", true)
	want := slices.DeleteFunc(slices.Clone(before), func(n int) bool { return slices.Contains(r.removed(), n) })
	got := listedLetters(t, where)
	slices.Sort(want)
	if slices.Sort(got); !slices.Equal(got, want) || len(r.removed()) == 0 {
		t.Errorf("listed are %v, want %v; removed were %v", got, want, r.removed())
	}
}

// listedLetters are the letters that list names.
func listedLetters(t *testing.T, where []string) (all []int) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(append([]string{"list", "--json"}, where...), &out, &errs); code != exit.OK {
		t.Errorf("list: exit code %d\n%s", code, &errs)
	}
	for line := range strings.Lines(out.String()) {
		_, rest, ok := strings.Cut(line, `"subject":"letter `)
		if word, _, _ := strings.Cut(rest, `"`); ok {
			var n int
			fmt.Sscan(word, &n)
			all = append(all, n)
		}
	}
	return all
}
