package config

import (
	"errors"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// syntax translates what go-toml says, which does not name the key whose value it cannot read.
func syntax(name string, data []byte, err error) error {
	d, ok := errors.AsType[*toml.DecodeError](err)
	if !ok {
		return &Error{File: name, Msg: err.Error(), Err: err}
	}
	line, _ := d.Position()
	e := &Error{File: name, Line: line, Msg: strings.TrimPrefix(d.Error(), "toml: "), Err: err}
	if len(d.Key()) > 0 {
		e.Key = keyName(d.Key()...)
	}
	if key, hint := unquoted(string(data), line); key != "" {
		e.Key, e.Msg, e.Hint = key, "is text without quotes", hint
	}
	return e
}

// unquoted says which key of a line has a value that only lacks its quotes, and how to write it; "": none.
func unquoted(text string, line int) (key, hint string) {
	assignment := regexp.MustCompile(`^\s*([A-Za-z0-9_.-]+)\s*=\s*(.*?)\s*$`)
	header := regexp.MustCompile(`^\s*\[+\s*([^]]*?)\s*\]+`)
	table := ""
	for n, l := range strings.Split(text, "\n") {
		if n+1 == line {
			m := assignment.FindStringSubmatch(l)
			if m == nil {
				return "", ""
			}
			if hint = inQuotes(m[1], m[2]); hint == "" {
				return "", ""
			}
			return strings.TrimPrefix(table+"."+m[1], "."), hint
		}
		if m := header.FindStringSubmatch(l); m != nil {
			table = m[1]
		}
	}
	return "", ""
}

// inQuotes says how to write a value that is text, or a list of such.
func inQuotes(key, value string) string {
	value, comment, _ := strings.Cut(value, " #")
	value = strings.TrimSpace(value)
	if list, ok := strings.CutPrefix(value, "["); ok {
		if list, ok = strings.CutSuffix(list, "]"); !ok {
			return ""
		}
		var items []string
		for item := range strings.SplitSeq(list, ",") {
			if item = strings.TrimSpace(item); !strings.HasPrefix(item, `"`) && !strings.HasPrefix(item, "'") {
				item = quote(item)
			}
			items = append(items, item)
		}
		value = "[" + strings.Join(items, ", ") + "]"
	} else if value == "" || strings.ContainsAny(value, `"'`) || comment != "" && strings.Contains(comment, `"`) {
		return ""
	} else {
		value = quote(value)
	}
	if toml.Unmarshal([]byte(key+" = "+value), &map[string]any{}) != nil {
		return ""
	}
	return "write it in quotes: " + key + " = " + value
}
