package retrieve

import (
	"slices"
	"strconv"
	"time"

	"postie/maildir/index"
	"postie/pop3"
)

// awayFor is how long a receipt is kept whose message the server does not list. A server that shows an empty maildrop for
// a while (its storage was not there) must not bring everything a second time.
const awayFor = 90 * 24 * time.Hour

// matcher finds, for what the server lists, what we have of it.
type matcher struct {
	view   View
	policy Policy
	byUIDL map[string][]*Copy // the ledger, but for "", which is no UIDL
	alike  map[likeness][]*Copy
	sizes  map[int64]int    // of those in alike, also when they are used
	listed map[string]int   // how often the server lists a UIDL
	twins  map[identity]int // messages that only their bodies could tell apart
	copies []*Copy          // of the receipts, in their order
	used   map[*Copy]bool   // by a message that is that copy
	kept   map[*Copy]bool   // for a message that is, or may be, that copy
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

func newMatcher(v View, p Policy) *matcher {
	m := &matcher{view: v, policy: p, byUIDL: map[string][]*Copy{}, alike: map[likeness][]*Copy{}, sizes: map[int64]int{},
		listed: map[string]int{}, twins: map[identity]int{}, used: map[*Copy]bool{}, kept: map[*Copy]bool{}}
	for _, it := range v.Items {
		if it.UIDL != "" {
			m.listed[it.UIDL]++
		}
		m.twins[m.identity(it)]++
	}
	for _, r := range v.Receipts {
		due, _ := p.due(r.Key, r.At, v)
		c := &Copy{Receipt: r.ID, Key: r.Key, Wire: r.Wire, Due: due, header: r.Header, listed: r.Listed, read: r.Read,
			gone: r.State == index.Gone, away: r.State == index.Away}
		m.copies = append(m.copies, c)
		m.byUIDL[r.UIDL] = append(m.byUIDL[r.UIDL], c)
		if m.listed[r.UIDL] == 0 && !c.gone {
			// Its UIDL vanished: the message may have gone, or the server renumbered. What the server had
			// promised to delete did go: an equal message that comes later is another one.
			m.stray(c)
		}
	}
	for _, l := range v.Local {
		due, _ := p.due(l.Key, l.Date, v)
		m.stray(&Copy{Message: l.ID, Key: l.Key, Wire: l.Wire, Due: due, header: l.Header, listed: l.Wire.Size})
	}
	return m
}

func (m *matcher) stray(c *Copy) {
	like := likeness{c.listed, c.header}
	m.alike[like] = append(m.alike[like], c)
	m.sizes[c.listed]++
}

func (m *matcher) identity(it pop3.Item) identity {
	return identity{it.UIDL, likeness{it.Size, m.view.Heads[it.Number].Hash}}
}

// trusted is the copy that UIDL and size name without doubt. RFC 1939 section 7 promises that a UIDL is never
// reused while its message exists; servers that break that are seen by the size, and by TOP before anything is deleted.
func (m *matcher) trusted(it pop3.Item, same []*Copy) *Copy {
	if it.UIDL != "" && len(same) == 1 && m.listed[it.UIDL] == 1 && same[0].listed == it.Size && !same[0].away {
		return same[0]
	}
	return nil
}

// decide says what to do with one message; false: nothing, we have it and it stays.
func (m *matcher) decide(it pop3.Item) (Op, bool) {
	var same []*Copy
	if it.UIDL != "" {
		same = m.byUIDL[it.UIDL]
	}
	head, seen := m.view.Heads[it.Number]
	switch c := m.trusted(it, same); {
	case c != nil && !c.Due:
		m.kept[c] = true
		return Op{}, false
	case c != nil && c.read && !seen:
		op, ok := m.settle(it, c, true)
		op.Check = true
		return op, ok
	}
	if seen {
		if c := m.proven(it, same, head); c != nil {
			return m.settle(it, c, c.read)
		}
		if c := m.alikeTo(it, head); c != nil {
			return m.settle(it, c, false)
		}
	}
	op := Op{Action: Fetch, Item: it, Reason: "new"}
	if len(same) > 0 {
		op.Reason = "its UIDL was another message's"
	}
	for _, c := range same {
		if seen && c.header != head.Hash {
			continue
		}
		op.Against = append(op.Against, c)
		m.kept[c] = true
		op.Reason = "may be known: to be read and compared"
		_, lost := m.policy.due(c.Key, m.view.Now, m.view)
		op.Lost = op.Lost || lost
	}
	return op, true
}

// settle: the message is the copy c. A deletion needs a licence: the UIDL was read by us, and size and header are
// still the same. A match by content alone spares a fetch; before a deletion the message is read and compared whole.
func (m *matcher) settle(it pop3.Item, c *Copy, licensed bool) (Op, bool) {
	m.used[c] = true
	_, lost := m.policy.due(c.Key, m.view.Now, m.view)
	renamed := c.Receipt == 0 || it.UIDL != "" && !slices.Contains(m.byUIDL[it.UIDL], c)
	switch {
	case c.Due && licensed:
		return Op{Action: Drop, Item: it, Reason: m.policy.Keep.reason(), Copy: c, Lost: lost}, true
	case c.Due:
		return Op{Action: Fetch, Item: it, Reason: "known by its content only: to be read and compared before it is deleted", Against: []*Copy{c}, Lost: lost}, true
	case renamed:
		return Op{Action: Adopt, Item: it, Reason: "known by its content", Copy: c}, true
	case c.away:
		return Op{Action: Adopt, Item: it, Reason: "it is back", Copy: c, Read: c.read}, true
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
func (m *matcher) proven(it pop3.Item, same []*Copy, head Head) *Copy {
	var found *Copy
	equal := 0
	for _, c := range same {
		if c.listed == it.Size && c.header == head.Hash {
			equal++
			if found == nil && !m.used[c] {
				found = c
			}
		}
	}
	if m.twins[m.identity(it)] > equal {
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

// strays are the copies that nothing on the server was matched with.
func (m *matcher) strays() Strays {
	strays := Strays{}
	for _, copies := range m.alike {
		for _, c := range copies {
			id := content{c.Wire.Size, c.Wire.Hash}
			strays[id] = append(strays[id], c)
		}
	}
	for _, copies := range strays { // maps have no order, plans have
		slices.SortFunc(copies, func(a, b *Copy) int { return int(a.Receipt + a.Message - b.Receipt - b.Message) })
	}
	return strays
}

// unlisted are the receipts that the server no longer lists: those that are away now, and those to be forgotten, because
// the server deleted them for us, reused their UIDL, or does not list them for long.
func (m *matcher) unlisted() (away, forget []int64) {
	for i, r := range m.view.Receipts {
		c := m.copies[i]
		switch {
		case m.used[c] || m.kept[c]:
		case r.State == index.Stored && m.listed[r.UIDL] == 0:
			away = append(away, r.ID)
		case r.State != index.Away || m.listed[r.UIDL] > 0 || m.view.Now.Sub(r.At) > awayFor:
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
