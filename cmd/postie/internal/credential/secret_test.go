package credential

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const word = "hunter2-Sesam"

// show prints v in every way that a program could print it by accident.
func show(v any) string {
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%T"} {
		fmt.Fprintf(&b, verb+"\n", v)
	}
	j, err := json.Marshal(v)
	fmt.Fprintf(&b, "%s %v\n", j, err)
	x, err := xml.Marshal(v)
	fmt.Fprintf(&b, "%s %v\n", x, err)
	slog.New(slog.NewTextHandler(&b, nil)).Info("text", "v", v)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("json", "v", v)
	return b.String()
}

// conceal fails the test when text holds the secret in clear or in one of the forms it travels or is dumped in.
func conceal(t *testing.T, what, text, secret string) {
	t.Helper()
	hexed := fmt.Sprintf("%x", secret)
	numbers := strings.Trim(fmt.Sprint([]byte(secret)), "[]")
	for _, form := range []string{secret, hexed, strings.ToUpper(hexed), numbers} {
		for line := range strings.Lines(text) {
			if strings.Contains(line, form) {
				t.Errorf("%s shows the secret as %q: %s", what, form, line)
			}
		}
	}
}

func TestSecretIsNeverShown(t *testing.T) {
	s := NewSecret(word)
	if s.Reveal() != word {
		t.Fatalf("Reveal: %q", s.Reveal())
	}
	type hidden struct {
		secret Secret
		list   []Secret
		table  map[string]Secret
	}
	type open struct {
		Secret Secret
		Ptr    *Secret
	}
	for _, v := range []any{
		s, &s, []Secret{s}, map[string]Secret{"k": s}, open{s, &s}, hidden{s, []Secret{s}, map[string]Secret{"k": s}},
		fmt.Errorf("wrapped: %v %+v", s, &hidden{secret: s}),
	} {
		conceal(t, fmt.Sprintf("%T", v), show(v), word)
	}
	if got := fmt.Sprintf("%v|%#v|%s|%d", s, s, s, s); got != "***|***|***|***" {
		t.Errorf("formatted: %s", got)
	}
	if j, _ := json.Marshal(open{Secret: s}); string(j) != `{"Secret":"***","Ptr":null}` {
		t.Errorf("JSON: %s", j)
	}
}

func TestFirstLine(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"a b \n", "a b "}, {"a", "a"}, {"a\r\nrest\n", "a"}, {"a\nb", "a"},
		{"", ""}, {"\n", ""}, {"\nb", ""}, {"a\x00b\n", ""}, {"a\rb\n", ""},
	} {
		got, err := firstLine(c.text)
		if (err == nil) != (c.want != "") || err == nil && got.Reveal() != c.want {
			t.Errorf("%q: %q, %v", c.text, got.Reveal(), err)
		}
	}
}

func TestClean(t *testing.T) {
	if got := clean("a\x1b[31m\r\n\tb\u202e \xffc\x00"); got != "a[31m b ?c" {
		t.Errorf("%q", got)
	}
	if n := len([]rune(clean(strings.Repeat("ä", 9999)))); n != 501 {
		t.Errorf("%d runes", n)
	}
}

func TestRedact(t *testing.T) {
	if got := redact("it is "+word+"!", Secret{}, NewSecret(word)); got != "it is ***!" {
		t.Error(got)
	}
}

var errTest = errors.New("-ERR authentication failed")
