package config

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"postie/cmd/postie/internal/near"
)

// Error is one problem: FILE:LINE: KEY: MSG; HINT. All parts but Msg may be missing.
type Error struct {
	File string
	Line int    // from 1; 0: not about a line
	Key  string // as in the file: account.home.keep
	Msg  string
	Hint string // what to write or do instead
	Err  error  // cause, or nil
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			b.WriteString(":" + strconv.Itoa(e.Line))
		}
		b.WriteString(": ")
	}
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Msg)
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// join gives the problems in file order as one error, nil for none.
func join(problems []*Error) error {
	slices.SortStableFunc(problems, func(a, b *Error) int { return cmp.Compare(a.Line, b.Line) })
	errs := make([]error, len(problems))
	for i, p := range problems {
		errs[i] = p
	}
	return errors.Join(errs...)
}

// keyName writes a key path as TOML does, with quotes where they are needed.
func keyName(path ...string) string {
	parts := make([]string, len(path))
	for i, part := range path {
		parts[i] = part
		if part == "" || strings.ContainsFunc(part, func(r rune) bool { return !bare(r) }) {
			parts[i] = quote(part)
		}
	}
	return strings.Join(parts, ".")
}

// bare reports whether r may stand in a key without quotes (TOML 1.0, Keys).
func bare(r rune) bool {
	return r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_')
}

// didYouMean gives `did you mean "…"` for the known word that is nearest to word, or "".
func didYouMean(word string, known []string) string {
	if best := near.Word(word, known); best != "" {
		return "did you mean " + strconv.Quote(best) + "?"
	}
	return ""
}
