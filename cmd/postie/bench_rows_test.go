package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/emersion/go-imap/v2"

	"postie/maildir"
	"postie/testdata/dovecot"
	"postie/testdata/messages"
)

var (
	allUIDs     = imap.UIDSet{{Start: 1}}
	identifying = &imap.FetchOptions{RFC822Size: true, InternalDate: true, BodySection: []*imap.FetchItemBodySection{{Peek: true,
		Specifier: imap.PartSpecifierHeader, HeaderFields: []string{"Message-ID"}}}}
)

// contest is two accounts that hold the same, for postie and its peer, and where each brings it.
type contest struct {
	name  string
	users [2]string
	dirs  [2]string
	ports [2]int
	still bool // both trees are as their accounts
}

// contest fills two accounts with n messages of size octets.
func (t *table) contest(name string, n, size, port int) *contest {
	return &contest{name: name, users: [2]string{t.filled(n, size), t.filled(n, size)}, ports: [2]int{port, port},
		dirs: [2]string{filepath.Join(t.dir, name+"-ours"), filepath.Join(t.dir, name+"-theirs")}}
}

// commands sync an account, by postie and by mbsync; again makes their folders empty before.
func (t *table) commands(p *contest, again bool) (ours, theirs func(int) *exec.Cmd) {
	clear := func(i int) {
		if again {
			t.ok(os.RemoveAll(p.dirs[i]))
		}
		t.ok(os.MkdirAll(p.dirs[i], 0o700))
	}
	ours = func(int) *exec.Cmd {
		clear(0)
		return t.with(t.binary, "sync", "-q", fmt.Sprintf("imap://%s@%s:%d", p.users[0], dovecot.Host, p.ports[0]), "--tls", "none", "--password-env", "PW", "-d", p.dirs[0])
	}
	theirs = func(int) *exec.Cmd {
		clear(1)
		return exec.Command("mbsync", "-c", t.mbsyncrc(p.dirs[1], p.dirs[1], p.users[1], p.ports[1]), "-a", "-q")
	}
	return ours, theirs
}

func (t *table) with(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "PW="+dovecot.Password)
	return cmd
}

// ready brings both trees up to their accounts, and to trust in their folders, unmeasured.
func (t *table) ready(p *contest) {
	ours, theirs := t.commands(p, false)
	for range 3 { // the second run trusts its folders from then on, the third uses that
		if p.still {
			break
		}
		t.run(ours(0))
		if t.have["mbsync"] {
			t.run(theirs(0))
		}
		t.quiet(p)
	}
	p.still = true
}

// quiet lets the folders of both trees rest.
func (t *table) quiet(p *contest) {
	for _, dir := range p.dirs {
		folders, _ := filepath.Glob(filepath.Join(dir, "*", "cur"))
		for _, folder := range folders {
			t.rest(filepath.Dir(folder))
		}
	}
}

// each is a row that readies p, changes something on a side before each run, and syncs.
func (t *table) each(r row, p func() *contest, change func(p *contest, side, round int)) row {
	side := func(i int) func(int) *exec.Cmd {
		return func(round int) *exec.Cmd {
			t.ready(p())
			t.quiet(p())
			if change != nil {
				change(p(), i, round)
			}
			ours, theirs := t.commands(p(), false)
			return []func(int) *exec.Cmd{ours, theirs}[i](round)
		}
	}
	r.peer, r.ours, r.theirs = "mbsync", side(0), side(1)
	return r
}

// first is a row of first syncs.
func (t *table) first(r row, p func() *contest) row {
	r.peer = "mbsync"
	r.ours = func(round int) *exec.Cmd { ours, _ := t.commands(p(), true); return ours(round) }
	r.theirs = func(round int) *exec.Cmd { _, theirs := t.commands(p(), true); return theirs(round) }
	return r
}

// flags changes flags on the server and of other messages in the tree.
func (t *table) flags(p *contest, side, round int) {
	client := t.client(p.users[side])
	defer client.Close()
	step := t.sizes.large / t.sizes.changes
	op := []imap.StoreFlagsOp{imap.StoreFlagsAdd, imap.StoreFlagsDel}[round%2]
	var set imap.UIDSet
	for i := range t.sizes.changes {
		set.AddNum(imap.UID(1 + step*i))
	}
	t.ok(client.Store(set, &imap.StoreFlags{Op: op, Silent: true, Flags: []imap.Flag{imap.FlagAnswered}}, nil).Close())
	dir, n := maildir.Dir(filepath.Join(p.dirs[side], "INBOX")), 0
	var all []maildir.Entry
	for e, err := range dir.Scan() {
		t.ok(err)
		if n++; n%step == 0 {
			all = append(all, e)
		}
	}
	for _, e := range all {
		_, err := dir.SetFlags(e, e.Set^maildir.FlagFlagged, e.Letters)
		t.ok(err)
	}
}

// append puts n messages into each of so many mailboxes on the server, which are made.
func (t *table) append(user string, boxes, n, round int) {
	client := t.client(user)
	defer client.Close()
	i := 0
	for m := range messages.Generated(boxes*n, 4<<10+round) {
		box := fmt.Sprintf("box%03d", i%boxes)
		if i++; i <= boxes {
			client.Create(box, nil).Wait() // it may be there already
		}
		c := client.Append(box, int64(len(m)), nil)
		_, err := c.Write(m)
		t.ok(err)
		t.ok(c.Close())
		_, err = c.Wait()
		t.ok(err)
	}
}

// popped is a row of POP3. again: allUIDs is fetched each time.
func (t *table) popped(r row, p func() *contest, keep, again bool) row {
	prepare := func(i int) string {
		if again {
			t.ok(os.RemoveAll(p().dirs[i]))
		}
		inbox := filepath.Join(p().dirs[i], "inbox")
		t.ok(maildir.Dir(inbox).Ensure())
		return inbox
	}
	r.peer = "mpop"
	r.ours = func(int) *exec.Cmd {
		args := []string{"fetch", "-q", fmt.Sprintf("pop3://%s@%s:%d", p().users[0], dovecot.Host, p().ports[0]), "--tls", "none", "--password-env", "PW", "-d", prepare(0)}
		if keep {
			args = append(args, "--keep")
		}
		return t.with(t.binary, args...)
	}
	r.theirs = func(int) *exec.Cmd {
		inbox := prepare(1)
		return exec.Command("mpop", "-C", t.mpoprc(filepath.Dir(inbox), p().users[1], p().ports[1], keep), "-q", "a")
	}
	return r
}

// searches are rows of what was fetched into a folder, beside notmuch.
func (t *table) searches(dir func() string) []row {
	config := filepath.Join(t.dir, "notmuch-config")
	command := func(args ...string) *exec.Cmd {
		text := fmt.Sprintf("[database]\npath=%s\n[user]\nname=Alice\nprimary_email=alice@example.org\n[new]\nignore=/^.postie/\n[maildir]\nsynchronize_flags=true\n", dir())
		t.ok(os.WriteFile(config, []byte(text), 0o600))
		cmd := exec.Command("notmuch", args...)
		cmd.Env = append(os.Environ(), "NOTMUCH_CONFIG="+config)
		return cmd
	}
	ours := func(word string) *exec.Cmd {
		return exec.Command(t.binary, "search", "-d", dir(), "--limit", "50", word)
	}
	return []row{
		{name: fmt.Sprintf("first search over %d fetched messages of 2 KB (all are indexed)", t.sizes.large), peer: "notmuch", aim: 0.7, once: true,
			ours: func(int) *exec.Cmd { return ours("garden") }, theirs: func(int) *exec.Cmd { return command("new", "--quiet") }},
		{name: fmt.Sprintf("search over %d messages", t.sizes.large), peer: "notmuch", aim: 0.7, memory: 64,
			ours: func(int) *exec.Cmd { return ours("garden") }, theirs: func(int) *exec.Cmd { return command("search", "--output=summary", "--limit=50", "garden") }},
		{name: "postie version", aim: 0.015, ours: func(int) *exec.Cmd { return exec.Command(t.binary, "version") }},
	}
}

// throttled is a port that leads to another one over a line that carries so many octets a second, each connection by itself.
func (t *table) throttled(to int, rate int64) int {
	return relayed(t, to, func(client, server net.Conn) {
		go func() { io.Copy(server, client); server.Close() }()
		go slowly(client, server, rate)
	})
}

func slowly(to, from net.Conn, rate int64) {
	defer to.Close()
	began, sent := time.Now(), int64(0)
	for {
		n, err := io.CopyN(to, from, 16<<10)
		if sent += n; err != nil {
			return
		}
		time.Sleep(time.Until(began.Add(time.Duration(sent) * time.Second / time.Duration(rate))))
	}
}
