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
		x, keys := newExchange(t, goimap.CapIdle), &secretKeeper{password: "first"}
		for _, name := range []string{"Lists", "Quiet"} {
			if err := x.user.Create(name, nil); err != nil {
				t.Fatal(err)
			}
		}
		a := newApp(&out, &out, &interruption{cancel: func(error) {}})
		a.verbose = 1
		if err := a.begin(); err != nil {
			t.Fatal(err)
		}
		w := a.newWatch(nil, watchFlags{jobs: 2, poll: 2 * time.Minute})
		begin := func(name string) *watched {
			account, err := config.ParseURL("imap://alice@127.0.0.1", filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			account.Name, account.MaxConns, account.MaxDelete = name, 2, 1
			a.permit([]config.Account{account})
			it := w.add(account)
			j := &job{app: a, account: account, watched: it}
			it.line = imap.Options{Dial: j.dial(x.dial), Login: keys, Event: it.ear.Event}
			w.running.Go(func() { it.loop(t.Context()) })
			return it
		}
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
		close(one.quit)
		close(other.quit)
		w.running.Wait()
		w.unlock()
		close(x.accept)
		x.server.Close()
		synctest.Wait()
	})
}

// An account that waits for a connection gives its turn to the others, and takes it again before it works.
func TestConnectionWithoutTurn(t *testing.T) {
	t.Parallel()
	dir := dovecot.Dir(t)
	var out output
	synctest.Test(t, func(t *testing.T) {
		x, keys := newExchange(t, goimap.CapIdle), &secretKeeper{password: "first"}
		a := newApp(&out, &out, &interruption{cancel: func(error) {}})
		if err := a.begin(); err != nil {
			t.Fatal(err)
		}
		w := a.newWatch(nil, watchFlags{jobs: 1, poll: 2 * time.Minute})
		account, err := config.ParseURL("imap://alice@127.0.0.1", dir)
		if err != nil {
			t.Fatal(err)
		}
		account.Name, account.MaxConns = "one", 1
		a.permit([]config.Account{account})
		near, far := net.Pipe()
		c, err := quota.Line{Host: a.host(account)}.Dial(func(context.Context) (net.Conn, error) { return near, nil })(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		it := w.add(account)
		j := &job{app: a, account: account, watched: it}
		it.line = imap.Options{Dial: j.dial(x.dial), Login: keys, Event: it.ear.Event}
		w.running.Go(func() { it.loop(t.Context()) })
		x.deliver(1)
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
		c.Close()
		far.Close()
		if n := here(); n != 0 {
			t.Errorf("%d letters came without the turn", n)
		}
		<-w.turns
		if n := here(); n != 1 || len(w.turns) != 0 {
			t.Errorf("%d letters came, want 1; %d have the turn", n, len(w.turns))
		}
		close(it.quit)
		w.running.Wait()
		w.unlock()
		close(x.accept)
		x.server.Close()
		synctest.Wait()
	})
}

// An account that waits for its turn gives its connection to the one that has the turn and waits for a connection.
func TestTurnAndConnection(t *testing.T) {
	t.Parallel()
	dir := dovecot.Dir(t)
	var out output
	synctest.Test(t, func(t *testing.T) {
		x, keys := newExchange(t, goimap.CapIdle), &secretKeeper{password: "first"}
		a := newApp(&out, &out, &interruption{cancel: func(error) {}})
		if err := a.begin(); err != nil {
			t.Fatal(err)
		}
		w := a.newWatch(nil, watchFlags{jobs: 1, poll: 2 * time.Minute})
		account, err := config.ParseURL("imap://alice@127.0.0.1", dir)
		if err != nil {
			t.Fatal(err)
		}
		account.Name, account.MaxConns = "one", 1
		a.permit([]config.Account{account})
		it := w.add(account)
		j := &job{app: a, account: account, watched: it}
		it.line = imap.Options{Dial: j.dial(x.dial), Login: keys, Event: it.ear.Event}
		w.running.Go(func() { it.loop(t.Context()) })
		time.Sleep(time.Hour)
		w.turns <- struct{}{} // of another account, which is at work
		x.deliver(1)
		time.Sleep(time.Minute)
		synctest.Wait()
		near, far := net.Pipe()
		soon, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		c, err := quota.Line{Host: a.host(account)}.Dial(func(context.Context) (net.Conn, error) { return near, nil })(soon)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		far.Close()
		<-w.turns
		time.Sleep(time.Minute)
		synctest.Wait()
		if files, _ := os.ReadDir(filepath.Join(dir, "INBOX", "new")); len(files) != 1 {
			t.Errorf("%d letters came, want 1", len(files))
		}
		close(it.quit)
		w.running.Wait()
		w.unlock()
		close(x.accept)
		x.server.Close()
		synctest.Wait()
	})
}
