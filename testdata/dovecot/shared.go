package dovecot

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// Street is a server that many tests share, each with users of its own, since to start one costs more than most tests.
type Street struct {
	*Server
	options Options
	mu      sync.Mutex
	taken   int
}

// Streets are the servers of a test binary, one for each kind that was asked for.
type Streets struct {
	mu  sync.Mutex
	all []*Street
}

// houses is for how many users a street has room.
const houses = 1500

// Street gives the server of that kind, and starts it if it is the first that wants it. Options.Users is not looked at. It is as with Start where
// there is no usable Dovecot.
func (s *Streets) Street(t testing.TB, o Options) *Street {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	same := func(w *Street) bool { return fmt.Sprint(w.options) == fmt.Sprint(o) }
	if i := slices.IndexFunc(s.all, same); i >= 0 {
		return s.all[i].tell(t)
	}
	w := &Street{options: o}
	o.Users = nil
	for n := range houses {
		o.Users = append(o.Users, fmt.Sprint("u", n))
	}
	o.Dir = makeDir(t)
	w.Server = launch(t, o)
	s.all = append(s.all, w)
	return w.tell(t)
}

// tell shows the server's log if the test fails.
func (w *Street) tell(t testing.TB) *Street {
	t.Cleanup(func() {
		if t.Failed() {
			w.showLog(t)
		}
	})
	return w
}

// User is one that nobody else has.
func (w *Street) User(t testing.TB) string {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.taken++; w.taken > houses {
		t.Fatalf("more than %d users", houses)
	}
	return fmt.Sprint("u", w.taken-1)
}

// Stop ends the servers: after the tests.
func (s *Streets) Stop() {
	for _, w := range s.all {
		w.Server.Stop()
		os.RemoveAll(w.Dir)
	}
}

func (s *Server) showLog(t testing.TB) {
	log, _ := os.ReadFile(filepath.Join(s.Dir, "log"))
	t.Logf("dovecot's log:\n%s", tail(log, 4000))
}
