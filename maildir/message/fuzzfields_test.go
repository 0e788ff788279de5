package message

import (
	"bytes"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// A date as RFC 5322 wants it is the one that it says, in any zone; any other is of a year that people have, in UTC.
func FuzzDate(f *testing.F) {
	for _, s := range []string{"Mon, 2 Jan 2006 15:04:05 -0700 (PDT)", "02/01/06 3:04 PM", "2006-01-02T15:04:05Z", "1 Jan 0000 00:00 +9999", "31 Dec 10000", "Jan 2nd, 1899", "Mon, 2 Jan 1506 20:04:05 -0700", "Mon, 2 Jan 0000 20:04:05 -0700", "20060102T150405", "::", "12:", "-", "+"} {
		f.Add(s, int64(1136239445), int16(-420))
	}
	f.Fuzz(func(t *testing.T, text string, unix int64, zone int16) {
		if d := parseDate(text); !d.IsZero() && (d.Year() < 1899 || d.Year() > 10000 || d.Location() != time.UTC) {
			t.Fatalf("%q is %v", text, d)
		}
		want := time.Unix(unix%200_000_000_000, 0).In(time.FixedZone("", int(zone)%(14*60)*60))
		if want.Year() < 1970 || want.Year() > 9998 {
			return
		}
		for _, form := range []string{time.RFC1123Z, "Mon, 2 Jan 2006 15:04:05 -0700 (x)", "2 Jan 2006 15:04:05 -0700", "Mon,  2 Jan 2006\t15:04:05 -0700", "2006-01-02 15:04:05 -0700", "2006-01-02T15:04:05-07:00"} {
			if got := parseDate(want.Format(form)); !got.Equal(want) {
				t.Fatalf("%q is %v, want %v", want.Format(form), got, want.UTC())
			}
		}
	})
}

// Encoded words as others write them read as what was encoded, and no value makes much of little.
func FuzzWords(f *testing.F) {
	f.Add("Grüße aus 日本", "=?utf-8?q?a?= =?utf-8?q?b?=")
	f.Add("?=_=", "=?iso-2022-jp?b?GyRCRnw=?= =?x?z?y?=")
	f.Fuzz(func(t *testing.T, text, value string) {
		if got := decodeWords([]byte(value)); !utf8.ValidString(got) || len(got) > 4*len(value)+3 {
			t.Fatalf("%q: %q", value, got)
		}
		if !utf8.ValidString(text) || strings.Contains(text, "=?") || text != strings.TrimSpace(text) {
			return
		}
		for _, e := range []mime.WordEncoder{mime.QEncoding, mime.BEncoding} {
			if got := decodeWords([]byte(e.Encode("utf-8", text))); got != text {
				t.Fatalf("%q is %q", e.Encode("utf-8", text), got)
			}
		}
	})
}

// Whatever an address list holds, what is shown of it is one line, and not longer than it may be by more than one address.
func FuzzAddresses(f *testing.F) {
	for _, s := range []string{"Ann <ann@x.test>, bob@x.test (Bob)", "a: b, c;, d:;", `"x, y" <z`, "=?utf-8?q?a,b?= <c@d>", "<>", "<<<<>>>>", `"\"`, "(((a)", ",,,;;;:::", "@,@"} {
		f.Add([]byte(s), uint16(100))
	}
	f.Fuzz(func(t *testing.T, data []byte, limit uint16) {
		got := addresses(unfold(data), int(limit))
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n") || len(got) > int(limit)+3*maxAddress {
			t.Fatalf("%q: %d octets: %q", data, len(got), got)
		}
	})
}

// The short way through an address says what net/mail says, and is taken for those that people have.
func FuzzPlainAddress(f *testing.F) {
	plain := []string{"Ann Example <ann@x.test>", "ann+lists@x.test", "<a@b>", "B. Example <b.e@x-y.test>", "J.R.R. T <j@x>"}
	for _, s := range plain {
		if _, _, ok := plainAddress([]byte(s)); !ok {
			f.Errorf("%q takes the long way", s)
		}
	}
	for _, s := range append(plain, "a@b@c", "a.@b", "a <b>", "a  b <c@d>", " a <b@c>", ". <b@c>", "a. <b@c>", "a <b@c> d", "=?utf-8?q?a?= <b@c>", "a<b@c>") {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, item []byte) {
		name, addr, ok := plainAddress(item)
		if a, err := mail.ParseAddress(string(item)); ok && (err != nil || a.Name != name || a.Address != addr) {
			t.Fatalf("%q: %q, %q; net/mail: %v, %v", item, name, addr, a, err)
		}
	})
}

// What nearly all messages are costs few allocations to summarize: first syncs do nothing else as often.
func TestSummarizeAllocations(t *testing.T) {
	header := []byte("From: Ann Example <ann@x.test>\r\nTo: bob@x.test\r\nSubject: Letter\r\nMessage-ID: <a@x>\r\nDate: Tue, 05 Mar 2024 14:07:09 +0000\r\n\r\n")
	if n := testing.AllocsPerRun(100, func() { Summarize(header) }); n > 25 {
		t.Errorf("%v allocations", n)
	}
}

// Quoted-printable as others write it reads as what was written, wherever it is cut into pieces, and never becomes longer.
func FuzzQuoted(f *testing.F) {
	f.Add([]byte("a=b \t\r\nc"), uint8(1))
	f.Add([]byte("=\r\n==3D=3=zz= \t\r\n="), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		if len(decoded("quoted-printable", data)) > len(data) {
			t.Fatalf("%q became longer", data)
		}
		whole := inPieces(data, len(data)+1)
		if got := inPieces(data, int(size)+1); !bytes.Equal(got, whole) {
			t.Fatalf("%q in pieces of %d: %q, want %q", data, size+1, got, whole)
		}
		var code bytes.Buffer
		w := quotedprintable.NewWriter(&code)
		w.Binary = true
		io.Copy(w, bytes.NewReader(data))
		w.Close()
		if got := inPieces(code.Bytes(), int(size)+1); !bytes.Equal(got, data) {
			t.Fatalf("%q reads as %q, want %q", &code, got, data)
		}
	})
}

func inPieces(data []byte, size int) (out []byte) {
	var d quotedDecoder
	for len(data) > 0 {
		n := min(size, len(data))
		out = d.decode(out, bytes.Clone(data[:n]))
		data = data[n:]
	}
	return d.decode(out, nil)
}

// What remains of a subject is a part of it, and nothing can be taken from it twice.
func FuzzSubject(f *testing.F) {
	for _, s := range []string{"Re: [list] AW: apples (fwd)", "[fwd: [fwd: x]]", "Re[2]: y", "[a]", "re:re:re:", "回复: z", "[a][b][c] Re:", "Re : a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, subject string) {
		base, _ := SplitSubject(subject)
		if !strings.Contains(strings.Join(strings.Fields(subject), " "), base) {
			t.Fatalf("%q has the base %q", subject, base)
		}
		if again, reply := SplitSubject(base); again != base || reply {
			t.Fatalf("%q has the base %q, and that has %q", subject, base, again)
		}
	})
}

// Fields are parts of the header, and what is no field hides none that follows.
func FuzzFields(f *testing.F) {
	f.Add([]byte("A: b\r\n c\r\nno field\nD:\n\nE: f"))
	f.Add([]byte(" lost\nFrom x\nA : b"))
	f.Fuzz(func(t *testing.T, header []byte) {
		rest := header
		for name, value := range fields(header) {
			i := bytes.Index(rest, value)
			if i < 0 || len(name) == 0 || bytes.ContainsAny(name, ": \t\r\n") {
				t.Fatalf("%q: field %q with %q", header, name, value)
			}
			if line := unfold(value); bytes.ContainsAny(line, "\r\n\x00") || len(line) > len(value) {
				t.Fatalf("%q unfolds to %q", value, line)
			}
			rest = rest[i+len(value):]
		}
		if got := field(append([]byte("X-First: x\nX-Next: y\n"), header...), "x-first"); string(got) != "x" {
			t.Fatalf("%q hides the field before it: %q", header, got)
		}
	})
}

// A label of a charset and a text: what comes out is UTF-8, of a length in proportion.
func FuzzCharset(f *testing.F) {
	for _, label := range []string{"utf-8", "koi8-r", "iso-2022-jp", "gb18030", "utf-7", "utf-16", "unknown-8bit", "x-mac-roman", ""} {
		f.Add(label, []byte("\xf0\xd2\x1b$BF|K\\\x1b(B+AOQ-"))
	}
	f.Fuzz(func(t *testing.T, label string, data []byte) {
		if got := toUTF8(label, data); !utf8.ValidString(got) || len(got) > 4*len(data)+8 {
			t.Fatalf("%q as %q: %d octets, valid %v", data, label, len(got), utf8.ValidString(got))
		}
	})
}
