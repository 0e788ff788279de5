package message_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"postie/maildir/message"
	"postie/testdata/messages"
)

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func text(t *testing.T, wire string) message.Body {
	t.Helper()
	body, err := message.Text(strings.NewReader(wire))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// texts says what the text of a sample has, and (after a "!") what it has not.
var texts = map[string][]string{
	"alternative-related":               {"Keeper’s Almanac\"\n", "box at the door, day", "!<h1>", "!MIME format"},
	"attachment-rfc2231":                {"beans left", "!1.20"},
	"base64-broken":                     {"Line 01 of", "Line 19 of", "Line 23 of", "Line 39 of", "!lost in transit", "!\uFFFD"},
	"boundary-unclosed":                 {"first part is whole", "!second part"},
	"calendar-invitation":               {"the big oak", "!VCALENDAR"},
	"charset-no-label":                  {"smörgåsbord for 12 €."},
	"charset-wrong-label":               {"crêpes à volonté, 9 €."},
	"delivery-status":                   {"sorry to have", "Status: 5.1.1", "Subject: Are you there?", "Is anybody there?"},
	"empty":                             {},
	"format-flowed":                     {"\n>From the mill", "evening.\n", "-- \nBob\n"},
	"header-gb18030":                    {"𠮷野家"},
	"header-iso-2022-jp":                {"ボブさん、\n\n来週の土曜日"},
	"header-koi8-r":                     {"тёплая баня"},
	"header-only":                       {},
	"header-unknown-charset":            {"The café is open all day; the soirée"},
	"header-utf-7":                      {"die fünf Bäume für den Park sind da. 1 + 1 = 2. Bis"},
	"header-windows-1252-as-iso-8859-1": {"“two loaves”, one rye – one wheat. That’s 7 €."},
	"html-only":                         {"“The Quiet Harbour” — with an introduction by the director.\nDoors open at 7 pm.", "\n - Friday: Café Nowhere\n", "here <https://cinema.example.org/tickets?week=15&from=mail>", "!alert", "!font", "!Programme"},
	"line-long":                         {"dog and the quick", "\nThe end.\n"},
	"nested-rfc822":                     {"is this yours?", "From: Museum Desk", "umbrella in the café", "Answer to the museum"},
	"no-header":                         {"There is no header"},
	"no-header-text":                    {"Dear reader", "goes on"},
	"nul-bytes":                         {"here:\x00: and"},
	"pgp-mime":                          {"!OpenPGP/MIME encrypted message", "!Version"},
	"smime-signed":                      {"all its spiders", "!This is an S/MIME"},
}

func TestTextOfSamples(t *testing.T) {
	seen := 0
	for _, sample := range messages.All() {
		for form, wire := range map[string][]byte{"wire": sample.Wire, "LF": bytes.ReplaceAll(sample.Wire, []byte("\r\n"), []byte("\n"))} {
			body, err := message.Text(iotest.OneByteReader(bytes.NewReader(wire)))
			if err != nil || body.Cut || body.HTML != (sample.Name == "html-only") || !utf8.ValidString(body.Text) || strings.Contains(body.Text, "\r") {
				t.Errorf("%s, %s: %+v, %v", sample.Name, form, body, err)
			}
			want, ok := texts[sample.Name]
			if ok && len(want) == 0 && body.Text != "" {
				t.Errorf("%s, %s: %q", sample.Name, form, body.Text)
			}
			for _, piece := range want {
				lacking, negated := strings.CutPrefix(piece, "!")
				if strings.Contains(body.Text, lacking) == negated {
					t.Errorf("%s, %s: %q:\n%s", sample.Name, form, piece, body.Text)
				}
			}
			if ok {
				seen++
			}
		}
	}
	if seen != 2*len(texts) {
		t.Errorf("%d of %d samples seen", seen, 2*len(texts))
	}
}

func TestTextOfDamagedParts(t *testing.T) {
	const mixed = "Content-Type: multipart/mixed; boundary=b\n\n"
	for _, c := range []struct{ name, in, want string }{
		{"part with a malformed header", mixed + "--b\nnot a header\nContent-Type: text/plain\n\nfirst\n--b\nContent-Type: text/plain\nno colon here\n\nsecond\n--b--\n", "not a header\nContent-Type: text/plain\n\nfirst\n\nno colon here\n\nsecond\n"},
		{"part without a header", mixed + "--b\n\nfirst\n--b--\n", "first\n"},
		{"part with neither header nor empty line", mixed + "--b\nfirst\n--b--\n", "first\n"},
		{"part with a header only", mixed + "--b\nContent-Type: text/plain\n--b\n\nsecond\n--b--\n", "second\n"},
		{"long preamble line", mixed + strings.Repeat("p", 100000) + "\n--b\n\nfirst\n--b--\n", "first\n"},
		{"long line", mixed + "--b\n\n" + strings.Repeat("p", 100000) + "\n--b--\n", strings.Repeat("p", 100000) + "\n"},
		{"boundary never comes", mixed + "all there is\n", "all there is\n"},
		{"no boundary given", "Content-Type: multipart/mixed\n\n--b\n\nfirst\n--b--\n", "--b\n\nfirst\n--b--\n"},
		{"epilogue", mixed + "--b\n\nfirst\n--b--\nepilogue\n--b\nstill\n", "first\n"},
		{"inner multipart not closed", mixed + "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\ninner\n--b\n\nouter\n--b--\n", "inner\n\nouter\n"},
		{"boundary that begins like another", mixed + "--b\nContent-Type: multipart/mixed; boundary=b2\n\n--b2\n\ninner\n--b2--\n--b\n\nouter\n--b--\n", "inner\n\nouter\n"},
		{"padded boundary", mixed + "--b \t\n\nfirst\n--b-- \n", "first\n"},
		{"lines like boundaries", mixed + "--b\n\n--\n--bb\n --b\n---b\n--b--\n", "--\n--bb\n --b\n---b\n"},
		{"upper case and comments", "content-type: TEXT/Plain; CHARSET=\"UTF-8\"\ncontent-transfer-encoding: Quoted-Printable \n\ncaf=c3=A9\n", "café\n"},
		{"type without a slash", "Content-Type: text\n\nhello\n", "hello\n"},
		{"unknown encoding", "Content-Transfer-Encoding: x-own\n\nhello\n", "hello\n"},
		{"bad quoted-printable", "Content-Transfer-Encoding: quoted-printable\n\na=ZZb = c=\nd=3D\x00\xe9=4", "a=ZZb = cd=\x00é\n"},
		{"soft break with spaces", "Content-Transfer-Encoding: quoted-printable\n\na= \t\r\nb=\r\n\r\nc=", "ab\nc\n"},
		{"base64 without padding", "Content-Transfer-Encoding: base64\n\naGVsbG8gd29ybGQ\n", "hello world\n"},
		{"base64 with a footer", "Content-Transfer-Encoding: base64\n\naGVsbG8gd29ybGQ=\n____\nThe list's footer\n", "hello world\n"},
		{"base64 in two pieces", "Content-Transfer-Encoding: base64\n\naGVsbG8=\nIHdvcmxk\n", "hello world\n"},
		{"base64 indented", "Content-Transfer-Encoding: base64\n\n aGVsbG8g\n\td29y bGQ=\n", "hello world\n"},
		{"base64 message", mixed + "--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogeA==\n--b\n\nafter\n--b--\n", "Subject: x\n\nafter\n"},
		{"alternative with an empty plain part", "Content-Type: multipart/alternative; boundary=b\n\n--b\n\n \n--b\nContent-Type: text/html\n\n<p>html</p>\n--b--\n", "html\n"},
		{"alternative, HTML first", "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>html</p>\n--b\n\nplain\n--b--\n", "plain\n"},
		{"HTML and a plain footer", mixed + "--b\nContent-Type: text/html\n\n<p>html</p>\n--b\n\nfooter\n--b--\n", "html\n\nfooter\n"},
		{"only a calendar", "Content-Type: text/calendar\n\nBEGIN:VCALENDAR\n", "BEGIN:VCALENDAR\n"},
		{"the message is an attachment", "Content-Type: text/plain\nContent-Disposition: attachment\n\nhello\n", "hello\n"},
		{"digest", "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: one\n\nfirst\n--b\n\nSubject: two\n\nsecond\n--b--\n", "Subject: one\n\nfirst\n\nSubject: two\n\nsecond\n"},
		{"gb2312 that is gbk", "Content-Type: text/plain; charset=gb2312\n\n\x96|\n", "東\n"},
		{"hz", "Content-Type: text/plain; charset=hz-gb-2312\n\n~{VPND~}\n", "中文\n"},
		{"utf-8 that is windows-1252", "Content-Type: text/plain; charset=utf-8\n\nna\xefve caf\xe9\n", "naïve café\n"},
		{"damaged utf-8", "Content-Type: text/plain; charset=utf-8\n\nна\xd1\xd0ве\n", "на\uFFFDве\n"},
		{"gbk label on utf-8", "Content-Type: text/plain; charset=gb2312\n\n– ☕ ü\n", "– ☕ ü\n"},
	} {
		for _, wire := range []string{c.in, crlf(strings.ReplaceAll(c.in, "\r\n", "\n"))} {
			if got := text(t, wire).Text; got != c.want {
				t.Errorf("%s:\n%.200q, want\n%.200q", c.name, got, c.want)
			}
		}
	}
}

func TestTextOfHTML(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"anchor without link", `<a name="top">Top</a><p>text</p>`, "Top\n\ntext\n"},
		{"anchor never closed", `<a name=x>text <b>more`, "text more\n"},
		{"link", `see <a href="https://example.org/?a=1&amp;b=2">this</a>.`, "see this <https://example.org/?a=1&b=2>.\n"},
		{"link never closed", `<a href="https://x.example">one <a href="https://y.example">two</a>`, "one  <https://x.example>two <https://y.example>\n"},
		{"script link", `<a href="JavaScript:alert('>')">click</a> here`, "click here\n"},
		{"local link", `<a href="#top">up</a>`, "up\n"},
		{"head never closed", `<html><head><title>no<body><p>text`, ""},
		{"head never closed, no title", `<html><head><meta charset=utf-8><body><p>text`, "text\n"},
		{"comment with a tag", `a<!-- <b> > hidden -->b<![endif]-->c`, "abc\n"},
		{"style and script", `<STYLE>x > y { }</STYLE>a<script>if (a<b) { "</b>" }</script>b`, "ab\n"},
		{"less and more", `1 &lt; 2 &gt; 0 &amp;amp; x > y`, "1 < 2 > 0 &amp; x > y\n"},
		{"entities", `caf&eacute; &#8364; &#x263a; &nbsp; &bogus;`, "café € ☺   &bogus;\n"},
		{"divs and breaks", `<div>one</div><div>two<br/>three</div>`, "one\n\ntwo\nthree\n"},
		{"table", `<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>`, "a b\nc\n"},
		{"image", `<img src=x alt="Our logo"><img src=y>`, "[Our logo]\n"},
		{"pre", "<pre>a  b\n  c</pre>d", "a  b\n  c\nd\n"},
		{"meta charset", "<meta http-equiv=Content-Type content='text/html; charset=koi8-r'>\xf0\xd2\xc9\xd7\xc5\xd4", "Привет\n"},
	} {
		body := text(t, "Content-Type: text/html\n\n"+c.in)
		if body.Text != c.want {
			t.Errorf("%s: %q, want %q", c.name, body.Text, c.want)
		}
	}
}

func TestTextIsBounded(t *testing.T) {
	line := strings.Repeat("ü", 500) + "\n"
	for _, head := range []string{"", "Content-Type: text/html\n", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\n"} {
		body := text(t, head+"\n"+strings.Repeat(line, 3000))
		if len(body.Text) > message.MaxText+1 || len(body.Text) < message.MaxText-1000 || !body.Cut || strings.Contains(body.Text, "\uFFFD\n\uFFFD") {
			t.Errorf("%q: %d bytes, cut: %v", head, len(body.Text), body.Cut)
		}
	}
	body, err := message.Text(messages.Large(5 << 20))
	if err != nil || body.Cut || body.Text != "Bob, here is the film. It is a bit long.\n" {
		t.Errorf("%+v, %v", body, err)
	}
}

func TestReadErrorComesWithWhatWasRead(t *testing.T) {
	broken := errors.New("broken")
	in := func() io.Reader {
		return io.MultiReader(strings.NewReader("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nfirst\n--b\n\nsec"), iotest.ErrReader(broken))
	}
	if body, err := message.Text(in()); err != broken || body.Text != "first\n\nsec\n" {
		t.Errorf("Text: %q, %v", body.Text, err)
	}
	if parts, _, err := message.Parts(in()); err != broken || len(parts) != 2 {
		t.Errorf("Parts: %v, %v", parts, err)
	}
	if words, err := search(in(), 1000); err != broken || words != "first\n\nsec\n" {
		t.Errorf("Search: %q, %v", words, err)
	}
	if _, err := message.WritePart(io.Discard, in(), 2); err != broken {
		t.Errorf("WritePart: %v", err)
	}
}

// Each of these is cheap; a quadratic step in the code or in a library would take minutes.
func TestHostileBodiesTakeLinearTime(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it reads some hundred bodies of half a MiB")
	}
	const size = 512 << 10
	for _, piece := range []string{">", "<", "<a ", "<a href=x:>", "</a>", "<!--", "<pre>", "&", "&lt;", "<script>", "=", "= ", "=\n", "\r", "--", "\n--b", "\n--b\n", "\n--b\n\n", "\n\n", "+", "Content-Type: multipart/mixed; boundary=b\n\n--b\n"} {
		for _, head := range []string{"Content-Type: text/html\n\n", "Content-Type: text/plain; charset=utf-7\nContent-Transfer-Encoding: quoted-printable\n\n", "Content-Type: multipart/alternative; boundary=b\n\n", "Content-Type: text/plain; charset=iso-2022-jp\nContent-Transfer-Encoding: base64\n\n"} {
			wire := head + strings.Repeat(piece, size/len(piece))
			text(t, wire)
			message.Parts(strings.NewReader(wire))
		}
	}
}

func FuzzText(f *testing.F) {
	for _, sample := range messages.All() {
		if len(sample.Wire) < 3000 {
			f.Add(sample.Wire)
		}
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		body, err := message.Text(bytes.NewReader(wire))
		if err != nil || !utf8.ValidString(body.Text) || strings.Contains(body.Text, "\r") {
			t.Errorf("%q: %q, %v", wire, body.Text, err)
		}
		words, err := search(bytes.NewReader(wire), 100)
		if err != nil || !utf8.ValidString(words) || len(words) > 300 {
			t.Errorf("%q: %q, %v", wire, words, err)
		}
		parts, _, err := message.Parts(bytes.NewReader(wire))
		if err != nil {
			t.Error(err)
		}
		for i, p := range parts {
			got, err := message.WritePart(io.Discard, bytes.NewReader(wire), p.Number)
			if err != nil || p.Number != i+1 || got != p {
				t.Errorf("%q: listed %+v, written %+v, %v", wire, p, got, err)
			}
		}
	})
}

func BenchmarkText(b *testing.B) {
	for m := range messages.Generated(1, 0) {
		b.SetBytes(int64(len(m)))
		b.ReportAllocs()
		for b.Loop() {
			message.Text(bytes.NewReader(m))
		}
	}
}

func BenchmarkTextOfHTML(b *testing.B) {
	wire := []byte("Content-Type: text/html\r\n\r\n" + strings.Repeat("<div><p>Some <b>words</b> of <a href=\"https://example.org/\">text</a> &amp; so on</p></div>\r\n", 1000))
	b.SetBytes(int64(len(wire)))
	for b.Loop() {
		message.Text(bytes.NewReader(wire))
	}
}
