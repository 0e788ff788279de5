// Package message reads mail: the summary of a header, the text for reading and for searching, the
// parts. It takes mail as it is, broken in any way, and gives as much as can be had; what it returns
// from a message is valid UTF-8 but may hold control characters, which the renderer has to clean.
package message

import (
	"bytes"
	"cmp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The lengths, in bytes, to which the fields of a Summary are cut.
const (
	maxAddress = 320 // RFC 5321 section 4.5.3.1: 64 + 1 + 255
	maxList    = 1000
	maxSubject = 1000
	maxID      = 998 // RFC 5322 section 2.1.1: a line

	maxReferences = 4000
)

// Summary is what a list of messages shows of one. Its strings are single lines of valid UTF-8.
type Summary struct {
	From      string    // "Ann Example <ann@example.org>"
	To        string    // likewise; several are joined by ", ", with "…" for those that are too many
	Cc        string    // likewise
	Subject   string    // decoded
	MessageID string    // without angle brackets
	Date      time.Time // of the Date field, in UTC; zero: none or unreadable

	// References are the Message-IDs of the messages that it answers, the oldest first, separated by spaces: those of References,
	// else the first of In-Reply-To (RFC 5256 section 3, REFERENCES, step 1).
	References string
}

// Summarize reads a header, in wire or LF form, with or without the empty line. It never fails: what
// is not there or not readable is empty. Of a field that comes twice the first counts.
func Summarize(header []byte) Summary {
	var s Summary
	reply := ""
	for name, value := range fields(readable(cutHeader(header))) {
		switch {
		case s.From == "" && equalFold(name, "From"):
			s.From = addresses(unfold(value), 2*maxAddress)
		case s.To == "" && equalFold(name, "To"):
			s.To = addresses(unfold(value), maxList)
		case s.Cc == "" && equalFold(name, "Cc"):
			s.Cc = addresses(unfold(value), maxList)
		case s.References == "" && equalFold(name, "References"):
			s.References = references(unfold(value))
		case reply == "" && equalFold(name, "In-Reply-To"):
			reply, _, _ = strings.Cut(references(unfold(value)), " ")
		case s.Subject == "" && equalFold(name, "Subject"):
			s.Subject = line(decodeWords(unfold(value)), maxSubject)
		case s.MessageID == "" && equalFold(name, "Message-ID"):
			s.MessageID = messageID(unfold(value))
		case s.Date.IsZero() && equalFold(name, "Date"):
			s.Date = parseDate(string(unfold(value[:min(len(value), maxDate)])))
		}
	}
	s.References = cmp.Or(s.References, reply)
	return s
}

// references takes the IDs out of value. Of a thread that is very long the first and the last are kept.
func references(value []byte) string {
	var ids []string
	for len(value) > 0 {
		_, after, ok := bytes.Cut(value, []byte("<"))
		if !ok {
			break
		}
		id, rest, ok := bytes.Cut(after, []byte(">"))
		if !ok {
			break
		}
		if id := line(guess(bytes.Join(bytes.Fields(id), nil)), maxID); id != "" && !strings.Contains(id, " ") {
			ids = append(ids, id)
		}
		value = rest
	}
	size := 0
	for n := len(ids) - 1; n > 0; n-- {
		if size += len(ids[n]) + 1; size > maxReferences {
			ids = append(ids[:1], ids[n+1:]...)
			break
		}
	}
	return strings.Join(ids, " ")
}

// messageID takes the first <id> of value; without brackets its first word.
func messageID(value []byte) string {
	if _, after, ok := bytes.Cut(value, []byte("<")); ok {
		value, _, _ = bytes.Cut(after, []byte(">"))
	} else if words := bytes.Fields(value); len(words) > 0 {
		value = words[0]
	}
	if bytes.ContainsAny(value, " \t") {
		value = bytes.Join(bytes.Fields(value), nil) // folded within
	}
	return line(guess(value), maxID)
}

// line makes one line of text: line breaks and tabs become spaces, the ends are trimmed, and what is
// longer than limit bytes is cut and marked.
func line(text string, limit int) string {
	if strings.ContainsFunc(text, breaks) {
		text = strings.Map(func(r rune) rune {
			if breaks(r) {
				return ' '
			}
			return r
		}, text)
	}
	text = strings.TrimSpace(text)
	if len(text) <= limit {
		return text
	}
	return strings.TrimRightFunc(cut(text, limit-len("…")), unicode.IsSpace) + "…"
}

// breaks reports whether r ends a line or a string for some reader.
func breaks(r rune) bool {
	switch r {
	case 0, '\t', '\n', '\v', '\f', '\r', '\u0085', '\u2028', '\u2029':
		return true
	}
	return false
}

// cut returns at most limit bytes of text, whole characters only.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
