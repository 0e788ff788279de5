package message

import "bytes"

// quotedEnd is where the quoted string that begins at i ends, or its value goes on to the end of b.
func quotedEnd(b []byte, i int) int {
	if i > 0 && bytes.IndexByte(b[:i], '=') < 0 && bytes.IndexByte(b[i+1:], '"') < 0 {
		return i // a stray quote
	}
	for i++; i < len(b) && b[i] != '"'; i++ {
		if b[i] == '\\' && i+1 < len(b) && (b[i+1] == '"' || b[i+1] == '\\') {
			i++
		}
	}
	return i
}

// commentEnd is the length of the comment that b begins with (RFC 5322 section 3.2.2); 0: none, or it never closes.
func commentEnd(b []byte) int {
	if len(b) == 0 || b[0] != '(' {
		return 0
	}
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// uncomment takes the comments out of b that stand by themselves, and leaves quoted strings alone.
func uncomment(b []byte) []byte {
	if bytes.IndexByte(b, '(') < 0 {
		return b
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '"' {
			end := min(quotedEnd(b, i)+1, len(b))
			out, i = append(out, b[i:end]...), end-1
			continue
		}
		if n := commentEnd(b[i:]); n > 0 {
			out, i = append(out, ' '), i+n-1
			continue
		}
		out = append(out, b[i])
	}
	return out
}
