package imap

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/emersion/go-imap/v2/imapclient"
)

func TestNames(t *testing.T) {
	for raw, want := range map[string]string{
		"a": "a", "INBOX": "INBOX", "inBox": "INBOX", "&-": "&", "a&-b": "a&b", "&AOQ-": "ä", "&ZeVnLIqe-": "日本語",
		"~peter/mail/&ZeVnLIqe-/&U,BTFw-": "~peter/mail/日本語/台北", "&2D3eAA-": "\U0001f600", "&Jjo-!": "☺!",
		"&": raw("26"), "&AOQ": raw("26AOQ"), "&AGE-": raw("26AGE-"), "&AOQ-&AOQ-": raw("26AOQ-", "26AOQ-"), "&AO-": raw("26AO-"), "&2D0-": raw("262D0-"),
		"AT&T": "AT" + raw("26T"), "Rock & Roll": "Rock " + raw("26 Roll"), "ä": raw("C3", "A4"), "a\tb": "a" + raw("09b"), "Entw\xfcrfe": "Entw" + raw("FCrfe"),
		"&AAA-": raw("26AAA-"), "&AA0-": raw("26AA0-"), "&,dA-": raw("26,dA-"), "": "", "a\x00": "", "a\r\nb": "",
	} {
		name, ok := decodeName(raw)
		if ok != (want != "") || ok && name != want {
			t.Errorf("%q: got %q, %v; want %q", raw, name, ok, want)
		}
	}
}

// raw is a name of which octets are marked.
func raw(parts ...string) string { return "\uFDD0" + strings.Join(parts, "\uFDD0") }

// What a name looks like to people, alone and beside another that it looks like.
func TestShownNames(t *testing.T) {
	for wire, want := range map[string][2]string{
		"a": {"a", "a"}, "&AOQ-": {"ä", "ä"}, "AT&T": {"AT&T", "AT%26T"}, "AT&-T": {"AT&T", "AT&T"}, "ä": {"ä", "%C3%A4"}, "Entw\xfcrfe": {"Entwürfe", "Entw%FCrfe"},
		"a\tb": {"a\tb", "a%09b"}, "&bad": {"&bad", "%26bad"}, "&AAA-": {"&AAA-", "%26AAA-"},
	} {
		name, ok := decodeName(wire)
		if got := [2]string{Shown(name, false), Shown(name, true)}; !ok || got != want {
			t.Errorf("%q: %q %v, want %q", wire, got, ok, want)
		}
	}
	name, _ := decodeName("&AMQ-/AT&T") // a part may be canonical
	if part := strings.Split(name, "/")[0]; Shown(part, false) != "Ä" || Shown(part, true) != "Ä" {
		t.Errorf("%q", part)
	}
}

// What a decoded name is written as by the library must be what was read: else a command hits another mailbox.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"AT&T", "\xe4", "&,dA-26", "&AOQ-", "a&-b", "&2D3eAA-", "&AGE-", "&AOQ-&AOQ-", "a\nb", "\x7f", "&AAo-", "inbox", "&//8-", "&2AA-"} {
		f.Add(s)
	}
	f.Add("&A" + strings.Repeat("\xac", 810))
	client, server := net.Pipe()
	lib := imapclient.New(client, nil)
	r := bufio.NewReader(server)
	go server.Write([]byte("* PREAUTH [CAPABILITY IMAP4rev1 LITERAL+] hi\r\n"))
	if err := lib.WaitGreeting(); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { lib.Close(); server.Close() })
	f.Fuzz(func(t *testing.T, raw string) {
		name, ok := decodeName(raw)
		if !ok || strings.EqualFold(raw, "INBOX") {
			return
		}
		if !utf8.ValidString(name) {
			t.Fatalf("%q is not UTF-8", name)
		}
		if len(raw) > 1000 {
			return
		}
		done := make(chan error, 1)
		go func() { done <- lib.Create(name, nil).Wait() }()
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		tag, _, _ := strings.Cut(line, " ")
		server.Write([]byte(tag + " OK\r\n"))
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if _, sent, _ := strings.Cut(strings.TrimSuffix(line, "\r\n"), " CREATE "); string(restoreRaw([]byte(sent))) != quote(raw) {
			t.Fatalf("%q was read as %q and written as %s", raw, name, sent)
		}
	})
}
