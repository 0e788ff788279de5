package message

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

const (
	maxName   = 255 // bytes: what a file system takes
	maxParams = 100
)

// parameters parses an unfolded Content-Type or Content-Disposition (RFC 2045 section 5.1): the value
// in lower case and its parameters, decoded; of equal ones the first.
//
// Not by mime.ParseMediaType: it knows RFC 2231 only in UTF-8 and refuses all parameters for one that is
// broken (two of a name, no quotes around a space).
func parameters(value []byte) (string, map[string]string) {
	kind, rest := cutSemicolon(value)
	params := map[string]string{}
	pieces := map[string][]piece{}
	for n := 0; n < maxParams && len(rest) > 0; n++ {
		var key string
		var text []byte
		key, text, rest = cutParameter(rest)
		name, number, extended := continuation(key)
		switch _, seen := params[name]; {
		case name == "":
		case number >= 0 || extended:
			pieces[name] = append(pieces[name], piece{number, extended, text})
		case !seen:
			params[name] = decodeWords(text) // RFC 2047 section 5 forbids it, Outlook does it
		}
	}
	for name, p := range pieces {
		params[name] = join(p)
	}
	kind = bytes.Trim(uncomment(kind), " \t\"")
	if end := bytes.IndexAny(kind, " \t("); end >= 0 { // a ';' forgotten
		kind = kind[:end]
	}
	return line(strings.ToLower(guess(kind)), maxName), params
}

// cutParameter cuts the first key=value from b, its key in lower case.
func cutParameter(b []byte) (key string, value, rest []byte) {
	b, rest = cutSemicolon(b)
	name, b, ok := bytes.Cut(b, []byte("="))
	if !ok { // a key without value
		return "", nil, rest
	}
	key = strings.ToLower(string(bytes.TrimSpace(uncomment(name))))
	b = bytes.TrimLeft(b, " \t")
	if end := commentEnd(b); end > 0 { // RFC 822 section 3.4.3
		b = bytes.TrimLeft(b[end:], " \t")
	}
	if len(b) == 0 || b[0] != '"' {
		return key, unquotedValue(key, b), rest
	}
	for i := 1; i < len(b) && b[i] != '"'; i++ {
		if b[i] == '\\' && i+1 < len(b) && (b[i+1] == '"' || b[i+1] == '\\') { // any other backslash is of a Windows path
			i++
		}
		value = append(value, b[i])
	}
	return key, value, rest
}

// unquotedValue takes the comments off a value. File names with parentheses and blanks go without quotes in much mail: of them
// only a comment behind the extension is none of the name.
func unquotedValue(key string, b []byte) []byte {
	plain := bytes.TrimSpace(uncomment(b))
	if name, _, _ := strings.Cut(key, "*"); name != "name" && name != "filename" {
		if word, next, ok := bytes.Cut(plain, []byte(" ")); ok && bytes.IndexByte(next, '=') > 0 { // a ';' forgotten
			return word
		}
		return plain
	}
	b = bytes.TrimSpace(b)
	if bytes.HasSuffix(b, []byte(")")) && bytes.HasPrefix(b, plain) && bytes.LastIndexByte(plain, '.') > 0 {
		return plain
	}
	return b
}

// cutSemicolon cuts b at the first ';' that stands in no quoted string and no comment.
func cutSemicolon(b []byte) (before, after []byte) {
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case ';':
			return b[:i], b[i+1:]
		case '"':
			i = quotedEnd(b, i)
		case '(':
			i = max(i, i+commentEnd(b[i:])-1)
		}
	}
	return b, nil
}

// piece is one section of a parameter that is continued or has a charset (RFC 2231).
type piece struct {
	number   int
	extended bool // percent-encoded
	text     []byte
}

// continuation takes key*1* apart; the number is -1 when there is none.
func continuation(key string) (name string, number int, extended bool) {
	name, rest, _ := strings.Cut(key, "*")
	if rest == "" {
		return name, -1, name != key
	}
	digits, extended := strings.CutSuffix(rest, "*")
	number, err := strconv.Atoi(digits)
	if err != nil {
		return "", -1, false
	}
	return name, number, extended
}

// join puts the sections of a parameter together (RFC 2231 sections 3 and 4).
func join(pieces []piece) string {
	slices.SortStableFunc(pieces, func(a, b piece) int { return a.number - b.number })
	label, decoded := "", []byte(nil)
	for i, p := range pieces {
		text := p.text
		if p.extended && i == 0 {
			if parts := bytes.SplitN(text, []byte("'"), 3); len(parts) == 3 {
				label, text = string(parts[0]), parts[2]
			}
		}
		if p.extended {
			text = unpercent(text)
		}
		decoded = append(decoded, text...)
	}
	return toUTF8(label, decoded)
}

func unpercent(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '%' && i+2 < len(b) && unhex(b[i+1]) >= 0 && unhex(b[i+2]) >= 0 {
			out = append(out, byte(unhex(b[i+1])<<4|unhex(b[i+2])))
			i += 2
		} else {
			out = append(out, b[i])
		}
	}
	return out
}
