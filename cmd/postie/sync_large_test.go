package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"postie/cmd/postie/internal/exit"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// meter is a line to the server that counts its turns: how often the talk goes from the client to the server.
type meter struct {
	port        int
	far         int
	listener    net.Listener
	turns       atomic.Int64
	bodies      atomic.Int64 // octets from the server
	lastFromFar atomic.Bool
}

func (f *fleet) meter() *meter {
	m := &meter{far: f.server.IMAP}
	f.ok(m.open())
	f.Cleanup(func() { m.listener.Close() })
	return m
}

// open lets the server be reached, on the same port each time; closing the listener ends that.
func (m *meter) open() (err error) {
	if m.listener, err = net.Listen("tcp", dovecot.Address(m.port)); err != nil {
		return err
	}
	m.port = m.listener.Addr().(*net.TCPAddr).Port
	go m.serve(m.listener)
	return nil
}

func (m *meter) serve(l net.Listener) {
	for {
		near, err := l.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", dovecot.Address(m.far))
		if err != nil {
			near.Close()
			continue
		}
		go m.copy(near, far, true)
		go m.copy(far, near, false)
	}
}

// through lets a device reach the server by the meter.
func (d *device) through(m *meter) *device {
	d.Helper()
	text, err := os.ReadFile(d.config())
	d.ok(err)
	d.ok(os.WriteFile(d.config(), []byte(regexp.MustCompile(`port = \d+`).ReplaceAllString(string(text), fmt.Sprint("port = ", m.port))), 0o600))
	return d
}

func (m *meter) copy(to, from net.Conn, fromFar bool) {
	defer to.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if fromFar {
				m.bodies.Add(int64(n))
			} else if m.lastFromFar.Load() {
				m.turns.Add(1)
			}
			m.lastFromFar.Store(fromFar)
		}
		if err != nil {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (m *meter) reset() { m.turns.Store(0); m.bodies.Store(0) }

// fill puts letters straight into the server's mailboxes; Dovecot finds them there.
func (f *fleet) fill(mailbox string, from, to int) {
	f.Helper()
	f.fillWith(mailbox, from, to, letter)
}

func (f *fleet) fillWith(mailbox string, from, to int, letter func(int) string) {
	f.Helper()
	dir := filepath.Join(f.server.Home("alice"), "Maildir")
	if mailbox != "INBOX" {
		f.ok(f.client.Create(mailbox, nil).Wait())
		dir = filepath.Join(dir, "."+mailbox)
	}
	home, err := os.Stat(f.server.Home("alice"))
	f.ok(err)
	f.ok(os.MkdirAll(filepath.Join(dir, "cur"), 0o700))
	for n := from; n < to; n++ {
		path := filepath.Join(dir, "cur", fmt.Sprintf("%d.M%06dP1.test:2,%s", 1700000000+n, n, []string{"", "S", "FS"}[n%3]))
		f.ok(os.WriteFile(path, []byte(strings.ReplaceAll(letter(n), "\r\n", "\n")), 0o600))
		f.ok(own(path, home))
		date := time.Unix(int64(1700000000+n), 0)
		f.ok(os.Chtimes(path, date, date))
	}
	f.ok(own(dir, home))
	f.ok(own(filepath.Join(dir, "cur"), home))
}

// A first sync of 10,000 messages in five mailboxes is complete and byte-exact, in Maildirs of either layout; the second one
// does nothing, in a handful of round trips. Under another UIDVALIDITY no body is fetched again, nothing is doubled, and
// flags of both sides stay.
func TestLargeAccount(t *testing.T) {
	t.Parallel()
	f := newFleet(t, dovecot.Options{})
	boxes := []string{"INBOX", "A", "B", "C", "D"}
	const each = 2000
	for i, mailbox := range boxes {
		f.fill(mailbox, i*each, (i+1)*each)
	}
	m := f.meter()
	d := f.postie("one", maildir.FS).through(m)
	began := time.Now()
	if out := d.exits(exit.OK, "--json", "-q"); !strings.Contains(out, `"new":`+fmt.Sprint(len(boxes)*each)+",") {
		t.Error(out[max(0, len(out)-400):])
	}
	t.Logf("%d messages in %v, %d turns", len(boxes)*each, time.Since(began).Round(time.Millisecond), m.turns.Load())
	d.equal()
	for _, it := range d.here(boxes...) {
		if it.sum != newHeld("", letter(it.n), 0, nil).sum || it.mailbox != boxes[it.n/each] {
			t.Fatalf("letter %d is another one, in %s", it.n, it.mailbox)
		}
	}
	d.rests()
	for range 3 {
		m.reset()
		began = time.Now()
		d.sync()
		t.Logf("nothing to do: %v, %d turns, %d octets", time.Since(began).Round(time.Millisecond), m.turns.Load(), m.bodies.Load())
	}
	if n := m.turns.Load(); n > 10 {
		t.Errorf("%d turns to see that nothing happened", n)
	}
	newUIDValidity(t, f, d, m, boxes, each)
}

func newUIDValidity(t *testing.T, f *fleet, d *device, m *meter, boxes []string, each int) {
	d.rename(d.find("INBOX", 3), "FRS") // not pushed yet
	f.fetch("INBOX", &imap.FetchOptions{UID: true})
	f.flag(f.uid("INBOX", 4), imap.StoreFlagsAdd, imap.FlagAnswered)
	f.ok(f.client.Logout().Wait())
	for _, mailbox := range boxes[:3] {
		dir := filepath.Join(f.server.Home("alice"), "Maildir")
		if mailbox != "INBOX" {
			dir = filepath.Join(dir, "."+mailbox)
		}
		for _, pattern := range []string{"dovecot-uidlist*", "dovecot.index*"} {
			names, err := filepath.Glob(filepath.Join(dir, pattern))
			f.ok(err)
			for _, name := range names {
				f.ok(os.Remove(name))
			}
		}
	}
	time.Sleep(1100 * time.Millisecond) // a UIDVALIDITY is a second
	f.login("alice")
	m.reset()
	began := time.Now()
	out := d.exits(exit.OK, "--json", "-vv")
	t.Logf("another UIDVALIDITY: %v, %d turns, %d octets", time.Since(began).Round(time.Millisecond), m.turns.Load(), m.bodies.Load())
	if strings.Contains(out, "BODY.PEEK[]") || !strings.Contains(out, "BODY.PEEK[HEADER") {
		t.Error("bodies were fetched")
	}
	out = out[strings.LastIndex(out, `{"event":"summary"`):]
	if !strings.Contains(out, `"new":0,"uploaded":0`) || !strings.Contains(out, `"deleted_local":0,"deleted_remote":0`) {
		t.Error(out)
	}
	d.equal()
	d.rests()
	if got := d.find("INBOX", 3).Set.String(); got != "FRS" {
		t.Errorf("flags set here are %s", got)
	}
	if got := d.find("INBOX", 4).Set.String(); got != "RS" {
		t.Errorf("flags set there are %s", got)
	}
	if n := len(d.files(boxes...)); n != len(boxes)*each {
		t.Errorf("%d files", n)
	}
}

// own gives a file to the owner of another.
func own(path string, as os.FileInfo) error {
	s := as.Sys().(*syscall.Stat_t)
	return os.Lchown(path, int(s.Uid), int(s.Gid))
}
