package retrieve

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"postie/maildir"
	"postie/maildir/index"
	"postie/pop3/pop3test"
	"postie/testdata/victim"
)

// A run that is to be killed is this test binary again, told by the environment.
const (
	envStep    = "POSTIE_TEST_KILL_AT" // number of the step before which the process kills itself
	envAddress = "POSTIE_TEST_SERVER"
	envDir     = "POSTIE_TEST_MAILDIR"
)

func TestMain(m *testing.M) { victim.Main(m, map[string]func() error{"fetch": killedFetch}) }

// killedFetch is a run that ends by SIGKILL just before a step, as if the power of the process were cut there.
func killedFetch() error {
	last, err := strconv.Atoi(os.Getenv(envStep))
	if err != nil {
		return err
	}
	dir := maildir.Dir(os.Getenv(envDir))
	if err := dir.Ensure(); err != nil {
		return err
	}
	store, err := index.Open(context.Background(), dir, nil)
	if err != nil {
		return err
	}
	o := options(func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", os.Getenv(envAddress))
	}, store, dir)
	o.Batch = 2
	o.Step = victim.Before(last)
	if _, err := Run(context.Background(), o); err != nil {
		return err
	}
	return store.Close()
}

// killed runs a fetch that kills itself, and says whether it was killed; false: it came to its end.
func (w *world) killed(step int) bool {
	w.Helper()
	_, killed, err := victim.Run(victim.Command("fetch", fmt.Sprint(envStep, "=", step), envAddress+"="+w.address, envDir+"="+string(w.dir)))
	w.server.Wait()
	if err != nil {
		w.Fatalf("step %d: %v", step, err)
	}
	return killed
}

func crashServers() map[string]pop3test.Options {
	return map[string]pop3test.Options{
		"all capabilities": {},
		"without TOP":      {Without: []string{"TOP"}},
		"without UIDL":     {Without: []string{"UIDL", "PIPELINING"}},
	}
}

// Killed with -9 before every single step, and run again: nothing is missing, nothing is doubled, the server is empty.
func TestKilledAtEveryStep(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts a process for each step")
	}
	maildrop := few(5)
	for name, o := range crashServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			step := 1
			for ; ; step++ {
				w := newWorld(t, o, maildrop...)
				if !w.killed(step) {
					break
				}
				w.recovers(maildrop, fmt.Sprint("step ", step))
			}
			if step < 29 {
				t.Errorf("only %d steps", step)
			}
		})
	}
}

// And killed again while it recovers.
func TestKilledTwice(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it runs the process again some hundred times")
	}
	maildrop := few(3)
	for first := 2; ; first += 3 {
		for second := 1; ; second++ {
			w := newWorld(t, pop3test.Options{}, maildrop...)
			if !w.killed(first) {
				return
			}
			if !w.killed(second) {
				break
			}
			w.recovers(maildrop, fmt.Sprintf("steps %d and %d", first, second))
		}
	}
}

// recovers demands that one more run ends as if nothing had happened.
func (w *world) recovers(maildrop []pop3test.Message, when string) {
	w.Helper()
	if _, err := w.run(Policy{}); err != nil {
		w.Fatalf("%s: %v", when, err)
	}
	if left := w.server.Maildrop("alice"); len(left) != 0 {
		w.Fatalf("%s: %d messages are still on the server", when, len(left))
	}
	got, want := local(w, w.dir), stored(maildrop)
	for content := range want {
		if got[content] != want[content] {
			w.Fatalf("%s: %d times, want %d: %q", when, got[content], want[content], content)
		}
	}
	if len(got) != len(want) {
		w.Fatalf("%s: %d messages, want %d", when, len(got), len(want))
	}
}

// The connection is cut after every single octet that the server writes, and after every reply: run again, and
// nothing is missing, nothing is doubled.
func TestCutEverywhere(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it cuts some thousand sessions")
	}
	for name, o := range crashServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			maildrop := few(3)
			cuts := 0
			for _, on := range []pop3test.Event{pop3test.Replies, pop3test.Octets} {
				stride := int64(1)
				if on == pop3test.Octets {
					maildrop = few(2) // more sessions are cut for each message that there is
				}
				if on == pop3test.Octets && name != "all capabilities" {
					stride = 7 // the octets are the same, but for what is missing
				}
				for after := int64(0); ; after += stride {
					w := newWorld(t, o, maildrop...)
					w.server.SetFault(pop3test.Fault{On: on, After: after})
					report, err := w.run(Policy{})
					if w.server.Cuts() == 0 {
						break
					}
					cuts++ // of the first session at least; a message at which it breaks is asked for in another one
					if left := len(w.server.Maildrop("alice")); report.Deleted > len(maildrop)-left || err == nil && report.Failed == 0 && left > 0 && name != "without UIDL" {
						t.Fatalf("cut %d: %d reported as deleted, %d are left, %v", after, report.Deleted, left, err)
					}
					w.server.SetFault(pop3test.Fault{})
					w.recovers(maildrop, fmt.Sprintf("cut %d/%d (%v)", on, after, err))
					os.RemoveAll(string(w.dir))
				}
			}
			if cuts < 70 || name == "all capabilities" && cuts < 400 {
				t.Errorf("only %d cuts", cuts)
			}
		})
	}
}

// What fsync promises is only worth something in this order: content before name, name before the ledger says stored,
// that before DELE, QUIT before gone.
func TestOrderOfSteps(t *testing.T) {
	w := newWorld(t, pop3test.Options{}, few(2)...)
	var steps []string
	w.ok(Policy{}, func(o *Options) {
		o.Step = func(step string) {
			verb, rest, _ := strings.Cut(step, " ")
			if verb == "ledger" {
				verb += " " + rest
			}
			steps = append(steps, verb)
		}
	})
	const want = "ledger resume,ledger match,fsync,fsync,ledger arriving,rename,rename,fsync-dir,ledger stored,dele,dele,quit,ledger gone"
	if got := strings.Join(steps, ","); got != want {
		t.Errorf("steps %s\nwant  %s", got, want)
	}
}

// Killed with -9 at a durable step while files are renamed here and mail comes there: 20 rounds, 300 with POSTIE_TEST_LONG=1.
func TestKilledBesideChanges(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts a process for each kill")
	}
	t.Parallel()
	rounds := 20
	if os.Getenv("POSTIE_TEST_LONG") != "" {
		rounds = 300
	}
	w := newWorld(t, pop3test.Options{})
	random := rand.New(rand.NewPCG(1, 2))
	all, kills, renames := few(10*rounds), 0, 0
	next := 0
	come := func(n int) {
		n = min(n, len(all)-next)
		w.server.Append("alice", all[next:next+n]...)
		next += n
	}
	for round := range rounds {
		come(3)
		end := make(chan bool, 1)
		go func() {
			killed := false
			defer func() { end <- killed }() // also when the test is over
			killed = w.killed(1 + (round*5)%23)
		}()
		for running := true; running; {
			select {
			case killed := <-end:
				if running = false; killed {
					kills++
				}
			default:
				renames += w.renameOne(random)
				if random.IntN(20) == 0 && next < 10*(round+1) {
					come(1)
				}
			}
		}
		if round%5 == 4 {
			w.recovers(all[:next], fmt.Sprint("round ", round))
		}
	}
	w.recovers(all[:next], "in the end")
	t.Logf("%d kills, %d renames beside them", kills, renames)
	if kills < rounds/2 || renames == 0 {
		t.Errorf("only %d kills, %d renames", kills, renames)
	}
}

// renameOne gives a file of the Maildir other flags, and says how many it renamed.
func (w *world) renameOne(random *rand.Rand) int {
	sub := []string{"new", "cur"}[random.IntN(2)]
	files, _ := os.ReadDir(filepath.Join(string(w.dir), sub))
	if len(files) == 0 {
		return 0
	}
	name := files[random.IntN(len(files))].Name()
	base, _, _ := strings.Cut(name, ":2,")
	to := filepath.Join(string(w.dir), "cur", base+":2,"+[]string{"", "F", "S", "FS"}[random.IntN(4)])
	if os.Rename(filepath.Join(string(w.dir), sub, name), to) != nil {
		return 0 // the run has renamed it
	}
	return 1
}
