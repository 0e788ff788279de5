package maildir

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"unicode/utf16"
)

// encodeUTF7 gives the modified UTF-7 of valid UTF-8 (RFC 3501 section 5.1.3).
func encodeUTF7(s string) string {
	var b strings.Builder
	for s != "" {
		n := strings.IndexFunc(s, func(r rune) bool { return !direct(r) })
		if n < 0 {
			n = len(s)
		}
		b.WriteString(strings.ReplaceAll(s[:n], "&", "&-"))
		s = s[n:]
		if n = strings.IndexFunc(s, direct); n < 0 {
			n = len(s)
		}
		if n > 0 {
			b.WriteString("&" + encodeUTF16(s[:n]) + "-")
		}
		s = s[n:]
	}
	return b.String()
}

// direct: printable US-ASCII represents itself, "&" apart.
func direct(r rune) bool { return ' ' <= r && r <= '~' }

func encodeUTF16(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.BigEndian.AppendUint16(b, u)
	}
	// "modified BASE64": "," for "/", no padding.
	return strings.ReplaceAll(base64.RawStdEncoding.EncodeToString(b), "/", ",")
}

// decodeUTF7 accepts only what encodeUTF7 makes: no superfluous shifts, no encoded US-ASCII, no stray bits.
func decodeUTF7(s string) (string, bool) {
	var b strings.Builder
	for rest := s; rest != ""; {
		text, shifted, found := strings.Cut(rest, "&")
		b.WriteString(text)
		if !found {
			break
		}
		code, after, found := strings.Cut(shifted, "-")
		if !found {
			return "", false
		}
		if code == "" {
			b.WriteByte('&')
		} else {
			b.WriteString(decodeUTF16(code))
		}
		rest = after
	}
	return b.String(), encodeUTF7(b.String()) == s
}

func decodeUTF16(code string) string {
	b, _ := base64.RawStdEncoding.DecodeString(strings.ReplaceAll(code, ",", "/"))
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.BigEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u))
}
