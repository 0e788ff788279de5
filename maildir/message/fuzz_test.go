package message

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

// decoded runs a transfer decoder over what stands in a part, cut at both ends.
func decoded(encoding string, data []byte) []byte {
	l := newLines(bytes.NewReader(data))
	out, _ := io.ReadAll(newBody(&l, &entity{header: []byte("Content-Transfer-Encoding: " + encoding + "\n")}))
	return out
}

// Base64 as encoders write it, in lines of any length, is decoded as it was; anything else ends and gives no more than it can hold.
func FuzzBase64(f *testing.F) {
	f.Add([]byte("hello world"), 4)
	f.Add([]byte("aGVsbG8gd29ybGQ= and text\nContacts\n"), 76)
	f.Fuzz(func(t *testing.T, data []byte, width int) {
		code := base64.StdEncoding.EncodeToString(data)
		var lines strings.Builder
		for width = 4 * min(max(width, 1), 300); len(code) > width; code = code[width:] {
			lines.WriteString(code[:width] + "\r\n")
		}
		lines.WriteString(code + "\r\n")
		if got := decoded("base64", []byte(lines.String())); !bytes.Equal(got, data) {
			t.Errorf("%q: %q, want %q", lines.String(), got, data)
		}
		if got := decoded("base64", data); len(got) > len(data)*3/4+1 {
			t.Errorf("%q gives %d bytes", data, len(got))
		}
	})
}

func FuzzUuencode(f *testing.F) {
	f.Add([]byte("begin 644 x\n#86)C\n`\nend\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if got := decoded("x-uuencode", data); len(got) > 45*len(data) {
			t.Errorf("%q gives %d bytes", data, len(got))
		}
	})
}

func FuzzSignedContent(f *testing.F) {
	f.Add([]byte("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30\x80\x02\x01\x01\x31\x80\x30\x80\x00\x00\x00\x00\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x80\x24\x80\x04\x05hello\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		out, err := io.ReadAll(&signedContent{in: bufio.NewReader(bytes.NewReader(data))})
		if err != nil || len(out) > len(data) {
			t.Errorf("%q: %d bytes, %v", data, len(out), err)
		}
	})
}

func FuzzParameters(f *testing.F) {
	for _, s := range []string{"text/plain (c); charset=(x) \"koi8-r\" (y); name=a (1).txt", "a; b*0*=x'y'%20; b*1=\"z", "(((", "a/b; x=\"\\\"; y=(\\"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		kind, params := parameters(data)
		if !utf8.ValidString(kind) || strings.ContainsAny(kind, "\n\r") {
			t.Errorf("%q: %q", data, kind)
		}
		for name, value := range params {
			if !utf8.ValidString(value) || len(value) > 4*len(data)+3 {
				t.Errorf("%q: %q=%q", data, name, value)
			}
		}
		if got := uncomment(data); len(got) > len(data) {
			t.Errorf("%q: %q", data, got)
		}
		addresses(unfold(data), 100)
		parseDate(string(data))
	})
}

// The walker and the summary agree where a header ends: what the one takes for text, the other takes no field from.
func FuzzHeaderEnd(f *testing.F) {
	f.Add([]byte("Subject: x\nno field\nFrom: a@b\n \nTo: c\n\nbody\n"))
	f.Add([]byte("Subject: x\nHello\nTo you:\n\nCc: x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.Contains(data, []byte("\r")) || len(data) > 8<<10 {
			return
		}
		w := &walker{newLines(bytes.NewReader(data)), &visitor{}, new(counts)}
		header := w.readHeader()
		rest, _ := io.ReadAll(newBody(&w.lines, &entity{}))
		if len(header)+len(rest)+maxLine/1024 < len(data)-len("\n") {
			t.Errorf("%q: header %q, text %q", data, header, rest)
		}
		if !startsHeader(data) { // text at once
			return
		}
		if a, b := Summarize(header), Summarize(data); a != b {
			t.Errorf("%q: by the walker %+v, by the summary %+v", data, a, b)
		}
	})
}
