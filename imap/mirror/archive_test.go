package mirror

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/plan"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// What was archived and is put into another mailbox on the server later is moved there here, as it would have been in one run: it does not come
// a second time.
func TestArchivedElsewhere(t *testing.T) {
	t.Parallel()
	h := newArchive(t, 1, 0)
	h.create(h.s, "A")
	h.create(h.s, "B")
	h.put(h.s, "A", 0, 4)
	h.honest()
	h.expunge("A", h.inside("A"))
	h.honest()
	h.put(h.s, "INBOX", 4, 6)
	h.put(h.s, "B", 6, 14) // in several windows
	h.put(h.s, "B", 1, 3)
	h.next = 14
	h.honest()
	if here := h.here(); len(here["A"]) != 2 || len(here["B"]) != 10 || h.came != 10 {
		t.Errorf("%d bodies came, here: %q", h.came, here)
	}
}

// What its user moved or deleted here stays so where the message is moved on the server later: nothing comes a second time, and nothing goes.
func TestMovedHereAndThere(t *testing.T) {
	t.Parallel()
	for _, direction := range []plan.Direction{plan.Archive, plan.Pull} {
		h := newArchive(t, 1, 0)
		h.policy.Terms = plan.Terms{Direction: direction}
		for _, name := range []string{"A", "B", "C"} {
			h.create(h.s, name)
		}
		h.put(h.s, "A", 0, 4)
		h.once()
		_, err := h.dir("A").MoveTo(h.file("A", 1), h.dir("B"))
		h.ok(err, h.dir("A").Remove(h.file("A", 3)))
		h.once()
		h.select_(h.s, "A")
		_, err = h.s.Move(t.Context(), goimap.UIDSetNum(h.inside("A")...), "C")
		h.ok(err)
		for _, run := range []string{"then", "once more"} {
			r, err := h.run(nil)
			if did := slices.ContainsFunc(h.events, func(e Event) bool { _, ok := e.(Done); return ok && run != "then" }); err != nil || did || r.New+r.Uploaded+r.Failed+len(r.Guards) > 0 {
				t.Errorf("%v, %s: %+v, %v, %v", direction, run, r, err, h.events)
			}
		}
		for name, want := range map[string]int{"A": 0, "B": 1, "C": 2} {
			if n := len(h.here()[name]); n != want {
				t.Errorf("%v: %d in %s", direction, n, name)
			}
		}
	}
}

// A server that deletes, empties, renames, moves, gives new UIDs, loses all and has it back, in the same mailbox or in others; and a user who
// sets flags, deletes, and loses the database: an archive has all that was ever in it, but what its user deleted; nothing twice; and
// nothing is changed on the server. POSTIE_TEST_SEED and POSTIE_TEST_ROUNDS ask for other histories, or more of them, as does
// POSTIE_TEST_LONG=1.
func TestArchiveHistories(t *testing.T) {
	seed, rounds := uint64(1), 20
	if os.Getenv("POSTIE_TEST_LONG") != "" {
		rounds = 1000
	}
	fmt.Sscan(os.Getenv("POSTIE_TEST_SEED"), &seed)
	fmt.Sscan(os.Getenv("POSTIE_TEST_ROUNDS"), &rounds)
	for n := range rounds {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Parallel()
			h := newArchive(t, seed, uint64(n))
			for _, name := range []string{"A", "A/B", "C"} {
				h.create(h.s, name)
			}
			for range 4 + h.rand.IntN(6) {
				h.new(h.mailbox())
			}
			h.honest()
			for range 2 + h.rand.IntN(5) {
				for range 1 + h.rand.IntN(4) {
					h.act()
				}
				h.honest()
			}
		})
	}
}

// archiveHistory is an account of direction archive, and what befalls it.
type archiveHistory struct {
	*device
	rand    *rand.Rand
	s       *imap.Session // of somebody else
	renew   func(name string)
	next    int
	came    int64        // bodies, in the first run since something happened
	deleted map[int]bool // letters that the user deleted
	was     map[int]bool // letters that were here after the last run
	did     []string
	mu      sync.Mutex
	pushed  []string // commands that may change something on the server
}

func newArchive(t *testing.T, seed, n uint64) *archiveHistory {
	t.Helper()
	server, user := inMemory(t)
	h := &archiveHistory{device: newDeviceOn(t, server, dovecot.Options{}), rand: rand.New(rand.NewPCG(seed, n)), deleted: map[int]bool{}, was: map[int]bool{}}
	h.policy.Terms = plan.Terms{Direction: plan.Archive, Revert: h.rand.IntN(3) == 0}
	h.text = alike
	h.s = h.remote()
	h.renew = func(name string) { h.ok(user.Delete(name), user.Create(name, nil)) }
	return h
}

// alike is a letter of the size that many have, and some are without a Message-ID.
func alike(n int) string {
	text := strings.TrimSuffix(letter(n), "\r\n")
	text += strings.Repeat("y", 300-len(text)) + "\r\n"
	if n%4 == 3 {
		text = strings.Replace(text, "Message-ID", "Message-No", 1)
	}
	return text
}

// mailboxes are those on the server.
func (h *archiveHistory) mailboxes() (names []string) {
	h.Helper()
	all, err := h.s.List(context.Background(), false)
	h.ok(err)
	for _, m := range all {
		names = append(names, m.Name)
	}
	return names
}

// mailbox is one of those on the server, mostly not INBOX.
func (h *archiveHistory) mailbox() string {
	names := h.mailboxes()
	return names[h.rand.IntN(len(names))]
}

// inside are the UIDs of a mailbox.
func (h *archiveHistory) inside(name string) []goimap.UID {
	h.Helper()
	h.select_(h.s, name)
	set, err := h.s.SearchAll(context.Background())
	h.ok(err)
	uids, _ := set.Nums()
	return uids
}

// some are some of the messages of a mailbox.
func (h *archiveHistory) some(name string) []goimap.UID {
	return slices.DeleteFunc(h.inside(name), func(goimap.UID) bool { return h.rand.IntN(2) == 0 })
}

// expunge removes messages of the mailbox that is selected.
func (h *archiveHistory) expunge(name string, uids []goimap.UID) {
	h.Helper()
	h.note("gone from %s: %v", name, uids)
	if len(uids) > 0 {
		_, err := h.s.Store(context.Background(), goimap.UIDSetNum(uids...), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagDeleted}, 0)
		h.ok(err, h.s.ExpungeAll(context.Background()))
	}
}

// new appends a letter that nobody had yet.
func (h *archiveHistory) new(name string) {
	h.Helper()
	h.note("letter %d comes to %s", h.next, name)
	h.put(h.s, name, h.next, h.next+1, [][]goimap.Flag{nil, {goimap.FlagSeen}}[h.rand.IntN(2)]...)
	h.next++
}

func (h *archiveHistory) note(what string, args ...any) {
	h.did = append(h.did, fmt.Sprintf(what, args...))
}

// act lets somebody do something, on the server or here.
func (h *archiveHistory) act() {
	h.Helper()
	ctx, name := context.Background(), h.mailbox()
	switch h.rand.IntN(14) {
	case 0:
		h.new(name)
	case 1, 2:
		h.expunge(name, h.some(name))
	case 3:
		h.expunge(name, h.inside(name))
	case 4:
		for _, name := range h.mailboxes() {
			h.expunge(name, h.inside(name))
			h.removeMailbox(name)
		}
	case 5:
		h.removeMailbox(name)
	case 6:
		to := []string{"D", "E", "A/F"}[h.rand.IntN(3)]
		if name != "INBOX" && !slices.Contains(h.mailboxes(), to) {
			h.note("%s is called %s", name, to)
			h.ok(h.s.Unselect(ctx), h.s.Rename(ctx, name, to))
		}
	case 7:
		letters := h.lettersIn(h.there()[name])
		h.note("%s gets new UIDs: %v", name, letters)
		h.select_(h.s, name)
		h.ok(h.s.Unselect(ctx))
		h.renew(name)
		for _, n := range letters {
			h.put(h.s, name, n, n+1)
		}
	case 8, 9:
		if uids, to := h.some(name), h.mailbox(); len(uids) > 0 && to != name {
			h.note("%v move from %s to %s", uids, name, to)
			_, err := h.s.Move(ctx, goimap.UIDSetNum(uids...), to)
			h.ok(err)
		}
	case 10, 11:
		h.bringBack()
	default:
		h.actHere()
	}
}

func (h *archiveHistory) removeMailbox(name string) {
	h.Helper()
	if name != "INBOX" {
		h.note("%s is removed", name)
		h.select_(h.s, "INBOX")
		h.ok(h.s.Delete(context.Background(), name))
	}
}

// bringBack appends letters that the server has not, into one mailbox or into several, which may be new.
func (h *archiveHistory) bringBack() {
	h.Helper()
	if to := []string{"A", "G"}[h.rand.IntN(2)]; !slices.Contains(h.mailboxes(), to) {
		h.note("%s is made", to)
		h.create(h.s, to)
	}
	name := h.mailbox()
	there := h.lettersOf(h.there())
	for n := range h.next {
		if there[n] == 0 && h.rand.IntN(2) == 0 {
			if h.rand.IntN(3) == 0 {
				name = h.mailbox()
			}
			h.note("letter %d is back, in %s", n, name)
			h.put(h.s, name, n, n+1)
		}
	}
}

// actHere is what the user does.
func (h *archiveHistory) actHere() {
	h.Helper()
	if h.rand.IntN(3) == 0 {
		h.note("the database is lost")
		files, err := filepath.Glob(filepath.Join(h.root, ".postie.db*"))
		h.ok(err)
		for _, file := range files {
			h.ok(os.Remove(file))
		}
		return
	}
	here := h.here()
	names := slices.Sorted(maps.Keys(here))
	name := names[h.rand.IntN(len(names))]
	letters := h.lettersIn(here[name])
	if len(letters) == 0 {
		return
	}
	n := letters[h.rand.IntN(len(letters))]
	if h.rand.IntN(3) == 0 {
		h.note("letter %d is deleted here, in %s", n, name)
		h.ok(h.dir(name).Remove(h.file(name, n)))
		h.deleted[n] = true
		return
	}
	h.note("letter %d is flagged here, in %s", n, name)
	h.flag(name, n, maildir.FlagFlagged)
}

// lettersIn are the letters of a mailbox, by number.
func (h *archiveHistory) lettersIn(lines []string) (all []int) {
	for n := range (mails{"": lines}).letters() {
		number, err := strconv.Atoi(n)
		h.ok(err)
		all = append(all, number)
	}
	slices.Sort(all)
	return all
}

// lettersOf counts letters, by number.
func (h *archiveHistory) lettersOf(m mails) map[int]int {
	all := map[int]int{}
	for n, count := range m.letters() {
		number, err := strconv.Atoi(n)
		h.ok(err)
		all[number] = count
	}
	return all
}

// honest is two runs with an honest server, and a look, which finds nothing to do.
func (h *archiveHistory) honest() {
	h.Helper()
	h.once()
	h.came = h.bodies.Load()
	h.once()
	here := h.lettersOf(h.here())
	for n := range h.lettersOf(h.there()) {
		if here[n] == 0 && !h.deleted[n] {
			h.Errorf("letter %d did not come", n)
		}
	}
	for n := range h.next {
		if here[n] > 1 || here[n] == 0 && h.was[n] && !h.deleted[n] {
			h.Errorf("letter %d is here %d times", n, here[n])
		}
		h.was[n], h.deleted[n] = here[n] > 0, h.deleted[n] && here[n] == 0
	}
	h.rest()
	if len(h.pushed) > 0 {
		h.Errorf("pushed: %q", h.pushed)
	}
	if h.Failed() {
		h.Fatalf("%s\nhere: %q\nthere: %q", strings.Join(h.did, "\n"), h.here(), h.there())
	}
}

// once is one run, of which the commands are watched.
func (h *archiveHistory) once() {
	h.Helper()
	r, err := h.run(func(o *Options) {
		trace := o.IMAP.Trace
		o.IMAP.Trace = func(dir byte, line string) {
			trace(dir, line)
			if dir == 'C' && changesSomething(line) {
				h.mu.Lock()
				h.pushed = append(h.pushed, line)
				h.mu.Unlock()
			}
		}
	})
	h.note("run: %+v, %v", r.Totals, err)
	for _, e := range h.events {
		if e, ok := e.(Done); ok {
			h.note("did: %v", e.Op)
		}
	}
	if err != nil || r.Failed+len(r.Guards)+r.Uploaded+r.DeletedLocal+r.DeletedRemote+r.FlagsPushed > 0 {
		h.Errorf("%+v, %v, %q", r, err, h.failures())
	}
}

// changesSomething says whether a command is none of those that only read.
func changesSomething(line string) bool {
	words := strings.Fields(strings.ToUpper(line) + " - -")
	word := words[1]
	if word == "UID" {
		word = words[2]
	}
	reads := []string{"CAPABILITY", "LOGIN", "AUTHENTICATE", "ID", "ENABLE", "NAMESPACE", "LIST", "LSUB", "STATUS", "SELECT", "EXAMINE", "UNSELECT", "NOOP", "LOGOUT", "SEARCH", "FETCH", "COMPRESS"}
	return !slices.Contains(reads, word) || word == "FETCH" && strings.Contains(strings.ToUpper(line), "BODY[")
}
