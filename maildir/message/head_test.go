package message

import (
	"fmt"
	"strings"
	"testing"
)

func TestHead(t *testing.T) {
	for _, c := range []struct{ header, want string }{
		{"Subject: =?utf-8?q?caf=C3=A9?=\nFrom: Ann <a@x>\nReply-To: a@x\nCc: b@x,\n  c@x\nX-Other: y\nDate: some day\nDate: 2\n",
			"[{From Ann <a@x>} {Reply-To a@x} {Cc b@x, c@x} {Date some day} {Subject café}]"},
		{"From: Ann <a@x>\r\nReply-To: Ann <a@x>\r\nTo:\r\n\r\nBcc: body\r\n", "[{From Ann <a@x>}]"},
		{"no header at all\n", "[]"},
	} {
		if got := fmt.Sprint(Head([]byte(c.header))); got != c.want {
			t.Errorf("%q:\n got %s\nwant %s", c.header, got, c.want)
		}
	}
}

func TestIndex(t *testing.T) {
	part := func(header, body string) string { return "--b\n" + header + "\n\n" + body + "\n" }
	multi := func(parts ...string) string {
		return "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Join(parts, "") + "--b--\n"
	}
	text := part("Content-Type: text/plain", "hello")
	for name, c := range map[string]struct {
		message string
		want    Words
	}{
		"plain":     {"Subject: x\n\nhello\n", Words{Text: "hello\n"}},
		"named":     {multi(text, part("Content-Type: image/png; name=a.png", "")), Words{"hello\n", "a.png", true}},
		"inline":    {multi(text, part("Content-Disposition: inline; filename=a.png\nContent-Type: image/png", "")), Words{"hello\n", "a.png", false}},
		"nameless":  {multi(text, part("Content-Disposition: attachment", "there")), Words{"hello\n\nthere\n", "", true}},
		"a message": {multi(text, part("Content-Type: message/rfc822", "Subject: in it\n\ninner")), Words{"hello\n\nSubject: in it\n\ninner\n", "", true}},
	} {
		got, err := Index(strings.NewReader(c.message), 1000)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, c.want)
		}
	}
}
