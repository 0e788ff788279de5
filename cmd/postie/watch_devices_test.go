package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postie/cmd/postie/internal/exit"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// watcher is a `postie watch` in this process.
type watcher struct {
	*testing.T
	in    *interruption
	out   *output
	ended chan struct{}
	code  int
}

// output is what was printed so far.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// startWatch runs postie with arguments until stop, or until the test ends.
func startWatch(t *testing.T, args ...string) *watcher {
	ctx, cancel := context.WithCancelCause(context.Background())
	w := &watcher{T: t, in: &interruption{cancel: cancel}, out: &output{}, ended: make(chan struct{})}
	a := newApp(w.out, w.out, w.in)
	go func() {
		defer close(w.ended)
		w.code = a.main(ctx, append([]string{"watch"}, args...))
	}()
	t.Cleanup(func() {
		w.stop()
		if t.Failed() {
			t.Logf("watch said:\n%s", w.out)
		}
	})
	return w
}

// stop ends it as Ctrl-C does, and gives its exit code.
func (w *watcher) stop() int {
	w.Helper()
	w.in.ask()
	select {
	case <-w.ended:
	case <-time.After(time.Minute):
		w.Fatal("watch does not end")
	}
	return w.code
}

// watch keeps a device equal with the account all the time.
func (d *device) watch(args ...string) *watcher {
	return startWatch(d.T, append([]string{"-c", d.config()}, args...)...)
}

// eventually waits until something is so. The time is only for what would hang.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for limit := time.Now().Add(40 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("it never came true: %s", what)
		}
	}
}

// shows says whether a device has exactly that: "1:S 2: 3:F".
func (d *device) shows(mailbox, want string) func() bool {
	return func() bool {
		var all []string
		for e, err := range d.maildir(mailbox).Scan() {
			if err != nil {
				return false
			}
			content, err := os.ReadFile(d.maildir(mailbox).Path(e))
			if err != nil {
				return false // it was renamed meanwhile
			}
			all = append(all, fmt.Sprint(number(string(content)))+":"+e.Set.String())
		}
		slices.Sort(all)
		return strings.Join(all, " ") == want
	}
}

// Whatever happens on one device happens on the other, however the server lets one know.
func TestWatchDevices(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, capability string }{
		{"NOTIFY", ""},
		{"IDLE", "IMAP4rev1 LITERAL+ IDLE ENABLE NAMESPACE UIDPLUS LIST-EXTENDED LIST-STATUS CONDSTORE QRESYNC MOVE UNSELECT ESEARCH"},
		{"IDLE, no CONDSTORE", "IMAP4rev1 LITERAL+ IDLE NAMESPACE UIDPLUS MOVE"},
		{"polling", "IMAP4rev1 LITERAL+ ENABLE NAMESPACE UIDPLUS LIST-EXTENDED LIST-STATUS CONDSTORE QRESYNC MOVE UNSELECT ESEARCH"},
		{"polling, no CONDSTORE", "IMAP4rev1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, dovecot.Options{Notify: true, ListIndex: true, IMAPCapability: tt.capability})
			f.server.Deliver(t, "alice", []byte(letter(1)), []byte(letter(2)), []byte(letter(3)))
			a, b := f.postie("a", maildir.FS, `max_delete = "100%"`), f.postie("b", maildir.MaildirPlusPlus, `max_delete = "100%"`)
			wa, wb := a.watch("-v"), b.watch("-v")
			both := func(mailbox, want string) {
				t.Helper()
				eventually(t, "a has "+want+" in "+mailbox, a.shows(mailbox, want))
				eventually(t, "b has "+want+" in "+mailbox, b.shows(mailbox, want))
			}
			both("INBOX", "1: 2: 3:")
			a.rename(a.find("INBOX", 1), "S")
			both("INBOX", "1:S 2: 3:")
			b.rename(b.find("INBOX", 2), "FS")
			both("INBOX", "1:S 2:FS 3:")
			b.remove(b.find("INBOX", 3))
			both("INBOX", "1:S 2:FS")
			a.deliver("INBOX", 4, "")
			both("INBOX", "1:S 2:FS 4:")
			f.server.Deliver(t, "alice", []byte(letter(5)))
			both("INBOX", "1:S 2:FS 4: 5:")
			a.move(a.find("INBOX", 1), "Old")
			both("INBOX", "2:FS 4: 5:")
			both("Old", "1:S")
			b.rename(b.find("Old", 1), "RS")
			both("Old", "1:RS")
			for _, w := range []*watcher{wa, wb} {
				if code := w.stop(); code != exit.OK {
					t.Errorf("exit code %d", code)
				}
				if said := w.out.String(); strings.Contains(said, "postie:") || strings.Contains(said, "note:") {
					t.Errorf("trouble was told of:\n%s", said)
				}
			}
			for _, d := range []*device{a, b} { // it may have been stopped in the middle of a run
				d.sync()
				d.rests()
			}
		})
	}
}
