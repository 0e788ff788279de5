package message_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"

	"postie/maildir/message"
)

const (
	inJapanese = "来週の土曜日、公園で花見をします。"
	inKorean   = "다음 주 토요일에 공원에서 만나요"
	inChinese  = "下周六在公园赏花"
	inRussian  = "тёплая баня"
)

func encoded(t *testing.T, e encoding.Encoding, s string) string {
	t.Helper()
	out, err := e.NewEncoder().String(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestCharsets: text, and the raw text of headers that nobody should send, under right, wrong and no labels.
func TestCharsets(t *testing.T) {
	for _, c := range []struct {
		label string // "": none
		from  encoding.Encoding
		text  string
	}{
		{"Shift_JIS", japanese.ShiftJIS, inJapanese + "ｶﾅ"},
		{"x-sjis", japanese.ShiftJIS, inJapanese},
		{"EUC-JP", japanese.EUCJP, inJapanese},
		{"ISO-2022-JP", japanese.ISO2022JP, inJapanese},
		{"ISO-2022-JP", japanese.ShiftJIS, inJapanese},
		{"ISO-2022-JP", japanese.EUCJP, inJapanese},
		{"us-ascii", japanese.ISO2022JP, inJapanese},
		{"", japanese.ISO2022JP, inJapanese},
		{"EUC-KR", korean.EUCKR, inKorean},
		{"ks_c_5601-1987", korean.EUCKR, inKorean},
		{"GB18030", simplifiedchinese.GB18030, inChinese + "😀"},
		{"gb2312", simplifiedchinese.GBK, inChinese},
		{"Big5", traditionalchinese.Big5, "下週六在公園賞花"},
		{"koi8-r", charmap.KOI8R, inRussian},
		{"windows-1251", charmap.Windows1251, inRussian},
		{"iso-8859-15", charmap.ISO8859_15, "12 €"},
		{"iso-8859-1", charmap.Windows1252, "“9 €”"},
		{"utf-8", charmap.Windows1252, "“9 €”"},
		{"", charmap.Windows1252, "“9 €”"},
		{"ibm850", charmap.CodePage850, "café"},
		{"no-such-charset", encoding.Nop, "crêpes"},
		{"utf-8", encoding.Nop, "\ufeffcrêpes"},
		{"utf-16", unicode.UTF16(unicode.BigEndian, unicode.UseBOM), inJapanese},
		{"utf-16", unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), inJapanese},
		{"utf-16", unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), inJapanese},
		{"utf-16be", unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), inJapanese},
	} {
		name := fmt.Sprintf("%s, really %v", c.label, c.from)
		raw, header := encoded(t, c.from, c.text), ""
		if c.label != "" {
			header = "Content-Type: text/plain; charset=" + c.label + "\n"
		}
		want := strings.TrimPrefix(c.text, "\ufeff")
		if got := text(t, header+"\n"+raw).Text; got != want+"\n" {
			t.Errorf("%s: text %q, want %q", name, got, want)
		}
		coded := "Content-Transfer-Encoding: base64\n" + header + "\n" + base64.StdEncoding.EncodeToString([]byte(raw))
		if got := text(t, coded).Text; got != want+"\n" {
			t.Errorf("%s: base64 %q, want %q", name, got, want)
		}
		if strings.HasPrefix(c.label, "utf-16") || want != c.text { // no header is
			continue
		}
		s := message.Summarize([]byte("From: \"" + raw + ", B\" <b@x.test>\nSubject: " + raw + "\n" + header))
		if s.Subject != want || s.From != want+", B <b@x.test>" {
			t.Errorf("%s: raw header: %+v, want %q", name, s, want)
		}
	}
	if got := text(t, "Content-Type: text/plain; charset=iso-2022-kr\n\n\x1b$)C\x0e4Y@=\x0f abc\n").Text; got != "다음 abc\n" {
		t.Errorf("iso-2022-kr: %q", got)
	}
	if got := text(t, "Content-Type: text/html\n\n<meta charset=utf-16><p>hello").Text; got != "hello\n" {
		t.Errorf("HTML that says utf-16 in ASCII: %q", got)
	}
}

// TestWordsCutAnywhere: encoded words (RFC 2047) that senders cut between any two octets.
func TestWordsCutAnywhere(t *testing.T) {
	for _, c := range []struct {
		label string
		from  encoding.Encoding
		text  string
	}{
		{"utf-8", encoding.Nop, "Größe ☕ 花見"}, {"Shift_JIS", japanese.ShiftJIS, inJapanese}, {"iso-2022-jp", japanese.ISO2022JP, inJapanese},
		{"euc-kr", korean.EUCKR, inKorean}, {"gb18030", simplifiedchinese.GB18030, inChinese},
	} {
		raw := encoded(t, c.from, c.text)
		for i := range len(raw) + 1 {
			subject := "=?" + c.label + "?B?" + base64.StdEncoding.EncodeToString([]byte(raw[:i])) + "?=\n =?" + strings.ToUpper(c.label) + "?q?"
			for _, b := range []byte(raw[i:]) {
				subject += fmt.Sprintf("=%02X", b)
			}
			if got := message.Summarize([]byte("Subject: " + subject + "?=\n")).Subject; got != c.text {
				t.Errorf("%s cut at %d: %q, want %q", c.label, i, got, c.text)
			}
		}
	}
}

// TestOddBodies: what is no plain text is shown as what can be read of it, and what cannot is at least listed.
func TestOddBodies(t *testing.T) {
	const mixed = "Content-Type: multipart/mixed; boundary=b\n\n"
	for _, c := range []struct{ name, in, want, parts string }{
		{"uuencoded", "\nSee file\n\nbegin 644 hello.txt\n,:&5L;&\\@=V]R;&0*\n`\nend\n", "See file\n\nbegin 644 hello.txt\n,:&5L;&\\@=V]R;&0*\n`\nend\n", "text/plain:"},
		{"opaque S/MIME", "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\n\nMIIB\n", "", "application/pkcs7-mime:smime.p7m"},
		{"inline PGP", "\n-----BEGIN PGP MESSAGE-----\n\nhQEM\n-----END PGP MESSAGE-----\n", "-----BEGIN PGP MESSAGE-----\n\nhQEM\n-----END PGP MESSAGE-----\n", "text/plain:"},
		{"Outlook's own", mixed + "--b\n\ntext\n--b\nContent-Type: application/ms-tnef; name=winmail.dat\n\nx\n--b--\n", "text\n", "text/plain: application/ms-tnef:winmail.dat"},
		{"alternatives without text", "Content-Type: multipart/alternative; boundary=b\n\n--b\n\n--b\nContent-Type: text/html\n\n<img src=x>\n--b--\n", "", "text/plain: text/html:"},
		{"message within, HTML only", mixed + "--b\n\ntext\n--b\nContent-Type: message/rfc822\n\nSubject: inner\nContent-Type: text/html\n\n<p>html</p>\n--b--\n", "text\n\nSubject: inner\n\nhtml\n", "text/plain: message/rfc822: text/html:"},
		{"flowed, spaces deleted", "Content-Type: text/plain; format=flowed; delsp=yes\n\n  one \ntwo\n> three\n", " one \ntwo\n> three\n", "text/plain:"},
		{"escapes in HTML", "Content-Type: text/html\n\n<p>a&#27;[2J&#0;&#x9b;b&#8238;c</p>", "a\x1b[2J\uFFFD›b\u202ec\n", "text/html:"},
	} {
		if got := text(t, c.in).Text; got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		parts, _, err := message.Parts(strings.NewReader(c.in))
		var all []string
		for _, p := range parts {
			all = append(all, p.Type+":"+p.Name)
		}
		if got := strings.Join(all, " "); got != c.parts || err != nil {
			t.Errorf("%s: parts %s, want %s, %v", c.name, got, c.parts, err)
		}
	}
}
