package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"
)

// OrNull is a text that is null in JSON when it is empty.
type OrNull string

// MarshalJSON implements json.Marshaler.
func (s OrNull) MarshalJSON() ([]byte, error) {
	if s == "" {
		return []byte("null"), nil
	}
	return marshal(string(s))
}

// UID is a message's UID; 0 (there is none) is null in JSON.
type UID uint32

// MarshalJSON implements json.Marshaler.
func (n UID) MarshalJSON() ([]byte, error) {
	if n == 0 {
		return []byte("null"), nil
	}
	return json.Marshal(uint32(n))
}

// Time is a time that JSON shows as RFC 3339 in UTC, to the second; the zero time is null.
type Time struct{ time.Time }

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(t.UTC().Format(time.RFC3339))
}

// Strings is a list that is [] in JSON when it is empty.
type Strings []string

// MarshalJSON implements json.Marshaler.
func (s Strings) MarshalJSON() ([]byte, error) {
	if s == nil {
		return []byte("[]"), nil
	}
	return marshal([]string(s))
}

// Quiet says whether only trouble is printed.
func (u *UI) Quiet() bool { return u.opt.Quiet }

// Attended says whether a person may be looking on: standard error is a terminal.
func (u *UI) Attended() bool { return u.err.tty }

// JSON says whether standard output is JSON Lines.
func (u *UI) JSON() bool { return u.opt.JSON }

// Event prints v on standard output as one line of JSON, in one Write; without Options.JSON it does nothing.
// Broken UTF-8 becomes U+FFFD, and what steers a terminal is escaped. The error is that of writing, now or before.
func (u *UI) Event(v any) error {
	if !u.opt.JSON {
		return nil
	}
	line, err := encode(v)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	return u.write(&u.out, line)
}

func encode(v any) (string, error) {
	b, err := marshal(v)
	return escape(b), err
}

// marshal is json.Marshal with a newline at the end and without HTML escapes, which an encoder does not take back from
// what a MarshalJSON returned.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

// escape writes DEL, C1 and bidi controls of encoded JSON, which encoding/json lets through, as \u escapes. They can
// only stand inside strings there.
func escape(p []byte) string {
	out := make([]byte, 0, len(p))
	for len(p) > 0 {
		r, n := utf8.DecodeRune(p)
		if r == 0x7f || hazard(r) {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = append(out, p[:n]...)
		}
		p = p[n:]
	}
	return string(out)
}
