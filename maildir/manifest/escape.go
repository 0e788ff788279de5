package manifest

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// empty stands for a field that is empty.
const empty = "-"

// field is a text as one field.
func field(text string) string {
	switch text {
	case "":
		return empty
	case empty:
		return "%2D"
	}
	return escape(text, "")
}

func unfield(text string) string {
	if text == empty {
		return ""
	}
	return unescape(text)
}

// escape writes as %XX what is not printable, '%', and the octets of also.
func escape(text, also string) string {
	var b strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		if r == '%' || r == utf8.RuneError && n == 1 || !unicode.IsGraphic(r) || unicode.IsSpace(r) || strings.ContainsRune(also, r) {
			for i := range n {
				fmt.Fprintf(&b, "%%%02X", text[i])
			}
		} else {
			b.WriteString(text[:n])
		}
		text = text[n:]
	}
	return b.String()
}

// unescape is the reverse of escape. A '%' that stands for nothing stays; Parse then sees that escape would not have left it.
func unescape(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if c, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}
