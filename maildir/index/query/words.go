package query

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// attachmentMark stands in the column attachments of a message that has one. It is for private use (category Co, which the
// tokenizer takes for a letter), and normal leaves no other.
const attachmentMark = "\ue000"

// normal makes of a text what is indexed of it, and of a word of a query what is looked for: words separated by single
// spaces, compatibility forms replaced (NFKC: ｶﾅ and full-width letters as they are meant). Scripts that write no
// spaces between words are cut into characters, so that any part of a sentence is found, as a phrase.
func normal(text string) string {
	if isASCII(text) {
		return normalASCII(text)
	}
	text = norm.NFKC.String(text)
	var b strings.Builder
	b.Grow(len(text))
	gap := false
	for _, r := range text {
		if !wordly(r) {
			gap = true
			continue
		}
		alone := r >= 0x0e00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
		if (gap || alone) && b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
		gap = alone
	}
	return b.String()
}

// normalASCII is normal for text that is nothing else: nearly all of it.
func normalASCII(text string) string {
	out := make([]byte, 0, len(text))
	gap := false
	for i := range len(text) {
		c := text[i]
		if !wordly(rune(c)) {
			gap = true
			continue
		}
		if gap && len(out) > 0 {
			out = append(out, ' ')
		}
		out, gap = append(out, c), false
	}
	return string(out)
}

// wordly reports what belongs to a word. Of marks only those that the tokenizer knows as diacritics do (U+0300 to U+0331).
func wordly(r rune) bool {
	if r < 0x80 {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return unicode.IsLetter(r) || unicode.IsNumber(r) || r >= 0x300 && r <= 0x331
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
