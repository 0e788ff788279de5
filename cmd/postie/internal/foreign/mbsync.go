package foreign

import (
	"path"
	"slices"
	"strings"
)

// section is a paragraph of .mbsyncrc, of lines up to an empty one.
type section struct {
	kind, name string // "imapaccount", "imapstore", "maildirstore", "channel", "group"
	line       int
	keys       map[string][]string // last value of each key, in lower case
	lines      map[string]int
}

// mbsync reads .mbsyncrc (isync 1.3 and later): each Channel between an IMAPStore and a MaildirStore is an account.
func mbsync(text string) *Result {
	r := &Result{Program: "mbsync"}
	sections := sectionsOf(r, text)
	find := func(kind, name string) *section {
		i := slices.IndexFunc(sections, func(s *section) bool { return s.kind == kind && s.name == name })
		if i < 0 {
			return nil
		}
		return sections[i]
	}
	for _, channel := range sections {
		if channel.kind != "channel" {
			continue
		}
		far, far2 := storeOf(channel, "far", "master")
		near, near2 := storeOf(channel, "near", "slave")
		remote, local := find("imapstore", far), find("maildirstore", near)
		if remote == nil || local == nil {
			remote, local = find("imapstore", near), find("maildirstore", far)
			far2, near2 = near2, far2
		}
		if near2 != "" && near2 != far2 {
			r.note(channel.line, "channel %s: the mailbox has the name %s here; postie keeps the server's", channel.name, near2)
		}
		if remote == nil || local == nil {
			r.note(channel.line, "channel %s does not join an IMAP store with a Maildir store", channel.name)
			continue
		}
		account := find("imapaccount", remote.one("account"))
		if account == nil {
			account = remote // the account's keys may stand in the store itself
		}
		a := Account{Name: channel.name, Protocol: "imap", Layout: "fs"}
		r.mbsyncServer(&a, account)
		r.mbsyncStore(&a, local, channel)
		r.mbsyncChannel(&a, channel, far2)
		r.Accounts = append(r.Accounts, a)
	}
	if len(r.Accounts) > 0 { // for want of ",U=" in their names it takes files that others brought for new ones
		r.note(0, "one program keeps a tree: once postie has synced, mbsync would upload again what postie brought there; stop its timer")
	}
	return r
}

func sectionsOf(r *Result, text string) (list []*section) {
	var s *section
	n := 0
	for line := range strings.Lines(text) {
		n++
		w := words(line)
		switch {
		case len(w) == 0:
			if !strings.HasPrefix(strings.TrimSpace(line), "#") {
				s = nil
			}
		case slices.Contains([]string{"imapaccount", "imapstore", "maildirstore", "channel", "group"}, strings.ToLower(w[0])) && len(w) > 1 && (s == nil || s.kind != "group"):
			s = &section{strings.ToLower(w[0]), w[1], n, map[string][]string{}, map[string]int{}}
			list = append(list, s)
		case s == nil:
			r.note(n, "%s holds for all channels: not carried over", w[0])
		default:
			key := strings.ToLower(w[0])
			s.keys[key], s.lines[key] = w[1:], n
		}
	}
	return list
}

func (s *section) one(key string) string {
	if v := s.keys[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// storeOf is the store of a channel's side, and the mailbox behind it (":store:mailbox").
func storeOf(channel *section, keys ...string) (store, mailbox string) {
	for _, key := range keys {
		if text := channel.one(key); text != "" {
			store, mailbox, _ = strings.Cut(strings.TrimPrefix(text, ":"), ":")
		}
	}
	return store, mailbox
}

func (r *Result) mbsyncServer(a *Account, s *section) {
	a.TLS = "implicit"
	for _, key := range sorted(s.lines) {
		value, line := s.one(key), s.lines[key]
		switch key {
		case "host":
			a.Host = value
		case "port":
			a.Port = r.number(line, value)
		case "user":
			a.User = value
		case "pass":
			a.HasPassword = true
			r.note(line, "the password is not carried over")
		case "passcmd":
			a.PasswordCommand = shell(strings.TrimPrefix(value, "+"))
		case "ssltype", "tlstype":
			a.TLS = map[string]string{"imaps": "implicit", "starttls": "starttls", "none": "none"}[strings.ToLower(value)]
		case "certificatefile":
			a.TLSCA = value
		case "tunnel":
			a.Tunnel = shell(value)
		case "authmechs":
			if len(s.keys[key]) == 1 && value != "*" {
				a.Auth = strings.ToLower(value)
			}
		case "account", "timeout", "pipelinedepth", "sslversions", "tlsversions":
		default:
			r.note(line, "%s is not carried over", key)
		}
	}
	if len(a.Tunnel) > 0 && s.one("ssltype") == "" && s.one("tlstype") == "" {
		a.TLS = "none"
	}
}

func (r *Result) mbsyncStore(a *Account, s, channel *section) {
	a.Maildir = s.one("path")
	switch inbox := s.one("inbox"); {
	case strings.EqualFold(s.one("subfolders"), "maildir++"):
		a.Layout = "maildir++"
		a.Maildir = inbox
	case a.Maildir == "" && inbox != "":
		a.Maildir = path.Dir(strings.TrimSuffix(inbox, "/"))
	}
	if a.Maildir == "" {
		r.note(channel.line, "channel %s: no Path says where its Maildirs lie", channel.name)
	}
	if strings.EqualFold(s.one("subfolders"), "legacy") {
		r.note(s.lines["subfolders"], "SubFolders Legacy: folders that are there keep their names; what is new is written as ROOT/Folder/Sub, without the dot")
	}
}

func (r *Result) mbsyncChannel(a *Account, s *section, mailbox string) {
	a.Mailboxes = []string{"INBOX"}
	for _, key := range sorted(s.lines) {
		line := s.lines[key]
		switch key {
		case "patterns", "pattern":
			a.Mailboxes = s.keys[key]
		case "far", "near", "master", "slave":
		case "create", "expunge", "sync", "maxmessages", "maxsize", "remove", "syncstate", "copyarrivaldate", "expireunread":
			if s.one(key) != "Both" && s.one(key) != "*" && key != "copyarrivaldate" {
				r.note(line, "%s %s: postie has create, expunge, bodies and trash for that; look at them", key, strings.Join(s.keys[key], " "))
			}
		default:
			r.note(line, "%s is not carried over", key)
		}
	}
	if mailbox != "" {
		a.Mailboxes = []string{mailbox}
	}
}
