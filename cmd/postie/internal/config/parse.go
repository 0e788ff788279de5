package config

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/pelletier/go-toml/v2"
)

// parser collects what is wrong with one file.
type parser struct {
	name     string
	base     string // folder for relative paths
	lines    map[string]int
	problems []*Error
	failed   map[string]bool // paths that have a problem
	secrets  [][]string      // paths that hold one
}

// Parse checks a configuration held in memory, without regard to file permissions. Relative paths in it, the Maildir's
// too, begin in the folder of name.
func Parse(name string, data []byte) (*Config, error) { return parse(name, data, 0o600) }

func parse(name string, data []byte, mode fs.FileMode) (*Config, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	path, err := filepath.Abs(name)
	if err != nil {
		return nil, &Error{File: name, Msg: err.Error(), Err: err}
	}
	// Not decoded into structs: go-toml would stop at the first wrong type. Unknown keys are found by value.table.
	var doc map[string]any
	if err := toml.Unmarshal(data, &doc); err != nil {
		return nil, syntax(name, data, err)
	}
	p := &parser{name: name, base: filepath.Dir(path), lines: linesOf(data), failed: map[string]bool{}}
	c := &Config{Path: name}
	value{p: p, toml: doc}.table(
		field{name: "account", set: func(v value) { c.Accounts = v.accounts() }},
		field{name: "hooks", set: func(v value) {
			v.table(c.Hooks.fields()...)
		}},
	)
	for i := range c.Accounts {
		c.Accounts[i].Hooks.inherit(c.Hooks)
	}
	p.checkRoots(c.Accounts)
	p.checkMode(mode)
	if err := join(p.problems); err != nil {
		return nil, err
	}
	return c, nil
}

// fields are the keys of [hooks].
func (h *Hooks) fields() []field {
	return []field{
		{name: "new_mail", set: func(v value) { v.hook(&h.NewMail) }},
		{name: "changed", set: func(v value) { v.hook(&h.Changed) }},
		{name: "error", set: func(v value) { v.hook(&h.Error) }},
		{name: "done", set: func(v value) { v.hook(&h.Done) }},
	}
}

// hook reads a command, or an empty list: no command, whatever [hooks] says.
func (v value) hook(to *[]string) {
	if list, ok := v.toml.([]any); ok && len(list) == 0 {
		*to = []string{}
		return
	}
	v.argv(to)
}

// report notes a problem at path, or at the nearest table above it that the file names.
func (p *parser) report(path []string, msg, hint string) {
	p.failed[pathKey(path)] = true
	p.problems = append(p.problems, &Error{File: p.name, Line: p.line(path), Key: keyName(path...), Msg: msg, Hint: hint})
}

func (p *parser) line(path []string) int {
	for ; len(path) > 0; path = path[:len(path)-1] {
		if n, ok := p.lines[pathKey(path)]; ok {
			return n
		}
	}
	return 0
}

// checkMode refuses a file with secrets that others can read.
func (p *parser) checkMode(mode fs.FileMode) {
	if mode&0o077 == 0 {
		return
	}
	for _, path := range p.secrets {
		p.report(path, fmt.Sprintf("others can read this file (mode %04o), and it holds a secret", mode), "run `chmod 600 "+p.name+"`, or take the secret from elsewhere: password_command, password_file, password_env, keyring = true")
	}
}

// accounts reads the [account.NAME] tables, in file order.
func (v value) accounts() []Account {
	m, ok := v.toml.(map[string]any)
	if !ok {
		v.wrong("a table; write [account.NAME]")
		return nil
	}
	var list []Account
	for _, name := range slices.Sorted(maps.Keys(m)) {
		v := value{v.p, append(slices.Clip(v.path), name), m[name]}
		if _, ok := v.toml.(map[string]any); !ok {
			v.fail("write its keys below a line [account.NAME]", "is %s, not an account", kind(v.toml))
			continue
		}
		list = append(list, v.account(name))
	}
	line := func(a Account) int { return v.p.line([]string{"account", a.Name}) }
	slices.SortStableFunc(list, func(a, b Account) int { return cmp.Compare(line(a), line(b)) })
	return list
}

func (v value) account(name string) Account {
	if bad := badName(name); bad != "" {
		v.fail("the name is part of message IDs: use letters, digits, '-', '.', '@'", "an account's name may not %s", bad)
	}
	a := newAccount(name)
	word, _ := v.toml.(map[string]any)["protocol"].(string)
	protocol := Protocol(strings.ToLower(word))
	fields := a.fields()
	for i, f := range fields {
		if f.fits != "" && f.fits != protocol && (protocol == POP3 || protocol == IMAP) {
			fields[i].set = func(v value) {
				v.fail("remove it", "does not fit %s account, only %s ones", protocol.article(), f.fits)
			}
		}
	}
	v.table(fields...)
	a.complete()
	for _, problem := range a.problems() {
		v.p.reportUnlessFailed(v.path, problem)
	}
	return a
}

// reportUnlessFailed spares the user what only follows from another problem.
func (p *parser) reportUnlessFailed(account []string, problem problem) {
	for _, key := range problem.keys {
		if p.failed[pathKey(append(slices.Clip(account), key))] {
			return
		}
	}
	p.report(append(slices.Clip(account), problem.keys[0]), problem.msg, problem.hint)
}

func badName(name string) string {
	switch {
	case name == "":
		return "be empty"
	case strings.Contains(name, "/"):
		return "hold '/'"
	case strings.ContainsFunc(name, unicode.IsControl):
		return "hold control characters"
	case strings.ContainsFunc(name, unicode.IsSpace):
		return "hold white space"
	case strings.HasPrefix(name, "-"):
		return "begin with '-'"
	case strings.Contains(name, "://"):
		return "look like a URL"
	}
	return ""
}
