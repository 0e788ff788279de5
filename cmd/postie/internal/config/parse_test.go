package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func options() cmp.Options {
	return cmp.Options{cmpopts.IgnoreUnexported(Account{}, Terms{}), cmpopts.EquateEmpty()}
}

const everything = `
[account.home]
protocol = "pop3"
host = "pop.example.org"
port = 1995
tls = "implicit"
tls_ca = "ca.pem"
tls_fingerprint = "SHA256:AA:bb:00000000000000000000000000000000000000000000000000000000000A"
user = "alice"
password_command = ["pass", "show", "mail/alice"]
auth = "CRAM-MD5"
maildir = "~/Mail/home"
state = "state"
keep = "14d"
client_cert = "/etc/cert.pem"
client_key = "key.pem"
proxy = "socks5://u:p@[::1]"
max_delete = "12.5%"
index_bodies = false

[account."bob@example.org"]
protocol = "imap"
host = "imap.example.org"
user = "bob"
maildir = "work"
layout = "maildir++"
mailboxes = ["*", "!Junk"]
max_delete = "0%"
expunge = false
trash = "Trash"
create = "local"
tls = "starttls"
bodies = { max_size = "10MB", max_age = "2w" }
direction = "archive"
local_changes = "revert"
[account."bob@example.org".hooks]
new_mail = []
error = ["page", "me"]
[account."bob@example.org".mailbox."Lists/*"]
bodies = "none"
[account."bob@example.org".mailbox.Drafts]
direction = "both"
local_changes = "keep"
[account."bob@example.org".oauth2]
provider = "other"
client_id = "id"
client_secret = "hush"
token_url = "https://login.example.org/token"
device_url = "http://127.0.0.1:9/device"
redirect_url = "http://localhost/back"
scopes = ["mail"]

[account.tunnelled]
protocol = "imap"
tunnel = ["ssh", "host", "/usr/lib/dovecot/imap"]
maildir = "/var/tunnelled"

[hooks]
new_mail = ["notmuch", "new"]
done = ["true"]
`

func TestParseReadsEveryKey(t *testing.T) {
	t.Setenv("HOME", "/home/alice")
	c, err := Parse("/etc/postie/config.toml", []byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	common := Hooks{NewMail: []string{"notmuch", "new"}, Done: []string{"true"}}
	want := []Account{{
		Name: "home", Protocol: POP3, Host: "pop.example.org", Port: 1995, TLS: Implicit, TLSCA: "/etc/postie/ca.pem",
		TLSFingerprint: "sha256:aabb" + strings.Repeat("0", 59) + "a", User: "alice",
		Password: Password{Command: []string{"pass", "show", "mail/alice"}}, Auth: "cram-md5",
		Maildir: "/home/alice/Mail/home", State: "/etc/postie/state", Keep: Keep{KeepFor, 14 * 24 * time.Hour},
		ClientCert: "/etc/cert.pem", ClientKey: "/etc/postie/key.pem", MaxDelete: 0.125, Interval: 5 * time.Minute,
		Proxy: Proxy{"[::1]:1080", "u", "p"}, Hooks: common,
	}, {
		Name: "bob@example.org", Protocol: IMAP, Host: "imap.example.org", Port: 143, TLS: StartTLS, User: "bob", Auth: "auto",
		Maildir: "/etc/postie/work", Layout: LayoutMaildir, Mailboxes: []string{"*", "!Junk"}, Trash: "Trash", Create: CreateLocal,
		Terms: Terms{Bodies: Bodies{MaxSize: 10e6, MaxAge: 14 * 24 * time.Hour}, Direction: Archive, LocalChanges: RevertChanges}, IndexBodies: true, Interval: 15 * time.Minute,
		Own: []Own{
			{"Lists/*", Terms{Bodies: Bodies{None: true}, Direction: Archive, LocalChanges: RevertChanges}},
			{"Drafts", Terms{Bodies: Bodies{MaxSize: 10e6, MaxAge: 14 * 24 * time.Hour}, Direction: Both, LocalChanges: KeepChanges}},
		},
		Hooks:  Hooks{NewMail: []string{}, Error: []string{"page", "me"}, Done: common.Done},
		OAuth2: &OAuth2{Provider: "other", ClientID: "id", ClientSecret: "hush", TokenURL: "https://login.example.org/token", DeviceURL: "http://127.0.0.1:9/device", RedirectURL: "http://localhost/back", Scopes: []string{"mail"}},
	}, {
		Name: "tunnelled", Protocol: IMAP, Port: 143, TLS: None, Tunnel: []string{"ssh", "host", "/usr/lib/dovecot/imap"}, Auth: "auto",
		Maildir: "/var/tunnelled", Layout: LayoutFS, Mailboxes: []string{"*"}, MaxDelete: 0.3, Expunge: true, Create: CreateBoth, IndexBodies: true, Interval: 15 * time.Minute,
		Terms: Terms{Direction: Both, LocalChanges: KeepChanges}, Hooks: common,
	}}
	if d := cmp.Diff(want, c.Accounts, options()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(common, c.Hooks); d != "" {
		t.Error(d)
	}
}

// Each row is an account's keys, complete but for what the row is about, and what must be said about them.
func TestParseRefuses(t *testing.T) {
	pop := "[account.home]\nprotocol = \"pop3\"\nhost = \"h.example\"\nuser = \"u\"\nmaildir = \"/m\"\n"
	imap := strings.Replace(pop, "pop3", "imap", 1)
	for _, row := range []struct{ name, toml, want string }{
		{"syntax", pop + "port = = 3\n", `c.toml:6: `},
		{"duplicate key", pop + "user = \"v\"\n", `c.toml:6: `},
		{"duplicate account", pop + pop, `c.toml:6: `},
		{"unknown top key", "[accounts.home]\n", `c.toml:1: accounts: unknown key; did you mean "account"?`},
		{"unknown hook", "[hooks]\nnewmail = [\"x\"]\n", `c.toml:2: hooks.newmail: unknown key; did you mean "new_mail"?`},
		{"unknown key", pop + "maildirs = \"x\"\n", `c.toml:6: account.home.maildirs: unknown key; did you mean "maildir"?`},
		{"transposed key", pop + "kepe = true\n", `c.toml:6: account.home.kepe: unknown key; did you mean "keep"?`},
		{"longer key", pop + "username = \"x\"\n", `did you mean "user"?`},
		{"far from any key", pop + "qqqqqqq = 1\n", "c.toml:6: account.home.qqqqqqq: unknown key"},
		{"key without account", "[account]\nhost = \"x\"\n", "c.toml:2: account.host: is a string, not an account; write its keys below a line [account.NAME]"},
		{"accounts as a list", "[[account]]\nhost = \"x\"\n", "c.toml:1: account: is a list, not a table; write [account.NAME]"},
		{"name with slash", strings.Replace(pop, "account.home", `account."a/b"`, 1), `c.toml:1: account."a/b": an account's name may not hold '/'`},
		{"empty name", strings.Replace(pop, "account.home", `account.""`, 1), `may not be empty`},
		{"name with space", strings.Replace(pop, "account.home", `account."a b"`, 1), `may not hold white space`},
		{"name with control", strings.Replace(pop, "account.home", `account."a\u001b"`, 1), `may not hold control characters`},
		{"name like a flag", strings.Replace(pop, "account.home", `account.-a`, 1), `may not begin with '-'`},
		{"missing protocol", strings.Replace(pop, "protocol = \"pop3\"", "", 1), `c.toml:1: account.home.protocol: is missing; write protocol = "pop3" or "imap"`},
		{"missing host", strings.Replace(pop, "host = \"h.example\"", "", 1), `c.toml:1: account.home.host: is missing`},
		{"missing user", strings.Replace(pop, "user = \"u\"", "", 1), `c.toml:1: account.home.user: is missing`},
		{"missing maildir", strings.Replace(pop, "maildir = \"/m\"", "", 1), `c.toml:1: account.home.maildir: is missing; write the folder that gets the mail: maildir = "~/Mail/home"`},
		{"unknown protocol", strings.Replace(pop, "pop3", "pop", 1), `c.toml:2: account.home.protocol: "pop" is not known here; did you mean "pop3"? write "pop3" or "imap"`},
		{"wrong type", pop + "port = \"995\"\n", `c.toml:6: account.home.port: is a string, not an integer`},
		{"a date", pop + "state = 2020-01-01\n", `account.home.state: is a date or time, not a string`},
		{"bad port", pop + "port = 65536\n", `account.home.port: 65536 is not a port; write a number from 1 to 65535`},
		{"host with port", strings.Replace(pop, "h.example", "h.example:995", 1), `c.toml:3: account.home.host: "h.example:995" is not a host`},
		{"host is URL", strings.Replace(pop, "h.example", "pop3s://h.example", 1), `is not a host`},
		{"user with newline", strings.Replace(pop, `"u"`, `"u\r\nDELE 1"`, 1), `c.toml:4: account.home.user: holds a control character`},
		{"keep", pop + "keep = \"14dd\"\n", `c.toml:6: account.home.keep: "14dd" is not a duration; write true, false, "until-deleted" or a duration such as "14d"`},
		{"keep for no time", pop + "keep = \"0d\"\n", `"0d" is no time at all; write true, false`},
		{"keep as number", pop + "keep = 14\n", `c.toml:6: account.home.keep: is an integer; write true`},
		{"keep for imap", imap + "keep = true\n", `c.toml:6: account.home.keep: does not fit an imap account, only pop3 ones; remove it`},
		{"mailboxes for pop3", pop + "mailboxes = [\"*\"]\n", `c.toml:6: account.home.mailboxes: does not fit a pop3 account, only imap ones; remove it`},
		{"bodies for pop3", pop + "[account.home.bodies]\nmax_size = 1\n", `c.toml:6: account.home.bodies: does not fit a pop3 account`},
		{"layout", imap + "layout = \"maildir\"\n", `"maildir" is not known here; did you mean "maildir++"? write "fs" or "maildir++"`},
		{"create", imap + "create = true\n", `account.home.create: is a boolean, not a string; write "both", "local", "remote" or "none"`},
		{"no mailboxes", imap + "mailboxes = []\n", `account.home.mailboxes: is empty`},
		{"mailboxes as string", imap + "mailboxes = \"*\"\n", `is a string, not a list of strings; write a list such as ["*", "!Junk"]`},
		{"only exclusions", imap + "mailboxes = [\"!Junk\"]\n", `only leaves out; write "*" first`},
		{"empty exclusion", imap + "mailboxes = [\"*\", \"!\"]\n", `"!" is not a pattern`},
		{"bodies", imap + "bodies = \"some\"\n", `write "all" or "none"`},
		{"bodies as boolean", imap + "bodies = true\n", `is a boolean; write "all", "none" or {`},
		{"empty bodies", imap + "bodies = {}\n", `account.home.bodies: is empty`},
		{"bodies max_size", imap + "bodies = { max_size = \"10M\" }\n", `c.toml:6: account.home.bodies.max_size: "10M" is not a size`},
		{"bodies max_age", imap + "\n[account.home.bodies]\nmax_age = \"soon\"\n", `c.toml:8: account.home.bodies.max_age: "soon" is not a duration`},
		{"max_delete", pop + "max_delete = \"101%\"\n", `"101%" is not a percentage from 0% to 100%; write a percentage such as "30%"`},
		{"max_delete without percent", pop + "max_delete = \"0.3\"\n", `is not a percentage`},
		{"fingerprint", pop + "tls_fingerprint = \"sha1:aa\"\n", `c.toml:6: account.home.tls_fingerprint: "sha1:aa" is not a fingerprint; write "sha256:"`},
		{"auth", pop + "auth = \"ntlm\"\n", `"ntlm" is not known here`},
		{"apop for imap", imap + "auth = \"apop\"\n", `c.toml:6: account.home.auth: "apop" does not fit an imap account`},
		{"external without certificate", imap + "auth = \"external\"\n", `"external" needs a client certificate`},
		{"token in PLAIN", imap + "auth = \"plain\"\ntoken_command = [\"x\"]\n", `account.home.auth: "plain" cannot carry an OAuth2 token`},
		{"empty argv", pop + "password_command = [\"\"]\n", `account.home.password_command: is empty`},
		{"argv with a number", pop + "password_command = [\"x\", 1]\n", `item 2 is an integer, not a string`},
		{"two passwords", pop + "keyring = true\npassword_env = \"P\"\n", `c.toml:6: account.home.keyring: is one secret too many: password_env and keyring are set; keep one of them`},
		{"password and token", pop + "token_command = [\"x\"]\npassword_env = \"P\"\n", `password_env and token_command are set`},
		{"variable's name", pop + "password_env = \"$P\"\n", `"$P" is not a variable's name`},
		{"cleartext", pop + "tls = \"none\"\n", `c.toml:6: account.home.tls: without TLS the password would cross the network to h.example in the clear; write tls = "implicit" or "starttls", or allow_cleartext = true if you must`},
		{"localhost behind a proxy", strings.Replace(pop, "h.example", "localhost", 1) + "tls = \"none\"\nproxy = \"socks5://p:1\"\n", `in the clear`},
		{"pin without TLS", pop + "tls = \"none\"\nallow_cleartext = true\ntls_fingerprint = \"sha256:" + strings.Repeat("ab", 32) + "\"\n", `c.toml:8: account.home.tls_fingerprint: means nothing with tls = "none"`},
		{"key without certificate", pop + "client_key = \"k\"\n", `means nothing without client_cert`},
		{"proxy", pop + "proxy = \"http://p:3128\"\n", `account.home.proxy: is not the address of a SOCKS5 proxy; write "socks5://HOST:PORT"`},
		{"proxy's port", pop + "proxy = \"socks5://p:0\"\n", `has no port from 1 to 65535`},
		{"proxy and tunnel", pop + "proxy = \"socks5://p:1\"\ntunnel = [\"x\"]\n", `c.toml:6: account.home.proxy: means nothing with a tunnel`},
		{"TLS in a tunnel to nobody", "[account.t]\nprotocol = \"imap\"\ntunnel = [\"x\"]\nmaildir = \"/m\"\ntls = \"implicit\"\n", `account.t.host: is missing; TLS through a tunnel`},
		{"oauth2 as string", imap + "oauth2 = \"google\"\n", `is a string, not a table; write { provider = "google"`},
		{"oauth2 without client_id", imap + "[account.home.oauth2]\nprovider = \"google\"\n", `c.toml:6: account.home.oauth2.client_id: is missing`},
		{"oauth2 without URLs", imap + "oauth2 = { client_id = \"x\", auth_url = \"https://a.example\" }\n", `c.toml:6: account.home.oauth2.token_url: is missing; only for provider = "google"`},
		{"oauth2 in the clear", imap + "oauth2 = { client_id = \"x\", token_url = \"http://t.example/\", auth_url = \"https://t.example/\" }\n", `"http://t.example/" is not HTTPS`},
		{"state among the mail", pop + "state = \"/m/cur\"\n", `account.home.state: "/m/cur" lies inside the Maildir, among its mail`},
		{"state in a mailbox", pop + "state = \"/m/.Archive/x\"\n", `account.home.state: "/m/.Archive/x" lies inside the Maildir, among its mail`},
		{"empty path", pop + "state = \"\"\n", `account.home.state: is empty`},
		{"somebody's home", pop + "state = \"~bob/x\"\n", `"~bob": the home of another user is not looked up`},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := Parse("c.toml", []byte(row.toml))
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Fatalf("got  %v\nwant %s", err, row.want)
			}
			if n := strings.Count(err.Error(), "\n"); n != 0 {
				t.Errorf("more than one problem:\n%v", err)
			}
			if e := (*Error)(nil); !errors.As(err, &e) || e.Line == 0 {
				t.Errorf("no *Error with a line: %v", err)
			}
		})
	}
}

func TestParseReportsAllInFileOrder(t *testing.T) {
	_, err := Parse("c.toml", []byte(`
[account.z]
protocol = "imap"
keep = true
port = 0
[account.a]
protocol = "pop3"
host = "h"
user = "u"
maildir = "m"
tls = 1
[hook]
`))
	var got []string
	for _, line := range strings.Split(err.Error(), "\n") {
		got = append(got, strings.Join(strings.SplitN(line, ":", 4)[1:3], ":"))
	}
	want := []string{"2: account.z.host", "2: account.z.user", "2: account.z.maildir", "4: account.z.keep", "5: account.z.port", "11: account.a.tls", "12: hook"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s\n%v", d, err)
	}
}

func TestRoots(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "real"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, a, b, want string }{
		{"apart", `protocol="imap" maildir="m"`, `protocol="imap" maildir="mm"`, ""},
		{"pop3 share", `protocol="pop3" maildir="m"`, `protocol="pop3" maildir="m/"`, ""},
		{"imap shares", `protocol="imap" maildir="m"`, `protocol="pop3" maildir="m"`, `is also the Maildir of account "a" (line 5); only pop3 accounts may share one`},
		{"inside", `protocol="pop3" maildir="m"`, `protocol="pop3" maildir="m/x/y"`, `lies inside the Maildir of account "a" (line 5)`},
		{"around", `protocol="imap" maildir="m/x"`, `protocol="pop3" maildir="m"`, `holds the Maildir of account "a" (line 5)`},
		{"whole disk", `protocol="imap" maildir="m"`, `protocol="pop3" maildir="/"`, `holds the Maildir of`},
		{"by link", `protocol="imap" maildir="link/new"`, `protocol="imap" maildir="real/new"`, `is also the Maildir of`},
		{"inside by link", `protocol="imap" maildir="real"`, `protocol="imap" maildir="link/a/b"`, `lies inside`},
		{"one state for two", `protocol="imap" maildir="m" state="s"`, `protocol="imap" maildir="n" state="s"`, ""},
		{"two states for one", `protocol="pop3" maildir="m"`, `protocol="pop3" maildir="m" state="s"`, `account.b.state: differs, though the Maildir is shared with account "a"`},
		{"one maildrop twice", `protocol="pop3" maildir="m" user="u" host="h"`, `protocol="pop3" maildir="m" user="u" host="H"`, `account.b.user: user, host and Maildir are those of account "a"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			account := func(name, keys string) string {
				if !strings.Contains(keys, "user=") {
					keys = `user="` + name + `" host="h" ` + keys
				} else {
					keys = strings.Replace(keys, "maildir", "\n maildir", 1)
				}
				return "[account." + name + "]\n" + strings.NewReplacer(`" `, "\"\n").Replace(keys) + "\n"
			}
			_, err := Parse(filepath.Join(dir, "c.toml"), []byte(account("a", row.a)+account("b", row.b)))
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
				t.Fatalf("got  %v\nwant %q", err, row.want)
			}
		})
	}
}

func TestContradictionsFollowNoOtherProblem(t *testing.T) {
	_, err := Parse("c.toml", []byte("[account.a]\nprotocol = 1\nhost = 2\nuser = 3\nmaildir = 4\nclient_cert = 5\nclient_key = \"k\"\n"))
	if n := strings.Count(err.Error(), "\n"); n != 4 {
		t.Errorf("want five problems, got:\n%v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(everything)
	f.Add("[[account]]\n[hooks]\nnew_mail = [[]]\n")
	f.Add("account = { a.b = { c = 1 }, \"\" = [{ x = 1 }] }")
	f.Add("[account.a]\nkeep = 1979-05-27T07:32:00Z\nport = nan\nbodies.max_size = -1\n")
	f.Fuzz(func(t *testing.T, data string) {
		t.Setenv("HOME", "/home/alice")
		c, err := Parse("/etc/c.toml", []byte(data))
		if err != nil {
			return
		}
		// Whatever is accepted can be shown and read again.
		var b strings.Builder
		if err := c.Show(&b); err != nil {
			t.Fatal(err)
		}
		again, err := Parse("/etc/c.toml", []byte(b.String()))
		if err != nil {
			t.Fatalf("%v\n%s", err, b.String())
		}
		for i := range c.Accounts {
			hide(&c.Accounts[i])
		}
		if d := cmp.Diff(c.Accounts, again.Accounts, options()); d != "" {
			t.Fatalf("%s\n%s", d, b.String())
		}
	})
}

// hide removes what Show leaves out.
func hide(a *Account) {
	a.Password.Literal = ""
	if a.OAuth2 != nil {
		a.OAuth2.ClientSecret = ""
	}
	a.Proxy.Password = ""
	if len(a.Tunnel) > 0 {
		a.Port = DefaultPort(a.Protocol, a.TLS)
	}
}

// Text without quotes is the commonest mistake: the key is named, and how to write it.
func TestWithoutQuotes(t *testing.T) {
	for value, want := range map[string]string{
		"protocol = imap":                  `c.toml:3: account.a.protocol: is text without quotes; write it in quotes: protocol = "imap"`,
		"host=mail.example.org # mine":     `write it in quotes: host = "mail.example.org"`,
		"maildir = ~/Mail":                 `write it in quotes: maildir = "~/Mail"`,
		"keep = 14d":                       `account.a.keep: is text without quotes; write it in quotes: keep = "14d"`,
		"tls_fingerprint = sha256:ab":      `write it in quotes: tls_fingerprint = "sha256:ab"`,
		`mailboxes = [INBOX, "Sent", a b]`: `write it in quotes: mailboxes = ["INBOX", "Sent", "a b"]`,
		`user = "alice`:                    "c.toml:3: ",
		"port":                             "c.toml:3: ",
		"port = ":                          "c.toml:3: ",
	} {
		_, err := Parse("c.toml", []byte("# first\n[account.a]\n"+value+"\nuser = \"x\"\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", value, err, want)
		}
	}
}
