package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What Entry writes is what Parse reads, whatever the texts hold.
func TestEntry(t *testing.T) {
	strange := "q\"'\\ \u202eü"
	for _, want := range []Account{
		{Name: "home", Protocol: POP3, Host: "pop.example.org", TLS: Implicit, User: "alice", Maildir: "/m/home", Keep: Keep{KeepFor, 14 * 24 * 3600e9}},
		{Name: "a b", Protocol: IMAP, Host: "imap.example.org", Port: 1993, TLS: Implicit, User: "u", Expunge: true},
		{Name: "alice@example.org", Protocol: IMAP, Host: "h", Port: 143, TLS: StartTLS, User: strange, Maildir: "/m/x", Password: Password{Command: []string{"pass", strange}}, Mailboxes: []string{"*", "!Junk"}, Layout: LayoutMaildir, Auth: "scram-sha-256", Trash: "Trash", Expunge: true},
		{Name: "e", Protocol: IMAP, Host: "h", TLS: Implicit, User: "u", Maildir: "/m/e", Create: CreateNone, Terms: Terms{Bodies: Bodies{MaxSize: 100 << 10}, Direction: Pull}, TokenCommand: []string{"token"}},
		{Name: "t", Protocol: IMAP, Host: "h", Tunnel: []string{"ssh", "h"}, TLS: None, Maildir: "/m/t", Password: Password{Keyring: true}},
		{Name: "o", Protocol: POP3, Host: "h", TLS: Implicit, User: "u", Maildir: "/m/o", OAuth2: &OAuth2{Provider: "google", ClientID: strange}},
		{Name: "l", Protocol: POP3, Host: "h", TLS: Implicit, User: "u", Maildir: "/m/l", Password: Password{Literal: "hunter2"}, TLSCA: "/ca.pem"},
	} {
		text := want.Entry("line one\nline \x1b two", "three")
		if strings.Contains(text, "hunter2") || strings.ContainsAny(text, "\x1b\x01") {
			t.Errorf("%s", text)
		}
		c, err := Parse("c.toml", []byte(text))
		if want.Name == "a b" {
			if err == nil {
				t.Error("a bad name went through")
			}
			continue
		}
		if err != nil {
			t.Errorf("%v\n%s", err, text)
			continue
		}
		want.Password.Literal = ""
		if got, again := c.Accounts[0].Entry(), want.Entry(); got != again {
			t.Errorf("got\n%s\nwant\n%s", got, again)
		}
	}
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "new", "config.toml")
	block := []byte("[account.a]\nprotocol = \"pop3\"\nhost = \"h\"\nuser = \"u\"\nmaildir = \"m\"\n")
	mode := func(want fs.FileMode) {
		t.Helper()
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%v %v", info, err)
		}
	}
	if c, err := Replace(path, nil, block); err != nil || len(c.Accounts) != 1 {
		t.Fatal(err)
	}
	mode(0o600)
	if _, err := Replace(path, nil, block); !errors.Is(err, ErrChanged) {
		t.Errorf("overwrote a file that it had not seen: %v", err)
	}
	if _, err := Replace(path, []byte("x"), block); !errors.Is(err, ErrChanged) {
		t.Errorf("overwrote somebody's change: %v", err)
	}
	if _, err := Replace(path, block, []byte("[account.a]\n")); err == nil {
		t.Error("wrote nonsense")
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Replace(path, block, append(block, "password = \"x\"\n"...)); err == nil {
		t.Error("wrote a secret where others can read it")
	}
	link := filepath.Join(dir, "link.toml")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := Replace(link, block, append(block, "keep = true\n"...)); err != nil {
		t.Error(err)
	}
	mode(0o640)
	if real, err := os.Readlink(link); err != nil || real != path {
		t.Errorf("the link is gone: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "new", ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
