package message

import "bytes"

// The bounds of a search for the field that proves that a damaged header goes on.
const (
	maxBeyondLines = 100
	maxBeyondBytes = 16 << 10
)

// ending tells where a header ends, line by line. RFC 5322 section 2.1: at an empty line. Senders forget it, or write a blank
// into it: then the header ends at the first line that is no field, as mutt and Python read it, unless a field that everybody
// knows follows before the next empty line: then that line is damage within the header.
type ending struct {
	sound int // lines that belong to the header for certain, from the next one on
}

// ends reports whether the header ends before the line that peek(0) gives, and whether that line only separates it from the
// body. first: nothing of the header was read yet.
func (e *ending) ends(peek func(int) ([]byte, bool), first bool) (ended, separator bool) {
	line, ok := peek(0)
	empty := ok && len(bytes.Trim(line, " \t\r\n")) == 0
	switch {
	case !ok:
		return true, false
	case isBlank(line):
		return true, true
	case e.sound > 0:
		e.sound--
		return false, false
	case first:
		return empty || !startsHeader(line), empty
	case !empty && (line[0] == ' ' || line[0] == '\t' || isField(line)):
		return false, false
	}
	if e.sound = beyond(peek); e.sound > 0 {
		e.sound--
		return false, false
	}
	return true, empty
}

// beyond counts the lines up to a well-known field that comes before the next empty line; 0: none does.
func beyond(peek func(int) ([]byte, bool)) int {
	size := 0
	for n := range maxBeyondLines {
		line, ok := peek(n)
		if size += len(line); !ok || isBlank(line) || size > maxBeyondBytes {
			return 0
		}
		if n > 0 && isField(line) && wellKnown(fieldName(line)) {
			return n
		}
	}
	return 0
}

// cutHeader cuts what is no header off its end. Nearly always there is nothing to cut.
func cutHeader(b []byte) []byte {
	if onlyFields(b) {
		return b
	}
	var end ending
	for from, first := 0, true; ; first = false {
		if ended, _ := end.ends(lookInto(b[from:]), first); ended {
			return b[:from]
		}
		from += lineLength(b[from:])
	}
}

// onlyFields reports whether all lines of b are of fields, as far as an empty line.
func onlyFields(b []byte) bool {
	for len(b) > 0 {
		n := lineLength(b)
		line := b[:n]
		switch b = b[n:]; {
		case isBlank(line):
			return true
		case line[0] == ' ' || line[0] == '\t':
			if len(bytes.TrimSpace(line)) == 0 {
				return false
			}
		case !isField(line):
			return false
		}
	}
	return true
}

func lineLength(b []byte) int {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i + 1
	}
	return len(b)
}

// lookInto gives the lines of b by number.
func lookInto(b []byte) func(int) ([]byte, bool) {
	var seen [][]byte
	return func(n int) ([]byte, bool) {
		for len(seen) <= n && len(b) > 0 {
			end := lineLength(b)
			seen, b = append(seen, b[:end]), b[end:]
		}
		if n < len(seen) {
			return seen[n], true
		}
		return nil, false
	}
}

// startsHeader reports whether a header may begin with that line: a field, or the "From " of an mbox.
func startsHeader(line []byte) bool {
	return isField(line) || bytes.HasPrefix(line, []byte("From ")) || bytes.HasPrefix(line, []byte(">From "))
}

// isField reports whether a line begins a field. A web address does not, though it has a colon.
func isField(line []byte) bool {
	name := fieldName(line)
	return len(name) > 0 && !bytes.ContainsAny(name, " \t\r\n") && !bytes.HasPrefix(line[len(name):], []byte("://"))
}

// fieldName is what stands before the first colon. RFC 5322 section 4.5: space before the colon was allowed.
func fieldName(line []byte) []byte {
	name, _, ok := bytes.Cut(line, []byte(":"))
	if !ok {
		return nil
	}
	return bytes.TrimRight(name, " \t")
}

// wellKnown reports whether that is the name of a field that mail has, and text has not.
func wellKnown(name []byte) bool {
	switch n := string(bytes.ToLower(name[:min(len(name), 32)])); n {
	case "from", "to", "cc", "bcc", "subject", "date", "sender", "reply-to", "message-id", "in-reply-to", "references",
		"received", "return-path", "delivered-to", "mime-version", "user-agent", "status", "precedence", "importance":
		return true
	default:
		for _, prefix := range [...]string{"x-", "content-", "list-", "resent-", "dkim-", "arc-", "authentication-", "received-"} {
			if len(n) > len(prefix) && n[:len(prefix)] == prefix {
				return true
			}
		}
	}
	return false
}
