package verify

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postie/maildir"
	"postie/maildir/index"
)

// root is a Maildir with messages that the index knows.
type root struct {
	*testing.T
	dir   maildir.Dir
	store *index.Store
}

func newRoot(t *testing.T, n int) *root {
	t.Helper()
	r := &root{T: t, dir: maildir.Dir(t.TempDir())}
	r.ok(r.dir.Ensure())
	for i := range n {
		r.write(fmt.Sprintf("new/%d.x.host", i), letter(i))
	}
	var err error
	r.store, err = index.Open(t.Context(), r.dir, nil)
	r.ok(err)
	t.Cleanup(func() { r.store.Close() })
	_, err = r.store.Refresh(t.Context())
	r.ok(err)
	return r
}

func letter(n int) string {
	return fmt.Sprintf("Message-ID: <%d@x>\nSubject: letter %d\n\n%s", n, n, strings.Repeat("text\n", 40+n%7))
}

func (r *root) ok(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *root) path(rel string) string { return filepath.Join(string(r.dir), rel) }

func (r *root) write(rel, text string) {
	r.Helper()
	r.ok(os.MkdirAll(filepath.Dir(r.path(rel)), 0o700))
	r.ok(os.WriteFile(r.path(rel), []byte(text), 0o600))
}

// verify gives what Local says, without what is the same in all cases.
func (r *root) verify(sample Sample) (said []string, c Counts) {
	r.Helper()
	c, err := Local(context.Background(), Options{Store: r.store, Root: string(r.dir), Layout: maildir.MaildirPlusPlus}, &sample, func(d Difference) error {
		said = append(said, fmt.Sprintf("%s %s %s %s", d.Kind, d.Mailbox, d.Message.Summary.Subject, d.Detail))
		return nil
	}, nil)
	r.ok(err)
	slices.Sort(said)
	return said, c
}

func TestLocal(t *testing.T) {
	for name, tt := range map[string]struct {
		do   func(r *root)
		want []string
	}{
		"nothing": {func(r *root) {}, nil},
		"a flipped bit": {func(r *root) { r.write("new/3.x.host", strings.Replace(letter(3), "text", "tezt", 1)) },
			[]string{"damaged INBOX letter 3 its octets are others"}},
		"NULs in place of text": {func(r *root) { r.write("new/3.x.host", strings.Repeat("\x00", len(letter(3)))) },
			[]string{"damaged INBOX letter 3 it has 252 octets in place of 298"}},
		"cut":     {func(r *root) { r.ok(os.Truncate(r.path("new/4.x.host"), 100)) }, []string{"damaged INBOX letter 4 it has 115 octets in place of 304"}},
		"empty":   {func(r *root) { r.ok(os.Truncate(r.path("new/4.x.host"), 0)) }, []string{"damaged INBOX letter 4 it has 0 octets in place of 304"}},
		"longer":  {func(r *root) { r.write("new/3.x.host", letter(3)+"more\n") }, []string{"damaged INBOX letter 3 it has 304 octets in place of 298"}},
		"missing": {func(r *root) { r.ok(os.Remove(r.path("new/5.x.host"))) }, []string{"missing_here INBOX letter 5 its file is gone"}},
		"another key": {func(r *root) { r.ok(os.Rename(r.path("new/5.x.host"), r.path("cur/other.x:2,S"))) },
			[]string{"other_key INBOX letter 5 its file was 5.x.host and is other.x"}},
		"flags, which are no matter": {func(r *root) { r.ok(os.Rename(r.path("new/5.x.host"), r.path("cur/5.x.host:2,FS"))) }, nil},
		"moved": {func(r *root) {
			r.write(".Old/cur/.keep", "")
			r.ok(os.Mkdir(r.path(".Old/new"), 0o700))
			r.ok(os.Rename(r.path("new/5.x.host"), r.path(".Old/cur/5.x.host:2,S")))
		}, []string{"not_pushed INBOX letter 5 moved here to .Old"}},
		"moved under another key, and damaged there": {func(r *root) {
			r.write(".Old/cur/9.x:2,", strings.Replace(letter(5), "text", "tezt", 1))
			r.ok(os.Remove(r.path("new/5.x.host")))
		}, []string{"missing_here INBOX letter 5 its file is gone", "unknown_file .Old  the index does not know this file"}},
		"unknown": {func(r *root) { r.write("new/6.y", letter(6)) }, []string{"unknown_file INBOX  the index does not know this file"}},
		"twins":   {func(r *root) { r.write("cur/5.x.host:2,S", letter(5)) }, []string{"unknown_file INBOX  the index does not know this file"}},
		"exchanged": {func(r *root) {
			r.ok(os.Rename(r.path("new/5.x.host"), r.path("new/z")))
			r.ok(os.Rename(r.path("new/6.x.host"), r.path("new/5.x.host")))
			r.ok(os.Rename(r.path("new/z"), r.path("new/6.x.host")))
		}, []string{"damaged INBOX letter 5 it has 316 octets in place of 310", "damaged INBOX letter 6 it has 310 octets in place of 316"}},
		"a folder in place of a file": {func(r *root) {
			r.ok(os.Remove(r.path("new/5.x.host")))
			r.ok(os.Mkdir(r.path("new/5.x.host"), 0o700))
		}, []string{"unreadable INBOX letter 5 read message: "}},
		"all is gone": {func(r *root) { r.ok(os.RemoveAll(r.path("new"))); r.ok(os.Mkdir(r.path("new"), 0o700)) }, []string{
			"missing_here INBOX letter 0 its file is gone", "missing_here INBOX letter 1 its file is gone", "missing_here INBOX letter 2 its file is gone",
			"missing_here INBOX letter 3 its file is gone", "missing_here INBOX letter 4 its file is gone", "missing_here INBOX letter 5 its file is gone",
			"missing_here INBOX letter 6 its file is gone", "missing_here INBOX letter 7 its file is gone"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoot(t, 8)
			tt.do(r)
			said, c := r.verify(Sample{})
			if name == "a folder in place of a file" {
				for i := range said {
					said[i], _, _ = strings.Cut(said[i], "open")
					said[i], _, _ = strings.Cut(said[i], string(r.dir))
				}
			}
			if !slices.Equal(said, tt.want) {
				t.Errorf("said %q, want %q", said, tt.want)
			}
			if c.Messages != 8 || c.Faults+c.Waiting != len(said) || len(tt.want) == 0 && (c.Files != 8 || c.Unhashed > 0) {
				t.Errorf("%+v", c)
			}
		})
	}
}

// What has no hash, and what another program compressed, is counted and never called sound.
func TestUnhashed(t *testing.T) {
	r := newRoot(t, 3)
	r.write("new/1.x.host", "\x1f\x8b\x08 and so on")
	ms, err := r.store.Select(t.Context(), "", "m.id > 0 ORDER BY m.id")
	r.ok(err)
	old := ms[2]
	old.ID, old.Wire.Exact = 0, false
	d := judgeOf(old, old.Wire)
	if said, c := r.verify(Sample{}); len(said) != 0 || c.Unhashed != 1 || c.Files != 2 || d != "unhashed" {
		t.Errorf("%q, %+v, %s", said, c, d)
	}
}

func judgeOf(m index.Message, is maildir.Wire) string {
	sound, detail := judge(m.Wire, [32]byte{}, is)
	switch {
	case sound:
		return "sound"
	case detail == "":
		return "unhashed"
	}
	return detail
}

// A sample is as large as was asked for, the same for a seed, and another one for another; what is missing is told of all.
func TestSample(t *testing.T) {
	r := newRoot(t, 60)
	r.ok(os.Remove(r.path("new/7.x.host")))
	picks := map[string]bool{}
	for seed := range uint64(5) {
		s := Sample{N: 10, Seed: seed}
		r.ok(s.Pick(t.Context(), r.store))
		again := Sample{N: 10, Seed: seed}
		r.ok(again.Pick(t.Context(), r.store))
		if len(s.picked) != 10 || fmt.Sprint(s.picked) != fmt.Sprint(again.picked) {
			t.Errorf("%v, then %v", s.picked, again.picked)
		}
		picks[fmt.Sprint(s.picked)] = true
		if said, c := r.verify(s); len(said) != 1 || c.Files > 10 || c.Files < 9 {
			t.Errorf("%q, %+v", said, c)
		}
	}
	if len(picks) != 5 {
		t.Errorf("5 seeds gave %d samples", len(picks))
	}
}

// While others rename files all the time nothing is said to be missing.
func TestRestless(t *testing.T) {
	r := newRoot(t, 40)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			e := r.path(fmt.Sprintf("new/%d.x.host", n%40))
			f := r.path(fmt.Sprintf("cur/%d.x.host:2,S", n%40))
			if os.Rename(e, f) != nil {
				os.Rename(f, e)
			}
			time.Sleep(time.Millisecond)
		}
	}()
	for range 5 {
		_, err := Local(t.Context(), Options{Store: r.store, Root: string(r.dir), Layout: maildir.MaildirPlusPlus}, &Sample{}, func(d Difference) error {
			t.Errorf("said %s %s %s", d.Kind, d.Path, d.Detail)
			return nil
		}, nil)
		if err != nil && err != ErrRestless {
			t.Error(err)
		}
	}
	close(stop)
	<-stopped
}
