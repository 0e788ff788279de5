package imap

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// rawMark begins an octet in the name of a mailbox whose name on the wire is not canonical modified UTF-7: AT&T, a name in
// UTF-8 or Latin-1, &bad. Two hexadecimal digits follow. Such a name stands here as it came, printable ASCII but for "&" as it is and
// every other octet so marked, and is sent as it came. U+FDD0 is no character, so no other name has it.
const rawMark = '\uFDD0'

// decodeName turns a mailbox name of the wire, in modified UTF-7 (RFC 3501 section 5.1.3), into UTF-8, or, if it would not come out the
// same when it is written again, into a raw one: a command meant for it would hit another mailbox. It fails for what cannot be
// sent in a command, and for what is too long (limits.go).
func decodeName(s string) (string, bool) {
	if name, ok := decodeUTF7(s); ok && !strings.ContainsAny(name, "\x00\r\n\uFDD0") {
		return name, len(s) <= maxName
	}
	name := markRaw(s)
	return name, s != "" && !strings.ContainsAny(s, "\x00\r\n") && len(s) <= maxName && len(encodeName(name)) <= maxWritten
}

func markRaw(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; 0x20 <= c && c < 0x7f && c != '&' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%c%02X", rawMark, c)
		}
	}
	return b.String()
}

// Raw gives a name, or a part of one, as it is on the wire, if it is not canonical modified UTF-7 there.
func Raw(name string) (wire string, ok bool) {
	if !strings.ContainsRune(name, rawMark) {
		return "", false
	}
	return unmark(name, string(rawMark)), true
}

// restoreRaw writes raw names in a command as they came: the library wrote the mark in modified UTF-7.
func restoreRaw(line []byte) []byte {
	const mark = "&,dA-"
	if !bytes.Contains(line, []byte(mark)) {
		return line
	}
	return []byte(unmark(string(line), mark))
}

// unmark puts octets in place of marks and two hexadecimal digits.
func unmark(s, mark string) string {
	parts := strings.Split(s, mark)
	for i, part := range parts[1:] {
		if n, err := strconv.ParseUint(part[:min(2, len(part))], 16, 8); err == nil {
			parts[i+1] = string([]byte{byte(n)}) + part[2:]
		} else {
			parts[i+1] = mark + part
		}
	}
	return strings.Join(parts, "")
}

// Shown gives a part of a name as people are to see it: what is raw is decoded if it is modified UTF-7 after all, else it is taken for
// UTF-8, and else for Latin-1. Two names may look alike; apart tells them apart, with the octets in question as %XX.
func Shown(part string, apart bool) string {
	raw, ok := Raw(part)
	switch text, good := decodeUTF7(raw); {
	case !ok:
		return part
	case good && !strings.ContainsAny(text, "\x00\r\n"):
		return text
	case apart:
		return strings.ReplaceAll(part, string(rawMark), "%")
	case utf8.ValidString(raw):
		return raw
	}
	rs := make([]rune, len(raw))
	for i := range len(raw) {
		rs[i] = rune(raw[i])
	}
	return string(rs)
}

// decodeUTF7 decodes canonical modified UTF-7.
func decodeUTF7(s string) (string, bool) {
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

// encodeName writes a name as the library does; only decodeUTF7 needs it, as its own judge.
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
