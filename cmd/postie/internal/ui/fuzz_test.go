package ui

import (
	"strings"
	"testing"
)

// What is fitted is as wide as it has to be; what is wrapped keeps all its words, and is no wider where it could be broken.
func FuzzWrap(f *testing.F) {
	for _, s := range []string{"one two three", "> quoted text\n>> more", "日本語 の件名", "\t\ttabs", "a  b", "e\u0301\u200d👩‍👩‍👧", ">>>>>>>>>>", "\n\n"} {
		f.Add(s, uint8(10))
	}
	f.Fuzz(func(t *testing.T, foreign string, size uint8) {
		width := int(size)
		if one := Clean(foreign); Width(Fit(one, width)) != width || Width(fitRight(one, width)) != width {
			t.Fatalf("%q in %d cells: %q of %d", one, width, Fit(one, width), Width(Fit(one, width)))
		}
		text := CleanText(foreign)
		if width < 4 || len(text) > 5000 {
			return
		}
		wrapped := wrap(text, width)
		words := func(s string) string {
			return strings.Join(strings.Fields(strings.NewReplacer(">", " ", "|", " ").Replace(s)), " ")
		}
		if words(wrapped) != words(text) {
			t.Fatalf("%q in %d cells: %q", text, width, wrapped)
		}
	})
}
