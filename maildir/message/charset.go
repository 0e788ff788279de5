package message

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/emersion/go-message/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"
)

// toUTF8 decodes b from the charset that its sender claims; a label that is wrong, unknown or missing
// ("") leads to the best guess. The result is valid UTF-8.
func toUTF8(label string, b []byte) string {
	if isASCII(b) && !stateful(label) && !japanese7(b) {
		return string(b)
	}
	switch label = charsetName(label); label {
	case "", "utf-8", "us-ascii", "unknown-8bit":
		return guess(b)
	case "utf-7":
		return fromUTF7(b)
	case "utf-16":
		return fromBOM(b)
	case "iso-2022-kr":
		return fromISO2022KR(b)
	case "iso-2022-jp":
		if text, ok := sound(b, japanese.ISO2022JP, japanese.ShiftJIS, japanese.EUCJP); ok { // 8-bit text goes by that name, too
			return text
		}
	}
	enc, err := htmlindex.Get(label) // WHATWG: iso-8859-1 is windows-1252, gb2312 is gbk, as senders mean it
	switch {
	case err == nil && enc == charmap.Windows1252:
		return guess(b) // the label of those who do not know their charset
	case err == nil && enc != encoding.Replacement:
		text, err := enc.NewDecoder().Bytes(b)
		if wrong := bytes.ContainsRune(text, utf8.RuneError) && utf8.Valid(b); err == nil && !wrong {
			return string(text)
		}
		return guess(b)
	}
	if r, err := charset.Reader(label, bytes.NewReader(b)); err == nil {
		if text, err := io.ReadAll(r); err == nil {
			return strings.ToValidUTF8(string(text), "\uFFFD")
		}
	}
	return guess(b)
}

// guess decodes text of which nobody says truly what it is: UTF-8 if it can be (other text hardly ever
// is by chance), also when damaged; else windows-1252.
func guess(b []byte) string {
	if japanese7(b) {
		if text, ok := sound(b, japanese.ISO2022JP); ok {
			return text
		}
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")) // a mark that it is UTF-8
	if utf8.Valid(b) {
		return string(b)
	}
	good, bad := 0, 0
	for rest := b; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		switch {
		case r == utf8.RuneError && n == 1:
			bad++
		case n > 1:
			good++
		}
		rest = rest[n:]
	}
	if good >= bad {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	text, err := charmap.Windows1252.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return string(text)
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// japanese7 reports whether ISO-2022-JP may go without its label, as it did in Japan (RFC 1468): its escape sequences are
// hardly ever anything else.
func japanese7(b []byte) bool {
	return bytes.Contains(b, []byte("\x1b$B")) || bytes.Contains(b, []byte("\x1b$@"))
}

// sound decodes b from the first charset that leaves nothing of it unexplained, if there is one.
func sound(b []byte, from ...encoding.Encoding) (string, bool) {
	for _, e := range from {
		if text, err := e.NewDecoder().Bytes(b); err == nil && !bytes.ContainsRune(text, utf8.RuneError) {
			return string(text), true
		}
	}
	return "", false
}

// stateful reports whether ASCII bytes can mean something else in that charset.
func stateful(label string) bool {
	label = strings.ToLower(label)
	for _, name := range [...]string{"2022", "utf-7", "utf7", "utf-16", "utf16", "utf-32", "hz", "ebcdic", "ibm", "cp037"} {
		if strings.Contains(label, name) {
			return true
		}
	}
	return false
}

// charsetName cleans a label and turns spellings that neither table knows into ones that they do.
func charsetName(label string) string {
	label = strings.ToLower(strings.Trim(label, " \t\"'"))
	label, _, _ = strings.Cut(label, "*")                  // RFC 2231 section 5: a language may follow
	if end := strings.IndexAny(label, " \t(;,"); end > 0 { // a comment in quotes, or a ';' forgotten
		label = strings.TrimRight(label[:end], "\"'")
	}
	switch label {
	case "utf8", "utf_8", "utf-8n", "unicode-1-1-utf-8":
		return "utf-8"
	case "utf7", "unicode-1-1-utf-7", "x-unicode-2-0-utf-7":
		return "utf-7"
	case "ascii", "iso646-us", "x-unknown", "x-user-defined", "8bit", "default":
		return "us-ascii"
	case "cp932", "x-ms-cp932":
		return "shift_jis"
	case "iso-2022-jp-ms", "cp50220", "cp50221":
		return "iso-2022-jp"
	case "cp936", "euc-cn", "x-gbk":
		return "gbk"
	case "cp949", "uhc", "ks_c_5601":
		return "euc-kr"
	case "cp950":
		return "big5"
	}
	return label
}

// fromUTF7 decodes UTF-7 (RFC 2152).
func fromUTF7(b []byte) string {
	var out strings.Builder
	for len(b) > 0 {
		plain, rest, shifted := bytes.Cut(b, []byte("+"))
		out.WriteString(guess(plain))
		if !shifted {
			break
		}
		end := bytes.IndexFunc(rest, func(r rune) bool { return r >= utf8.RuneSelf || sextet(byte(r)) < 0 })
		if end < 0 {
			end = len(rest)
		}
		coded := rest[:end]
		if b = rest[end:]; len(b) > 0 && b[0] == '-' { // the shift's end; any other character stands for itself
			b = b[1:]
			if len(coded) == 0 {
				out.WriteByte('+') // "+-"
			}
		}
		out.WriteString(fromUTF16(appendBase64(nil, coded)))
	}
	return out.String()
}

// fromBOM decodes UTF-16 by its mark (RFC 2781 section 3.2), and without one as those send it who leave it out.
func fromBOM(b []byte) string {
	if isASCII(b) && !bytes.Contains(b, []byte{0}) {
		return guess(b) // what HTML says of itself in ASCII cannot be true
	}
	text, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Bytes(b)
	if err != nil {
		return guess(b)
	}
	return string(text)
}

// fromISO2022KR decodes ISO-2022-KR (RFC 1557), which x/text does not know: EUC-KR in seven bits, between SO and SI.
func fromISO2022KR(b []byte) string {
	out := make([]byte, 0, len(b))
	var high byte
	for _, c := range bytes.ReplaceAll(b, []byte("\x1b$)C"), nil) {
		switch {
		case c == 0x0e:
			high = 0x80
			continue
		case c == 0x0f || c == '\n':
			high = 0
		}
		if c > ' ' && c < 0x7f {
			c |= high
		}
		if c != 0x0f {
			out = append(out, c)
		}
	}
	return toUTF8("euc-kr", out)
}

// fromUTF16 decodes UTF-16BE without a mark; a last odd byte is padding.
func fromUTF16(b []byte) string {
	units := make([]uint16, 0, len(b)/2)
	for ; len(b) >= 2; b = b[2:] {
		units = append(units, binary.BigEndian.Uint16(b))
	}
	return string(utf16.Decode(units))
}

// sextet is the value of a base64 digit, or -1.
func sextet(c byte) int {
	switch {
	case 'A' <= c && c <= 'Z':
		return int(c - 'A')
	case 'a' <= c && c <= 'z':
		return int(c-'a') + 26
	case '0' <= c && c <= '9':
		return int(c-'0') + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	}
	return -1
}

// appendBase64 decodes as much of coded as can be had: padding may lack, other bytes are passed over
// (RFC 2045 section 6.8).
func appendBase64(dst, coded []byte) []byte {
	bits, have := uint(0), 0
	for _, c := range coded {
		v := sextet(c)
		if v < 0 {
			continue
		}
		bits, have = bits<<6|uint(v), have+6
		if have >= 8 {
			have -= 8
			dst = append(dst, byte(bits>>have))
		}
	}
	return dst
}
