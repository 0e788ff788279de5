package foreign

import (
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// section is a paragraph of .mbsyncrc, of lines up to an empty one.
type section struct {
	kind, name string // "imapaccount", "imapstore", "maildirstore", "channel", "group"; "": before all of them
	line       int
	keys       map[string][]string // last value of each key, in lower case; of patterns all
	lines      map[string]int
}

// mbsync reads .mbsyncrc (isync 1.3 and later): the Channels between an IMAPStore and a MaildirStore are an account.
func mbsync(text, home string) *Result {
	r := &Result{Program: "mbsync"}
	m := &mbsyncrc{Result: r, home: home, sections: sectionsOf(r, text)}
	var joined []*joint
	for _, s := range m.sections {
		if s.kind != "channel" {
			continue
		}
		if j := m.channel(s); j != nil {
			joined = append(joined, j)
		}
	}
	m.accounts(joined)
	if len(r.Accounts) > 0 { // for want of ",U=" in their names it takes files that others brought for new ones
		r.note(0, "one program keeps a tree: once postie has synced, mbsync would upload again what postie brought there; stop its timer")
	}
	return r
}

type mbsyncrc struct {
	*Result
	home     string
	sections []*section
}

// joint is a channel between an IMAP store and a Maildir store.
type joint struct {
	*section
	remote, local *section
	far, near     string // mailboxes, or what stands before the names of all
}

func sectionsOf(r *Result, text string) (list []*section) {
	global := &section{keys: map[string][]string{}, lines: map[string]int{}}
	list = []*section{global}
	s := global
	n := 0
	for line := range strings.Lines(text) {
		n++
		w := words(line)
		switch {
		case len(w) == 0:
			if !strings.HasPrefix(strings.TrimSpace(line), "#") {
				s = global
			}
		case slices.Contains([]string{"imapaccount", "imapstore", "maildirstore", "channel", "group"}, strings.ToLower(w[0])) && len(w) > 1 && s.kind != "group":
			s = &section{strings.ToLower(w[0]), w[1], n, map[string][]string{}, map[string]int{}}
			list = append(list, s)
		case strings.HasPrefix(strings.ToLower(w[0]), "pattern"):
			s.keys["patterns"], s.lines["patterns"] = append(s.keys["patterns"], w[1:]...), n
		default:
			key := strings.ToLower(w[0])
			s.keys[key], s.lines[key] = w[1:], n
		}
	}
	for _, key := range sorted(global.lines) {
		if !slices.Contains([]string{"create", "remove", "expunge", "sync", "maxmessages", "expireunread", "copyarrivaldate", "syncstate", "fsync", "bufferlimit", "fielddelimiter"}, key) {
			r.note(global.lines[key], "%s holds for all channels: not carried over", key)
		}
	}
	return list
}

func (m *mbsyncrc) section(kind, name string) *section {
	i := slices.IndexFunc(m.sections, func(s *section) bool { return s.kind == kind && s.name == name })
	if i < 0 {
		return nil
	}
	return m.sections[i]
}

func (s *section) one(key string) string {
	if v := s.keys[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// of gives the values of a channel's key, or those that hold for all, and their line.
func (m *mbsyncrc) of(channel *section, key string) ([]string, int) {
	if v, ok := channel.keys[key]; ok {
		return v, channel.lines[key]
	}
	return m.sections[0].keys[key], m.sections[0].lines[key]
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

// channel finds the stores that a channel joins; nil: they are no two of ours.
func (m *mbsyncrc) channel(s *section) *joint {
	far, farBox := storeOf(s, "far", "master")
	near, nearBox := storeOf(s, "near", "slave")
	j := &joint{section: s, remote: m.section("imapstore", far), local: m.section("maildirstore", near), far: farBox, near: nearBox}
	if j.remote == nil && j.local == nil && m.section("imapstore", near) != nil && m.section("maildirstore", far) != nil {
		m.refuse(s.line, s.name, "channel %s has its server on the near side: postie would take Far and Near the other way round", s.name)
		return nil
	}
	if j.remote == nil || j.local == nil {
		m.note(s.line, "channel %s does not join an IMAP store with a Maildir store", s.name)
		return nil
	}
	return j
}

// accounts makes an account of all channels between the same two stores. Two accounts in one tree are refused both.
func (m *mbsyncrc) accounts(joined []*joint) {
	var groups [][]*joint
	for _, j := range joined {
		i := slices.IndexFunc(groups, func(g []*joint) bool {
			return g[0].remote == j.remote && g[0].local == j.local && m.below(g[0]) == m.below(j)
		})
		if i < 0 {
			groups = append(groups, []*joint{j})
		} else {
			groups[i] = append(groups[i], j)
		}
	}
	var made []Account
	var lines []int
	for _, g := range groups {
		if a, ok := m.account(g); ok {
			made, lines = append(made, a), append(lines, g[0].line)
		}
	}
	for i, a := range made {
		other := slices.IndexFunc(made, func(b Account) bool { return b.Name != a.Name && nestedPaths(m.expand(a.Maildir), m.expand(b.Maildir)) })
		if other >= 0 {
			m.refuse(lines[i], a.Name, "channel %s and channel %s keep two accounts in one tree, %s and %s: give each a tree of its own, and move its folders there",
				a.Name, made[other].Name, a.Maildir, made[other].Maildir)
			continue
		}
		m.Accounts = append(m.Accounts, a)
	}
}

// below is the folder below the store's path that a channel with patterns keeps its tree in.
func (m *mbsyncrc) below(j *joint) string {
	if len(j.keys["patterns"]) == 0 || j.near == j.far {
		return ""
	}
	return strings.Trim(j.near, "/")
}

func (m *mbsyncrc) expand(p string) string { return filepath.Clean(expand(p, m.home)) }

// nestedPaths says whether one path is the other, or inside it.
func nestedPaths(a, b string) bool {
	return strings.HasPrefix(a+"/", strings.TrimSuffix(b, "/")+"/") || strings.HasPrefix(b+"/", strings.TrimSuffix(a, "/")+"/")
}

// account translates channels between the same stores; false: it had to be refused.
func (m *mbsyncrc) account(channels []*joint) (a Account, ok bool) {
	first := channels[0]
	a = Account{Name: first.name, Protocol: "imap", Layout: "fs"}
	server := m.section("imapaccount", first.remote.one("account"))
	if server == nil {
		server = first.remote // the account's keys may stand in the store itself
	}
	m.server(&a, server)
	if server != first.remote {
		m.remoteStore(&a, first.remote)
	}
	ok = m.localStore(&a, first)
	for _, c := range channels {
		ok = m.chosen(&a, c) && ok
		if c.near != c.far && m.below(c) == "" && c.near != "" {
			m.note(c.line, "channel %s: the mailbox has the name %s here; the first sync recognises its folder by the mail in it", c.name, c.near)
		}
	}
	ok = m.patterns(&a, channels) && ok
	return a, m.inbox(&a, first) && ok
}

func (m *mbsyncrc) server(a *Account, s *section) {
	a.TLS = "starttls" // isync's default, unless there is a tunnel
	if s.one("port") == "993" {
		a.TLS = "implicit"
	}
	mechanisms := ""
	for _, key := range sorted(s.lines) {
		value, line := s.one(key), s.lines[key]
		switch key {
		case "host":
			a.Host = strings.TrimPrefix(strings.TrimPrefix(value, "imaps:"), "imap:")
		case "port":
			a.Port = m.number(line, value)
		case "user":
			a.User = value
		case "pass":
			a.HasPassword = true
			m.note(line, "the password is not carried over")
		case "passcmd":
			a.PasswordCommand = shell(strings.TrimPrefix(value, "+"))
		case "ssltype", "tlstype":
			a.TLS = map[string]string{"imaps": "implicit", "starttls": "starttls", "none": "none"}[strings.ToLower(value)]
		case "certificatefile":
			a.TLSCA = value
		case "tunnel":
			a.Tunnel = shell(value)
		case "authmechs":
			mechanisms = strings.ToLower(strings.Join(s.keys[key], " "))
		case "account", "timeout", "pipelinedepth", "sslversions", "sslversion", "tlsversions":
		case "path", "usenamespace", "mapinbox", "maxsize", "flatten", "trash", "trashnewonly", "trashremotenew", "pathdelimiter", "subscribedonly":
			if s.kind == "imapaccount" {
				m.note(line, "%s is not carried over", key)
			}
		default:
			m.note(line, "%s is not carried over", key)
		}
	}
	switch mechanisms {
	case "", "*":
	case "xoauth2", "oauthbearer": // what prints the secret prints a token
		a.Auth, a.TokenCommand, a.PasswordCommand = mechanisms, a.PasswordCommand, nil
	default:
		if a.Auth = mechanisms; strings.Contains(mechanisms, " ") {
			a.Auth = ""
			m.note(s.lines["authmechs"], "authmechs %s: postie takes the strongest that the server offers", mechanisms)
		}
	}
	if len(a.Tunnel) > 0 && s.one("ssltype") == "" && s.one("tlstype") == "" {
		a.TLS = "none"
	}
	if s.kind == "imapstore" {
		m.remoteStore(a, s)
	}
}

// remoteStore translates the options of an IMAP store that are not of its account.
func (m *mbsyncrc) remoteStore(a *Account, s *section) {
	for _, key := range sorted(s.lines) {
		value, line := s.one(key), s.lines[key]
		switch key {
		case "trash":
			a.Trash = s.one("path") + value
		case "path":
			a.Mailboxes = nil // patterns sees to it
		case "maxsize":
			m.note(line, "maxsize of the IMAP store: postie uploads messages of any size")
		case "subscribedonly":
			if yes(value) {
				m.note(line, "subscribedonly: postie keeps all mailboxes of its patterns, subscribed or not")
			}
		case "mapinbox", "flatten", "usenamespace", "pathdelimiter", "trashnewonly", "trashremotenew":
			m.note(line, "%s %s of the IMAP store is not carried over", key, value)
		}
	}
}

// localStore translates a Maildir store. What postie would read otherwise than mbsync is refused.
func (m *mbsyncrc) localStore(a *Account, j *joint) bool {
	s := j.local
	ok := true
	refuse := func(key, format string, args ...any) {
		m.refuse(s.lines[key], a.Name, format, args...)
		ok = false
	}
	root := s.one("path")
	if strings.EqualFold(s.one("subfolders"), "maildir++") {
		a.Layout, root = "maildir++", s.one("inbox")
		if root == "" {
			root = "~/Maildir" // isync's default
		}
	} else if root != "" && !strings.HasSuffix(root, "/") {
		refuse("path", "Path %s has no slash at its end: mbsync takes it for the beginning of the names of folders, which postie cannot", root)
	}
	if root == "" && s.one("inbox") != "" {
		root = path.Dir(strings.TrimSuffix(s.one("inbox"), "/"))
	}
	if root == "" {
		m.note(j.line, "channel %s: no Path says where its Maildirs lie", j.name)
	}
	a.Maildir = root
	if below := m.below(j); below != "" {
		a.Maildir = strings.TrimSuffix(root, "/") + "/" + below
	}
	for _, key := range sorted(s.lines) {
		value, line := s.one(key), s.lines[key]
		switch key {
		case "path", "inbox", "altmap":
		case "subfolders":
			if strings.EqualFold(value, "legacy") {
				m.note(line, "subfolders Legacy: folders that are there keep their names; what is new is written as ROOT/Folder/Sub, without the dot")
			}
		case "flatten":
			m.note(line, "flatten %s: folders that are there keep their names, by the mail in them; what is new is written as ROOT/Folder/Sub", value)
		case "infodelimiter", "fielddelimiter":
			if value != ":" {
				refuse(key, "%s %s: postie, as the Maildir specification has it, reads flags behind a colon; rename the files first", key, value)
			}
		case "maxsize":
			a.MaxSize = m.size(line, value)
		default:
			m.note(line, "%s of the Maildir store is not carried over", key)
		}
	}
	return ok
}

// inbox sees to an INBOX that lies outside the tree: mbsync keeps it there, and postie would fetch it again into the tree.
func (m *mbsyncrc) inbox(a *Account, j *joint) bool {
	inbox := j.local.one("inbox")
	if inbox == "" {
		inbox = "~/Maildir"
	}
	if a.Layout == "maildir++" || a.Maildir == "" || nestedPaths(m.expand(inbox), m.expand(a.Maildir)) && len(m.expand(inbox)) >= len(m.expand(a.Maildir)) {
		return true
	}
	if !slices.Contains(a.Mailboxes, "INBOX") {
		a.Mailboxes = append(a.Mailboxes, "!INBOX") // wildcards do not mean it there
		m.note(j.local.lines["inbox"], "INBOX lies outside of %s and is in no pattern: it is left out", a.Maildir)
		return true
	}
	m.refuse(j.local.lines["inbox"], a.Name, "INBOX lies in %s, outside of %s, and would be fetched again into it: make %s/INBOX a symbolic link to it, and write that as Inbox",
		inbox, a.Maildir, strings.TrimSuffix(a.Maildir, "/"))
	return false
}

// size reads "100k", "1m" with or without a b.
func (r *Result) size(line int, text string) int64 {
	lower := strings.TrimSuffix(strings.ToLower(text), "b")
	unit := int64(1)
	switch {
	case strings.HasSuffix(lower, "k"):
		lower, unit = lower[:len(lower)-1], 1<<10
	case strings.HasSuffix(lower, "m"):
		lower, unit = lower[:len(lower)-1], 1<<20
	}
	n, err := strconv.ParseInt(lower, 10, 32)
	if err != nil || n < 0 {
		r.note(line, "maxsize %s is no size", text)
		return 0
	}
	return n * unit
}
