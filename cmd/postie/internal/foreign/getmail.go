package foreign

import (
	"maps"
	"slices"
	"strings"
)

func sorted(lines map[string]int) []string {
	keys := slices.Collect(maps.Keys(lines))
	slices.SortFunc(keys, func(a, b string) int { return lines[a] - lines[b] })
	return keys
}

// getmail reads a getmailrc: [retriever], [destination], [options].
func getmail(text string) *Result {
	r := &Result{Program: "getmail"}
	a := Account{Keep: true, TLS: "none"} // delete is off by default there
	group, n := "", 0
	port := 0
	path, pathLine, kind := "", 0, "maildir"
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		key, value, ok := strings.Cut(line, "=")
		key, value = strings.ToLower(strings.TrimSpace(key)), strings.Trim(strings.TrimSpace(value), `"`)
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[':
			group = strings.ToLower(strings.Trim(line, "[]"))
		case !ok:
			r.note(n, "not understood")
		case group == "retriever":
			r.getmailServer(&a, n, key, value, &port)
		case group == "destination" && key == "type":
			if kind = strings.ToLower(value); kind != "maildir" {
				r.note(n, "%s: postie stores into a Maildir only; filter from a hook", value)
			}
		case group == "destination" && key == "path":
			path, pathLine = value, n
		case group == "options" && key == "delete":
			a.Keep = !yes(value)
		case group == "options" && key == "delete_after":
			a.KeepFor = r.number(n, value)
		case group == "options" && (key == "read_all" || strings.HasPrefix(key, "verbose") || strings.HasPrefix(key, "message_log")):
		default:
			r.note(n, "%s in [%s] is not carried over", key, group)
		}
	}
	if kind == "maildir" {
		a.Maildir = path
	} else if path != "" {
		r.note(pathLine, "path %s is no Maildir: not carried over", path)
	}
	if a.Protocol == "" {
		r.note(0, "there is no type in [retriever]")
		return r
	}
	a.Port = port
	a.Name, _, _ = strings.Cut(strings.TrimPrefix(a.Host, "pop."), ".")
	if strings.Contains(a.Auth, "xoauth2") && len(a.PasswordCommand) > 0 {
		a.TokenCommand, a.PasswordCommand = a.PasswordCommand, nil
	}
	r.onlyFetched(&a)
	r.Accounts = []Account{a}
	return r
}

func (r *Result) getmailServer(a *Account, line int, key, value string, port *int) {
	switch key {
	case "type":
		kind := strings.ToLower(value)
		a.Protocol = "pop3"
		if strings.Contains(kind, "imap") {
			a.Protocol = "imap"
		}
		if strings.Contains(kind, "ssl") {
			a.TLS = "implicit"
		}
		if strings.Contains(kind, "multidrop") || strings.Contains(kind, "sdps") {
			r.note(line, "%s: mail for several people is not taken apart", value)
		}
	case "server":
		a.Host = value
	case "port":
		*port = r.number(line, value)
	case "username":
		a.User = value
	case "password":
		a.HasPassword = true
		r.note(line, "the password is not carried over")
	case "password_command":
		for _, w := range strings.Split(strings.Trim(value, "()"), ",") {
			if w = strings.Trim(strings.TrimSpace(w), `"'`); w != "" {
				a.PasswordCommand = append(a.PasswordCommand, w)
			}
		}
	case "mailboxes":
		for _, w := range strings.Split(strings.Trim(value, "()"), ",") {
			if w = strings.Trim(strings.TrimSpace(w), `"'`); w == "ALL" {
				a.Mailboxes = append(a.Mailboxes, "*")
			} else if w != "" {
				a.Mailboxes = append(a.Mailboxes, w)
			}
		}
	case "ca_certs":
		a.TLSCA = value
	case "use_xoauth2":
		a.Auth = "xoauth2"
		r.note(line, "use_xoauth2: set token_command to what printed the token")
	case "timeout", "use_peek":
	default:
		r.note(line, "%s in [retriever] is not carried over", key)
	}
}
