package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postie/cmd/postie/internal/exit"
	"postie/pop3/pop3test"
)

// The recipes of the README for notmuch, mu and a desktop notification, as they stand there: the programs are called as written.
func TestHookRecipes(t *testing.T) {
	bin, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	for _, name := range []string{"notmuch", "mu", "notify-send"} {
		script := fmt.Sprintf("#!/bin/sh\n{ printf %s; printf ' [%%s]' \"$@\"; printf ' %%s\\n' \"$POSTIE_EVENT\"; } >>%q\n", name, log)
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	s := pop3test.NewServer(pop3test.Options{})
	s.SetMaildrop("alice", "secret", pop3test.Message{Body: []byte("From: Ann <ann@example.org>\r\nSubject: --help\r\n\r\nHi\r\n"), UIDL: "1"})
	address, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, port, _ := net.SplitHostPort(address)

	var tables []string // of the configuration
	command := ""
	for _, line := range recipe(t, "When something happened") {
		switch verb, rest, _ := strings.Cut(line, " "); {
		case verb == "postie":
			_, command, _ = strings.Cut(rest, "--exec ")
		case line == "[hooks]":
			tables = append(tables, "")
			fallthrough
		default:
			tables[len(tables)-1] += line + "\n"
		}
	}
	run1 := func(hooks string, args ...string) {
		t.Helper()
		dir := t.TempDir()
		path := filepath.Join(dir, "config.toml")
		text := fmt.Sprintf("[account.home]\nprotocol = \"pop3\"\nhost = \"127.0.0.1\"\nport = %s\ntls = \"none\"\nuser = \"alice\"\npassword = \"secret\"\nmaildir = \"inbox\"\nkeep = true\n%s", port, hooks)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if code := run(append([]string{"fetch", "-c", path}, args...), &out, &out); code != exit.OK {
			t.Fatalf("exit code %d\n%s", code, out.String())
		}
	}
	for _, hooks := range tables {
		run1(hooks)
	}
	run1("", "--exec", strings.Trim(command, "'"))
	got, _ := os.ReadFile(log)
	want := "notmuch [new] [--quiet] changed\nmu [index] [--quiet] changed\nnotify-send [--] [Ann <ann@example.org> (home)] [--help] message\n"
	if string(got) != want {
		t.Errorf("called:\n%swant:\n%s", got, want)
	}
}
