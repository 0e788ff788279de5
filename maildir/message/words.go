package message

import (
	"bytes"
	"strings"
)

// decodeWords decodes the encoded words (RFC 2047) of an unfolded header value.
//
// Not by mime.WordDecoder: it decodes each word apart, so that a character cut over two words is lost,
// and refuses all of a header for one unknown charset or one broken word. Here neighbours of one
// charset are joined before they are decoded, and what cannot be decoded stands as it was written.
func decodeWords(value []byte) string {
	if !bytes.Contains(value, []byte("=?")) {
		return guess(value)
	}
	var out strings.Builder
	eachWord(value, func(plain []byte) { out.WriteString(guess(plain)) }, func(text string) { out.WriteString(text) })
	return out.String()
}

// eachWord cuts value into plain text and the decoded texts of encoded words, in order.
func eachWord(value []byte, plain func([]byte), decoded func(string)) {
	var run []byte // decoded, but not yet from its charset
	var label string
	flush := func() {
		if len(run) > 0 {
			decoded(toUTF8(label, run))
			run = run[:0]
		}
	}
	after := false // an encoded word ended where value now begins
	for len(value) > 0 {
		start := bytes.Index(value, []byte("=?"))
		if start < 0 {
			break
		}
		word, ok := parseWord(value[start:])
		if !ok {
			flush()
			plain(value[:start+2])
			value, after = value[start+2:], false
			continue
		}
		if gap := value[:start]; !after || len(bytes.TrimSpace(gap)) > 0 { // RFC 2047 section 6.2: space between two words is not shown
			flush()
			plain(gap)
		}
		if !strings.EqualFold(label, word.charset) {
			flush()
			label = word.charset
		}
		run = word.appendTo(run)
		value, after = value[start+word.size:], true
	}
	flush()
	plain(value)
}

// encodedWord is =?charset?encoding?text?=
type encodedWord struct {
	charset string
	base64  bool
	text    []byte
	size    int // bytes of the whole word
}

// maxWord is how long an encoded word may be. RFC 2047 section 2 says 75, some senders never cut; a
// bound keeps the search for the end of many unclosed words linear.
const maxWord = 4096

// parseWord parses the encoded word at the start of b, if there is one. Spaces inside its text are let pass.
func parseWord(b []byte) (encodedWord, bool) {
	if len(b) < 2 || b[0] != '=' || b[1] != '?' {
		return encodedWord{}, false
	}
	label, rest, ok := bytes.Cut(b[2:min(len(b), maxWord)], []byte("?"))
	if !ok || len(label) == 0 || len(label) > 60 || bytes.ContainsAny(label, " \t") || len(rest) < 2 || rest[1] != '?' {
		return encodedWord{}, false
	}
	kind := rest[0] | 0x20
	text, _, ok := bytes.Cut(rest[2:], []byte("?="))
	if !ok || kind != 'b' && kind != 'q' || bytes.Contains(text, []byte("=?")) {
		return encodedWord{}, false
	}
	w := encodedWord{charset: string(label), base64: kind == 'b', text: text}
	w.size = 2 + len(label) + 3 + len(text) + 2
	return w, true
}

func (w encodedWord) appendTo(dst []byte) []byte {
	if w.base64 {
		return appendBase64(dst, w.text)
	}
	for i := 0; i < len(w.text); i++ {
		switch c := w.text[i]; {
		case c == '_': // RFC 2047 section 4.2
			dst = append(dst, ' ')
		case c == '=' && i+2 < len(w.text) && unhex(w.text[i+1]) >= 0 && unhex(w.text[i+2]) >= 0:
			dst = append(dst, byte(unhex(w.text[i+1])<<4|unhex(w.text[i+2])))
			i += 2
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// unhex is the value of a hexadecimal digit of either case, or -1.
func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}
