package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/library"
	"postie/maildir"
	"postie/maildir/index"
	mail "postie/maildir/message"
	"postie/testdata/schema"
)

func TestQueryOf(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"a b"}, "a b"}, // one argument is the query as it is
		{[]string{"a", "b"}, "a b"},
		{[]string{"a b", "c"}, `"a b" c`},
		{[]string{"subject:a b", "c"}, `subject:"a b" c`},
		{[]string{"a b:c", "d"}, `"a b:c" d`},
		{[]string{`subject:"a b"`, "c"}, `subject:"a b" c`},
		{[]string{"(a OR b)", "c"}, "(a OR b) c"},
	} {
		if got := queryOf(c.args); got != c.want {
			t.Errorf("%q: %s, want %s", c.args, got, c.want)
		}
	}
}

// Whatever a message calls its files, the name is one in the folder meant, and no option or hidden file.
func TestFileName(t *testing.T) {
	for in, want := range map[string]string{
		"report.pdf": "report.pdf", "": "part-7", "..": "part-7", "../../etc/passwd": "_.._etc_passwd", `C:\x.exe`: "C__x.exe",
		".bashrc": "bashrc", "-rf": "rf", "a\x1b[2Jb": "a␛[2Jb", "a\nb": "a b", "\u202egpj.exe": "_u202egpj.exe", "x\x00y": "x␀y", "Größe.txt": "Größe.txt",
	} {
		if got := library.PartName(mail.Part{Number: 7, Name: in}); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for _, long := range []string{strings.Repeat("ä", 300) + ".pdf", "x." + strings.Repeat("é", 300)} {
		got := library.PartName(mail.Part{Name: long})
		if len(got) > 203 || filepath.Base(got) != got || strings.Contains(got, "\ufffd") {
			t.Errorf("%d: %q", len(got), got)
		}
	}
}

func TestKeyword(t *testing.T) {
	for s, want := range map[string]bool{"todo": true, "$Junk": true, "a.b-c_d/e": true, "": false, "a b": false, "a(b": false, "ä": false,
		`\Seen`: false, "a*": false, "a]": false, "a\x7f": false, strings.Repeat("k", 201): false} {
		if keyword(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}

// A sync that holds the root keeps nobody from reading and marking; only what must be alone waits.
func TestReadWhileLocked(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "inbox")
	if err := maildir.Dir(dir).Ensure(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "new", "1.test"), []byte("Subject: one\n\ntext\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := index.Open(t.Context(), maildir.Dir(dir), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	lock, err := store.Lock(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"list"}, exit.OK, "inbox/INBOX/1"}, {[]string{"search", "text"}, exit.OK, "inbox/INBOX/1"}, {[]string{"status"}, exit.OK, "inbox/INBOX"},
		{[]string{"mark", "1", "--seen"}, exit.OK, "1 message marked"}, {[]string{"index", "--rebuild"}, exit.InUse, "in use by"},
	} {
		var out bytes.Buffer
		if code := run(append(c.args, "-d", dir), &out, &out); code != c.code || !strings.Contains(out.String(), c.want) {
			t.Errorf("%v: exit code %d\n%s", c.args, code, &out)
		}
	}
}

// Accounts that share a Maildir are listed once; each one's IDs lead to the mail.
func TestSharedMaildir(t *testing.T) {
	dir, config := filepath.Join(t.TempDir(), "inbox"), filepath.Join(t.TempDir(), "config.toml")
	if err := maildir.Dir(dir).Ensure(); err != nil {
		t.Fatal(err)
	}
	text := ""
	for n, name := range []string{"home", "club"} {
		text += fmt.Sprintf("[account.%s]\nprotocol = \"pop3\"\nhost = \"%s.test\"\nuser = \"u\"\nmaildir = %q\n", name, name, dir)
		if err := os.WriteFile(filepath.Join(dir, "new", fmt.Sprint(n)), fmt.Appendf(nil, "Subject: mail %d\n\n", n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args, want string
		count      int
		code       int
	}{
		{"list", "home/INBOX/", 2, 0}, {"list club", "club/INBOX/", 2, 0}, {"search account:club", "home/INBOX/", 2, 0}, {"search account:other", "INBOX", 0, exit.BadUsage},
		{"show club/INBOX/1", "Subject: mail", 1, 0}, {"show home/INBOX/1", "Subject: mail", 1, 0}, {"show other/INBOX/1", "no message", 1, exit.BadUsage}, {"status", "home+club/INBOX", 1, 0},
	} {
		var out bytes.Buffer
		code := run(append([]string{"-c", config}, strings.Fields(c.args)...), &out, &out)
		if n := strings.Count(out.String(), c.want); n != c.count || code != c.code {
			t.Errorf("%s: exit code %d\n%s", c.args, code, &out)
		}
	}
}

// With --json a command line that is wrong is an error event too, and nothing else, whatever the command.
func TestEveryCommandErrsInJSON(t *testing.T) {
	t.Parallel()
	seen := 0
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			walk(sub)
		}
		if !c.Runnable() || c.DisableFlagParsing {
			return
		}
		seen++
		var out, errOut bytes.Buffer
		args := append(strings.Fields(c.CommandPath())[1:], "--json", "--no-such-flag")
		code := newApp(&out, &errOut, &interruption{}).main(t.Context(), args)
		if err := schema.Check(out.Bytes()); err != nil || code != exit.BadUsage || !strings.HasPrefix(out.String(), `{"event":"error"`) || strings.Count(out.String(), "\n") != 1 {
			t.Errorf("%q: exit code %d, %v\n%s", args, code, err, &out)
		}
	}
	walk(newApp(io.Discard, io.Discard, &interruption{}).root())
	if seen < 30 {
		t.Errorf("%d commands", seen)
	}
}
