package ui

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestLetter(t *testing.T) {
	letter := Letter{
		Message: Message{ID: "home/INBOX/1", Subject: "\x1b[2J\xff"},
		Headers: []Field{{"From", "Ann \x1b[31m"}, {"Subject", "line\nbreak \u202e"}},
		Text:    "first\r\nsecond \x1b]0;title\a\n\n\n",
		Parts:   []Part{{1, "text/plain", "", 20, false}, {2, "application/pdf", "../\x1bevil.pdf", 1200000, true}},
	}
	var out bytes.Buffer
	now := func() time.Time { return time.Date(2026, 11, 21, 15, 4, 5, 0, time.UTC) }
	u := New(Options{Out: &out, Err: &out, Now: now})
	if err := u.Letter(letter); err != nil {
		t.Fatal(err)
	}
	want := "From:    Ann ␛[31m\nSubject: line break \\u202e\n\nfirst\nsecond ␛]0;title␇\n\nParts (--part N, -o FILE):\n2  ../␛evil.pdf  application/pdf  1.2 MB\n"
	if out.String() != want {
		t.Errorf("got %q\nwant %q", out.String(), want)
	}
	out.Reset()
	if err := New(Options{Out: &out, Err: &out, JSON: true}).Letter(letter); err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || strings.Count(out.String(), "\n") != 1 || back["subject"] != "\x1b[2J\ufffd" {
		t.Errorf("%v %q", err, out.String())
	}
	if got := u.LocalDate(now()); got != "Sat, 21 Nov 2026 15:04:05 +0000" {
		t.Error(got)
	}
	out.Reset()
	u.Letter(Letter{Signed: true, Text: "x", Parts: []Part{{1, "text/plain", "", 20, false}}, PartCount: 1500})
	if want := "(signed; the signature was not checked)\n\nx\nThese are of the first 1 parts; there are 1500, and --part N gives the others too.\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	out.Reset()
	if u.Letter(Letter{}); out.String() != "\n(no text)\n" {
		t.Errorf("%q", out.String())
	}
}
