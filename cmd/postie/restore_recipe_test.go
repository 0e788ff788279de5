package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"postie/testdata/dovecot"
	"postie/testdata/messages"
)

// recipe gives the commands of a section of the README.
func recipe(t *testing.T, section string) (lines []string) {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(readme), "\n## "+section+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	for line := range strings.Lines(text) {
		if command, ok := strings.CutPrefix(line, "    "); ok {
			command, _, _ = strings.Cut(command, "#")
			lines = append(lines, strings.TrimSpace(command))
		}
	}
	if !ok || len(lines) == 0 {
		t.Fatalf("no commands in the section %q of the README", section)
	}
	return lines
}

// The recipe of the README, as it stands there: from one make of server to another, and back to an empty account of the first. In between
// the server of the backup loses everything.
func TestRecipe(t *testing.T) {
	count := 60
	if os.Getenv("POSTIE_TEST_LONG") != "" {
		count = 10000
	}
	const old = "IMAP4rev1 LITERAL+ SASL-IR NAMESPACE CHILDREN"
	one := dovecot.Start(t, dovecot.Options{Users: []string{"ann", "back"}})
	other := dovecot.Start(t, dovecot.Options{Users: []string{"bob"}, Separator: ".", Prefix: "INBOX.", IMAPCapability: old})
	here := fill(t, one, "ann", count)
	for _, c := range []struct {
		from, to         *dovecot.Server
		fromUser, toUser string
	}{{one, other, "ann", "bob"}, {other, one, "bob", "back"}} {
		home := dovecot.Dir(t)
		t.Setenv("HOME", home)
		t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "config"))
		t.Setenv("PW", dovecot.Password)
		config := ""
		for name, a := range map[string]struct {
			s    *dovecot.Server
			user string
		}{"work": {c.from, c.fromUser}, "new": {c.to, c.toUser}} {
			config += fmt.Sprintf("[account.%s]\nprotocol = \"imap\"\nhost = %q\nport = %d\nuser = %q\ntls = \"none\"\npassword_env = \"PW\"\nmaildir = \"~/Mail/%[1]s\"\n", name, dovecot.Host, a.s.IMAP, a.user)
		}
		if err := os.MkdirAll(filepath.Join(home, "config", "postie"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, "config", "postie", "config.toml"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		follow(t, home, recipe(t, "After a loss, or to another provider"))
		got := mailOf(t, c.to, c.toUser)
		if want := mailOf(t, c.from, c.fromUser); len(want) != here || !slices.Equal(got, want) {
			t.Fatalf("%d messages, %d were there; sizes, flags or dates differ", len(got), len(want))
		}
	}
	// The account itself, that lost everything: it comes back, and a sync finds nothing to do.
	empty(t, one, "back")
	home := os.Getenv("HOME")
	follow(t, home, []string{"postie restore new --from ~/Mail/new"})
	if got := mailOf(t, one, "back"); !slices.Equal(got, mailOf(t, other, "bob")) {
		t.Errorf("%d messages came back", len(got))
	}
	var out bytes.Buffer
	if code := run([]string{"sync", "new", "--json"}, &out, &out); code != 0 || !regexp.MustCompile(`"new":0,"uploaded":0,.*"deleted_local":0,"deleted_remote":0`).Match(out.Bytes()) {
		t.Errorf("the next sync did something (%d): %s", code, &out)
	}
	follow(t, home, []string{"postie verify new --deep"})
}

// follow does what a shell would with a few commands: postie, with > FILE, and diff.
func follow(t *testing.T, home string, lines []string) {
	t.Helper()
	for _, line := range lines {
		command, to, _ := strings.Cut(strings.ReplaceAll(line, "~/", home+"/"), " > ")
		words := strings.Fields(command)
		var out, errOut bytes.Buffer
		switch words[0] {
		case "postie":
			if code := run(words[1:], &out, &errOut); code != 0 {
				t.Fatalf("%s: exit code %d\n%s%s", line, code, &out, &errOut)
			}
			if to != "" {
				if err := os.WriteFile(filepath.Join(home, to), out.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		case "diff":
			a, err := os.ReadFile(filepath.Join(home, words[1]))
			b, err2 := os.ReadFile(filepath.Join(home, words[2]))
			if err != nil || err2 != nil || len(a) == 0 || !bytes.Equal(a, b) {
				t.Fatalf("%s: %v %v\n%.2000s\n%.2000s", line, err, err2, a, b)
			}
		default:
			t.Fatalf("the README has a command that this test does not know: %s", line)
		}
	}
}

func client(t *testing.T, s *dovecot.Server, user string) *imapclient.Client {
	t.Helper()
	c, err := imapclient.DialInsecure(dovecot.Address(s.IMAP), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.Login(user, dovecot.Password).Wait(); err != nil {
		t.Fatal(err)
	}
	return c
}

// fill puts messages into mailboxes, with flags, keywords and dates, and says how many.
func fill(t *testing.T, s *dovecot.Server, user string, count int) (n int) {
	t.Helper()
	c := client(t, s, user)
	defer c.Close()
	boxes := []string{"INBOX"}
	for i := range max(3, count/500) {
		boxes = append(boxes, fmt.Sprintf("Lists/Ünï %d", i))
		if err := c.Create(boxes[i+1], nil).Wait(); err != nil {
			t.Fatal(err)
		}
	}
	flags := [][]imap.Flag{nil, {imap.FlagSeen}, {imap.FlagSeen, imap.FlagFlagged, "work"}, {imap.FlagAnswered, "$Forwarded", "$label1"}, {imap.FlagDraft}}
	for m := range messages.Generated(count, 2000) {
		m = bytes.ReplaceAll(bytes.ReplaceAll(m, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
		cmd := c.Append(boxes[n%len(boxes)], int64(len(m)), &imap.AppendOptions{Flags: flags[n%len(flags)], Time: time.Date(2001, 1, 1, 0, n, 0, 0, time.UTC)})
		cmd.Write(m)
		cmd.Close()
		if _, err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// eachMailbox selects the mailboxes of an account, one after the other.
func eachMailbox(t *testing.T, s *dovecot.Server, user string, do func(c *imapclient.Client, name string, n uint32)) {
	t.Helper()
	c := client(t, s, user)
	defer c.Close()
	all, err := c.List("", "*", nil).Collect()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if slices.Contains(m.Attrs, imap.MailboxAttrNoSelect) {
			continue
		}
		selected, err := c.Select(m.Mailbox, nil).Wait()
		if err != nil {
			t.Fatal(err)
		}
		do(c, strings.ReplaceAll(strings.TrimPrefix(m.Mailbox, "INBOX."), ".", "/"), selected.NumMessages)
	}
}

// mailOf is what an account holds: mailbox, size, date, flags of each message.
func mailOf(t *testing.T, s *dovecot.Server, user string) (all []string) {
	t.Helper()
	eachMailbox(t, s, user, func(c *imapclient.Client, name string, n uint32) {
		if n == 0 {
			return
		}
		found, err := c.Fetch(imap.SeqSet{{Start: 1}}, &imap.FetchOptions{Flags: true, InternalDate: true, RFC822Size: true}).Collect()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range found {
			flags := slices.DeleteFunc(m.Flags, func(f imap.Flag) bool { return f == `\Recent` })
			slices.Sort(flags)
			all = append(all, fmt.Sprint(name, " ", m.RFC822Size, " ", m.InternalDate.UTC(), " ", flags))
		}
	})
	slices.Sort(all)
	return all
}

// empty takes everything away from an account.
func empty(t *testing.T, s *dovecot.Server, user string) {
	t.Helper()
	eachMailbox(t, s, user, func(c *imapclient.Client, name string, n uint32) {
		if n == 0 {
			return
		}
		if err := c.Store(imap.SeqSet{{Start: 1}}, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Close(); err != nil {
			t.Fatal(err)
		}
		if err := c.Expunge().Close(); err != nil {
			t.Fatal(err)
		}
	})
	if got := mailOf(t, s, user); len(got) > 0 {
		t.Fatalf("%d messages are left", len(got))
	}
}
