package message_test

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"postie/maildir/message"
)

// Messages that are made to cost much: what is read of them is bounded, and takes memory by no more than a part of their size.
func TestBombs(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it reads hundreds of MB")
	}
	var nested, siblings, forwarded, fields strings.Builder
	for i := range 10000 {
		fmt.Fprintf(&nested, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
		forwarded.WriteString("Content-Type: message/rfc822\n\n")
	}
	siblings.WriteString("Content-Type: multipart/mixed; boundary=b\n\n")
	for i := range 100000 {
		fmt.Fprintf(&siblings, "--b\nContent-Type: text/plain; name=%d\n\nx\n", i)
	}
	for i := range 1000000 {
		fmt.Fprintf(&fields, "X-%d: y\n", i)
	}
	long := 4 << 20
	for name, wire := range map[string]string{
		"nested multiparts":       nested.String() + "\ntext\n",
		"100,000 parts":           siblings.String(),
		"messages in messages":    forwarded.String() + "\ntext\n",
		"a million fields":        fields.String() + "\ntext\n",
		"one endless field":       "Subject: " + strings.Repeat("x", long) + "\n\ntext\n",
		"a field of many lines":   "Subject: " + strings.Repeat("x\n ", long/3) + "\n\ntext\n",
		"addresses":               "To: " + strings.Repeat("a@b,", long/4) + "\n\ntext\n",
		"open comments":           "To: " + strings.Repeat("(", long) + "\nDate: " + strings.Repeat("(", long) + "\nContent-Type: " + strings.Repeat("(", long) + "\n\ntext\n",
		"open words":              "Subject: " + strings.Repeat("=?utf-8?q?", long/10) + "\n\ntext\n",
		"parameters":              "Content-Type: text/plain" + strings.Repeat("; a*0*=x", long/8) + "\n\ntext\n",
		"base64":                  "Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n" + strings.Repeat("AAAA", long),
		"one line of HTML":        "Content-Type: text/html\n\n" + strings.Repeat("<b>", long/3),
		"nested HTML":             "Content-Type: text/html\n\n" + strings.Repeat("<div><blockquote>", long/17),
		"entities":                "Content-Type: text/html\n\n" + strings.Repeat("&amp;", long/5),
		"open tags of HTML":       "Content-Type: text/html\n\n" + strings.Repeat("<", long),
		"boundaries of 70 octets": "Content-Type: multipart/mixed; boundary=\"" + strings.Repeat("-", 70) + "\"\n\n" + strings.Repeat("-", long),
	} {
		t.Run(name, func(t *testing.T) {
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			var header message.Header
			if _, err := message.Text(io.TeeReader(strings.NewReader(wire), &header)); err != nil {
				t.Error(err)
			}
			message.Summarize(header.Bytes())
			message.Head(header.Bytes())
			parts, _, err := message.Parts(strings.NewReader(wire))
			if err != nil {
				t.Error(err)
			}
			if len(parts) > 0 {
				if _, err := message.WritePart(io.Discard, bytes.NewReader([]byte(wire)), parts[len(parts)-1].Number); err != nil {
					t.Error(err)
				}
			}
			runtime.ReadMemStats(&after)
			if grown := int64(after.Sys) - int64(before.Sys); grown > 100<<20 {
				t.Errorf("%d MB", grown>>20)
			}
			t.Logf("%d octets, %d parts, %d MB allocated in all", len(wire), len(parts), (after.TotalAlloc-before.TotalAlloc)>>20)
		})
	}
}
