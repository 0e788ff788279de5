// Package credential knows where an account's password or token comes from, and how it is proved to a server:
// password sources, OAuth2, and the SASL mechanisms as go-sasl clients.
package credential

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode"
)

const mask = "***"

// Secret is a password or a token. Every way to print, log or encode it shows "***" only; Reveal alone gives it away.
//
// It is held in a closure, because fmt calls no methods on what lies in unexported fields: a string would be printed
// with any structure around it.
type Secret struct{ reveal func() string }

// NewSecret wraps text; the empty text gives the zero Secret.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{func() string { return text }}
}

// Reveal returns the secret itself, for the line to the server and nothing else.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

func (s Secret) IsZero() bool                 { return s.reveal == nil }
func (s Secret) String() string               { return mask }
func (s Secret) GoString() string             { return mask }
func (s Secret) Format(f fmt.State, _ rune)   { io.WriteString(f, mask) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + mask + `"`), nil }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(mask) }

// firstLine makes a secret of the first line of what a source gave.
func firstLine(text string) (Secret, error) {
	line, _, _ := strings.Cut(text, "\n")
	s := NewSecret(strings.TrimSuffix(line, "\r"))
	return s, validate(s)
}

// validate refuses what no protocol could carry: PLAIN ends at NUL, PASS at the end of the line.
func validate(s Secret) error {
	switch {
	case s.IsZero():
		return errors.New("gave nothing")
	case strings.ContainsAny(s.Reveal(), "\x00\r\n"):
		return errors.New("gave a secret with a NUL or a line end in it")
	}
	return nil
}

// redact hides some secrets in foreign text (a command's complaint, a server's description), whoever else knows them.
func redact(text string, secrets ...Secret) string {
	var k Secrets
	k.Learn(secrets...)
	return k.Hide(text)
}

// clean makes foreign text fit for an error: one line, printable, short.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > 500 {
		text = string(runes[:500]) + "…"
	}
	return text
}
