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
		"&": "", "&AOQ": "", "&AGE-": "", "&AOQ-&AOQ-": "", "&AO-": "", "&2D0-": "", "&AOR-": "", "ä": "", "&A/A-": "", "": "", "&AOQ=-": "",
	} {
		name, ok := decodeName(raw)
		if ok != (want != "") || ok && name != want {
			t.Errorf("%q: got %q, %v; want %q", raw, name, ok, want)
		}
	}
}

// What a decoded name is written as by the library must be what was read: else a command hits another mailbox.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"&AOQ-", "a&-b", "&2D3eAA-", "&AGE-", "&AOQ-&AOQ-", "a\nb", "\x7f", "&AAo-", "inbox", "&//8-", "&2AA-"} {
		f.Add(s)
	}
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
		if _, sent, _ := strings.Cut(strings.TrimSuffix(line, "\r\n"), " CREATE "); sent != quote(raw) {
			t.Fatalf("%q was read as %q and written as %s", raw, name, sent)
		}
	})
}
