package message_test

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"testing"

	"postie/maildir/message"
	"postie/testdata/messages"
)

func TestHeader(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		done           bool
	}{
		{"CRLF", "A: b\r\nC: d\r\n\r\nbody\r\n", "A: b\nC: d\n", true},
		{"LF", "A: b\nC: d\n\nbody\n", "A: b\nC: d\n", true},
		{"mixed", "A: b\nC: d\r\n\nbody\n\n", "A: b\nC: d\n", true},
		{"empty message", "", "", false},
		{"starts with an empty line", "\r\nA: b\r\n", "", true},
		{"no empty line", "A: b\r\nC: d\r\n", "A: b\nC: d\n", false},
		{"no final newline", "A: b\r\nC: d", "A: b\nC: d\n", false},
		{"no final LF", "A: b\r\nC: d\r", "A: b\nC: d\n", false},
		{"CR CR LF", "A: b\r\r\nC: d\r\n\r\r\nE: f\r\n", "A: b\nC: d\n", true},
		{"bare CR stays", "A: b\rc\r\r\rd\r\n\r\n", "A: b\rc\r\r\rd\n", true},
		{"folded", "A: b\r\n c\r\n\t\r\n\r\n", "A: b\n c\n\t\n", true},
	} {
		whole := sha256.Sum256([]byte(c.want))
		for size := 1; size <= len(c.in)+1; size++ { // every chunking of equal pieces
			var h message.Header
			for rest := []byte(c.in); len(rest) > 0; {
				n := min(size, len(rest))
				if got, err := h.Write(rest[:n]); got != n || err != nil {
					t.Fatalf("Write: %d, %v", got, err)
				}
				h.Hash() // must not disturb what follows
				h.Bytes()
				rest = rest[n:]
			}
			if string(h.Bytes()) != c.want || h.Done() != c.done || h.Hash() != whole {
				t.Errorf("%s in chunks of %d: %q, done %v, hash right: %v", c.name, size, h.Bytes(), h.Done(), h.Hash() == whole)
			}
		}
	}
}

func TestHeaderIsTheSameOnTheWireFromTopAndOnDisk(t *testing.T) {
	var h message.Header
	hash := func(b []byte) [32]byte {
		h.Reset()
		h.Write(b)
		return h.Hash()
	}
	for _, s := range messages.All() {
		wire := s.Wire
		if s.NoFinalNewline {
			wire = append(bytes.Clone(wire), "\r\n"...) // what a POP3 server makes of it
		}
		want := hash(wire)
		if hash(bytes.ReplaceAll(s.Wire, []byte("\r\n"), []byte("\n"))) != want {
			t.Errorf("%s: the file has another hash", s.Name)
		}
		head, _, _ := bytes.Cut(wire, []byte("\r\n\r\n"))
		if s.Name == "no-header" {
			head = nil
		}
		if hash(append(bytes.Clone(head), "\r\n\r\n"...)) != want {
			t.Errorf("%s: TOP has another hash", s.Name)
		}
	}
}

func TestHeaderKeepsABoundedPart(t *testing.T) {
	var h message.Header
	sum := sha256.New()
	line := "X-Long: " + strings.Repeat("y", 1000)
	for range 1000 {
		h.Write([]byte(line + "\r\n"))
		sum.Write([]byte(line + "\n"))
	}
	if len(h.Bytes()) != message.MaxHeader {
		t.Errorf("kept %d bytes", len(h.Bytes()))
	}
	if got := h.Hash(); !bytes.Equal(got[:], sum.Sum(nil)) {
		t.Error("the hash does not cover all of the header")
	}
	h.Reset()
	if h.Write([]byte("A: b\n\n")); string(h.Bytes()) != "A: b\n" || !h.Done() {
		t.Errorf("after Reset: %q", h.Bytes())
	}
}

// What mbsync, offlineimap and servers with mbox files put into a header for themselves is no part of the message.
func TestHeaderPassesOverMarks(t *testing.T) {
	const tuid = "X-TUID: gL+2xcD3Y5pa\r\n"
	for name, c := range map[string]struct {
		in, bare string
		marks    int64
	}{
		"mbsync":      {"A: b\r\n" + tuid + "C: d\r\n\r\nbody\r\n", "A: b\nC: d\n", 22},
		"on disk":     {"A: b\nC: d\nx-tuid: gL+2xcD3Y5pa\n\nbody\n", "A: b\nC: d\n", 22},
		"offlineimap": {"A: b\r\nX-OfflineIMAP: 1029334120-5577006791\r\n\r\nbody\r\n", "A: b\n", 38},
		"folded":      {"A: b\n c\nX-OfflineIMAP:\n 1-2\n\t3\nC: d\n e\n\n", "A: b\n c\nC: d\n e\n", 26},
		"two":         {tuid + tuid + "\r\n", "", 44},
		"one, open":   {"A: b\n" + strings.TrimSuffix(tuid, "\r\n"), "A: b\n", 0},
		"alike":       {"X-TUIDs: a\nX-T: X-TUID: b\n\n", "X-TUIDs: a\nX-T: X-TUID: b\n", 0},
		"in the body": {"A: b\n\n" + tuid, "A: b\n", 0},
		"mbox state":  {"A: b\nStatus: RO\nX-Status: A\nX-Keywords: a\n b\nX-UID: 7\nC: d\n e\n\n", "A: b\nC: d\n e\n", 0},
		"both":        {"Status: O\n\tb\nX-TUID: a\n b\n\n", "", 15},
		"no state":    {"X-Status-Page: x\nStatuses: y\n\n", "X-Status-Page: x\nStatuses: y\n", 0},
	} {
		for size := 1; size <= len(c.in); size++ {
			var h message.Header
			for rest := []byte(c.in); len(rest) > 0; rest = rest[min(size, len(rest)):] {
				h.Write(rest[:min(size, len(rest))])
			}
			if h.Hash() != sha256.Sum256([]byte(c.bare)) || h.Marks() != c.marks {
				t.Errorf("%s in chunks of %d: %d octets, hash right: %v", name, size, h.Marks(), h.Hash() == sha256.Sum256([]byte(c.bare)))
			}
		}
	}
}

func FuzzHeader(f *testing.F) {
	f.Add([]byte("A: b\r\nC: d\r\n\r\nbody"), 3)
	f.Add([]byte("A: b\r\r\n\r\r\n"), 1)
	f.Fuzz(func(t *testing.T, wire []byte, cut int) {
		cut = min(max(cut, 0), len(wire))
		var whole, parts, disk message.Header
		whole.Write(wire)
		parts.Write(wire[:cut])
		parts.Write(wire[cut:])
		disk.Write(bytes.ReplaceAll(wire, []byte("\r\n"), []byte("\n")))
		upper := bytes.ToUpper(whole.Bytes())
		if whole.Hash() != parts.Hash() || whole.Hash() != disk.Hash() || whole.Done() != disk.Done() {
			t.Errorf("%q cut at %d", wire, cut)
		}
		if got := sha256.Sum256(whole.Bytes()); got != whole.Hash() && !bytes.Contains(upper, []byte("X-TUID")) && !bytes.Contains(upper, []byte("STATUS:")) &&
			!bytes.Contains(upper, []byte("X-KEYWORDS")) && !bytes.Contains(upper, []byte("X-UID")) {
			t.Errorf("Hash is not that of Bytes %q", whole.Bytes())
		}
	})
}

func BenchmarkHeader(b *testing.B) {
	var wire []byte
	for m := range messages.Generated(1, 0) {
		wire = m
	}
	b.ReportAllocs()
	var h message.Header
	for b.Loop() {
		h.Reset()
		h.Write(wire)
		h.Hash()
	}
}
