package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/emersion/go-imap/v2/imapclient"

	"postie/cmd/postie/internal/demo"
	"postie/cmd/postie/internal/exit"
	"postie/pop3/pop3test"
)

// counted is a way to a server on which connections are counted.
type counted struct {
	port        int
	connections atomic.Int32
}

func newCounted(t *testing.T, server string) *counted {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	c := &counted{port: l.Addr().(*net.TCPAddr).Port}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			c.connections.Add(1)
			go func() {
				defer client.Close()
				conn, err := net.Dial("tcp", server)
				if err != nil {
					return
				}
				defer conn.Close()
				go func() { io.Copy(conn, client); conn.Close() }()
				io.Copy(client, conn)
			}()
		}
	}()
	return c
}

// twoRoots are a POP3 account, home, and an IMAP account, work, whose roots are moved about.
type twoRoots struct {
	*testing.T
	*rand.Rand
	dir      string
	pop3     *pop3test.Server
	imap     *demo.IMAP
	ways     map[string]*counted // by account
	roots    map[string]string   // by account, below dir
	messages map[string]int      // by account: those that there should be
	log      []string
}

// A nesting moves one of two roots into the other, or links it from there.
type nesting struct {
	name    string
	do      [][3]string       // rename or symlink, from, to
	roots   map[string]string // of accounts, when the configuration follows
	refuses []string          // accounts that must not be run then
}

func nestings() []nesting {
	both := []string{"home", "work"}
	return []nesting{
		{"home into work", [][3]string{{"rename", "home", "work/home"}}, map[string]string{"home": "work/home"}, both},
		{"home into a mailbox of work", [][3]string{{"rename", "home", "work/INBOX/home"}}, map[string]string{"home": "work/INBOX/home"}, both},
		{"work into home", [][3]string{{"rename", "work", "home/work"}}, map[string]string{"work": "home/work"}, both},
		{"home into work, a link left", [][3]string{{"rename", "home", "work/old"}, {"symlink", "work/old", "home"}}, nil, both},
		{"work into home, a link left", [][3]string{{"rename", "work", "home/old"}, {"symlink", "home/old", "work"}}, nil, both},
		{"home into work, nobody follows", [][3]string{{"rename", "home", "work/home"}}, nil, []string{"work"}},
		{"work into home, nobody follows", [][3]string{{"rename", "work", "home/work"}}, nil, []string{"home"}},
		{"home linked from work", [][3]string{{"symlink", "home", "work/link"}}, nil, []string{"work"}},
		{"a part of home linked from work", [][3]string{{"symlink", "home/cur", "work/link"}}, nil, []string{"work"}},
		{"work linked from home", [][3]string{{"symlink", "work", "home/link"}}, nil, []string{"home"}},
		{"a mailbox of work linked from home", [][3]string{{"symlink", "work/INBOX", "home/link"}}, nil, []string{"home"}},
		{"work by a link to home", [][3]string{{"rename", "work", "aside"}, {"symlink", "home/cur", "work"}}, nil, []string{"work"}},
		{"both in one, by a link", [][3]string{{"rename", "home", "work/home"}, {"symlink", "work", "way"}}, map[string]string{"home": "way/home"}, both},
	}
}

func newTwoRoots(t *testing.T) *twoRoots {
	w := &twoRoots{T: t, Rand: chance(t), dir: t.TempDir(), pop3: pop3test.NewServer(pop3test.Options{}),
		ways: map[string]*counted{}, messages: map[string]int{}, roots: map[string]string{"home": "home", "work": "work"}}
	w.pop3.SetMaildrop(demo.User, demo.Password)
	address, err := w.pop3.Listen()
	w.ok(err)
	w.imap, err = demo.StartIMAP()
	w.ok(err)
	t.Cleanup(func() { w.pop3.Close(); w.imap.Close() })
	w.ways["home"] = newCounted(t, address)
	w.ways["work"] = newCounted(t, fmt.Sprint(w.imap.Host, ":", w.imap.Port))
	w.messages["work"] = w.imap.Messages
	w.ok(os.WriteFile(filepath.Join(w.dir, "password"), []byte(demo.Password), 0o600))
	return w
}

func (w *twoRoots) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *twoRoots) path(name string) string { return filepath.Join(w.dir, name) }

// Two roots side by side, and mail that comes to both. Now and then one is moved into the other, or linked from there: then neither
// fetch nor sync connects, exit 2, and nothing changes on any side. When it is moved back all goes on.
func TestRootsThatMove(t *testing.T) {
	t.Parallel()
	w := newTwoRoots(t)
	w.goOn()
	all := nestings()
	for round := range rounds(len(all), 8*len(all)) {
		if round%len(all) == 0 {
			w.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		}
		w.nested(all[round%len(all)])
		if w.Failed() {
			w.Fatal(strings.Join(w.log, "\n"))
		}
		w.goOn()
	}
}

// goOn brings new mail to both, and runs both: all is in its place then.
func (w *twoRoots) goOn() {
	w.Helper()
	for range w.IntN(3) {
		w.arrive("home")
	}
	for range w.IntN(3) {
		w.arrive("work")
	}
	for _, account := range w.order() {
		if code, out := w.try(account); code != exit.OK {
			w.Fatalf("%s: exit code %d\n%s\n%s", account, code, out, strings.Join(w.log, "\n"))
		}
		if here, there := w.here(account), w.there(account); here != w.messages[account] || there != here {
			w.Fatalf("%s: %d messages are here and %d there, want %d\n%s", account, here, there, w.messages[account], strings.Join(w.log, "\n"))
		}
	}
}

func (w *twoRoots) order() []string {
	accounts := []string{"home", "work"}
	w.Shuffle(2, func(i, j int) { accounts[i], accounts[j] = accounts[j], accounts[i] })
	return accounts
}

// arrive is one more message on the server of an account.
func (w *twoRoots) arrive(account string) {
	w.Helper()
	w.messages[account]++
	text := letter(1000*len(w.log) + w.messages[account])
	w.log = append(w.log, "one more for "+account)
	if account == "home" {
		w.pop3.Append(demo.User, pop3test.Message{Body: []byte(text)})
		return
	}
	c := w.client()
	defer c.Close()
	command := c.Append("INBOX", int64(len(text)), nil)
	_, err := command.Write([]byte(text))
	w.ok(err)
	w.ok(command.Close())
	_, err = command.Wait()
	w.ok(err)
}

func (w *twoRoots) client() *imapclient.Client {
	w.Helper()
	c, err := imapclient.DialInsecure(fmt.Sprint(w.imap.Host, ":", w.imap.Port), nil)
	w.ok(err)
	w.ok(c.Login(demo.User, demo.Password).Wait())
	return c
}

// there counts the messages on the server of an account.
func (w *twoRoots) there(account string) (n int) {
	w.Helper()
	if account == "home" {
		w.pop3.Wait()
		return len(w.pop3.Maildrop(demo.User))
	}
	c := w.client()
	defer c.Close()
	boxes, err := c.List("", "*", nil).Collect()
	w.ok(err)
	for _, b := range boxes {
		selected, err := c.Select(b.Mailbox, nil).Wait()
		w.ok(err)
		n += int(selected.NumMessages)
	}
	return n
}

// here counts the messages in the root of an account.
func (w *twoRoots) here(account string) (n int) {
	w.Helper()
	for path := range w.tree() {
		if parent := filepath.Base(filepath.Dir(path)); strings.HasPrefix(path, w.roots[account]+"/") && (parent == "cur" || parent == "new") {
			n++
		}
	}
	return n
}

// tree is all that lies in the folder of both roots, by path: contents, and where links lead. It follows none. What the
// index keeps beside its database while it is open is no part of it.
func (w *twoRoots) tree() map[string]string {
	w.Helper()
	all := map[string]string{}
	w.ok(filepath.WalkDir(w.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		content := ""
		switch {
		case e.Type()&fs.ModeSymlink != 0:
			content, err = os.Readlink(path)
		case !e.IsDir():
			var b []byte
			b, err = os.ReadFile(path)
			content = string(b)
		}
		name, _ := filepath.Rel(w.dir, path)
		all[name] = content
		return err
	}))
	return all
}

// try runs fetch or sync for an account, as one of a configuration that names it alone or with the other, or by its URL.
func (w *twoRoots) try(account string, more ...string) (code int, output string) {
	w.Helper()
	command, protocol := "fetch", "pop3"
	if account == "work" {
		command, protocol = "sync", "imap"
	}
	var args []string
	accounts := []string{account}
	switch w.IntN(3) {
	case 0:
		args = []string{command, fmt.Sprintf("%s://%s@127.0.0.1:%d", protocol, demo.User, w.ways[account].port), "-d", w.path(w.roots[account]),
			"--tls", "none", "--password-file", w.path("password"), "-c", w.path("none.toml")}
		if account == "home" {
			args = append(args, "--keep")
		}
	case 1:
		accounts = []string{"home", "work"}
		fallthrough
	default:
		file := filepath.Join(w.TempDir(), "config.toml")
		w.ok(os.WriteFile(file, []byte(w.configuration(accounts...)), 0o600))
		args = []string{command, "-c", file, account}
	}
	args = append(args, more...)
	var out bytes.Buffer
	code = run(args, &out, &out)
	w.log = append(w.log, fmt.Sprintf("%q: %d %s", args, code, strings.TrimSpace(out.String())))
	return code, out.String()
}

func (w *twoRoots) configuration(accounts ...string) string {
	text := ""
	for _, name := range accounts {
		text += fmt.Sprintf("[account.%s]\nprotocol = %q\nhost = \"127.0.0.1\"\nport = %d\ntls = \"none\"\nuser = %q\npassword_file = %q\nmaildir = %q\n",
			name, map[string]string{"home": "pop3", "work": "imap"}[name], w.ways[name].port, demo.User, w.path("password"), w.path(w.roots[name]))
		if name == "home" {
			text += "keep = true\n"
		}
	}
	return text
}

// nested runs both accounts while their roots are nested, and puts the roots back.
func (w *twoRoots) nested(n nesting) {
	w.Helper()
	w.log = append(w.log, n.name)
	if w.IntN(2) == 0 {
		w.arrive(w.order()[0])
	}
	for _, step := range n.do {
		w.ok(w.step(step[0], step[1], step[2]))
	}
	usual := w.roots
	w.roots = maps.Clone(usual)
	maps.Copy(w.roots, n.roots)
	before, left := w.tree(), w.there("home")+w.there("work")
	connections := w.ways["home"].connections.Load() + w.ways["work"].connections.Load()
	for range 1 + w.IntN(2) {
		for _, account := range w.order() {
			if !slices.Contains(n.refuses, account) {
				continue
			}
			more := [][]string{nil, {"-n"}, {"--allow-mass-delete"}}[w.IntN(3)]
			if code, out := w.try(account, more...); code != exit.BadUsage {
				w.Errorf("%s: %s %v: exit code %d\n%s", n.name, account, more, code, out)
			}
		}
	}
	if now := w.ways["home"].connections.Load() + w.ways["work"].connections.Load(); now != connections {
		w.Errorf("%s: %d connections", n.name, now-connections)
	}
	if now := w.there("home") + w.there("work"); now != left {
		w.Errorf("%s: %d messages are on the servers, want %d", n.name, now, left)
	}
	if after := w.tree(); !maps.Equal(before, after) {
		w.Errorf("%s: files changed: %q", n.name, differing(before, after))
	}
	w.roots = usual
	for _, step := range slices.Backward(n.do) {
		if step[0] == "rename" {
			w.ok(w.step("rename", step[2], step[1]))
		} else {
			w.ok(os.Remove(w.path(step[2])))
		}
	}
}

func (w *twoRoots) step(what, from, to string) error {
	if what == "rename" {
		return os.Rename(w.path(from), w.path(to))
	}
	return os.Symlink(w.path(from), w.path(to))
}

// differing are the paths at which two trees differ.
func differing(a, b map[string]string) (paths []string) {
	for _, m := range []map[string]string{a, b} {
		for path := range m {
			if x, ok := a[path]; !ok || x != b[path] {
				paths = append(paths, path)
			} else if _, ok := b[path]; !ok {
				paths = append(paths, path)
			}
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}
