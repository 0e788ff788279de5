package imap

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// decodeName turns a mailbox name of the wire, in modified UTF-7 (RFC 3501 section 5.1.3), into UTF-8.
// It fails for a name that would not come out the same when it is written again: a command meant for it would hit another mailbox.
func decodeName(s string) (string, bool) {
	if name := canonicalName(s); name == "INBOX" {
		return name, true
	}
	var b strings.Builder
	for rest := s; rest != ""; {
		plain, shifted, found := strings.Cut(rest, "&")
		b.WriteString(plain)
		if !found {
			break
		}
		code, after, closed := strings.Cut(shifted, "-")
		text, ok := decodeShift(code)
		if !closed || !ok {
			return "", false
		}
		b.WriteString(text)
		rest = after
	}
	name := b.String()
	return name, name != "" && encodeName(name) == s
}

// canonicalName writes INBOX, which is the same in any case, in capitals (RFC 9051 section 5.1).
func canonicalName(name string) string {
	if strings.EqualFold(name, "INBOX") {
		return "INBOX"
	}
	return name
}

// nameEncoding is RFC 4648 base64 with ',' for '/', unpadded.
func nameEncoding() *base64.Encoding {
	return base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").WithPadding(base64.NoPadding)
}

func decodeShift(code string) (string, bool) {
	if code == "" {
		return "&", true
	}
	raw, err := nameEncoding().DecodeString(code)
	if err != nil || len(raw)%2 != 0 {
		return "", false
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = uint16(raw[2*i])<<8 | uint16(raw[2*i+1])
	}
	return string(utf16.Decode(units)), true
}

// encodeName writes a name as the library does; only decodeName needs it, as its own judge.
func encodeName(name string) string {
	var b strings.Builder
	var shift []byte
	flush := func() {
		if len(shift) > 0 {
			b.WriteString("&" + nameEncoding().EncodeToString(shift) + "-")
			shift = shift[:0]
		}
	}
	for _, r := range name {
		if r < 0x20 || r > 0x7e {
			for _, u := range utf16.AppendRune(nil, r) {
				shift = append(shift, byte(u>>8), byte(u))
			}
			continue
		}
		flush()
		b.WriteRune(r)
		if r == '&' {
			b.WriteByte('-')
		}
	}
	flush()
	return b.String()
}

// checkName refuses what no mailbox can be called, before it is sent.
func checkName(name string) error {
	if name == "" || !utf8.ValidString(name) || strings.ContainsAny(name, "\x00\r\n") {
		return fmt.Errorf("mailbox name %q: not possible", name)
	}
	return nil
}
