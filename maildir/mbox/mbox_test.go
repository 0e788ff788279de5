package mbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"postie/maildir"
)

type found struct {
	Text   string
	Status Status
	Date   time.Time
	Open   bool
}

func read(t interface{ Fatal(...any) }, file string) (all []found) {
	for s, err := range Scan(iotest.OneByteReader(strings.NewReader(file))) {
		if err != nil {
			t.Fatal(err)
		}
		m := Open(strings.NewReader(file), s)
		text, err := io.ReadAll(m)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found{string(text), m.Status, s.Date, s.Open})
	}
	return all
}

// What programs write.
func TestRead(t *testing.T) {
	day := time.Date(2025, 11, 3, 10, 0, 0, 0, time.UTC)
	seen := Status{Flags: maildir.Flags{Set: maildir.FlagSeen}}
	for name, c := range map[string]struct {
		file string
		want []found
	}{
		"empty":    {"", nil},
		"mboxrd":   {"From a@b Mon Nov  3 10:00:00 2025\nSubject: x\nStatus: RO\n\n>From here\n>>From there\n\nFrom c Mon Nov  3 10:00:00 2025\nA: b\n\nc\n\n", []found{{"Subject: x\n\nFrom here\n>From there\n", seen, day, false}, {"A: b\n\nc\n", Status{}, day, false}}},
		"CR LF":    {"From a@b Mon Nov  3 10:00:00 2025\r\nSubject: x\r\n\r\ny\r\n\r\nFrom c Mon Nov  3 10:00:00 2025\r\nA: b\r\n\r\nc\r\n\r\n", []found{{"Subject: x\r\n\r\ny\r\n", Status{}, day, false}, {"A: b\r\n\r\nc\r\n", Status{}, day, false}}},
		"a zone":   {"From 1@xxx Mon Nov 03 12:00:00 +0200 2025\nA: b\n\nc\n", []found{{"A: b\n\nc\n", Status{}, day, false}}},
		"unquoted": {"From a Mon Nov  3 10:00:00 2025\nA: b\n\nc\n\nFrom the desk of Ann\nTo: you\n\nFrom x Mon Nov  3 10:00:00 2025 said\nhello\n", []found{{"A: b\n\nc\n\nFrom the desk of Ann\nTo: you\n\nFrom x Mon Nov  3 10:00:00 2025 said\nhello\n", Status{}, day, false}}},
		"Thunderbird": {"From - Mon Nov  3 10:00:00 2025\nX-Mozilla-Status: 1007\nX-Mozilla-Status2: 00000000\nX-Mozilla-Keys: $label1 work   \nA: b\n\nc\n\nFrom \nX-Mozilla-Status: 0009\nA: c\n\nd\n", []found{
			{"A: b\n\nc\n", Status{Flags: maildir.Flags{Set: maildir.FlagSeen | maildir.FlagReplied | maildir.FlagFlagged | maildir.FlagPassed, Keywords: maildir.NewKeywords("$label1", "work")}}, day, false},
			{"A: c\n\nd\n", Status{Flags: maildir.Flags{Set: maildir.FlagSeen}, Deleted: true}, time.Time{}, false}}},
		"somebody's own status": {"From a Mon Nov  3 10:00:00 2025\nStatus: open\nX-Status: closed at last\nX-UID: abc\n\nc\n", []found{{"Status: open\nX-Status: closed at last\nX-UID: abc\n\nc\n", Status{}, day, false}}},
		"folded keywords":       {"From a Mon Nov  3 10:00:00 2025\nX-Keywords: a\n b\nA: b\n\nc\n", []found{{"A: b\n\nc\n", Status{Flags: maildir.Flags{Keywords: maildir.NewKeywords("a", "b")}}, day, false}}},
		"half a message":        {"From a Mon Nov  3 10:00:00 2025\nA: b\n\nc", []found{{"A: b\n\nc", Status{}, day, true}}},
		"no body":               {"From a Mon Nov  3 10:00:00 2025\nA: b\n\nFrom a Mon Nov  3 10:00:00 2025\nA: c\n\n\n", []found{{"A: b\n\n", Status{}, day, false}, {"A: c\n\n", Status{}, day, false}}},
		"a long line":           {"From a Mon Nov  3 10:00:00 2025\nA: b\n\n" + strings.Repeat("From ", 40000) + "\n\n", []found{{"A: b\n\n" + strings.Repeat("From ", 40000) + "\n", Status{}, day, false}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := read(t, c.file)
			if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", c.want) {
				t.Errorf("got  %.400q\nwant %.400q", fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", c.want))
			}
		})
	}
}

func TestForeign(t *testing.T) {
	for _, file := range []string{"Subject: x\n\ny\n", "\x00\x01", "\n\nhello\n"} {
		for _, err := range Scan(strings.NewReader(file)) {
			if !errors.Is(err, ErrForeign) {
				t.Errorf("%q: %v", file, err)
			}
		}
	}
}

// What is written is read as it was, but for a line end at its end and the empty line behind a header.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.OneOf(rapid.SampledFrom([]string{"", "From ", "From a Mon Nov  3 10:00:00 2025", ">From x", ">>From ", "A: b", " c", "\r", "Status: open", "\xff\x00"}), rapid.StringMatching(`[ -~]{0,20}`))
		header := rapid.SliceOfN(rapid.SampledFrom([]string{"A: b", "Subject: c\n d", "Status: closed", "From: x@y", "X: \xff"}), 1, 4).Draw(t, "header")
		var file bytes.Buffer
		var want []found
		w := NewWriter(&file)
		for range rapid.IntRange(0, 4).Draw(t, "messages") {
			text := strings.Join(header, "\n") + "\n\n"
			for _, l := range rapid.SliceOfN(line, 0, 5).Draw(t, "body") {
				text += l + "\n"
			}
			flags := maildir.Flags{Set: maildir.FlagSet(rapid.IntRange(0, 63).Draw(t, "flags")), Keywords: maildir.NewKeywords(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "$b"}), 0, 2).Draw(t, "keywords")...)}
			date := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "date"), 0).UTC()
			if err := w.Message("a@b", date, flags, strings.NewReader(text)); err != nil {
				t.Fatal(err)
			}
			want = append(want, found{text, Status{Flags: flags}, date, false})
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if got := read(t, file.String()); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("got  %q\nwant %q\nfile %q", fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want), file.String())
		}
	})
}
