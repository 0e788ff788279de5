package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/pelletier/go-toml/v2"
)

// value is a TOML value and its place. Its methods store what they read, or report one problem and store nothing.
type value struct {
	p    *parser
	path []string
	toml any
}

// field is one key of a table.
type field struct {
	name string
	fits Protocol // whose accounts may have it; "": both
	set  func(value)
}

func (v value) fail(hint, format string, args ...any) {
	v.p.report(v.path, fmt.Sprintf(format, args...), hint)
}

// wrong reports a value of another type. It never repeats the value, which may be a secret.
func (v value) wrong(want string) { v.fail("", "is %s, not %s", kind(v.toml), want) }

// table hands each of its keys to its field.
func (v value) table(fields ...field) {
	m, ok := v.toml.(map[string]any)
	if !ok {
		v.wrong("a table")
		return
	}
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		entry := value{v.p, append(slices.Clip(v.path), k), m[k]}
		if i := slices.Index(names, k); i >= 0 {
			fields[i].set(entry)
		} else {
			entry.fail(didYouMean(k, names), "unknown key")
		}
	}
}

// parsed hands a string that is not empty to parse, whose error is the problem.
func (v value) parsed(hint string, parse func(string) error) {
	s, ok := v.toml.(string)
	switch {
	case !ok:
		v.wrong("a string")
	case s == "":
		v.fail(hint, "is empty")
	default:
		if err := parse(s); err != nil {
			v.fail(hint, "%s", err)
		}
	}
}

// into makes a parse that stores what it read.
func into[T any](to *T, parse func(string) (T, error)) func(string) error {
	return func(s string) error {
		x, err := parse(s)
		if err == nil {
			*to = x
		}
		return err
	}
}

// plain refuses what could end a line of a protocol, a log or a list.
func plain(s string) error {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return errors.New("holds a control character")
	}
	return nil
}

// text reads a string of one line.
func (v value) text(to *string) {
	v.parsed("", into(to, func(s string) (string, error) { return s, plain(s) }))
}

func (v value) secret(to *Secret) {
	v.p.secrets = append(v.p.secrets, v.path)
	v.parsed("", func(s string) error { *to = Secret(s); return nil })
}

func (v value) boolean(to *bool) {
	if b, ok := v.toml.(bool); ok {
		*to = b
		return
	}
	v.wrong("true or false")
}

// list reads an array of strings, at least one.
func (v value) list(example string, to *[]string) {
	hint := "write a list such as " + example
	items, ok := v.toml.([]any)
	if !ok {
		v.fail(hint, "is %s, not a list of strings", kind(v.toml))
		return
	}
	list := make([]string, len(items))
	for i, item := range items {
		if list[i], ok = item.(string); !ok || strings.Contains(list[i], "\x00") {
			v.fail(hint, "item %d is %s, not a string", i+1, kind(item))
			return
		}
	}
	if len(list) == 0 || list[0] == "" {
		v.fail(hint, "is empty")
		return
	}
	*to = list
}

// argv reads a command and its arguments; no shell will see them.
func (v value) argv(to *[]string) { v.list(`["pass", "show", "mail/alice"]`, to) }

// file reads a path: "~" is the home folder, a relative one begins in the folder of the configuration file.
func (v value) file(to *string) {
	v.parsed("", into(to, func(s string) (string, error) { return expand(v.p.base, s) }))
}

func expand(base, path string) (string, error) {
	if err := plain(path); err != nil {
		return "", err
	}
	if first, rest, _ := strings.Cut(path, "/"); first == "~" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("expand ~: %w", err)
		}
		return filepath.Join(home, rest), nil
	} else if strings.HasPrefix(first, "~") {
		return "", fmt.Errorf("%q: the home of another user is not looked up; write the whole path", first)
	}
	if filepath.IsAbs(path) {
		return filepath.Clean(path), nil
	}
	return filepath.Join(base, path), nil
}

func (v value) port(to *int) { v.number(to, 65535, "is not a port") }

// count reads a number of things.
func (v value) count(to *int) { v.number(to, 10000, "is out of range") }

// number reads an integer from 1 to most.
func (v value) number(to *int, most int64, otherwise string) {
	n, ok := v.toml.(int64)
	switch {
	case !ok:
		v.wrong("an integer")
	case n < 1 || n > most:
		v.fail(fmt.Sprintf("write a number from 1 to %d", most), "%d %s", n, otherwise)
	default:
		*to = int(n)
	}
}

// perDay reads a size, "unlimited", or "" for what is known of the provider.
func (v value) perDay(to *Size) {
	switch v.toml {
	case "":
		*to = 0
	case "unlimited":
		*to = Unlimited
	default:
		v.size(to)
	}
}

// size takes an integer as well as a string.
func (v value) size(to *Size) {
	if n, ok := v.toml.(int64); ok {
		v.toml = strconv.FormatInt(n, 10)
	}
	v.parsed(`write octets, or a size such as "10MB" or "1GiB"`, into(to, ParseSize))
}

func (v value) duration(to *time.Duration) {
	v.parsed(`write a duration such as "14d", "2w" or "36h"`, into(to, ParseDuration))
}

// oneOf reads one of a few words.
func oneOf[T ~string](v value, to *T, words ...T) {
	var quoted, plain []string
	for _, w := range words {
		quoted, plain = append(quoted, strconv.Quote(string(w))), append(plain, string(w))
	}
	s, ok := v.toml.(string)
	if !ok {
		v.fail("write "+orList(quoted), "is %s, not a string", kind(v.toml))
		return
	}
	if i := slices.Index(words, T(strings.ToLower(s))); i >= 0 {
		*to = words[i]
		return
	}
	hint := didYouMean(s, plain)
	if hint != "" {
		hint += " "
	}
	v.fail(hint+"write "+orList(quoted), "%q is not known here", s)
}

func orList(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// kind names the type of a TOML value.
func kind(v any) string {
	switch v.(type) {
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case int64:
		return "an integer"
	case float64:
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	case toml.LocalDate, toml.LocalTime, toml.LocalDateTime, time.Time:
		return "a date or time"
	}
	return fmt.Sprintf("a %T", v)
}
