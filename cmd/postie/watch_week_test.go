package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/emersion/go-sasl"

	"postie/cmd/postie/internal/config"
	"postie/imap"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// exchange is a mail server in a bubble of time: it is reached by pipes, and is as well as the test says.
type exchange struct {
	*testing.T
	user   *imapmemserver.User
	server *imapserver.Server
	accept chan net.Conn

	mu       sync.Mutex
	conns    []net.Conn
	down     error  // why it is not reached; nil: it is
	password string // that it takes
	refuses  *goimap.Error
	logins   int // that were refused for the password
	dials    int
	poison   goimap.UID // a message whose body it cannot give: the connection ends; 0: there is none
	poisoned int        // times that it was asked for it
}

func newExchange(t *testing.T, caps ...goimap.Cap) *exchange {
	x := &exchange{T: t, user: imapmemserver.NewUser("alice", "inner"), accept: make(chan net.Conn), password: "first"}
	if err := x.user.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	offered := goimap.CapSet{goimap.CapIMAP4rev1: {}}
	for _, c := range caps {
		offered[c] = struct{}{}
	}
	backend := imapmemserver.New()
	backend.AddUser(x.user)
	x.server = imapserver.New(&imapserver.Options{
		NewSession: func(c *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return &door{backend.NewSession(), x, c}, nil, nil
		},
		Caps: offered, InsecureAuth: true, Logger: log.New(io.Discard, "", 0),
	})
	go x.server.Serve(x)
	return x
}

// door decides who comes in.
type door struct {
	imapserver.Session
	x    *exchange
	conn *imapserver.Conn
}

func (d *door) Fetch(w *imapserver.FetchWriter, set goimap.NumSet, o *goimap.FetchOptions) error {
	d.x.mu.Lock()
	uids, ok := set.(goimap.UIDSet)
	if ok && d.x.poison != 0 && len(o.BodySection) > 0 && uids.Contains(d.x.poison) {
		d.x.poisoned++
		d.conn.NetConn().Close()
	}
	d.x.mu.Unlock()
	return d.Session.Fetch(w, set, o)
}

func (d *door) Login(_, password string) error {
	d.x.mu.Lock()
	defer d.x.mu.Unlock()
	if d.x.refuses != nil {
		return d.x.refuses
	}
	if password != d.x.password {
		d.x.logins++
		return &goimap.Error{Type: goimap.StatusResponseTypeNo, Code: goimap.ResponseCodeAuthenticationFailed, Text: "no"}
	}
	return d.Session.Login("alice", "inner")
}

func (x *exchange) Accept() (net.Conn, error) {
	c, ok := <-x.accept
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (x *exchange) Close() error   { return nil }
func (x *exchange) Addr() net.Addr { return &net.UnixAddr{Name: "x"} }

func (x *exchange) dial(context.Context) (net.Conn, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.dials++; x.down != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: x.down}
	}
	near, far := net.Pipe()
	x.conns = append(x.conns, near)
	x.accept <- far
	return near, nil
}

// be changes how the server is, and ends all connections.
func (x *exchange) be(change func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	change()
	for _, c := range x.conns {
		c.Close()
	}
	x.conns = nil
}

func (x *exchange) deliver(n int) goimap.UID { return x.deliverTo("INBOX", n) }

func (x *exchange) deliverTo(mailbox string, n int) goimap.UID {
	data, err := x.user.Append(mailbox, literal{bytes.NewReader([]byte(letter(n)))}, &goimap.AppendOptions{})
	if err != nil {
		x.Fatal(err)
	}
	return data.UID
}

type literal struct{ *bytes.Reader }

// secretKeeper is where the password comes from.
type secretKeeper struct {
	mu             sync.Mutex
	password, sent string
	token          func() string // gives a new one when the last was refused; nil: there are no tokens
}

func (k *secretKeeper) Login(context.Context, []string, string, *tls.ConnectionState) (sasl.Client, string, string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sent = k.password
	return nil, "alice", k.password, nil
}

func (k *secretKeeper) Renewed(context.Context) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.token != nil {
		k.password = k.token()
	}
	return k.sent != k.password, nil
}

func (k *secretKeeper) set(password string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.password = password
}

// smallDisk gives a folder that is a disk of that size, which can be full; disk: whether that can be had here.
func smallDisk(t *testing.T, size string) (dir string, disk bool) {
	dir = dovecot.Dir(t)
	if disk = syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size) == nil; disk {
		t.Cleanup(func() { syscall.Unmount(dir, 0) })
	}
	return dir, disk
}

// A week of one watch with the real runs, in a bubble of time: mail on both sides all the time, and in between the server's restarts, a
// network that is lost, a laptop that sleeps, a password that is changed, a token that expires, a provider that throttles, a message that ends
// the connection, a disk that is full and emptied, a disk that is not there. What a person is told of is exactly what somebody has to look at; the password that was refused is not sent again and again; and in the end both sides are equal.
func TestWatchWeek(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a week takes 20 seconds")
	}
	t.Parallel()
	dir, disk := smallDisk(t, "32m") // files are no part of the bubble
	var out output
	var sent, runs, poisoned int
	synctest.Test(t, func(t *testing.T) {
		x, keys := newExchange(t), &secretKeeper{password: "first"}
		account, err := config.ParseURL("imap://alice@127.0.0.1", filepath.Join(dir, "mail"))
		if err != nil {
			t.Fatal(err)
		}
		account.Name, account.MaxDelete = "a", 1
		a := newApp(&out, &out, &interruption{cancel: func(error) {}})
		a.quiet = true
		if err := a.begin(); err != nil {
			t.Fatal(err)
		}
		w := a.newWatch(nil, watchFlags{jobs: 1, poll: 2 * time.Minute})
		it := w.add(account)
		it.line = imap.Options{Dial: x.dial, Login: keys, Event: it.ear.Event}
		w.running.Go(func() { it.loop(t.Context()) })
		go func() { // the watchdog is never silent
			for it.woken() {
				if name := w.stuck(); name != "" {
					t.Errorf("the work of %s stands still", name)
				}
			}
		}()
		it.week(x, keys, disk)
		close(it.quit)
		w.running.Wait()
		w.unlock()
		x.equal(it.account.Maildir, 100)
		sent, runs, poisoned = x.logins, x.dials, x.poisoned
		close(x.accept)
		x.server.Close()
		synctest.Wait()
	})
	var told []string
	for _, m := range regexp.MustCompile(`(?m)^postie: (.*)$`).FindAllStringSubmatch(out.String(), -1) {
		told = append(told, m[1])
	}
	want := []string{"no route to host", "refused", "INBOX", "no space left", "not there any more"}
	if !disk {
		want = slices.Delete(want, 3, 4)
	}
	if len(told) != len(want) {
		t.Fatalf("told %d times, want %q:\n%s", len(told), want, out.String())
	}
	for i, text := range want {
		if !strings.Contains(told[i], text) {
			t.Errorf("told %q, want %q", told[i], text)
		}
	}
	if sent > 3+1 { // the token that had expired, once
		t.Errorf("a refused password was sent %d times", sent)
	}
	if poisoned < 3 || poisoned > 12 {
		t.Errorf("the message that ends the connection was asked for %d times", poisoned)
	}
	t.Logf("%d connections, %d refused logins, the poison asked for %d times", runs, sent, poisoned)
}

// week is what happens.
func (a *watched) week(x *exchange, keys *secretKeeper, disk bool) {
	root := a.account.Maildir
	n := 0
	mail := func(d time.Duration) { // a letter there and one here each two hours, and something is done to what is here
		for ; d > 0; d -= 2 * time.Hour {
			n++
			x.deliver(n)
			time.Sleep(time.Hour)
			inbox := maildir.Dir(filepath.Join(root, "INBOX"))
			os.WriteFile(filepath.Join(string(inbox), "new", fmt.Sprintf("%d.here", n)), []byte(strings.ReplaceAll(letter(1000+n), "\r\n", "\n")), 0o600)
			for e, err := range inbox.Scan() {
				if err == nil && n%3 == 0 {
					inbox.SetFlags(e, e.Set^maildir.FlagFlagged, e.Letters)
				} else if err == nil && n%7 == 0 {
					inbox.Remove(e)
				}
				break
			}
			time.Sleep(time.Hour)
		}
	}
	mail(10 * time.Hour)
	x.be(func() {}) // the server is restarted
	mail(10 * time.Hour)
	x.be(func() { x.down = syscall.EHOSTUNREACH }) // the network is lost: somebody has to look at that
	mail(2 * time.Hour)
	x.be(func() { x.down = nil })
	mail(20 * time.Hour)
	x.be(func() { x.down = syscall.ENETUNREACH }) // for two minutes
	time.Sleep(2 * time.Minute)
	x.be(func() { x.down = nil })
	ring(a.woke) // the laptop woke
	mail(20 * time.Hour)
	x.be(func() { x.password = "second" })
	mail(6 * time.Hour)
	keys.set("second") // the user puts it into the keyring
	mail(20 * time.Hour)
	keys.mu.Lock()
	keys.token = func() string { return "third" }
	keys.mu.Unlock()
	x.be(func() { x.password = "third" }) // a token expires: a new one is had without anybody
	mail(4 * time.Hour)
	poison := x.deliver(4000) // and what comes behind it is not held up
	x.be(func() { x.poison = poison })
	mail(10 * time.Hour)
	x.be(func() { x.poison = 0 }) // the provider mends it
	mail(30 * time.Hour)
	if disk {
		ballast := filepath.Join(filepath.Dir(root), "ballast")
		flood(x.T, ballast)
		for n := range 20 {
			x.deliver(6000 + n)
		}
		time.Sleep(3 * time.Hour)
		os.Remove(ballast)
		mail(4 * time.Hour)
	}
	x.be(func() {
		x.refuses = &goimap.Error{Type: goimap.StatusResponseTypeNo, Code: "THROTTLED", Text: "too much; try again in 4 minutes"}
	})
	time.Sleep(3 * time.Minute)
	x.be(func() { x.refuses = nil })
	mail(20 * time.Hour)
	os.Rename(root, root+".away") // the disk is not mounted, for an hour
	os.Mkdir(root, 0o700)
	x.deliver(5000)
	time.Sleep(time.Hour)
	os.Remove(root)
	os.Rename(root+".away", root)
	mail(60 * time.Hour)
	time.Sleep(2 * time.Hour) // rest
}

// flood writes until the disk is full.
func flood(t *testing.T, path string) {
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}

// woken waits for a few minutes, and says whether the account is watched still.
func (a *watched) woken() bool {
	select {
	case <-time.After(3 * time.Minute):
		return true
	case <-a.quit:
		return false
	}
}

// equal demands that both sides hold the same messages, so many at least.
func (x *exchange) equal(root string, least int) {
	x.Helper()
	count := map[int]int{}
	here := 0
	inbox := maildir.Dir(filepath.Join(root, "INBOX"))
	for e, err := range inbox.Scan() {
		if err != nil {
			x.Fatal(err)
		}
		content, err := os.ReadFile(inbox.Path(e))
		if err != nil {
			x.Fatal(err)
		}
		count[number(string(content))]++
		here++
	}
	for n, c := range count {
		if c != 1 {
			x.Errorf("letter %d is here %d times", n, c)
		}
	}
	st, err := x.user.Status("INBOX", &goimap.StatusOptions{NumMessages: true})
	if err != nil || int(*st.NumMessages) != here || here < least {
		x.Errorf("%d letters there, %d here, %v", *st.NumMessages, here, err)
	}
}
