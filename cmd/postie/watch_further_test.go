package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/quota"
	"postie/imap"
	"postie/testdata/dovecot"
)

// watching is a watch of accounts on a played server, in a bubble of time.
type watching struct {
	*testing.T
	*watch
	x    *exchange
	keys *secretKeeper
}

// newWatching begins a watch of no account yet, in which so many work at once.
func newWatching(t *testing.T, out *output, jobs int) *watching {
	t.Helper()
	w := &watching{T: t, x: newExchange(t, goimap.CapIdle), keys: &secretKeeper{password: "first"}}
	a := newApp(out, out, &interruption{cancel: func(error) {}})
	a.verbose = 1
	if err := a.begin(); err != nil {
		t.Fatal(err)
	}
	w.watch = a.newWatch(nil, watchFlags{jobs: jobs, poll: 2 * time.Minute})
	return w
}

// account is one that may have so many connections to the server. Its host permits them from now on.
func (w *watching) account(name, dir string, connections int) config.Account {
	w.Helper()
	account, err := config.ParseURL("imap://alice@127.0.0.1", dir)
	if err != nil {
		w.Fatal(err)
	}
	account.Name, account.MaxConns, account.MaxDelete = name, connections, 1
	w.permit([]config.Account{account})
	return account
}

// begin watches an account.
func (w *watching) begin(account config.Account) *watched {
	it := w.add(account)
	j := &job{app: w.app, account: account, watched: it}
	it.line = imap.Options{Dial: j.dial(w.x.dial), Login: w.keys, Event: it.ear.Event}
	w.running.Go(func() { it.loop(w.Context()) })
	return it
}

// connect takes a connection of the account's host, as another account on it does, until it is given back.
func (w *watching) connect(ctx context.Context, account config.Account) (giveBack func()) {
	w.Helper()
	near, far := net.Pipe()
	c, err := quota.Line{Host: w.host(account)}.Dial(func(context.Context) (net.Conn, error) { return near, nil })(ctx)
	if err != nil {
		w.Fatal(err)
	}
	return func() {
		c.Close()
		far.Close()
	}
}

// end ends the watch of these accounts, and the server.
func (w *watching) end(accounts ...*watched) {
	for _, it := range accounts {
		close(it.quit)
	}
	w.running.Wait()
	w.unlock()
	close(w.x.accept)
	w.x.server.Close()
	synctest.Wait()
}

// A mailbox beside INBOX in which something happened is listened to by a connection of its own, as far as max_connections permits: its mail is
// here within a second, where it took as long as the others are asked otherwise. A second account on the host that wants a connection gets
// it, and both have all mail in the end.
func TestWatchFurther(t *testing.T) {
	t.Parallel()
	dir := dovecot.Dir(t)
	var out output
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(out.String())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWatching(t, &out, 2)
		x := w.x
		for _, name := range []string{"Lists", "Quiet"} {
			if err := x.user.Create(name, nil); err != nil {
				t.Fatal(err)
			}
		}
		begin := func(name string) *watched { return w.begin(w.account(name, filepath.Join(dir, name), 2)) }
		here := func(it *watched, mailbox string) int {
			files, _ := os.ReadDir(filepath.Join(it.account.Maildir, mailbox, "new"))
			return len(files)
		}
		within := func(what string, it *watched, mailbox string, want int, limit time.Duration) {
			t.Helper()
			time.Sleep(limit)
			synctest.Wait()
			if got := here(it, mailbox); got != want {
				t.Errorf("%s: %d letters in %s, want %d", what, got, mailbox, want)
			}
		}
		one := begin("one")
		time.Sleep(time.Hour) // nothing happens: others than INBOX are asked every two minutes
		x.deliverTo("Lists", 1)
		within("before it is known that it matters", one, "Lists", 1, 3*time.Minute)
		time.Sleep(time.Hour)
		x.deliverTo("Lists", 2)
		within("listened to", one, "Lists", 2, time.Second)
		x.deliver(3)
		within("INBOX too", one, "INBOX", 1, time.Second)
		x.mu.Lock()
		dials := x.dials
		x.mu.Unlock()
		if dials != 3 { // the first; one for Lists or Quiet, both of which are news at first; one for Lists
			t.Errorf("%d connections were made, want 3", dials)
		}
		other := begin("other") // which has to have a connection of its own
		within("the second account", other, "Lists", 2, time.Minute)
		x.deliverTo("Quiet", 4)
		within("at its interval", one, "Quiet", 1, 40*time.Minute)
		within("at its interval", other, "Quiet", 1, 40*time.Minute)
		w.end(one, other)
	})
}

// An account that waits for a connection gives its turn to the others, and takes it again before it works.
func TestConnectionWithoutTurn(t *testing.T) {
	t.Parallel()
	dir := dovecot.Dir(t)
	var out output
	synctest.Test(t, func(t *testing.T) {
		w := newWatching(t, &out, 1)
		account := w.account("one", dir, 1)
		giveBack := w.connect(t.Context(), account)
		it := w.begin(account)
		w.x.deliver(1)
		here := func() int {
			time.Sleep(time.Minute)
			synctest.Wait()
			files, _ := os.ReadDir(filepath.Join(dir, "INBOX", "new"))
			return len(files)
		}
		if here() != 0 || len(w.turns) != 0 {
			t.Errorf("it has the turn while it waits for a connection: %d", len(w.turns))
		}
		w.turns <- struct{}{} // another account is at work
		giveBack()
		if n := here(); n != 0 {
			t.Errorf("%d letters came without the turn", n)
		}
		<-w.turns
		if n := here(); n != 1 || len(w.turns) != 0 {
			t.Errorf("%d letters came, want 1; %d have the turn", n, len(w.turns))
		}
		w.end(it)
	})
}

// An account that waits for its turn gives its connection to the one that has the turn and waits for a connection.
func TestTurnAndConnection(t *testing.T) {
	t.Parallel()
	dir := dovecot.Dir(t)
	var out output
	synctest.Test(t, func(t *testing.T) {
		w := newWatching(t, &out, 1)
		account := w.account("one", dir, 1)
		it := w.begin(account)
		time.Sleep(time.Hour)
		w.turns <- struct{}{} // of another account, which is at work
		w.x.deliver(1)
		time.Sleep(time.Minute)
		synctest.Wait()
		soon, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		giveBack := w.connect(soon, account)
		giveBack()
		<-w.turns
		time.Sleep(time.Minute)
		synctest.Wait()
		if files, _ := os.ReadDir(filepath.Join(dir, "INBOX", "new")); len(files) != 1 {
			t.Errorf("%d letters came, want 1", len(files))
		}
		w.end(it)
	})
}
