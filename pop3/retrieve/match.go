package retrieve

import (
	"slices"

	"postie/maildir/index"
	"postie/pop3"
)

// matcher finds, for what the server lists, what we have of it.
type matcher struct {
	view    View
	policy  Policy
	byUIDL  map[string][]*Copy // the ledger
	bySize  map[int64][]*Copy  // what may be on the server under another UIDL
	listed  map[string]int     // how often the server lists a UIDL
	twins   map[identity]int   // messages that only their bodies could tell apart
	used    map[*Copy]bool
	present map[int64]bool // receipts whose message is on the server, or may be
}

type identity struct {
	uidl string
	size int64
	head [32]byte
}

func newMatcher(v View, p Policy) *matcher {
	m := &matcher{view: v, policy: p,
		byUIDL: map[string][]*Copy{}, bySize: map[int64][]*Copy{}, listed: map[string]int{},
		twins: map[identity]int{}, used: map[*Copy]bool{}, present: map[int64]bool{}}
	for _, it := range v.Items {
		if it.UIDL != "" {
			m.listed[it.UIDL]++
		}
		m.twins[m.identity(it)]++
	}
	for _, r := range v.Receipts {
		m.addReceipt(r)
	}
	for size, messages := range v.Local {
		for _, l := range messages {
			due, _ := p.due(l.Entry.Key, l.Date, v)
			m.bySize[size] = append(m.bySize[size],
				&Copy{Message: l.ID, Key: l.Entry.Key, Wire: l.Wire, Due: due, header: l.Header, listed: size})
		}
	}
	return m
}

func (m *matcher) addReceipt(r index.Receipt) {
	due, _ := m.policy.due(r.Key, r.At, m.view)
	c := &Copy{Receipt: r.ID, Key: r.Key, Wire: r.Wire, Due: due,
		header: r.Header, listed: r.Listed, read: r.Read, gone: r.State == index.Gone}
	m.byUIDL[r.UIDL] = append(m.byUIDL[r.UIDL], c)
	if m.listed[r.UIDL] == 0 && !c.gone {
		// Its UIDL vanished: the message may have gone, or the server renumbered. What the server had
		// promised to delete did go: an equal message that comes later is another one.
		m.bySize[r.Listed] = append(m.bySize[r.Listed], c)
	}
}

func (m *matcher) identity(it pop3.Item) identity {
	return identity{it.UIDL, it.Size, m.view.Heads[it.Number].Hash}
}

// candidates are the copies that a listed message may be equal to: those with its UIDL, and those of its size
// whose own UIDL is not listed.
func (m *matcher) candidates(it pop3.Item) (same, alike []*Copy) {
	if it.UIDL != "" {
		same = m.byUIDL[it.UIDL]
	}
	return same, m.bySize[it.Size]
}

// trusted is the copy that UIDL and size name without doubt. RFC 1939 section 7 promises that a UIDL is never
// reused while its message exists; servers that break that are seen by the size, and by TOP before anything is deleted.
func (m *matcher) trusted(it pop3.Item, same []*Copy) *Copy {
	if len(same) == 1 && m.listed[it.UIDL] == 1 && same[0].listed == it.Size {
		return same[0]
	}
	return nil
}

// decide says what to do with one message; false: nothing, we have it and it stays.
func (m *matcher) decide(it pop3.Item) (Op, bool) {
	same, alike := m.candidates(it)
	head, seen := m.view.Heads[it.Number]
	if c := m.trusted(it, same); c != nil && !c.Due {
		m.present[c.Receipt] = true
		return Op{}, false
	}
	if seen {
		if c := m.proven(it, same, head); c != nil {
			return m.settle(it, c, c.read)
		}
		if c := m.alike(alike, head); c != nil {
			return m.settle(it, c, false)
		}
	}
	op := Op{Action: Fetch, Item: it, Reason: "new"}
	if len(same) > 0 {
		op.Reason = "its UIDL was another message's"
	}
	for _, c := range slices.Concat(same, alike) {
		if seen && c.header != head.Hash {
			continue
		}
		op.Against = append(op.Against, *c)
		m.present[c.Receipt] = true
		_, lost := m.policy.due(c.Key, m.view.Now, m.view)
		op.Lost = op.Lost || lost
	}
	if len(op.Against) > 0 {
		op.Reason = "may be known: to be read and compared"
	}
	return op, true
}

// settle: the message is the copy c. A deletion needs a licence: the UIDL was read by us, and size and header are
// still the same. A match by content alone spares a fetch; before a deletion the message is read and compared whole.
func (m *matcher) settle(it pop3.Item, c *Copy, licensed bool) (Op, bool) {
	m.used[c] = true
	m.present[c.Receipt] = true
	_, lost := m.policy.due(c.Key, m.view.Now, m.view)
	switch {
	case c.Due && licensed:
		return Op{Action: Drop, Item: it, Reason: m.policy.Keep.reason(), Copy: *c, Lost: lost}, true
	case c.Due:
		return Op{Action: Fetch, Item: it, Reason: "known by its content only: to be read and compared before it is deleted", Against: []Copy{*c}, Lost: lost}, true
	case c.Receipt == 0 || it.UIDL != "" && !slices.Contains(m.byUIDL[it.UIDL], c):
		return Op{Action: Adopt, Item: it, Reason: "known by its content", Copy: *c}, true
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

// alike is a copy of equal size and equal, telling header under a UIDL that is no longer listed (a server that
// renumbered, or a ledger that was lost). Equal copies are matched by count.
func (m *matcher) alike(alike []*Copy, head Head) *Copy {
	if !head.Telling {
		return nil
	}
	for _, c := range alike {
		if !m.used[c] && c.header == head.Hash {
			return c
		}
	}
	return nil
}

// unlisted are the receipts that leave the ledger, since the server has their messages no more. A receipt with which
// a message is still to be compared stays for another run.
func (m *matcher) unlisted() []int64 {
	var ids []int64
	for _, r := range m.view.Receipts {
		if !m.present[r.ID] {
			ids = append(ids, r.ID)
		}
	}
	return ids
}
