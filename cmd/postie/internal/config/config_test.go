package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDefaultPath(t *testing.T) {
	for _, row := range []struct{ xdg, home, want string }{
		{"/xdg", "/home/a", "/xdg/postie/config.toml"},
		{"relative", "/home/a", "/home/a/.config/postie/config.toml"},
		{"", "/home/a", "/home/a/.config/postie/config.toml"},
		{"", "", "neither HOME nor XDG_CONFIG_HOME is set"},
	} {
		t.Setenv("XDG_CONFIG_HOME", row.xdg)
		t.Setenv("HOME", row.home)
		got, err := DefaultPath()
		if got != row.want && (err == nil || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("%+v: got %q, %v", row, got, err)
		}
	}
}

func write(t *testing.T, text string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask is
		t.Fatal(err)
	}
	return path
}

func TestLoadMissing(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.toml"))
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "postie init") {
		t.Error(err)
	}
}

func TestLoadUnreadable(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(dir); err == nil || err.Error() != dir+": read: is a directory" {
		t.Error(err)
	}
}

func TestLoadRefusesSecretsThatOthersCanRead(t *testing.T) {
	base := "[account.a]\nprotocol = \"pop3\"\nhost = \"h\"\nuser = \"u\"\nmaildir = \"m\"\n"
	for _, row := range []struct {
		keys string
		mode fs.FileMode
		ok   bool
	}{
		{"", 0o644, true},
		{"password = \"x\"", 0o600, true},
		{"password = \"x\"", 0o400, true},
		{"password = \"x\"", 0o640, false},
		{"password = \"x\"", 0o604, false},
		{"proxy = \"socks5://p:1\"", 0o644, true},
		{"proxy = \"socks5://u:x@p:1\"", 0o644, false},
		{"oauth2 = { provider = \"google\", client_id = \"i\", client_secret = \"x\" }", 0o644, false},
	} {
		c, err := Load(write(t, base+row.keys, row.mode))
		if row.ok && err != nil {
			t.Errorf("%q %o: %v", row.keys, row.mode, err)
		}
		if !row.ok && (err == nil || !strings.Contains(err.Error(), "config.toml:6: ") || !strings.Contains(err.Error(), "chmod 600")) {
			t.Errorf("%q %o: %v", row.keys, row.mode, err)
		}
		if row.ok && !strings.HasSuffix(c.Accounts[0].Maildir, "/m") {
			t.Errorf("maildir %q is not relative to the file", c.Accounts[0].Maildir)
		}
	}
}

func TestSecretsStayHidden(t *testing.T) {
	c, err := Parse("c.toml", []byte(strings.Replace(everything, `password_command = ["pass", "show", "mail/alice"]`, `password = "hush"`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	a := c.Accounts[0]
	if string(a.Password.Literal) != "hush" {
		t.Fatal("the secret cannot be revealed")
	}
	var log, show strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "account", a, "secret", a.Password.Literal)
	js, err := json.Marshal(a.Password)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Show(&show); err != nil {
		t.Fatal(err)
	}
	if got := a.Proxy.URL(); got != "socks5://u:p@[::1]:1080" {
		t.Error(got)
	}
	printed := fmt.Sprintf("%v %+v %#v %s %q %x %v", a, a, a.Password, a.Password.Literal, a.Password.Literal, a.Password.Literal, c.Accounts[1].OAuth2)
	for _, out := range []string{printed, log.String(), string(js), show.String()} {
		for _, secret := range []string{"hush", fmt.Sprintf("%x", "hush"), "u:p@"} {
			if strings.Contains(out, secret) {
				t.Errorf("%q in %s", secret, out)
			}
		}
	}
	// A wrong type, too, is reported without the value.
	_, err = Parse("c.toml", []byte("[account.a]\npassword = 123456\nproxy = \"socks5://u:hush@\"\n"))
	if strings.Contains(err.Error(), "123456") || strings.Contains(err.Error(), "hush") {
		t.Error(err)
	}
}

func TestSelect(t *testing.T) {
	t.Setenv("HOME", "/home/alice")
	c, err := Parse("c.toml", []byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	one := &Config{Path: "c.toml", Accounts: c.Accounts[:1]}
	for _, row := range []struct {
		c        *Config
		names    string
		protocol Protocol
		want     string
	}{
		{c, "", POP3, "home"},
		{c, "", IMAP, "bob@example.org tunnelled"},
		{c, "", "", "home bob@example.org tunnelled"},
		{c, "tunnelled bob@example.org tunnelled", IMAP, "tunnelled bob@example.org"},
		{c, "home", "", "home"},
		{c, "home", IMAP, "c.toml: account.home: is a pop3 account; use `postie fetch home`"},
		{c, "tunnelled", POP3, "c.toml: account.tunnelled: is an imap account; use `postie sync tunnelled`"},
		{c, "hmoe", POP3, `c.toml: there is no account "hmoe"; did you mean "home"?`},
		{c, "xyzzy", POP3, `c.toml: there is no account "xyzzy"; there are: home, bob@example.org, tunnelled`},
		{one, "", IMAP, "c.toml: there is no imap account; for pop3 accounts use `postie fetch`"},
		{&Config{Path: "c.toml"}, "", IMAP, "c.toml: there is no account; run `postie init` to make one"},
	} {
		as, err := row.c.Select(strings.Fields(row.names), row.protocol)
		var names []string
		for _, a := range as {
			names = append(names, a.Name)
		}
		got := strings.Join(names, " ")
		if err != nil {
			got = err.Error()
		}
		if got != row.want {
			t.Errorf("%q %s: got  %s\nwant %s", row.names, row.protocol, got, row.want)
		}
	}
}

func TestShowIsReadAgain(t *testing.T) {
	t.Setenv("HOME", "/home/alice")
	want, err := Parse("/etc/c.toml", []byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := want.Show(&b); err != nil {
		t.Fatal(err)
	}
	got, err := Parse("/etc/c.toml", []byte(b.String()))
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	for i := range want.Accounts {
		hide(&want.Accounts[i])
	}
	if d := cmp.Diff(want, got, options()...); d != "" {
		t.Errorf("%s\n%s", d, b.String())
	}
	for _, s := range []string{"# client_secret = … (removed)", "# proxy's password = … (removed)", `keep = "2w"`, `max_delete = "12.5%"`} {
		if !strings.Contains(b.String(), s) {
			t.Errorf("%q is not in\n%s", s, b.String())
		}
	}
}

func TestCheckAfterFlags(t *testing.T) {
	a, err := ParseURL("pop3://u@h.example", "/m")
	if err != nil {
		t.Fatal(err)
	}
	a.SetTLS(None)
	if err := a.Check(); err == nil || !strings.HasPrefix(err.Error(), `account."u@h.example".tls: without TLS the password would cross`) {
		t.Error(err)
	}
	a.SetTLS(Implicit)
	a.Password.Env = "P"
	if err := a.Check(); err != nil || a.Port != 995 {
		t.Error(err, a.Port)
	}
}

func TestPrivate(t *testing.T) {
	for _, row := range []struct {
		a                  Account
		private, cleartext bool
	}{
		{Account{Host: "localhost"}, true, true},
		{Account{Host: "127.3.2.1"}, true, true},
		{Account{Host: "::1"}, true, true},
		{Account{Host: "localhost.example.org"}, false, false},
		{Account{Host: "localhost", Proxy: Proxy{Address: "p:1"}}, false, false},
		{Account{Host: "h", Tunnel: []string{"ssh"}}, true, true},
		{Account{Host: "h", AllowCleartext: true}, false, true},
	} {
		if row.a.Private() != row.private || row.a.MayCleartext() != row.cleartext {
			t.Errorf("%+v", row)
		}
	}
}

func TestUnits(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"14d": 14 * 24 * time.Hour, "2w": 14 * 24 * time.Hour, "36h": 36 * time.Hour, "60s": time.Minute, "1h30m": 90 * time.Minute, "250ms": time.Second / 4,
		"": 0, "d": 0, "14": 0, "14D": 14 * 24 * time.Hour, "-1d": 0, "1.5h": 0, "0s": 0, "99999999999w": 0, "9000000h9000000h": 0, "1 d": 0, "1d ": 0, "3z": 0,
	} {
		if got, err := ParseDuration(s); got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for s, want := range map[string]Size{
		"10MB": 10e6, "1GiB": 1 << 30, "5000": 5000, "7b": 7, "3kb": 3000, "2KiB": 2048, "1TB": 1e12,
		"": 0, "MB": 0, "10M": 0, "-1": 0, "0": 0, "1.5MB": 0, "9999999999TiB": 0, "1MB1MB": 0,
	} {
		if got, err := ParseSize(s); got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"-1%", "1e1%", "inf%", "nan%", "%", "100.1%", "0x1p-2%", "1.2.3%"} {
		if got, err := ParseFraction(s); err == nil {
			t.Errorf("%q: %v", s, got)
		}
	}
}
