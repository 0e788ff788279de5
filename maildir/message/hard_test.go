package message_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postie/maildir/message"
	"postie/testdata/messages"
)

// The mail in testdata/messages/hard is what other readers stumble over; beside each stands what the best of mutt, GMime and
// Python make of it. It reads alike with either line end, from one stream or octet by octet.
func TestHardMessages(t *testing.T) {
	files, err := filepath.Glob("../../testdata/messages/hard/*.eml")
	if err != nil || len(files) < 14 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	for _, file := range files {
		wire, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		golden := strings.TrimSuffix(file, ".eml") + ".want"
		got := whatIsRead(t, wire)
		if os.Getenv("UPDATE_HARD") != "" { // look at what it wrote before it is committed
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil || got != string(want) {
			t.Errorf("%s: %v\n%s\nwant\n%s", filepath.Base(file), err, got, want)
		}
		lf := whatIsRead(t, bytes.ReplaceAll(wire, []byte("\r\n"), []byte("\n")))
		if textOf(lf) != textOf(got) {
			t.Errorf("%s with LF: %s\nwant\n%s", filepath.Base(file), lf, got)
		}
	}
}

func textOf(read string) string {
	text, _, _ := strings.Cut(read, "\nparts:\n")
	return text
}

// whatIsRead is all that people and searches are given of a message.
func whatIsRead(t *testing.T, wire []byte) string {
	t.Helper()
	var header message.Header
	body, err := message.Text(io.TeeReader(bytes.NewReader(wire), &header))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, f := range message.Head(header.Bytes()) {
		fmt.Fprintf(&out, "%s: %s\n", f.Name, f.Value)
	}
	if body.Signed {
		out.WriteString("(signed)\n")
	}
	out.WriteString("\n" + body.Text + "\nparts:\n")
	parts, _, err := message.Parts(bytes.NewReader(wire))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		var content bytes.Buffer
		written, err := message.WritePart(&content, bytes.NewReader(wire), p.Number)
		if err != nil || written != p || p.Size != int64(content.Len()) {
			t.Errorf("listed %+v, written %+v of %d bytes, %v", p, written, content.Len(), err)
		}
		fmt.Fprintf(&out, "%d %s%s %q %d %.120q\n", p.Number, strings.Repeat("  ", p.Depth), p.Type, p.Name, p.Size, content.Bytes())
	}
	return out.String()
}

// everyMessage is all sample mail by name.
func everyMessage(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, s := range messages.All() {
		all[s.Name] = s.Wire
	}
	files, err := filepath.Glob("../../testdata/messages/hard/*.eml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if all[file], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	return all
}
