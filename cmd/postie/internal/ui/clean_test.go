package ui

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// steers reports what may never reach a terminal in a text of many lines.
func steers(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

func TestClean(t *testing.T) {
	tests := []struct{ in, line, text string }{
		{"plain", "plain", "plain"},
		{"Grüße, 日本, עברית, नमस्ते", "Grüße, 日本, עברית, नमस्ते", "Grüße, 日本, עברית, नमस्ते"},
		{"a\r\nb\nc\td", "a b c d", "a\nb\nc\td"},
		{"over\rwrite\r", "over␍write␍", "overwrite"},
		{"\r\r\n", "␍ ", "\n"},
		{"\x00\x1b[2J\a\x7f", "␀␛[2J␇␡", "␀␛[2J␇␡"},
		{"\u0085\u009b31m", `\u0085\u009b31m`, `\u0085\u009b31m`},
		{"\u202eexe\u202c \u2066x\u2069 \u200e\u200f\u061c", `\u202eexe\u202c \u2066x\u2069 \u200e\u200f\u061c`, `\u202eexe\u202c \u2066x\u2069 \u200e\u200f\u061c`},
		{"a\u2028b\u2029c", `a\u2028b\u2029c`, `a\u2028b\u2029c`},
		{"\xff\xc3(\xe2\x82", "\ufffd\ufffd(\ufffd\ufffd", "\ufffd\ufffd(\ufffd\ufffd"},
		{"👩\u200d💻 क्\u200dष می\u200cخواهم", "👩\u200d💻 क्\u200dष می\u200cخواهم", "👩\u200d💻 क्\u200dष می\u200cخواهم"},
		{"a\u200d\u200d\u200db \u200d c\u200d", "a\u200db  c", "a\u200db  c"},
		{"pay\u200bpal\ufeff\u00ad\u2060\u034f\U000e0041", "paypal", "paypal"},
		{"z" + strings.Repeat("\u0301", 40) + "y", "z" + strings.Repeat("\u0301", maxMarks) + "y", "z" + strings.Repeat("\u0301", maxMarks) + "y"},
	}
	for _, tt := range tests {
		if got := Clean(tt.in); got != tt.line {
			t.Errorf("Clean(%q) = %q, want %q", tt.in, got, tt.line)
		}
		if got := CleanText(tt.in); got != tt.text {
			t.Errorf("CleanText(%q) = %q, want %q", tt.in, got, tt.text)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", evil, "a\r\n\tb\u0085", "👩\u200d💻\u200d\ufeff", "e\u0301\u0301\u0301\u0301\u0301\u0301\u0301", "\xe2\x82"} {
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		line, text := Clean(s), CleanText(s)
		if !utf8.ValidString(line) || !utf8.ValidString(text) {
			t.Errorf("invalid UTF-8: %q, %q", line, text)
		}
		if strings.ContainsFunc(line, steers) || strings.ContainsAny(line, "\n\t") || strings.ContainsFunc(text, steers) {
			t.Errorf("control characters: %q, %q", line, text)
		}
		if Clean(line) != line || CleanText(text) != text {
			t.Errorf("cleaned twice: %q, %q", Clean(line), CleanText(text))
		}
		// In pieces it is the same.
		var b strings.Builder
		w := NewTextWriter(&b)
		for rest, size := []byte(s), 1+(n&7); len(rest) > 0; {
			k := min(size, len(rest))
			w.Write(rest[:k])
			rest = rest[k:]
		}
		w.Close()
		if b.String() != text {
			t.Errorf("written in pieces: %q, at once: %q", b.String(), text)
		}
		// What fits, fits.
		for _, width := range []int{0, 1, 2, 7, n & 63} {
			if got := Fit(line, width); Width(got) != width || !utf8.ValidString(got) {
				t.Errorf("Fit(%q, %d) = %q, %d cells", line, width, got, Width(got))
			}
		}
	})
}

func BenchmarkClean(b *testing.B) {
	s := strings.Repeat("Grüße aus 日本 and elsewhere, ", 40)
	b.SetBytes(int64(len(s)))
	for b.Loop() {
		Clean(s)
	}
}
