package message_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"postie/maildir/message"
)

const mixedOfB = "Content-Type: multipart/mixed; boundary=b\n\n"

// Siblings of the mail in testdata/messages/hard: each kind of damage in other places and forms.
func TestTextOfHardMessages(t *testing.T) {
	const alternative = "Content-Type: multipart/alternative; boundary=b\n\n"
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, c := range []struct{ name, in, want string }{
		// A header without its empty line.
		{"a line of one blank ends it", "Subject: x\n \nHello Tom,\n\nbye\n", "Hello Tom,\n\nbye\n"},
		{"a line of a tab ends it", "Subject: x\n\t\nHello: Tom,\n\nbye\n", "Hello: Tom,\n\nbye\n"},
		{"a blank line, then more of the header", "Subject: x\n \nContent-Type: text/html\n\n<p>hi</p>\n", "hi\n"},
		{"a blank line as the whole header", " \nHello\n", "Hello\n"},
		{"a web address first", "Subject: x\nhttps://example.org/a\n\nmore\n", "https://example.org/a\n\nmore\n"},
		{"no empty line at all", "Subject: x\nHello\nyou\n", "Hello\nyou\n"},
		{"text that looks like a field behind the start", "Subject: x\nHello Tom\nNote: bring baskets\n\nmore\n", "Hello Tom\nNote: bring baskets\n\nmore\n"},
		{"damage within", "Subject: x\nno field\nContent-Type: text/html\n\n<p>hi</p>\n", "hi\n"},
		{"in a part, quoted-printable", mixedOfB + "--b\nContent-Transfer-Encoding: quoted-printable\ncaf=C3=A9 at once\n--b--\n", "café at once\n"},
		{"in a part, a line of one blank", mixedOfB + "--b\nContent-Type: text/plain\n \nfirst\n--b--\n", "first\n"},
		{"in a part, no line but the body", mixedOfB + "--b\nbody at once\n\nmore\n--b--\n", "body at once\n\nmore\n"},
		{"in a message inside", mixedOfB + "--b\nContent-Type: message/rfc822\n\nSubject: in\nHello inside\n--b--\n", "Subject: in\n\nHello inside\n"},
		{"folded field, then body", "Subject: a\n b\nHello\n", "Hello\n"},
		// Base64 with other things in it.
		{"foreign bytes everywhere", "Content-Transfer-Encoding: base64\n\n!aGV.sbG8*gd29y\xffbGQ-s\x00IG9uZSBhbmQgYWxs\n", "hello world, one and all\n"},
		{"text behind the padding, same line", "Content-Transfer-Encoding: base64\n\naGVsbG8gd29ybGQ= and text\n", "hello world\n"},
		{"text behind the padding, one word", "Content-Transfer-Encoding: base64\n\naGVsbG8gd29ybGQ=\nContacts\nunsubscribe\nABCD\n", "hello world\n"},
		{"a footer behind base64 that needs no padding", "Content-Transfer-Encoding: base64\n\naGVsbG8gd29ybGQs\nThe footer of the list is here\nhttps://lists.example.org/listinfo\n", "hello world,\n"},
		{"a line that lost a byte", "Content-Transfer-Encoding: base64\n\naGVsbG8gd29ybGQs\naGVs!G8gd29ybGQs\nIGFuZCBhbGwgb2Yg\naXQK\n", "hello world,hel\x1b\xc8\x1d\xdb\xdc\x9b\x19\v and all of it\n"},
		// Multiparts.
		{"whose boundary never comes, at the top", mixedOfB + "Only this.\n", "Only this.\n"},
		{"whose boundary never comes, encoded", "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n" + b64("all there is") + "\n", "all there is\n"},
		{"whose boundary never comes, three deep", mixedOfB + "--b\nContent-Type: multipart/related; boundary=c\n\n--c\nContent-Type: multipart/alternative; boundary=d\n\nnews\n--b--\n", "news\n"},
		{"a preamble before a picture", mixedOfB + "This is a multi-part message.\n--b\nContent-Type: image/png\n\nx\n--b--\n", ""},
		{"a preamble before an inner one", mixedOfB + "outer\n--b\nContent-Type: multipart/mixed; boundary=c\n\ninner\n--c\nContent-Type: image/png\n\nx\n--c--\n--b--\n", ""},
		{"a boundary that begins with a blank", "Content-Type: multipart/mixed; boundary=\" b\"\n\n-- b\n\nfirst\n-- b--\n", "first\n"},
		{"a boundary in quotes that ends in a tab", "Content-Type: multipart/mixed; boundary=\"b\t\"\n\n--b\t\n\nfirst\n--b\t--\nepilogue\n", "first\n"},
		{"a boundary that ends in a blank, delimiters without", "Content-Type: multipart/mixed; boundary=\"b \"\n\n--b\n\nfirst\n--b--\nepilogue\n", "first\n"},
		// Alternatives.
		{"nested alternatives", alternative + "--b\n\nplain\n--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\nplain\n--c\nContent-Type: text/html\n\n<p>plain</p>\n--c--\n--b--\n", "plain\n"},
		{"alternatives in a branch", alternative + "--b\n\nshort\n--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\nContent-Type: multipart/alternative; boundary=d\n\n--d\n\nshort\n--d\nContent-Type: text/html\n\n<p>short</p>\n--d--\n--c\nContent-Disposition: attachment\n\nnot shown\n--c--\n--b--\n", "short\n"},
		{"two alternatives in turn", mixedOfB + "--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\none\n--c\nContent-Type: text/html\n\n<p>one</p>\n--c--\n--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\ntwo\n--c\nContent-Type: text/html\n\n<p>two</p>\n--c--\n--b--\n", "one\n\ntwo\n"},
		{"HTML for watches", alternative + "--b\n\nplain\n--b\nContent-Type: text/watch-html\n\n<b>watch</b>\n--b\nContent-Type: text/html\n\n<p>html</p>\n--b--\n", "plain\n"},
		{"AMP before HTML, no plain text", alternative + "--b\nContent-Type: text/x-amp-html\n\n<p>amp</p>\n--b\nContent-Type: text/html\n\n<p>html</p>\n--b--\n", "html\n"},
		{"AMP only", "Content-Type: text/x-amp-html\n\n<style>x</style><p>amp</p>\n", "amp\n"},
		{"enriched only", "Content-Type: text/enriched\n\n<bold>The pears</bold>\nare <<ripe>.\n\n<color><param>red</param>Come</color>.\n", "The pears are <ripe>.\nCome.\n"},
		{"richtext only", "Content-Type: text/richtext\n\n<bold>The pears</bold><nl>are <lt>ripe.\n", "The pears\nare <ripe.\n"},
		{"Markdown beside plain text", alternative + "--b\n\nplain\n--b\nContent-Type: text/markdown\n\n*plain*\n--b--\n", "plain\n"},
		{"a patch in a mixed message", mixedOfB + "--b\n\nplain\n--b\nContent-Type: text/x-patch\n\n+new\n--b--\n", "plain\n\n+new\n"},
		{"a footer among alternatives", alternative + "--b\n\nthe whole letter\n--b\nContent-Type: text/html\n\n<p>letter</p>\n--b\n\nfooter\n--b--\n", "the whole letter\n"},
		// Comments.
		{"charset", "Content-Type: (a; b) text/plain (c) ; (d) charset (e) = (f) koi8-r (g; \"h)\n\n\xf0\xd2\xc9\xd7\xc5\xd4\n", "Привет\n"},
		{"charset in quotes", "Content-Type: text/plain; charset=\"koi8-r\" (x; y)\n\n\xf0\xd2\xc9\xd7\xc5\xd4\n", "Привет\n"},
		{"charset and comment in quotes", "Content-Type: text/plain; charset=\"koi8-r (Cyrillic)\"\n\n\xf0\xd2\xc9\xd7\xc5\xd4\n", "Привет\n"},
		{"charset, a semicolon forgotten", "Content-Type: text/plain; charset=koi8-r format=flowed\n\n\xf0\xd2\xc9\xd7\xc5\xd4\n", "Привет\n"},
		{"boundary, a semicolon forgotten", "Content-Type: multipart/mixed; boundary=b charset=utf-8\n\n--b\n\nfirst\n--b--\n", "first\n"},
		{"encoding before", "Content-Transfer-Encoding: (by (my) hand) base64\n\n" + b64("hello") + "\n", "hello\n"},
		{"boundary in quotes with parentheses", "Content-Type: multipart/mixed; boundary=\"(b)\"\n\n--(b)\n\nfirst\n--(b)--\n", "first\n"},
		{"encoding with a parameter", "Content-Transfer-Encoding: BASE64; x=y\n\n" + b64("hello") + "\n", "hello\n"},
		// Messages inside.
		{"message in base64", mixedOfB + "--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + b64("Subject: inner\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nhello\n--c--\n") + "\n--b\n\nafter\n--b--\n", "Subject: inner\n\nhello\n\nafter\n"},
		{"message in quoted-printable", mixedOfB + "--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\nSubject: in=\nner\n\ncaf=C3=A9\n--b--\n", "Subject: inner\n\ncafé\n"},
		{"message in base64 that is not", mixedOfB + "--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nSubject: inner\n\nhello\n--b--\n", "Subject: inner\n\nhello\n"},
		{"message/global", mixedOfB + "--b\nContent-Type: message/global\n\nSubject: Grüße\n\nhällo\n--b--\n", "Subject: Grüße\n\nhällo\n"},
		{"message/global in base64", mixedOfB + "--b\nContent-Type: message/global\nContent-Transfer-Encoding: base64\n\n" + b64("Subject: Grüße\n\nhällo\n") + "\n--b--\n", "Subject: Grüße\n\nhällo\n"},
		// uuencode.
		{"uuencode, blanks lost", "Content-Transfer-Encoding: uuencode\n\nbegin 644 x\n#86)C\n\" \n`\nend\nmore\n", "abc\x00\x00\n"},
		{"uuencode without its end", "Content-Transfer-Encoding: X-UUE\n\ntext before\nbegin 644 x\n#86)C", "abc\n"},
	} {
		for _, wire := range []string{c.in, crlf(c.in)} {
			want := c.want
			if strings.Contains(want, "\xc8\x1d") {
				want = text(t, "Content-Type: text/plain\n\n"+want).Text // in the charset that is guessed
			}
			if got := text(t, wire).Text; got != want {
				t.Errorf("%s:\n%.200q, want\n%.200q", c.name, got, want)
			}
		}
	}
}

func TestAddressesWithComments(t *testing.T) {
	for in, want := range map[string]string{
		"unlisted-recipients:; (no To-header on input)": "unlisted-recipients",
		"(nobody)":                              "",
		"undisclosed-recipients: (a, b;) ;":     "undisclosed-recipients",
		"ann@example.org (Ann; Example, of us)": "Ann; Example, of us <ann@example.org>",
		"(x) ann@example.org, (y), bob@example.org (a (nested) one)": "ann@example.org, a (nested) one <bob@example.org>",
		"Ann (the boss) <ann@example.org>":                           "Ann <ann@example.org>",
		"Chess: ann@example.org (A), bob@example.org;(B)":            "A <ann@example.org>, bob@example.org",
	} {
		if got := message.Summarize([]byte("To: " + in + "\n")).To; got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestNamesWithParentheses(t *testing.T) {
	for in, want := range map[string]string{
		`attachment; filename=report (1).pdf`:              "report (1).pdf",
		`attachment; filename=plums.bin (a list; of)`:      "plums.bin",
		`attachment; filename="plums (2).bin" (a list)`:    "plums (2).bin",
		`attachment; filename=notes (1)`:                   "notes (1)",
		`attachment (x;y); filename=(c) "a.txt"; size=4`:   "a.txt",
		`attachment; filename*=utf-8''n%C3%A9w.txt (name)`: "néw.txt",
	} {
		parts, _, err := message.Parts(strings.NewReader("Content-Disposition: " + in + "\n\nx\n"))
		if err != nil || len(parts) != 1 || parts[0].Name != want {
			t.Errorf("%s: %+v, want %q, %v", in, parts, want, err)
		}
	}
}

// What is signed is read also where the sender's program wrote it in pieces of unknown length, as OpenSSL and Outlook do.
func TestSignedTextInPieces(t *testing.T) {
	content := "Content-Type: text/plain\r\n\r\nThe cider is ours.\r\n"
	oid := "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"
	pieces := ""
	for i := 0; i < len(content); i += 7 {
		piece := content[i:min(i+7, len(content))]
		pieces += "\x04" + string(rune(len(piece))) + piece
	}
	der := "\x30\x80" + oid + "\x02\xa0\x80\x30\x80\x02\x01\x01\x31\x80\x30\x80\x00\x00\x00\x00\x30\x80" + oid + "\x01\xa0\x80\x24\x80" +
		pieces + "\x00\x00\x00\x00\x00\x00\xa0\x80\x00\x00\x31\x80\x00\x00\x00\x00\x00\x00\x00\x00"
	for header, signed := range map[string]bool{
		"Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m": true,
		"Content-Type: application/x-pkcs7-mime":                                       true,
		"Content-Type: application/octet-stream; name=\"SMIME.P7M\"":                   true,
		"Content-Type: application/octet-stream; name=other.bin":                       false,
	} {
		body := text(t, header+"\nContent-Transfer-Encoding: base64\n\n"+base64.StdEncoding.EncodeToString([]byte(der))+"\n")
		if body.Signed != signed || (body.Text == "The cider is ours.\n") != signed {
			t.Errorf("%s: %+v", header, body)
		}
		for end := range len(der) { // cut anywhere
			text(t, header+"\n\n"+der[:end])
		}
	}
	if body := text(t, "Content-Type: multipart/signed; boundary=b\n\n--b\n\nsigned\n--b\nContent-Type: application/pgp-signature\n\nx\n--b--\n"); !body.Signed {
		t.Errorf("%+v", body)
	}
}

func TestManyPartsAreTold(t *testing.T) {
	wire := mixedOfB + strings.Repeat("--b\n\nx\n", 1500) + "--b\n\nlast\n--b--\n"
	parts, total, err := message.Parts(strings.NewReader(wire))
	if err != nil || len(parts) != 1000 || total != 1501 {
		t.Errorf("%d of %d parts, %v", len(parts), total, err)
	}
	if body := text(t, wire); !body.Cut {
		t.Error("the text of 1,501 parts is not said to be cut")
	}
	var out strings.Builder
	part, err := message.WritePart(&out, strings.NewReader(wire), 1501)
	if err != nil || out.String() != "last" || part.Number != 1501 {
		t.Errorf("%+v, %q, %v", part, out.String(), err)
	}
	if body := text(t, mixedOfB+strings.Repeat("--b\n\nx\n", 1000)+"--b--\n"); body.Cut {
		t.Error("the text of 1,000 parts is said to be cut")
	}
}

// A search finds what show shows, by the same reading, and beside it only what attached texts say.
func TestSearchFindsWhatShowShows(t *testing.T) {
	for name, wire := range everyMessage(t) {
		body := text(t, string(wire))
		words, err := message.Index(strings.NewReader(string(wire)), message.MaxText)
		if err != nil || !strings.HasPrefix(words.Text, body.Text) {
			t.Errorf("%s: shown %q, found %q, %v", name, body.Text, words.Text, err)
		}
		beside := strings.TrimPrefix(words.Text, body.Text)
		parts, _, err := message.Parts(strings.NewReader(string(wire)))
		attached := 0
		for _, p := range parts {
			if p.Attachment && strings.HasPrefix(p.Type, "text/") {
				attached++
			}
		}
		if err != nil || beside != "" && attached == 0 {
			t.Errorf("%s: found but not shown: %q, %v", name, beside, err)
		}
	}
}

func ExampleText() {
	body, _ := message.Text(strings.NewReader("Subject: x\nHello at once\n"))
	fmt.Print(body.Text)
	// Output: Hello at once
}
