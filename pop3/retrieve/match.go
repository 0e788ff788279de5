package retrieve

import (
	"slices"
	"strconv"
	"time"

	"postie/pop3"
	"postie/pop3/ledger"
)

// awayFor is how long a receipt is kept whose message the server does not list. A server that shows an empty maildrop for
// a while (its storage was not there) must not bring everything a second time.
const awayFor = 90 * 24 * time.Hour

// matcher finds, for what the server lists, what we have of it.
type matcher struct {
	view     View
	policy   Policy
	byUIDL   map[string][]*Copy // the ledger, but for "", which is no UIDL
	listed   map[string]int     // how often the server lists a UIDL
	twins    map[identity]int   // messages that only their bodies could tell apart; nil: nobody asked
	copies   []*Copy            // of the receipts, in their order
	found    map[pop3.Number]*Copy
	used     map[*Copy]bool       // by a message that is that copy
	kept     map[*Copy]bool       // for a message that may be that copy
	left     []*Copy              // what no message is for sure
	alike    map[likeness][]*Copy // those of them that a message may be under another UIDL
	sizes    map[int64]int        // of those
	breakers map[breakerID]ledger.Breaker
	shifted  bool // the UIDLs are numbers, and name other messages than they did: none is believed
}

// likeness is what tells a copy that may be on the server under another UIDL.
type likeness struct {
	size int64
	head [32]byte
}

type identity struct {
	uidl string
	likeness
}

// newMatcher matches in the order of certainty: first what UIDL and size name without doubt, then what TOP shows to be the
// message of that UIDL, and then, among all copies that are left, what has the same size and the same telling header.
func newMatcher(v View, p Policy) *matcher {
	m := &matcher{view: v, policy: p, byUIDL: make(map[string][]*Copy, len(v.Receipts)), listed: make(map[string]int, len(v.Items)), found: make(map[pop3.Number]*Copy, len(v.Items)),
		breakers: byID(v.Breakers), used: make(map[*Copy]bool, len(v.Receipts)), kept: map[*Copy]bool{}, alike: map[likeness][]*Copy{}, sizes: map[int64]int{}}
	for _, it := range v.Items {
		if it.UIDL != "" {
			m.listed[it.UIDL]++
		}
	}
	all := make([]Copy, len(v.Receipts))
	for i, r := range v.Receipts {
		due, lost := p.due(r.Key, r.At, v)
		c := &all[i]
		*c = Copy{Receipt: r.ID, Key: r.Key, Wire: r.Wire, Due: due, lost: lost, damaged: v.Damaged[r.Key], header: r.Header, listed: r.Listed, read: r.Read,
			gone: r.State == ledger.Gone, away: r.State == ledger.Away}
		m.copies = append(m.copies, c)
		m.byUIDL[r.UIDL] = append(m.byUIDL[r.UIDL], c)
	}
	if n := m.witness(); n > 0 && v.Heads != nil {
		c := m.byUIDL[strconv.Itoa(int(n))][0]
		if head, seen := v.Heads[n]; !seen || !head.Telling || head.Hash != c.header {
			m.shifted, m.byUIDL, m.listed = true, map[string][]*Copy{}, map[string]int{}
		}
	}
	m.match()
	return m
}

// match fills found, and what is left over.
func (m *matcher) match() {
	claim := func(it pop3.Item, c *Copy) {
		if c != nil && m.found[it.Number] == nil && !m.used[c] {
			m.found[it.Number], m.used[c] = c, true
		}
	}
	for _, it := range m.view.Items {
		claim(it, m.trusted(it))
	}
	for _, it := range m.view.Items {
		if head, seen := m.view.Heads[it.Number]; seen && m.found[it.Number] == nil {
			claim(it, m.proven(it, head))
		}
	}
	for i, c := range m.copies {
		// What the server had promised to delete did go: an equal message that comes later is another one. Of several
		// messages of one UIDL only the bodies tell which is which.
		if !m.used[c] && !c.gone {
			m.leave(c, m.listed[m.view.Receipts[i].UIDL] < 2)
		}
	}
	for _, l := range m.view.Local {
		due, lost := m.policy.due(l.Key, l.Date, m.view)
		m.leave(&Copy{Message: l.ID, Key: l.Key, Wire: l.Wire, Due: due, lost: lost, header: l.Header, listed: l.Wire.Size}, true)
	}
	for _, it := range m.view.Items {
		if head, seen := m.view.Heads[it.Number]; seen && m.found[it.Number] == nil {
			claim(it, m.alikeTo(it, head))
		}
	}
}

// witness is the message by whose header UIDLs that are only numbers stand or fall: the last one that UIDL and size name. If any
// before it was deleted by others, or came in between, another message has its number now. 0: there is no need.
func (m *matcher) witness() pop3.Number {
	if !numbered(m.view.Items) {
		return 0
	}
	for _, it := range slices.Backward(m.view.Items) {
		if m.trusted(it) != nil {
			return it.Number
		}
	}
	return 0
}

func (m *matcher) leave(c *Copy, alike bool) {
	if m.left = append(m.left, c); !alike {
		return
	}
	like := likeness{c.listed, c.header}
	m.alike[like] = append(m.alike[like], c)
	m.sizes[c.listed]++
}

// alikeListed is how many messages the server lists that only their bodies tell from one, itself included.
func (m *matcher) alikeListed(it pop3.Item) int {
	if m.twins == nil {
		m.twins = map[identity]int{}
		for _, it := range m.view.Items {
			m.twins[m.identity(it)]++
		}
	}
	return m.twins[m.identity(it)]
}

func (m *matcher) identity(it pop3.Item) identity {
	return identity{it.UIDL, likeness{it.Size, m.view.Heads[it.Number].Hash}}
}

// trusted is the copy that UIDL and size name without doubt. RFC 1939 section 7 promises that a UIDL is never
// reused while its message exists; servers that break that are seen by the size, and by TOP before anything is deleted.
func (m *matcher) trusted(it pop3.Item) *Copy {
	same := m.same(it)
	if len(same) == 1 && m.listed[it.UIDL] == 1 && same[0].listed == it.Size && !same[0].away {
		return same[0]
	}
	return nil
}

// same are the copies of a message's UIDL.
func (m *matcher) same(it pop3.Item) []*Copy {
	if it.UIDL == "" {
		return nil
	}
	return m.byUIDL[it.UIDL]
}

// decide says what to do with one message; false: nothing, we have it and it stays.
func (m *matcher) decide(it pop3.Item) (Op, bool) {
	same := m.same(it)
	head, seen := m.view.Heads[it.Number]
	switch c := m.found[it.Number]; {
	case c == nil:
	case c == m.trusted(it) && !c.Due:
		return Op{}, false
	case c == m.trusted(it) && c.read && (!seen || head.Hash == c.header):
		op, ok := m.settle(it, c, true)
		op.Check = op.Action == Drop
		return op, ok
	case c == m.trusted(it): // due, and never read under its UIDL, or it looks like another one now
		return m.compare(it, same), true
	default:
		return m.settle(it, c, slices.Contains(same, c) && c.read)
	}
	return m.compare(it, same), true
}

// compare: the message is read, and compared with what we have of its UIDL; and, as all that is fetched, with what is left
// over. TOP is no reason not to compare: some servers show another header there than RETR gives.
func (m *matcher) compare(it pop3.Item, same []*Copy) Op {
	op := Op{Action: Fetch, Item: it, Reason: "new"}
	for _, c := range same {
		if m.used[c] && m.found[it.Number] != c {
			continue
		}
		op.Against = append(op.Against, c)
		m.kept[c] = true
		op.Reason = "may be known: to be read and compared"
		op.Lost = op.Lost || c.lost
		if m.listed[it.UIDL] == 1 {
			op.Stale = append(op.Stale, c)
		}
	}
	return op
}

// settle: the message is the copy c. A deletion needs a licence: the UIDL was read by us, and size and header are
// still the same. A match by content alone spares a fetch; before a deletion the message is read and compared whole.
func (m *matcher) settle(it pop3.Item, c *Copy, licensed bool) (Op, bool) {
	renamed := c.Receipt == 0 || it.UIDL != "" && !slices.Contains(m.same(it), c)
	switch {
	case c.Due && c.damaged:
		return Op{Action: Fetch, Item: it, Reason: "its copy here is damaged", Lost: c.lost, Damaged: c}, true
	case c.Due && licensed:
		return Op{Action: Drop, Item: it, Reason: m.policy.Keep.reason(), Copy: c, Lost: c.lost}, true
	case c.Due:
		m.used[c], m.kept[c] = false, true // another message may turn out to be it
		return Op{Action: Fetch, Item: it, Reason: "known by its content only: to be read and compared before it is deleted", Against: []*Copy{c}, Lost: c.lost}, true
	case renamed:
		return Op{Action: RecordOnly, Item: it, Reason: "known by its content", Copy: c}, true
	case c.away:
		return Op{Action: RecordOnly, Item: it, Reason: "it is back", Copy: c, Read: c.read}, true
	}
	return Op{}, false
}

func (k Keep) reason() string {
	switch k.Mode {
	case For:
		return "kept long enough"
	case UntilDeleted:
		return "deleted here"
	}
	return "stored here"
}

// proven is the copy whose UIDL, size and header are all equal. Where the server lists more such messages than we
// have, nobody can tell which is which: then none is proven, and all are read.
func (m *matcher) proven(it pop3.Item, head Head) *Copy {
	var found *Copy
	equal := 0
	for _, c := range m.same(it) {
		if c.listed == it.Size && c.header == head.Hash {
			equal++
			if !m.used[c] && (found == nil || found.damaged) {
				found = c
			}
		}
	}
	if m.alikeListed(it) > equal {
		return nil
	}
	return found
}

// alikeTo takes a copy of equal size and equal, telling header under a UIDL that is no longer listed (a server that
// renumbered, or a ledger that was lost). Equal copies are matched by count.
func (m *matcher) alikeTo(it pop3.Item, head Head) *Copy {
	like := likeness{it.Size, head.Hash}
	if !head.Telling || len(m.alike[like]) == 0 {
		return nil
	}
	c := m.alike[like][0]
	m.alike[like] = m.alike[like][1:]
	return c
}

// unmatched are the copies that nothing on the server was matched with: of all receipts, not only of those whose UIDL is no longer
// listed, for a server may give a UIDL to another message.
func (m *matcher) unmatched() Unmatched {
	unmatched := Unmatched{}
	for _, c := range m.left {
		if !m.used[c] {
			id := content{c.Wire.Size, c.Wire.Hash}
			unmatched[id] = append(unmatched[id], c)
		}
	}
	for _, copies := range unmatched { // maps have no order, plans have
		slices.SortFunc(copies, func(a, b *Copy) int { return int(a.Receipt + a.Message - b.Receipt - b.Message) })
	}
	return unmatched
}

// unlisted are the receipts that the server no longer lists: those that are away now, and those to be forgotten, because
// the server deleted them for us, reused their UIDL, or does not list them for long.
func (m *matcher) unlisted() (away, forget []int64) {
	for i, r := range m.view.Receipts {
		c := m.copies[i]
		switch {
		case m.used[c] || m.kept[c]:
		case r.State == ledger.Stored && m.listed[r.UIDL] == 0:
			away = append(away, r.ID)
		case r.State != ledger.Away || m.listed[r.UIDL] > 0 || m.view.Now.Sub(r.At) > awayFor:
			forget = append(forget, r.ID)
		}
	}
	return away, forget
}

// numbered says whether the UIDLs are the numbers of the messages: they then change when another message is deleted, against RFC
// 1939 section 7, and name nothing.
func numbered(items []pop3.Item) bool {
	for _, it := range items {
		if it.UIDL != strconv.Itoa(int(it.Number)) {
			return false
		}
	}
	return len(items) > 0
}
