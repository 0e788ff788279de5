package mirror

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/imaptest"
	"postie/maildir"
	"postie/testdata/dovecot"
	"postie/testdata/victim"
)

// A run that is to be killed is this test binary again, told by the environment.
const (
	envStep = "POSTIE_TEST_KILL_AT" // number of the step before which the process kills itself
	envPort = "POSTIE_TEST_PORT"
	envRoot = "POSTIE_TEST_ROOT"
	envUser = "POSTIE_TEST_USER"
	envDeed = "POSTIE_TEST_DEED" // "": a run; else one of deeds
)

// dovecots are the servers that tests share.
var dovecots dovecot.Streets

func TestMain(m *testing.M) {
	victim.Main(m, map[string]func() error{"sync": killedRun}, dovecots.Stop)
}

// killedRun is a run that ends by SIGKILL just before a step.
func killedRun() error {
	last, err := strconv.Atoi(os.Getenv(envStep))
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(os.Getenv(envPort))
	if err != nil {
		return err
	}
	d := &device{T: new(testing.T), server: &dovecot.Server{IMAP: port}, root: os.Getenv(envRoot), user: os.Getenv(envUser), policy: usual(), trips: new(atomic.Int64), bodies: new(atomic.Int64)}
	do := Run
	if deed := os.Getenv(envDeed); deed != "" {
		do = deeds()[deed]
	}
	end := make(chan error, 1)
	go func() { // which a device ends whose index cannot be opened
		err := errors.New("the index cannot be opened")
		defer func() { end <- err }()
		_, err = d.do(do, func(o *Options) {
			o.Batch = 2
			o.Step = victim.Before(last)
		})
	}()
	return <-end
}

// template is an account and a Maildir root with changes of every kind on both sides, to be copied for each crash.
type template struct {
	*testing.T
	server *dovecot.Server
	o      dovecot.Options
	d      *device
	want   mails
	may    string // lines that begin so may be there as well
	users  int
}

const templateUsers = 400

// newAccounts is one in which nothing is yet.
func newAccounts(t *testing.T, o dovecot.Options) *template {
	o.Users = []string{"template"}
	for n := range templateUsers {
		o.Users = append(o.Users, fmt.Sprint("u", n))
	}
	w := &template{T: t, o: o, server: dovecot.Start(t, o)}
	w.d = newDeviceOn(t, w.server, o)
	w.d.user = "template"
	return w
}

func newTemplate(t *testing.T, o dovecot.Options) *template {
	w := newAccounts(t, o)
	d, s, ctx := w.d, w.d.remote(), context.Background()
	d.create(s, "A")
	d.create(s, "Trashed")
	d.put(s, "INBOX", 0, 12)
	d.put(s, "A", 20, 24)
	d.put(s, "INBOX", 12, 13, "NonJunk")
	d.put(s, "A", 24, 25, "work")
	d.sync()
	for _, n := range []int{1, 2} {
		d.flag("INBOX", n, maildir.FlagSeen)
	}
	for _, n := range []int{3, 4} {
		d.ok(d.dir("INBOX").Remove(d.file("INBOX", n)))
	}
	for _, n := range []int{5, 6} {
		_, err := d.dir("INBOX").MoveTo(d.file("INBOX", n), d.dir("A"))
		d.ok(err)
	}
	from := d.dir("INBOX").Path(d.file("INBOX", 12)) // with a letter that is another keyword over there
	d.ok(os.Rename(from, filepath.Join(string(d.dir("A")), "cur", filepath.Base(from))))
	for n := 100; n < 103; n++ {
		d.deliver("INBOX", n)
	}
	d.deliver("New", 110)
	d.put(s, "A", 30, 33, goimap.FlagFlagged)
	d.create(s, "There")
	d.select_(s, "INBOX")
	_, err := s.Store(ctx, goimap.UIDSetNum(8), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagAnswered}, 0)
	d.ok(err)
	_, err = s.Copy(ctx, goimap.UIDSetNum(9), d.theirs("There"))
	d.ok(err)
	_, err = s.Store(ctx, goimap.UIDSetNum(9, 10), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagDeleted}, 0)
	d.ok(err, s.ExpungeAll(ctx))
	d.taken(11, "INBOX", "A", false) // both sides move it
	d.away(s, 11, "INBOX", "There")
	d.ok(s.Close())
	first := w.copy()
	first.sync()
	first.equal()
	w.want = first.here()
	if all := strings.Join(w.want["A"], "\n"); strings.Count(all, "NonJunk]") != 1 || strings.Count(all, "work]") != 1 {
		w.Fatalf("keywords:\n%s", all)
	}
	first.rest()
	return w
}

// copy is a device of a user of its own, in the state of the template.
func (w *template) copy() *device { return w.copyOf(w.d) }

// copyOf is a device of a user of its own, in the state of another one. After many the first user comes again.
func (w *template) copyOf(of *device) *device {
	w.Helper()
	d := *of
	d.T = w.T
	if d.user = fmt.Sprint("u", w.users%templateUsers); d.user == of.user {
		w.users++
		d.user = fmt.Sprint("u", w.users%templateUsers)
	}
	w.users++
	d.root = filepath.Join(filepath.Dir(w.d.root), d.user)
	for from, to := range map[string]string{of.root: d.root, w.server.Home(of.user): w.server.Home(d.user)} {
		if out, err := exec.Command("sh", "-c", `rm -rf "$1" && cp -a "$0" "$1"`, from, to).CombinedOutput(); err != nil {
			w.Fatalf("%v %s", err, out)
		}
	}
	return &d
}

// recovers demands that one more run ends as if nothing had happened. It gives what that did.
func (w *template) recovers(d *device, when string) []string {
	w.Helper()
	done, r, err := d.performed()
	if err != nil || r.Failed > 0 || len(r.Guards) > 0 {
		w.Fatalf("%s: %+v %v", when, r, err)
	}
	for side, got := range map[string]mails{"here": d.here(), "there": d.there()} {
		more, missing := got.less(w.want), w.want.less(got)
		more = slices.DeleteFunc(more, func(line string) bool { return w.may != "" && strings.HasPrefix(line, w.may) })
		if len(more)+len(missing) > 0 {
			w.Fatalf("%s: %s: too much:\n%s\nmissing:\n%s", when, side, strings.Join(more, "\n"), strings.Join(missing, "\n"))
		}
	}
	if r, err = d.run(func(o *Options) { o.DryRun = true }); err != nil || len(r.Plan.Ops) > 0 {
		w.Fatalf("%s: left to do: %v %v", when, r.Plan.Ops, err)
	}
	w.drop(d)
	return done
}

func (w *template) drop(d *device) {
	os.RemoveAll(d.root)
	os.RemoveAll(w.server.Home(d.user))
}

func crashServers() map[string]dovecot.Options {
	all := rungs()
	return map[string]dovecot.Options{"full": all["full"], "no UIDPLUS": all["no UIDPLUS"], "no MOVE": all["no MOVE"], "below INBOX": all["below INBOX"]}
}

// thorough asks for every step on every server, instead of each step on one of them, and for larger mailboxes.
func thorough() bool { return os.Getenv("POSTIE_TEST_THOROUGH") != "" }

// some gives where to begin, and how far to go on, for the n-th of all servers.
func some(n, all int) (first, stride int) {
	if thorough() {
		return 1, 1
	}
	return 1 + n, all
}

// Killed with -9 before every step: looking at what is left changes nothing, a dry run prints what the next run does, and after that both
// sides are equal, nothing is doubled, nothing is missing.
func TestKilledAtEveryStep(t *testing.T) {
	servers := crashServers()
	for n, name := range slices.Sorted(maps.Keys(servers)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTemplate(t, servers[name])
			step, stride := some(n, len(servers))
			begun := 0
			for ; ; step += stride {
				d := w.copy()
				before, killed := w.kill(d, step)
				if !killed {
					break
				}
				when := fmt.Sprintf("step %d, %s", step, before)
				open, _ := looksOnly(d, when)
				begun += open
				told := d.rehearsed()
				done := w.recovers(d, when)
				if !slices.Equal(told, done) {
					t.Errorf("%s:\ntold:\n%s\ndone:\n%s", when, strings.Join(told, "\n"), strings.Join(done, "\n"))
				}
			}
			t.Logf("%d steps, after which %d things were to be settled", step, begun)
			if step < 40 || begun == 0 {
				t.Errorf("only %d steps, and %d things to be settled", step, begun)
			}
		})
	}
}

// victim is a run, or a deed, of the device in another process that kills itself before a step.
func (d *device) victim(step int, deed string) *exec.Cmd {
	return victim.Command("sync", d.order(step, deed)...)
}

// order is what the process of a victim has to know.
func (d *device) order(step int, deed string) []string {
	return []string{fmt.Sprint(envStep, "=", step), fmt.Sprint(envPort, "=", d.server.IMAP), envRoot + "=" + d.root, envUser + "=" + d.user, envDeed + "=" + deed}
}

// kill runs a device and kills it before a step, which it names; false: the run came to its end.
func (w *template) kill(d *device, step int) (before string, killed bool) {
	w.Helper()
	before, killed, err := victim.Run(d.victim(step, ""))
	if err != nil {
		w.Fatalf("step %d: %v", step, err)
	}
	return before, killed
}

// A run that recovers from being killed is killed as well, and run again: at a sample of the steps of both, shared out among the servers.
func TestKilledWhileRecovering(t *testing.T) {
	servers := crashServers()
	for n, name := range []string{"full", "no UIDPLUS", "no MOVE"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTemplate(t, servers[name])
			first, stride, again := 9+9*n, 27, 9
			if thorough() {
				first, stride, again = 9, 1, 1
			}
			runs := 0
			for step := first; ; step += stride {
				once := w.copy()
				before, killed := w.kill(once, step)
				if !killed {
					break
				}
				for next := 1 + step%again; ; next += again {
					d := w.copyOf(once)
					then, killed := w.kill(d, next)
					if !killed {
						w.drop(d)
						break
					}
					w.recovers(d, fmt.Sprintf("step %d, %s, then step %d, %s", step, before, next, then))
					runs++
				}
				w.drop(once)
			}
			t.Logf("%d runs", runs)
			if runs < 5 {
				t.Errorf("only %d runs", runs)
			}
		})
	}
}

// The connection is cut after every read from the server, and run again; or, every second time, the run goes on over another connection.
func TestCutEverywhere(t *testing.T) {
	servers := crashServers()
	for n, name := range slices.Sorted(maps.Keys(servers)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTemplate(t, servers[name])
			cut, stride := some(n, len(servers))
			for ; ; cut += stride {
				d := w.copy()
				c := &imaptest.Cut{Reads: cut, Writes: -1}
				_, err := d.run(func(o *Options) {
					o.Batch = 2
					o.IMAP.Dial = c.First(o.IMAP.Dial, cut%2 != 0)
				})
				if !c.Broken() {
					if err != nil {
						t.Fatal(err)
					}
					break
				}
				w.recovers(d, fmt.Sprintf("cut %d (%v)", cut, err))
			}
			t.Logf("%d cuts", cut)
			if cut < 20 {
				t.Errorf("only %d cuts", cut)
			}
		})
	}
}
