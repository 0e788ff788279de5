package imap

import (
	"bytes"
	"io"
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// scanner takes one response apart. It goes on to the next line behind a literal by itself. The first fault sticks;
// after it everything reads as empty, so that callers check err once.
type scanner struct {
	in     *lines
	rest   []byte // what is left of this line
	row    int    // how many lines came before it
	budget int    // octets of literals that may still be held in memory
	err    error
	unread []byte // what of the line was left where it could not be read; nil: nothing may be passed over
}

func newScanner(in *lines, line []byte) *scanner {
	return &scanner{in: in, rest: line, budget: maxLine}
}

// fail is for what cannot be read and may be passed over.
func (s *scanner) fail(format string, args ...any) {
	if s.err == nil {
		s.err = nonsense(s.rest, format, args...)
		s.unread = append([]byte{}, s.rest...)
	}
	s.rest = nil
}

// exceed is for what goes beyond a limit: nobody reads on.
func (s *scanner) exceed(format string, args ...any) {
	s.fail(format, args...)
	s.unread = nil
}

func (s *scanner) broke(err error) {
	if s.err == nil {
		s.err = cut(err)
	}
	s.rest = nil
}

func (s *scanner) end() bool { return len(s.rest) == 0 }

func (s *scanner) peek() byte {
	if s.end() {
		return 0
	}
	return s.rest[0]
}

func (s *scanner) spaces() *scanner {
	for s.peek() == ' ' {
		s.rest = s.rest[1:]
	}
	return s
}

func (s *scanner) take(c byte) bool {
	if s.peek() != c || s.end() {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *scanner) expect(c byte) {
	if !s.take(c) {
		s.fail("no %q", c)
	}
}

// word reads up to a space, parenthesis or quote; what is in brackets belongs to it: BODY[HEADER.FIELDS (DATE)]<0>.
func (s *scanner) word() string {
	depth, i := 0, 0
	for ; i < len(s.rest); i++ {
		c := s.rest[i]
		if c == '[' {
			depth++
		} else if c == ']' && depth > 0 {
			depth--
		} else if depth == 0 && (c == ' ' || c == '(' || c == ')' || c == '"') {
			break
		}
	}
	w := string(s.rest[:i])
	s.rest = s.rest[i:]
	return w
}

// atom reads up to a space or parenthesis, whatever else is in it: flags of some servers hold brackets and quotes.
func (s *scanner) atom() string {
	i := bytes.IndexAny(s.rest, " ()")
	if i < 0 {
		i = len(s.rest)
	}
	w := string(s.rest[:i])
	s.rest = s.rest[i:]
	return w
}

// number reads an unsigned number of that many bits.
func (s *scanner) number(bits int) uint64 {
	i := 0
	for i < len(s.rest) && s.rest[i]-'0' <= 9 {
		i++
	}
	n, err := strconv.ParseUint(string(s.rest[:i]), 10, bits)
	if err != nil {
		s.fail("no number of %d bits", bits)
		return 0
	}
	s.rest = s.rest[i:]
	return n
}

// set reads UIDs.
func (s *scanner) set() imap.UIDSet {
	line := s.spaces().rest
	text := s.atom()
	set, ok := parseSet(text)
	if ok || s.err != nil {
		return set
	}
	if s.rest = line; strings.Count(text, ",") >= maxRanges {
		s.exceed("more than %d ranges of UIDs", maxRanges)
	} else {
		s.fail("no UIDs")
	}
	return nil
}

// value reads a number that is only advice: what is none, or too large, is 0.
func (s *scanner) value(bits int) uint64 {
	n, err := strconv.ParseUint(s.atom(), 10, bits)
	if err != nil {
		return 0
	}
	return n
}

// literal reports the size of the literal that begins here and ends this line; its octets follow, read by the caller,
// and then resume. RFC 3501 section 4.3; "~{" is RFC 3516 section 4.2.2.
func (s *scanner) literal() (int64, bool) {
	t := bytes.TrimPrefix(s.rest, []byte("~"))
	if len(t) < 3 || t[0] != '{' || t[len(t)-1] != '}' {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(string(t[1:len(t)-1]), "+"), 10, 64)
	if err != nil || n < 0 {
		return 0, false
	}
	s.rest = nil
	return n, true
}

// resume goes on with the line behind a literal.
func (s *scanner) resume() {
	if s.err != nil {
		return
	}
	line, err := s.in.next()
	if err != nil {
		s.broke(err)
		return
	}
	s.rest = line
	s.row++
}

// text reads a string or an atom; ok is false for NIL.
func (s *scanner) text() (text string, ok bool) {
	switch n, lit := s.literal(); {
	case lit:
		return s.held(n), true
	case s.take('"'):
		return s.quoted(), true
	}
	w := s.atom()
	return w, !strings.EqualFold(w, "NIL") && w != ""
}

func (s *scanner) held(n int64) string {
	if n > int64(s.budget) {
		s.exceed("literal of %d octets where a name is due", n)
		return ""
	}
	s.budget -= int(n)
	buf := make([]byte, n)
	if _, err := io.ReadFull(s.in.s.r, buf); err != nil {
		s.broke(err)
		return ""
	}
	s.resume()
	return string(buf)
}

func (s *scanner) quoted() string {
	if i := bytes.IndexAny(s.rest, `"\`); i >= 0 && s.rest[i] == '"' { // no escapes
		text := string(s.rest[:i])
		s.rest = s.rest[i+1:]
		return text
	}
	var b strings.Builder
	for i := 0; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			s.rest = s.rest[i+1:]
			return b.String()
		case c == '\\' && i+1 < len(s.rest):
			i++
			b.WriteByte(s.rest[i])
		default:
			b.WriteByte(c)
		}
	}
	s.fail("string without an end")
	return ""
}

// skip passes over one value, however it is made.
func (s *scanner) skip() {
	for depth := 0; s.err == nil; {
		s.spaces()
		switch {
		case s.take('('):
			if depth++; depth > maxDepth {
				s.exceed("more than %d parentheses", maxDepth)
			}
		case depth > 0 && s.take(')'):
			depth--
		case s.end() || s.peek() == ')':
			s.fail("no value")
		default:
			s.string()
		}
		if depth == 0 {
			return
		}
	}
}

// string passes over a string or atom, without holding a literal in memory.
func (s *scanner) string() {
	if n, lit := s.literal(); lit {
		s.discard(n)
	} else {
		s.text()
	}
}

func (s *scanner) discard(n int64) {
	if _, err := io.CopyN(io.Discard, s.in.s.r, n); err != nil {
		s.broke(err)
		return
	}
	s.resume()
}

// list calls item for each element of a parenthesised list, the scanner standing on it.
func (s *scanner) list(item func()) {
	s.spaces().expect('(')
	for s.err == nil {
		if s.spaces().take(')') {
			return
		}
		before, row := len(s.rest), s.row
		if item(); s.err == nil && len(s.rest) == before && s.row == row {
			s.fail("no list element")
		}
	}
}
