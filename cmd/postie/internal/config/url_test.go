package config

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseURL(t *testing.T) {
	type want struct {
		Name, User, Host string
		Protocol         Protocol
		TLS              TLS
		Port             int
		Mailboxes        []string
	}
	all := []string{"*"}
	for raw, w := range map[string]want{
		"pop3s://alice@pop.example.org":            {"alice@pop.example.org", "alice", "pop.example.org", POP3, Implicit, 995, nil},
		"pop3://alice@localhost":                   {"alice@localhost", "alice", "localhost", POP3, StartTLS, 110, nil},
		"POP3S://a@h:1995/":                        {"a@h", "a", "h", POP3, Implicit, 1995, nil},
		"imaps://bob@example.org@imap.example.org": {"bob@example.org@imap.example.org", "bob@example.org", "imap.example.org", IMAP, Implicit, 993, all},
		"imap://b@h:144/Lists/go%20lang":           {"b@h", "b", "h", IMAP, StartTLS, 144, []string{"Lists/go lang"}},
		"imaps://b@h/odd@box":                      {"b@h", "b", "h", IMAP, Implicit, 993, []string{"odd@box"}},
		"imaps://b@[::1]:99":                       {"b@::1", "b", "::1", IMAP, Implicit, 99, all},
		"imaps://b@[fe80::1%25eth0]":               {"b@fe80::1%eth0", "b", "fe80::1%eth0", IMAP, Implicit, 993, all},
		"pop3s://dom%2Falice%3Ax@h":                {"dom%2Falice:x@h", "dom/alice:x", "h", POP3, Implicit, 995, nil},
		"pop3s://a%40b%20c@h":                      {"a@b%20c@h", "a@b c", "h", POP3, Implicit, 995, nil},
	} {
		a, err := ParseURL(raw, "/m")
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		got := want{a.Name, a.User, a.Host, a.Protocol, a.TLS, a.Port, a.Mailboxes}
		if d := cmp.Diff(w, got); d != "" {
			t.Errorf("%s: %s", raw, d)
		}
		if bad := badName(a.Name); bad != "" {
			t.Errorf("%s: name %q may not %s", raw, a.Name, bad)
		}
	}
}

func TestParseURLRefuses(t *testing.T) {
	for raw, want := range map[string]string{
		"pop3s://alice:hush@h":     "holds a password",
		"pop3s://alice:hush@b@h:1": "holds a password",
		"http:// u:hush@x":         "holds a password",
		"http://u@x":               `"http" is not a kind of address`,
		"pop3ss://u@x":             `is not a kind of address`,
		"alice@h":                  "is not a kind of address",
		"pop3s://h":                "names no user",
		"pop3s://@h":               "names no user",
		"pop3s://u@":               "is not a host",
		"pop3s://u@h:":             `"" is not a port`,
		"pop3s://u@h:0":            `"0" is not a port`,
		"pop3s://u@h:pop":          `"pop" is not a port`,
		"pop3s://u@::1":            "stands in brackets",
		"pop3s://u@fe80::1:2":      "stands in brackets",
		"pop3s://u@h h":            "is not a host",
		"pop3s://u@h/INBOX":        "POP3 has only one",
		"imaps://u@h?x":            "holds '?'",
		"imaps://u%0d%0aX@h":       "holds a control character",
		"imaps://u@h/%0aX":         "holds a control character",
		"imaps://u%zz@h":           "decode",
		"imaps://u@h/!Junk":        "begins with '!'",
	} {
		_, err := ParseURL(raw, "/m")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: got %v, want %s", raw, err, want)
		}
	}
	if _, err := ParseURL("pop3s://u@h", ""); err == nil || !strings.Contains(err.Error(), "-d DIR") {
		t.Error(err)
	}
}

func TestParseURLMaildir(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("HOME", "/home/alice")
	here, err := filepath.Abs("x")
	if err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{"x": here, "/m/../n/": "/n", "~/Mail": "/home/alice/Mail"} {
		if a, err := ParseURL("pop3s://u@h", dir); err != nil || a.Maildir != want {
			t.Errorf("%s: %s, %v", dir, a.Maildir, err)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{"pop3s://a@h", "imap://a%40b@[::1]:3/x%2Fy", "imaps://@@:@/", "pop3://a@h:70000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		a, err := ParseURL(raw, "/m")
		if err == nil && (badName(a.Name) != "" || a.Host == "" || a.User == "" || a.Port < 1 || a.Port > 65535 || plain(a.User) != nil) {
			t.Errorf("%q: %+v", raw, a)
		}
	})
}
