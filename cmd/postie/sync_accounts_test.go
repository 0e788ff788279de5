package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"postie/cmd/postie/internal/exit"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// accounts writes a configuration of several IMAP accounts, and gives each as a device that shares it.
func accounts(f *fleet, ports map[string]int) (config string, all map[string]*device) {
	f.Helper()
	config = filepath.Join(f.dir, "all.toml")
	var text strings.Builder
	all = map[string]*device{}
	for name, port := range ports {
		d := &device{fleet: f, name: name, root: filepath.Join(f.dir, "mail", name), layout: maildir.FS}
		fmt.Fprintf(&text, "[account.%s]\nprotocol = \"imap\"\nhost = %q\nport = %d\ntls = \"none\"\nuser = %q\npassword_env = \"PW\"\nmaildir = %q\n", name, dovecot.Host, port, name, d.root)
		all[name] = d
	}
	f.ok(os.WriteFile(config, []byte(text.String()), 0o600))
	return config, all
}

// summaries are what a run with --json says in the end of each account.
func summaries(t *testing.T, out string) map[string]int {
	t.Helper()
	exits := map[string]int{}
	for line := range strings.Lines(out) {
		var s struct {
			Event, Account string
			Exit           int
		}
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Errorf("%v: %s", err, line)
		}
		if s.Event == "summary" {
			exits[s.Account] = s.Exit
		}
	}
	return exits
}

// Several accounts in one run: one that is not reached, whose login is refused, or that a guard stops, hinders no other.
func TestSeveralAccounts(t *testing.T) {
	t.Parallel()
	f := newFleet(t, dovecot.Options{Users: []string{"alice", "bob", "carol"}})
	l, err := net.Listen("tcp", dovecot.Host+":0")
	f.ok(err)
	nobody := l.Addr().(*net.TCPAddr).Port
	f.ok(l.Close())
	config, all := accounts(f, map[string]int{"alice": f.server.IMAP, "bob": f.server.IMAP, "carol": f.server.IMAP, "dora": f.server.IMAP, "emil": nobody})
	for _, name := range []string{"alice", "bob", "carol"} {
		*all[name] = device{fleet: f.other(t, name), name: name, root: all[name].root}
		all[name].put("INBOX", 0, 20)
	}
	sync := func(args ...string) (int, string) {
		var out, errs strings.Builder
		code := run(append([]string{"sync", "-c", config, "--json"}, args...), &out, &errs)
		return code, out.String()
	}
	want := map[string]int{"alice": 0, "bob": 0, "carol": 0, "dora": exit.Login, "emil": exit.Connection}
	code, out := sync()
	if got := summaries(t, out); code != exit.Partial || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("exit code %d, %v, want %v\n%s", code, got, want, out)
	}
	for _, name := range []string{"alice", "bob", "carol"} {
		all[name].equal()
	}

	all["alice"].put("INBOX", 20, 22)
	all["bob"].empty("INBOX") // the guard's
	all["carol"].fetch("INBOX", &imap.FetchOptions{UID: true})
	all["carol"].flag(imap.UIDSetNum(1), imap.StoreFlagsAdd, imap.FlagFlagged)
	want["bob"] = exit.Guard
	code, out = sync()
	if got := summaries(t, out); code != exit.Partial || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("exit code %d, %v, want %v\n%s", code, got, want, out)
	}
	all["alice"].equal()
	all["carol"].equal()
	if n := len(all["bob"].there("INBOX")); n != 20 {
		t.Errorf("%d letters are left", n)
	}
	for name, want := range map[string]int{"alice": exit.OK, "bob": exit.Guard, "dora": exit.Login, "emil": exit.Connection} {
		if code, out := sync(name); code != want {
			t.Errorf("%s alone: exit code %d, want %d\n%s", name, code, want, out)
		}
	}
}
