package ui

import (
	"strings"
	"testing"
)

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		in    string
		width int
		want  string
	}{
		{"", 10, ""},
		{"short\n", 10, "short\n"},
		{"one two three four", 10, "one two\nthree four"},
		{"one two three four\nfive\n", 9, "one two\nthree\nfour\nfive\n"},
		{"> one two three\n", 9, "> one two\n> three\n"},
		{">> one two > three\n", 9, ">> one\n>> two >\n>> three\n"},
		{"see https://example.org/a/very/long/one now", 12, "see\nhttps://example.org/a/very/long/one\nnow"},
		{"nobreakwhatsoever", 5, "nobreakwhatsoever"},
		{"日本語 の 件名", 8, "日本語\nの 件名"},
		{"    indented code that is long", 16, "    indented\ncode that is\nlong"},
		{"a          b", 5, "a\nb"},
		{">>>>>>>> a b c", 10, ">>>>>>>> a\nb c"},
	} {
		if got := wrap(c.in, c.width); got != c.want {
			t.Errorf("%q, %d: %q, want %q", c.in, c.width, got, c.want)
		}
	}
	long := strings.Repeat("word ", 200_000)
	if got := wrap(long, 80); strings.Join(strings.Fields(got), " ") != strings.TrimSpace(long) {
		t.Error("words are lost")
	}
}
