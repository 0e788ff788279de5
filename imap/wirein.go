package imap

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// untagged reads a response that begins with "* ". What is not known is dropped: RFC 9051 section 7 asks clients to be
// ready for any response at any time, and new ones come with every extension.
func (w *wire) untagged(line []byte) error {
	s := newScanner(w.in, line)
	err := w.untaggedBy(s)
	if s.unread == nil || err != s.err {
		return err
	}
	// What it was to tell is not known then, which those find out who asked.
	if err := w.stray(err); err != nil {
		return err
	}
	s.rest, s.err = s.unread, nil
	return s.drop()
}

// stray passes over a line that cannot be read, or gives back why not.
func (w *wire) stray(why error) error {
	if w.strays++; w.strays > strays {
		return why
	}
	return nil
}

func (w *wire) untaggedBy(s *scanner) error {
	s.spaces()
	if s.peek() == '{' {
		return s.drop()
	}
	if c := s.peek(); c >= '0' && c <= '9' {
		return w.numbered(s)
	}
	switch name := strings.ToUpper(s.atom()); name {
	case "OK", "NO", "BAD", "BYE", "PREAUTH":
		return w.condition(parseReply(name, s.rest))
	case "SEARCH":
		return w.partial(s, w.search(s), func(b *inbox) bool { return b.Found != nil })
	case "ESEARCH":
		return w.partial(s, w.esearch(s), func(b *inbox) bool { return b.Found != nil })
	case "MYRIGHTS":
		return w.myRights(s)
	case "NAMESPACE":
		return w.partial(s, w.namespace(s), func(b *inbox) bool { return b.Personal != nil })
	case "CAPABILITY":
		caps := parseCaps(string(s.rest))
		w.note(func(b *inbox) bool { b.Caps = caps; return true })
		return nil
	case "ENABLED":
		caps := parseCaps(string(s.rest))
		w.note(func(b *inbox) bool { b.enabled(caps); return true })
		return nil
	case "FLAGS":
		return w.mailboxFlags(s)
	case "LIST", "LSUB":
		return w.listed(s, name == "LSUB")
	case "STATUS":
		return w.status(s)
	case "VANISHED":
		return w.partial(s, w.vanished(s), func(b *inbox) bool { return b.Keep || b.Vanishing })
	}
	return s.drop()
}

// partial is for a response of which every part counts: what is missing in it would be taken for what is not there. The command
// that gathers such responses must not believe what it has, if this one could not be read.
func (w *wire) partial(s *scanner, err error, gathers func(*inbox) bool) error {
	if s.unread != nil {
		w.note(func(b *inbox) bool {
			if gathers(b) {
				b.Unread = cmp.Or(b.Unread, err)
			}
			return true
		})
	}
	return err
}

// drop passes over the rest of a response, with the literals in it.
func (s *scanner) drop() error {
	for s.err == nil {
		n, ok := trailing(s.rest)
		if !ok {
			return nil
		}
		s.discard(n)
	}
	return s.err
}

// numbered reads "* 5 EXISTS" and its like.
func (w *wire) numbered(s *scanner) error {
	n := uint32(s.number(32))
	switch name := strings.ToUpper(s.spaces().atom()); name {
	case "EXISTS":
		if !w.exists(n) {
			w.tell(Exists(n))
		}
	case "EXPUNGE":
		w.moved = true
		w.expunged(imap.UIDSetNum(imap.UID(n)))
		w.tell(Expunged(n))
	case "FETCH":
		return w.fetched(s, SeqNum(n))
	default: // RECENT is nobody's
		if s.err == nil {
			return s.drop()
		}
	}
	return s.err
}

// exists notes the number of messages in the selected mailbox, and says whether a SELECT wanted to know it.
func (w *wire) exists(n uint32) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	selecting := w.inbox != nil && w.inbox.Select.set(func(m *Selected) { m.Exists = n })
	w.tally.exists(n, selecting)
	return selecting
}

// condition reads an untagged status response.
func (w *wire) condition(r reply) error {
	w.mu.Lock()
	w.inbox.take(r.Code)
	if w.inbox != nil {
		w.inbox.Select.code(r.Code)
	}
	leaving := w.leaving
	if r.Status == "BAD" { // RFC 9051 section 7.1.3: a command could not even be read; many servers end the connection then
		w.complaint = "BAD " + r.Text
	}
	if r.Status == "BYE" {
		w.bye = &Error{Status: "BYE", Code: r.Code.Name, Text: r.Text, Address: r.Code.address()}
	}
	w.mu.Unlock()
	w.alert(r)
	w.refusesLiterals(r)
	if r.Status == "BYE" && !leaving { // some servers do not close the connection then
		return w.bye
	}
	return nil
}

func parseCaps(s string) imap.CapSet {
	set := imap.CapSet{}
	for name := range strings.FieldsSeq(s) {
		if len(set) == maxCaps {
			break
		}
		name = strings.ToUpper(name)
		if strings.HasPrefix(name, "IMAP4REV") { // the two names that go-imap writes in small letters
			name = "IMAP4rev" + name[len("IMAP4REV"):]
		}
		set[imap.Cap(name)] = struct{}{}
	}
	return set
}

func (b *inbox) enabled(caps imap.CapSet) {
	if b.Enabled == nil {
		b.Enabled = imap.CapSet{}
	}
	if len(b.Enabled) < maxCaps {
		maps.Copy(b.Enabled, caps)
	}
}

// flagList reads a parenthesised list of flags. Lists repeat all the time, so equal ones are one slice: do not write to it.
// \Recent is left out: it is nobody's.
func (w *wire) flagList(s *scanner) []Flag {
	const remembered = 256
	s.spaces()
	if end := slices.Index(s.rest, ')'); end > 0 {
		if known, ok := w.flags[string(s.rest[:end])]; ok {
			s.rest = s.rest[end+1:]
			return known
		}
	}
	whole := s.rest
	flags := []Flag{}
	var many map[Flag]bool // those of a long list: to look through it for each takes too much
	s.list(func() {
		if len(flags) > maxFlags {
			s.exceed("more than %d flags", maxFlags)
			return
		}
		f := canonical(s.atom())
		if f == `\Recent` || many[f] || many == nil && slices.Contains(flags, f) {
			return
		}
		if flags = append(flags, f); many == nil && len(flags) == 32 {
			many = map[Flag]bool{}
			for _, f := range flags {
				many[f] = true
			}
		} else if many != nil {
			many[f] = true
		}
	})
	if n := len(whole) - len(s.rest) - 1; s.err == nil && len(w.flags) < remembered && n < maxFlagList {
		w.flags[string(whole[:n])] = slices.Clip(flags)
	}
	return slices.Clip(flags)
}

// canonical writes the known flags in one way: they are equal in any case (RFC 9051 section 2.3.2).
func canonical(s string) Flag {
	for _, f := range []Flag{imap.FlagSeen, imap.FlagAnswered, imap.FlagFlagged, imap.FlagDeleted, imap.FlagDraft, `\Recent`,
		imap.FlagForwarded, imap.FlagMDNSent, imap.FlagJunk, imap.FlagNotJunk, imap.FlagPhishing, imap.FlagImportant} {
		if strings.EqualFold(s, string(f)) {
			return f
		}
	}
	return Flag(s)
}

func (w *wire) mailboxFlags(s *scanner) error {
	flags := w.flagList(s)
	if s.err == nil {
		w.note(func(b *inbox) bool { return b.Select.set(func(m *Selected) { m.Flags = flags }) })
	}
	return s.err
}

// vanished reads RFC 7162 section 3.2.10: VANISHED [(EARLIER)] set.
func (w *wire) vanished(s *scanner) error {
	earlier := false
	if s.spaces().peek() == '(' {
		s.list(func() { earlier = strings.EqualFold(s.atom(), "EARLIER") })
	}
	set := s.set()
	if s.err != nil {
		w.moved = true // what vanished is not known; the tally does not agree with what is there then
		return s.err
	}
	if earlier {
		w.note(func(b *inbox) bool {
			if !b.Vanished.add(set) {
				b.over("UIDs that vanished")
			}
			return true
		})
		return nil
	}
	w.moved = true
	w.expunged(set)
	w.tell(Vanished(set))
	return nil
}

// listed reads a LIST or LSUB response (RFC 9051 section 7.3.1; extended data is passed over).
func (w *wire) listed(s *scanner, lsub bool) error {
	var m Mailbox
	s.list(func() {
		if attr := s.atom(); len(m.Attrs) < maxAttrs && len(attr) <= maxAttr {
			m.Attrs = append(m.Attrs, canonicalAttr(attr))
		}
	})
	delim, ok := s.spaces().text()
	if r := []rune(delim); ok && len(r) == 1 {
		m.Delim = r[0]
	}
	raw, _ := s.spaces().text()
	if rest := strings.TrimRight(string(s.rest), " "); !strings.HasPrefix(rest, " (") {
		raw += rest // some servers do not quote a name with spaces
	}
	if err := s.drop(); err != nil {
		return err
	}
	if m.Name, ok = decodeName(raw); ok && m.Delim != 0 && strings.Count(m.Name, string(m.Delim)) >= maxLevels {
		ok = false
	}
	if !ok && (raw != "" || m.Selectable()) { // else it tells the separator (RFC 3501 section 6.3.8)
		w.tell(Unusable(raw))
		m.Unusable = true
	}
	m.Subscribed = lsub || slices.Contains(m.Attrs, imap.MailboxAttrSubscribed)
	m.lsub = lsub
	if !w.note(func(b *inbox) bool {
		b.names += len(m.Name)
		for _, attr := range m.Attrs {
			b.names += 16 + len(attr)
		}
		if !b.List || len(b.Lists) >= maxLists || b.names > maxNames {
			if b.List {
				b.over("mailboxes")
			}
			return b.List
		}
		b.Lists = append(b.Lists, m)
		return true
	}) {
		w.tell(Listed(m))
	}
	return nil
}

func canonicalAttr(s string) imap.MailboxAttr {
	for _, a := range []imap.MailboxAttr{imap.MailboxAttrNonExistent, imap.MailboxAttrNoInferiors, imap.MailboxAttrNoSelect,
		imap.MailboxAttrHasChildren, imap.MailboxAttrHasNoChildren, imap.MailboxAttrMarked, imap.MailboxAttrUnmarked,
		imap.MailboxAttrSubscribed, imap.MailboxAttrRemote, imap.MailboxAttrAll, imap.MailboxAttrArchive, imap.MailboxAttrDrafts,
		imap.MailboxAttrFlagged, imap.MailboxAttrJunk, imap.MailboxAttrSent, imap.MailboxAttrTrash, imap.MailboxAttrImportant} {
		if strings.EqualFold(s, string(a)) {
			return a
		}
	}
	return imap.MailboxAttr(s)
}

// status reads a STATUS response. A value that is none leaves its field zero.
func (w *wire) status(s *scanner) error {
	raw, _ := s.spaces().text()
	var st Status
	s.list(func() {
		name := strings.ToUpper(s.atom())
		switch s.spaces(); name {
		case "MESSAGES":
			st.Messages = uint32(s.value(32))
		case "UIDNEXT":
			st.UIDNext = imap.UID(s.value(32))
		case "UIDVALIDITY":
			st.UIDValidity = uint32(s.value(32))
		case "UNSEEN":
			st.Unseen = uint32(s.value(32))
		case "HIGHESTMODSEQ":
			st.HighestModSeq = ModSeq(s.value(modSeqBits))
		default:
			s.skip()
		}
	})
	if err := s.drop(); err != nil {
		return err
	}
	name, ok := decodeName(raw)
	if !ok {
		w.tell(Unusable(raw))
		return nil
	}
	if !w.note(func(b *inbox) bool {
		if b.names += len(name); b.Status != nil && len(b.Status) < maxLists && b.names <= maxNames {
			b.Status[name] = &st
		} else if b.Status != nil {
			b.over("mailboxes")
		}
		return b.Status != nil
	}) {
		w.tell(ChangedMailbox{name, st})
	}
	return nil
}
