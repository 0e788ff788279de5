package foreign

import (
	"path"
	"slices"
	"strings"
)

// chosen translates what a channel does. Channels of one account have to do the same.
func (m *mbsyncrc) chosen(a *Account, c *joint) bool {
	b := Account{}
	ok := m.create(&b, c)
	ok = m.sync(&b, c) && ok
	m.expunge(&b, c)
	for _, key := range sorted(c.lines) {
		value, line := strings.Join(c.keys[key], " "), c.lines[key]
		switch key {
		case "far", "near", "master", "slave", "patterns", "create", "sync", "expunge", "syncstate", "copyarrivaldate":
		case "maxsize":
			b.MaxSize = m.size(line, value)
		case "remove":
			if !slices.Contains([]string{"both", "yes"}, strings.ToLower(value)) {
				m.note(line, "remove %s: postie removes a mailbox on both sides once all in it is gone, and not where it still holds mail", value)
			}
		default:
			m.note(line, "%s %s is not carried over", key, value)
		}
	}
	if v, line := m.of(c.section, "maxmessages"); c.lines["maxmessages"] == 0 && line != 0 {
		m.note(line, "maxmessages %s is not carried over", strings.Join(v, " "))
	}
	if a.Create != "" && (a.Create != b.Create || a.MarkOnly != b.MarkOnly || a.Direction != b.Direction) {
		m.refuse(c.line, a.Name, "channel %s creates, expunges or syncs otherwise than channel %s: an account does all its mailboxes alike", c.name, a.Name)
		return false
	}
	a.Create, a.MarkOnly, a.Direction = b.Create, b.MarkOnly, b.Direction
	if b.MaxSize > 0 {
		a.MaxSize = b.MaxSize
	}
	return ok
}

// create: isync creates nothing unless it is told to.
func (m *mbsyncrc) create(a *Account, c *joint) bool {
	v, line := m.of(c.section, "create")
	word := "none"
	if len(v) > 0 {
		word = strings.ToLower(v[0])
	}
	sides := map[string]string{"none": "none", "no": "none", "near": "local", "slave": "local", "far": "remote", "master": "remote", "both": "both", "yes": "both"}
	a.Create = sides[word]
	if a.Create == "" {
		m.refuse(line, c.name, "create %s is not understood", word)
		return false
	}
	if line == 0 {
		m.note(c.line, `channel %s has no Create, which is None: create = "none"`, c.name)
	}
	return true
}

// expunge: isync expunges nowhere unless it is told to. What it only marks on the server, postie only marks.
func (m *mbsyncrc) expunge(a *Account, c *joint) {
	v, line := m.of(c.section, "expunge")
	word := ""
	if len(v) > 0 {
		word = strings.ToLower(v[0])
	}
	switch word {
	case "far", "master", "both", "yes":
		return
	case "":
		m.note(c.line, "channel %s has no Expunge, which is None: expunge = false, a deletion here only marks the message on the server", c.name)
	default:
		m.note(line, "expunge %s: expunge = false, a deletion here only marks the message on the server", v[0])
	}
	a.MarkOnly = true
}

// sync: all of it, both ways or one way, is what postie does.
func (m *mbsyncrc) sync(a *Account, c *joint) bool {
	v, line := m.of(c.section, "sync")
	text := strings.ToLower(strings.Join(v, " "))
	if text == "pull" || text == "push" {
		a.Direction = text
		return true
	}
	pull, push := strings.Contains(text, "pull"), strings.Contains(text, "push")
	if pull != push || text == "none" {
		m.refuse(line, c.name, "sync %s: postie would also do what this leaves out", strings.Join(v, " "))
		return false
	}
	if text != "" && text != "all" && text != "full" && text != "pull push" && text != "push pull" {
		m.note(line, "sync %s: postie carries over new messages, deletions and flags, both ways", strings.Join(v, " "))
	}
	return true
}

// patterns puts those of several channels into one list, where "!" always leaves out; in isync the last that matches counts.
func (m *mbsyncrc) patterns(a *Account, channels []*joint) bool {
	var take, leave []string
	for i, c := range channels {
		list := c.list()
		before := ""
		if len(c.keys["patterns"]) > 0 {
			before = c.far
		}
		for n, p := range list {
			not := strings.HasPrefix(p, "!")
			p = strings.TrimPrefix(p, "!")
			if !strings.EqualFold(p, "INBOX") {
				p = c.remote.one("path") + before + p
			}
			switch {
			case !not:
				take = append(take, p)
			case slices.ContainsFunc(list[n+1:], func(later string) bool { return later != "" && later[0] != '!' && overlaps(p, later) }):
				m.refuse(c.lines["patterns"], a.Name, "!%s stands before a pattern that takes it again: postie leaves out what any \"!\" names", p)
				return false
			case m.takenByOther(channels, i, p):
				if strings.ContainsAny(p, "*%") && !slices.ContainsFunc(channels, func(o *joint) bool { return o != c && slices.Contains(o.list(), p) }) {
					m.refuse(c.lines["patterns"], a.Name, "channel %s leaves out !%s, of which another channel takes something: the patterns of both cannot be one list", c.name, p)
					return false
				}
			default:
				leave = append(leave, "!"+p)
			}
		}
	}
	a.Mailboxes = slices.Concat(unique(take), unique(leave))
	return true
}

// list are the patterns of a channel; one without has a single mailbox.
func (j *joint) list() []string {
	switch {
	case len(j.keys["patterns"]) > 0:
		return j.keys["patterns"]
	case j.far != "":
		return []string{j.far}
	}
	return []string{"INBOX"}
}

// takenByOther says whether another channel takes something of what a pattern leaves out.
func (m *mbsyncrc) takenByOther(channels []*joint, self int, pattern string) bool {
	for i, c := range channels {
		if i != self && slices.ContainsFunc(c.list(), func(p string) bool { return !strings.HasPrefix(p, "!") && overlaps(pattern, p) }) {
			return true
		}
	}
	return false
}

// overlaps says whether two patterns may mean one mailbox: where both have wildcards it is taken for so.
func overlaps(a, b string) bool {
	wildA, wildB := strings.ContainsAny(a, "*%"), strings.ContainsAny(b, "*%")
	glob := func(pattern, name string) bool {
		if strings.EqualFold(name, "INBOX") {
			return strings.EqualFold(pattern, "INBOX") // no wildcard means it
		}
		ok, err := path.Match(strings.NewReplacer("%", "*", "[", `\[`, "?", `\?`, "/", "\x01").Replace(pattern), strings.ReplaceAll(name, "/", "\x01"))
		return ok || err != nil
	}
	switch {
	case wildA && wildB:
		return true
	case wildA:
		return glob(a, b)
	case wildB:
		return glob(b, a)
	}
	return a == b || strings.EqualFold(a, "INBOX") && strings.EqualFold(b, "INBOX")
}

func unique(list []string) (out []string) {
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
