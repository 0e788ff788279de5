package ui

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestEvent(t *testing.T) {
	tests := []struct {
		v    any
		want string
	}{
		{map[string]string{"s": "<a@b> & \u2028"}, `{"s":"<a@b> & \u2028"}`},
		{map[string]string{"s": "\x7f\u009b\u202e\xff"}, `{"s":"\u007f\u009b\u202e\ufffd"}`},
		{struct {
			A, B OrNull
			C, D UID
			E    Time
			F, G Strings
		}{B: "<x>", D: math.MaxUint32, G: Strings{"<y>"}}, `{"A":null,"B":"<x>","C":null,"D":4294967295,"E":null,"F":[],"G":["<y>"]}`},
	}
	for _, tt := range tests {
		p := &pipe{n: 1}
		l := newLab(Options{JSON: true}, false, 80, nil)
		l.UI.out.w = &l.out
		if err := l.Event(tt.v); err != nil || l.out.String() != tt.want+"\n" {
			t.Errorf("got %q, %v, want %q", &l.out, err, tt.want)
		}
		l.UI.out.w = p
		if err := l.Event(tt.v); err != nil || p.writes != 1 {
			t.Errorf("%d writes for one event, %v", p.writes, err)
		}
	}
	l := newLab(Options{JSON: true}, false, 80, nil)
	if err := l.Event(math.NaN()); err == nil || l.out.Len() > 0 || l.Err() != nil {
		t.Errorf("what cannot be encoded: %v, %q, %v", err, &l.out, l.Err())
	}
	quiet := newLab(Options{}, false, 80, nil)
	if err := quiet.Event(1); err != nil || quiet.out.Len() > 0 {
		t.Errorf("an event without JSON: %v, %q", err, &quiet.out)
	}
}

func FuzzEvent(f *testing.F) {
	f.Add(evil)
	f.Add("\\u202e\u202e\\")
	f.Fuzz(func(t *testing.T, s string) {
		line, err := encode(Message{Subject: s, MessageID: OrNull(s), Flags: Strings{s}})
		if err != nil {
			t.Fatal(err)
		}
		body, ended := strings.CutSuffix(line, "\n")
		if !ended || !utf8.ValidString(body) || strings.ContainsFunc(body, steers) || strings.Contains(body, "\n") {
			t.Errorf("not a safe line: %q", line)
		}
		var m struct {
			Subject   string
			MessageID string `json:"message_id"`
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); utf8.ValidString(s) && (m.Subject != want || m.MessageID != want) {
			t.Errorf("%q came back as %q, %q", want, m.Subject, m.MessageID)
		}
	})
}
