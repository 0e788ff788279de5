package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"postie/cmd/postie/internal/exit"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// cable is a line to a server that can be cut, and cut off.
type cable struct {
	*testing.T
	port     int
	listener net.Listener

	mu    sync.Mutex
	conns []net.Conn
	down  bool // connections are ended at once
	made  int  // connections so far
}

func newCable(t *testing.T, to int) *cable {
	l, err := net.Listen("tcp", dovecot.Host+":0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{T: t, listener: l, port: l.Addr().(*net.TCPAddr).Port}
	t.Cleanup(func() { l.Close(); c.cut() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", dovecot.Address(to))
			c.mu.Lock()
			c.made++
			if err != nil || c.down {
				near.Close()
				if err == nil {
					far.Close()
				}
				c.mu.Unlock()
				continue
			}
			c.conns = append(c.conns, near, far)
			c.mu.Unlock()
			go func() { io.Copy(far, near); far.Close() }()
			go func() { io.Copy(near, far); near.Close() }()
		}
	}()
	return c
}

// cut ends all connections.
func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		conn.Close()
	}
	c.conns = nil
}

func (c *cable) set(down bool) {
	c.mu.Lock()
	c.down = down
	c.mu.Unlock()
	c.cut()
}

func (c *cable) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.made
}

// What goes wrong in weeks, one after the other, on one watch: lines that are cut, a server that is away, a password that was changed, a
// Maildir that is not there for a while, a message that cannot be stored. It gets over each by itself, and tells of each once.
func TestWatchTrouble(t *testing.T) {
	t.Parallel()
	f := newFleet(t, dovecot.Options{})
	line := newCable(t, f.server.IMAP)
	d := f.postie("a", maildir.FS, `max_delete = "100%"`)
	secret := filepath.Join(f.dir, "secret")
	f.ok(os.WriteFile(secret, []byte(dovecot.Password), 0o600))
	config, err := os.ReadFile(d.config())
	f.ok(err)
	text := strings.Replace(string(config), fmt.Sprintf("port = %d", f.server.IMAP), fmt.Sprintf("port = %d", line.port), 1)
	text = strings.Replace(text, `password_env = "PW"`, fmt.Sprintf("password_file = %q", secret), 1)
	f.ok(os.WriteFile(d.config(), []byte(text), 0o600))
	f.server.Deliver(t, "alice", []byte(letter(1)))
	w := d.watch()
	eventually(t, "the first letter came", d.shows("INBOX", "1:"))

	line.cut() // the server's idle timeout, its restart
	f.server.Deliver(t, "alice", []byte(letter(2)))
	eventually(t, "the second came over another line", d.shows("INBOX", "1: 2:"))

	line.set(true)
	d.rename(d.find("INBOX", 1), "S")
	eventually(t, "it tried some times", func() bool { return line.count() >= 4 })
	line.set(false)
	eventually(t, "what was done meanwhile went up", func() bool {
		there := f.there("INBOX")
		return len(there) == 2 && there[0].flags == "S"
	})

	users := filepath.Join(f.server.Dir, "users")
	f.ok(os.WriteFile(users, []byte("alice:{PLAIN}another::::::\n"), 0o600))
	var cut time.Time // a run that is under way gets over a cut by itself, perhaps with a login that was begun before
	eventually(t, "it was told that the login is refused", func() bool {
		if time.Since(cut) > 5*time.Second {
			cut = time.Now()
			line.cut()
		}
		return strings.Contains(w.out.String(), "login") && strings.Contains(w.out.String(), "refused")
	})
	f.ok(os.WriteFile(secret, []byte("another"), 0o600))
	ring(w.in.hangup)
	f.server.Deliver(t, "alice", []byte(letter(3)))
	eventually(t, "after SIGHUP the new password is used", d.shows("INBOX", "1:S 2: 3:"))

	away := d.root + ".away"
	f.ok(os.Rename(d.root, away))
	f.ok(os.Mkdir(d.root, 0o700)) // a mount point
	eventually(t, "it was told that the Maildir is gone", func() bool { return strings.Contains(w.out.String(), "is not there any more") })
	f.ok(os.Remove(d.root))
	f.ok(os.Rename(away, d.root))
	d.remove(d.find("INBOX", 2))
	eventually(t, "it goes on when the Maildir is back", func() bool { return len(f.there("INBOX")) == 2 })

	if code := w.stop(); code != exit.OK {
		t.Errorf("exit code %d", code)
	}
	d.sync()
	d.rests()
	said := w.out.String()
	for what, n := range map[string]int{`(?m)^postie: `: 2, `(?m)^postie: .*not there any more`: 1, `(?m)^postie: .*(login|LOGIN)`: 1, `new: "letter \d"`: 3} {
		if got := len(regexp.MustCompile(what).FindAllString(said, -1)); got != n {
			t.Errorf("%s: said %d times, want %d", what, got, n)
		}
	}
}
