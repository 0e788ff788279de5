package retrieve

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"

	"postie/maildir"
	"postie/maildir/index"
	"postie/pop3"
	"postie/pop3/pop3test"
	"postie/testdata/dovecot"
	"postie/testdata/messages"
)

// password logs in by USER and PASS, or APOP.
type password string

func (p password) Login(context.Context, []string, string, *tls.ConnectionState) (sasl.Client, string, string, error) {
	return nil, "alice", string(p), nil
}

// world is a server, a Maildir, and the runs between them.
type world struct {
	testing.TB
	server  *pop3test.Server
	address string
	dir     maildir.Dir
	events  []Event
	now     time.Time
}

func newWorld(t testing.TB, o pop3test.Options, maildrop ...pop3test.Message) *world {
	w := &world{TB: t, server: pop3test.NewServer(o), dir: maildir.Dir(filepath.Join(dovecot.Dir(t), "inbox")), now: time.Now()}
	t.Cleanup(func() { w.server.Close() })
	w.server.SetMaildrop("alice", "secret", maildrop...)
	var err error
	if w.address, err = w.server.Listen(); err != nil {
		t.Fatal(err)
	}
	return w
}

// run does one run with a policy; change may alter its options.
func (w *world) run(p Policy, change ...func(*Options)) (Report, error) {
	w.Helper()
	return w.runIn(w.Context(), p, change...)
}

func (w *world) runIn(ctx context.Context, p Policy, change ...func(*Options)) (Report, error) {
	w.Helper()
	if err := w.dir.Ensure(); err != nil {
		w.Fatal(err)
	}
	var wanted Options
	for _, f := range change {
		f(&wanted)
	}
	store, err := index.Open(w.Context(), w.dir, &index.Options{Now: func() time.Time { return w.now }, Dry: wanted.DryRun})
	if err != nil {
		w.Fatal(err)
	}
	defer store.Close()
	w.events = nil
	o := options(w.server.Dial, store, w.dir)
	o.Policy = p
	o.Progress = func(e Event) { w.events = append(w.events, e) }
	o.Now = func() time.Time { return w.now }
	for _, f := range change {
		f(&o)
	}
	report, err := Run(ctx, o)
	w.server.Wait()
	return report, err
}

// ok is run where no error may come.
func (w *world) ok(p Policy, change ...func(*Options)) Report {
	w.Helper()
	report, err := w.run(p, change...)
	if err != nil {
		w.Fatal(err)
	}
	return report
}

func options(dial func(context.Context) (net.Conn, error), store *index.Store, dir maildir.Dir) Options {
	return Options{Maildrop: index.Login{User: "alice", Host: "test"}, Store: store, Dir: dir,
		POP3: pop3.Options{Dial: dial, Login: password("secret"), Idle: 20 * time.Second}}
}

// local is what lies in a Maildir: how often each content.
func local(t testing.TB, dir maildir.Dir) map[string]int {
	t.Helper()
	found := map[string]int{}
	for e, err := range dir.Scan() {
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(dir.Path(e))
		if err != nil {
			t.Fatal(err)
		}
		found[string(content)]++
	}
	return found
}

// stored is what a maildrop should become.
func stored(maildrop []pop3test.Message) map[string]int {
	want := map[string]int{}
	for _, m := range maildrop {
		want[lf(m.Body)]++
	}
	return want
}

func lf(body []byte) string { return strings.ReplaceAll(string(wire(body)), "\r\n", "\n") }

// wire is what a message becomes on its way: the server has to end the last line (RFC 1939 section 3).
func wire(body []byte) []byte {
	if len(body) == 0 || bytes.HasSuffix(body, []byte("\r\n")) {
		return body
	}
	return append(slices.Clone(body), "\r\n"...)
}

func (w *world) holds(want map[string]int) {
	w.Helper()
	got := local(w, w.dir)
	if !maps.Equal(got, want) {
		for content, n := range want {
			if got[content] != n {
				w.Errorf("%d times, want %d: %.60q", got[content], n, content)
			}
		}
		for content, n := range got {
			if want[content] == 0 {
				w.Errorf("%d times, want none: %.60q", n, content)
			}
		}
		w.FailNow()
	}
}

// commands counts what the server was asked since the last call.
func (w *world) commands() map[string]int {
	count := map[string]int{}
	for _, c := range w.server.Commands() {
		verb, _, _ := strings.Cut(c.Line, " ")
		count[verb]++
	}
	w.server.ResetLog()
	return count
}

func samples() (maildrop []pop3test.Message) {
	for _, s := range messages.All() {
		maildrop = append(maildrop, pop3test.Message{Body: s.Wire, UIDL: s.Name})
	}
	return maildrop
}

// few are small messages with Message-IDs, to make many runs with.
func few(n int) (maildrop []pop3test.Message) {
	for i := range n {
		text := fmt.Sprintf("Message-ID: <%d@example.test>\r\nSubject: message %d\r\n\r\n.dots\r\n%s\r\n", i, i, strings.Repeat("x", i))
		maildrop = append(maildrop, pop3test.Message{Body: []byte(text), UIDL: fmt.Sprint("uidl", i)})
	}
	return maildrop
}

func TestSamplesArriveAsTheyAre(t *testing.T) {
	for name, without := range map[string][]string{"all capabilities": nil, "no pipelining": {"PIPELINING"},
		"RFC 1081": {"CAPA", "PIPELINING", "TOP", "UIDL", "APOP", "SASL"}} {
		t.Run(name, func(t *testing.T) {
			maildrop := samples()
			w := newWorld(t, pop3test.Options{Without: without}, maildrop...)
			report := w.ok(Policy{})
			if report.New != len(maildrop) || report.Deleted != len(maildrop) || report.Failed != 0 {
				t.Errorf("report: %+v", report)
			}
			w.holds(stored(maildrop))
			if left := w.server.Maildrop("alice"); len(left) != 0 {
				t.Errorf("%d messages are still on the server", len(left))
			}
			if again := w.ok(Policy{}); again.New+again.Deleted != 0 {
				t.Errorf("second run: %+v", again)
			}
			w.holds(stored(maildrop))
		})
	}
}

func TestIndexKnowsWhatCame(t *testing.T) {
	maildrop := samples()
	w := newWorld(t, pop3test.Options{}, maildrop...)
	w.ok(Policy{})
	seen := 0
	for _, e := range w.events {
		s, ok := e.(Stored)
		if !ok {
			continue
		}
		seen++
		i := slices.IndexFunc(maildrop, func(m pop3test.Message) bool { return m.UIDL == s.Item.UIDL })
		if s.Message.ID == 0 || s.Message.Wire.Size != int64(len(wire(maildrop[i].Body))) {
			t.Errorf("%s: %+v", s.Item.UIDL, s.Message)
		}
		if s.Item.UIDL == "plain" && (s.Message.Summary.Subject == "" || s.Message.Summary.From == "") {
			t.Errorf("no summary: %+v", s.Message.Summary)
		}
	}
	if seen != len(maildrop) {
		t.Errorf("%d messages were told, want %d", seen, len(maildrop))
	}
}

func TestKeep(t *testing.T) {
	keep := Policy{Keep: Keep{Mode: Forever}}
	w := newWorld(t, pop3test.Options{}, few(5)...)
	w.ok(keep)
	w.commands()
	report := w.ok(keep)
	if got := w.commands(); report.New != 0 || report.Known != 5 || got["RETR"]+got["TOP"]+got["DELE"] != 0 {
		t.Errorf("second run: %+v, %v", report, got)
	}
	w.server.Append("alice", few(6)[5])
	if report := w.ok(keep); report.New != 1 || w.commands()["RETR"] != 1 {
		t.Errorf("one new message: %+v", report)
	}

	days := Policy{Keep: Keep{Mode: For, Age: 14 * 24 * time.Hour}}
	w.now = w.now.AddDate(0, 0, 13)
	if report := w.ok(days); report.Deleted != 0 {
		t.Errorf("after 13 days: %+v", report)
	}
	w.now = w.now.AddDate(0, 0, 2)
	report = w.ok(days)
	if got := w.commands(); report.Deleted != 6 || got["RETR"] != 0 || got["TOP"] != 6 {
		t.Errorf("after 15 days: %+v, %v", report, got)
	}
	w.holds(stored(few(6)))
}

func TestUntilDeleted(t *testing.T) {
	until := Policy{Keep: Keep{Mode: UntilDeleted}, MaxDelete: .3}
	w := newWorld(t, pop3test.Options{}, few(5)...)
	w.ok(until)
	victims := w.keys()
	remove := func(n int) {
		for _, e := range victims[:n] {
			if err := w.dir.Remove(e); err != nil {
				t.Fatal(err)
			}
		}
		victims = victims[n:]
	}
	remove(1)
	if report := w.ok(until); report.Deleted != 1 || len(w.server.Maildrop("alice")) != 4 {
		t.Fatalf("one deleted here: %+v", report)
	}
	// Read, flagged, renamed, moved to a subfolder: all still here.
	sub := maildir.Dir(filepath.Join(string(w.dir), ".Archive"))
	if err := sub.Ensure(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.dir.SetFlags(victims[0], maildir.FlagSeen, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := w.dir.MoveTo(victims[1], sub); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(w.dir.Path(victims[2]), filepath.Join(string(sub), "cur", "another-name:2,S")); err != nil {
		t.Fatal(err)
	}
	if report := w.ok(until); report.Deleted != 0 {
		t.Fatalf("flagged, moved, renamed: %+v", report)
	}
	victims = w.keys()
	remove(len(victims))
	if err := os.RemoveAll(string(sub)); err != nil {
		t.Fatal(err)
	}
	w.server.Append("alice", few(6)[5])
	report, err := w.run(until)
	if !errors.As(err, new(*Guard)) || report.New+report.Deleted != 0 || len(w.server.Maildrop("alice")) != 5 {
		t.Fatalf("emptied: %+v, %v", report, err)
	}
	until.AllowMassDelete = true
	if report := w.ok(until); report.New != 1 || report.Deleted != 4 {
		t.Fatalf("emptied, allowed: %+v", report)
	}
}

func (w *world) keys() (all []maildir.Entry) {
	for e, err := range w.dir.Scan() {
		if err != nil {
			w.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func TestRenumbered(t *testing.T) {
	keep := Policy{Keep: Keep{Mode: Forever}}
	maildrop := few(5)
	w := newWorld(t, pop3test.Options{}, maildrop...)
	w.ok(keep)
	renumbered := few(6)
	for i := range renumbered {
		renumbered[i].UIDL = fmt.Sprint("other", i)
	}
	w.server.SetMaildrop("alice", "secret", renumbered...)
	w.commands()
	report := w.ok(keep)
	if got := w.commands(); report.New != 1 || report.Matched != 5 || got["RETR"] != 1 {
		t.Errorf("renumbered: %+v, %v", report, got)
	}
	if report := w.ok(keep); report.Known != 6 || w.commands()["TOP"] != 0 {
		t.Errorf("afterwards: %+v", report)
	}
	// What was matched by content alone is read before it is deleted.
	report = w.ok(Policy{})
	if got := w.commands(); report.New != 0 || report.Deleted != 6 || got["RETR"] != 5 {
		t.Errorf("deleting: %+v, %v", report, got)
	}
	w.holds(stored(renumbered))
}

// A UIDL that comes again with another message, of the same size even, is never deleted unread.
func TestReusedUIDL(t *testing.T) {
	first := pop3test.Message{UIDL: "1", Body: []byte("Message-ID: <a@test>\r\n\r\none\r\n")}
	second := pop3test.Message{UIDL: "1", Body: []byte("Message-ID: <b@test>\r\n\r\ntwo\r\n")}
	for _, without := range [][]string{nil, {"TOP"}} {
		w := newWorld(t, pop3test.Options{Without: without}, first)
		w.ok(Policy{})
		w.server.SetMaildrop("alice", "secret", second)
		if report := w.ok(Policy{}); report.New != 1 || report.Deleted != 1 {
			t.Errorf("without %v: %+v", without, report)
		}
		w.holds(stored([]pop3test.Message{first, second}))
	}
}

func TestTwinUIDLs(t *testing.T) {
	maildrop := few(4)
	for i := range maildrop {
		maildrop[i].UIDL = "same"
	}
	maildrop = append(maildrop, maildrop[0]) // and one that is equal altogether
	w := newWorld(t, pop3test.Options{}, maildrop...)
	w.ok(Policy{Keep: Keep{Mode: Forever}})
	w.holds(stored(maildrop))
	if report := w.ok(Policy{Keep: Keep{Mode: Forever}}); report.New != 0 || report.Known != 5 {
		t.Errorf("kept: %+v", report)
	}
	if report := w.ok(Policy{}); report.New != 0 || report.Deleted != 5 {
		t.Errorf("deleted: %+v", report)
	}
	w.holds(stored(maildrop))
}

// A server that lies about sizes, differently each time, as some do: nothing doubled, nothing lost.
func TestSizesThatDrift(t *testing.T) {
	maildrop := few(3)
	w := newWorld(t, pop3test.Options{}, maildrop...)
	keep := Policy{Keep: Keep{Mode: Forever}}
	w.ok(keep)
	for i := range maildrop {
		maildrop[i].Size = 1000
	}
	w.server.SetMaildrop("alice", "secret", maildrop...)
	if report := w.ok(keep); report.New != 0 || report.Matched != 3 {
		t.Errorf("drifted: %+v", report)
	}
	if report := w.ok(keep); report.Known != 3 {
		t.Errorf("afterwards: %+v", report)
	}
	w.holds(stored(few(3)))
}

func TestDatabaseLost(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"removed": os.Remove,
		"garbage": func(path string) error { return os.WriteFile(path, []byte("this was a database once"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			maildrop := few(6)
			w := newWorld(t, pop3test.Options{}, maildrop[:5]...)
			keep := Policy{Keep: Keep{Mode: Forever}}
			w.ok(keep)
			for _, e := range w.keys() { // read in the meantime
				if _, err := w.dir.SetFlags(e, maildir.FlagSeen, ""); err != nil {
					t.Fatal(err)
				}
			}
			if err := spoil(filepath.Join(string(w.dir), ".postie.db")); err != nil {
				t.Fatal(err)
			}
			w.server.Append("alice", maildrop[5])
			w.commands()
			report := w.ok(keep)
			if got := w.commands(); report.New != 1 || report.Matched != 5 || got["RETR"] != 1 || got["DELE"] != 0 {
				t.Errorf("%+v, %v", report, got)
			}
			w.holds(stored(maildrop))
			// Matching by content never licenses a deletion: all are read before they are deleted.
			report = w.ok(Policy{})
			if got := w.commands(); report.New != 0 || report.Deleted != 6 || got["RETR"] != 5 {
				t.Errorf("deleting: %+v, %v", report, got)
			}
			w.holds(stored(maildrop))
		})
	}
}

// Same size and header, another body: only the whole message tells.
func TestDatabaseLostAndBodyDiffers(t *testing.T) {
	here := pop3test.Message{UIDL: "1", Body: []byte("Message-ID: <a@test>\r\n\r\none\r\n")}
	there := pop3test.Message{UIDL: "2", Body: []byte("Message-ID: <a@test>\r\n\r\ntwo\r\n")}
	w := newWorld(t, pop3test.Options{}, here)
	w.ok(Policy{})
	if err := os.Remove(filepath.Join(string(w.dir), ".postie.db")); err != nil {
		t.Fatal(err)
	}
	w.server.SetMaildrop("alice", "secret", there)
	if report := w.ok(Policy{}); report.New != 1 || report.Deleted != 1 {
		t.Errorf("%+v", report)
	}
	w.holds(stored([]pop3test.Message{here, there}))
}

func TestMaxSizeAndLimit(t *testing.T) {
	large := pop3test.Message{UIDL: "large", Body: []byte("Subject: large\r\n\r\n" + strings.Repeat("x", 1000) + "\r\n")}
	maildrop := append(few(5), large)
	w := newWorld(t, pop3test.Options{}, maildrop...)
	if report := w.ok(Policy{MaxSize: 500, Limit: 3}); report.New != 3 || report.Later != 2 || report.Skipped != 1 || report.Deleted != 3 {
		t.Errorf("first: %+v", report)
	}
	if report := w.ok(Policy{MaxSize: 500, Limit: 3}); report.New != 2 || report.Skipped != 1 {
		t.Errorf("second: %+v", report)
	}
	if len(w.server.Maildrop("alice")) != 1 {
		t.Error("the large one is gone")
	}
	w.ok(Policy{})
	w.holds(stored(maildrop))
}

func TestDryRunChangesNothing(t *testing.T) {
	w := newWorld(t, pop3test.Options{}, few(3)...)
	report := w.ok(Policy{}, func(o *Options) { o.DryRun = true })
	if len(report.Plan.Ops) != 3 || report.New != 0 {
		t.Errorf("%+v", report)
	}
	w.holds(map[string]int{})
	if got := w.commands(); got["RETR"]+got["DELE"] != 0 || len(w.server.Maildrop("alice")) != 3 {
		t.Errorf("commands: %v", got)
	}
	if report := w.ok(Policy{}); report.New != 3 {
		t.Errorf("the real run: %+v", report)
	}
}

// A message that fails, wherever it fails, does not stop the others, and stays on the server.
func TestOneMessageFails(t *testing.T) {
	refused := func(command string) func(string, string) string {
		return func(_, c string) string {
			if c == command {
				return "this one not"
			}
			return ""
		}
	}
	tests := map[string]struct {
		server pop3test.Options
		step   func(*testing.T) func(string)
		stored int // of five, in the first run
	}{
		"RETR refused": {server: pop3test.Options{Refuse: refused("RETR 2")}, stored: 4},
		"DELE refused": {server: pop3test.Options{Refuse: refused("DELE 2")}, stored: 5},
		"not durable":  {step: spoiler("fsync"), stored: 4},
		"no name":      {step: spoiler("rename"), stored: 4},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tt.server, few(5)...)
			report := w.ok(Policy{}, func(o *Options) {
				if tt.step != nil {
					o.Step = tt.step(t)
				}
			})
			if report.New != tt.stored || report.Failed != 1 || report.Deleted != 4 || len(w.server.Maildrop("alice")) != 1 {
				t.Errorf("%+v", report)
			}
			if !slices.ContainsFunc(w.events, func(e Event) bool { _, ok := e.(Failed); return ok }) {
				t.Error("the failure was not told")
			}
			if tt.step != nil {
				w.ok(Policy{})
				w.holds(stored(few(5)))
			}
		})
	}
}

// spoiler takes the third file away just before a step that needs it.
func spoiler(verb string) func(*testing.T) func(string) {
	return func(t *testing.T) func(string) {
		n := 0
		return func(step string) {
			if path, ok := strings.CutPrefix(step, verb+" "); ok {
				if n++; n == 3 {
					key := maildir.KeyOf(filepath.Base(path))
					if err := os.Remove(filepath.Join(filepath.Dir(filepath.Dir(path)), "tmp", string(key))); err != nil {
						t.Error(err)
					}
				}
			}
		}
	}
}

func TestSecondRunAtTheSameTime(t *testing.T) {
	w := newWorld(t, pop3test.Options{}, few(1)...)
	w.ok(Policy{}, func(o *Options) {
		o.Step = func(string) {
			o.Step = nil
			_, err := Run(t.Context(), options(w.server.Dial, o.Store, o.Dir))
			if !errors.As(err, new(*index.Locked)) {
				t.Errorf("second run: %v", err)
			}
		}
	})
}

// Two accounts fill one Maildir side by side.
func TestSharedMaildir(t *testing.T) {
	a, b := few(300), few(600)[300:]
	w := newWorld(t, pop3test.Options{}, a...)
	other := pop3test.NewServer(pop3test.Options{})
	defer other.Close()
	other.SetMaildrop("alice", "secret", b...)
	if _, err := other.Listen(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	w.ok(Policy{}, func(o *Options) {
		o.Batch = 16
		second := *o
		second.Maildrop.Host, second.POP3.Dial, second.Progress = "other", other.Dial, nil
		var once sync.Once
		o.Step = func(string) { // in the middle of the first run the second one begins
			once.Do(func() {
				go func() {
					_, err := Run(t.Context(), second)
					done <- err
				}()
			})
		}
	}, func(o *Options) {
		step := o.Step
		o.Step = func(name string) {
			if step(name); name == "quit" { // the second one comes to its end before the first
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
		}
	})
	w.holds(stored(append(a, b...)))
}

// An interrupted run keeps what came in whole, and hangs up at once.
func TestInterrupted(t *testing.T) {
	w := newWorld(t, pop3test.Options{Latency: time.Millisecond}, few(200)...)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	n := 0
	report, err := w.runIn(ctx, Policy{}, func(o *Options) {
		o.Batch = 1000
		o.Progress = func(e Event) {
			if _, ok := e.(Fetched); ok {
				if n++; n == 50 {
					cancel(stop)
				}
			}
		}
	})
	if !errors.Is(err, stop) || report.New < 50 || report.New == 200 || report.Deleted != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	if again := w.ok(Policy{}); again.New != 200-report.New || again.Deleted != 200 {
		t.Errorf("again: %+v after %+v", again, report)
	}
	w.holds(stored(few(200)))
}

// A huge message passes through in a stream.
func TestLargeMessage(t *testing.T) {
	const size = 30 << 20
	large := pop3test.Message{UIDL: "large", Open: func() io.Reader { return messages.Large(size) }}
	w := newWorld(t, pop3test.Options{}, large)
	if report := w.ok(Policy{}); report.New != 1 {
		t.Fatalf("%+v", report)
	}
	f, err := os.Open(w.dir.Path(w.keys()[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := maildir.WireOf(f)
	if err != nil {
		t.Fatal(err)
	}
	want, err := maildir.WireOf(messages.Large(size))
	if err != nil || got.Hash != want.Hash || got.Size != want.Size {
		t.Errorf("%d octets came, want %d, %v", got.Size, want.Size, err)
	}
}

// A first run that was cut short is no excuse to take a second copy of a message for the first one.
func TestEqualMessagesAfterACut(t *testing.T) {
	one := few(1)[0]
	two := one
	two.UIDL = "twin"
	w := newWorld(t, pop3test.Options{Without: []string{"PIPELINING"}}, one, two)
	w.server.SetFault(pop3test.Fault{On: pop3test.Replies, After: 8})
	report, err := w.run(Policy{})
	if err == nil || report.New != 1 {
		t.Fatalf("the cut came elsewhere: %+v, %v; %v", report, err, w.server.Commands())
	}
	w.server.SetFault(pop3test.Fault{})
	if report := w.ok(Policy{}); report.New != 1 || report.Deleted != 2 {
		t.Errorf("%+v", report)
	}
	w.holds(stored([]pop3test.Message{one, two}))
}
