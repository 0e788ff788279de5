package retrieve

import (
	"fmt"
	"slices"
	"time"

	"postie/maildir"
	"postie/maildir/index"
	"postie/pop3"
)

// Mode says what becomes of a message on the server once it is stored here.
type Mode uint8

const (
	Delete       Mode = iota // deleted as soon as it is stored
	Forever                  // left alone
	For                      // deleted when it was stored longer ago than Keep.Age
	UntilDeleted             // deleted once it is gone from the Maildir
)

// Keep is the account's 'keep'. The zero value deletes.
type Keep struct {
	Mode Mode
	Age  time.Duration // with For
}

// Policy is what the user wants; the zero value fetches everything and deletes it on the server.
type Policy struct {
	Keep            Keep
	MaxSize         int64   // octets; larger messages are left on the server; 0: no limit
	Limit           int     // messages fetched in one run; 0: no limit
	MaxDelete       float64 // of the known messages, as a fraction: more than that, and more than 10, are not deleted because their files are gone
	AllowMassDelete bool
}

// View is what a run saw: the server's list, the ledger, and the Maildir as far as it matters.
type View struct {
	Items    []pop3.Item
	Receipts []index.Receipt           // Stored and Gone; what was Arriving is resolved before
	Heads    map[pop3.Number]Head      // what TOP said of the Doubts
	Missing  map[maildir.Key]bool      // with UntilDeleted: receipts' files that are no longer in the Maildir
	Local    map[int64][]index.Message // by size on the wire; only in a maildrop's first run with this database
	Now      time.Time
}

// Head is a message's header as TOP gave it.
type Head struct {
	Hash    [32]byte // message.Header.Hash
	Telling bool     // it has a Message-ID: an equal header is an equal message
}

// Action is what to do with one message on the server.
type Action uint8

const (
	Fetch Action = iota + 1 // RETR and store, unless it turns out to be one of Against
	Adopt                   // we have it under another UIDL: note that, fetch nothing
	Drop                    // DELE
	Skip                    // larger than the policy takes
)

// String is the word that a dry run prints.
func (a Action) String() string {
	return [...]string{"?", "fetch", "adopt", "delete", "skip"}[a]
}

// Op is one step of a plan, for one message on the server.
type Op struct {
	Action  Action
	Item    pop3.Item
	Reason  string
	Copy    Copy   // Adopt, Drop: the copy that we have
	Against []Copy // Fetch: copies it may be equal to; then it is not stored a second time
	Lost    bool   // leads to a deletion because the local copy is gone: what the guard counts
}

// Copy is a message that we already have: a row of the ledger, or a message in the Maildir that no row speaks of.
type Copy struct {
	Receipt int64 // ID, or 0
	Message int64 // ID, or 0
	Key     maildir.Key
	Wire    maildir.Wire
	Due     bool // its twin on the server is to be deleted

	header [32]byte
	listed int64
	read   bool // RETR gave it under the UIDL that it has: with size and header equal, that licenses a DELE
	gone   bool // the server had promised to delete it
}

// Plan is what a run will do, in the order of the server's list.
type Plan struct {
	Ops    []Op
	Forget []int64 // receipts whose message the server no longer lists
	Known  int     // messages on the server that we have and that stay
	Later  int     // messages left for another run by Limit
	Guard  *Guard  // then Ops is empty: the maildrop is left untouched
}

// Guard tells why a run that would delete too much was stopped.
type Guard struct {
	Would, Of int // messages to be deleted because their files are gone, of so many known ones
}

func (g *Guard) Error() string {
	return fmt.Sprintf("%d of %d messages that are still on the server are gone from the Maildir: deleting them there too was refused", g.Would, g.Of)
}

// Doubts names the messages whose header must be seen (TOP) before a Diff can be sure of them. It is empty when
// nothing was fetched before, and when all that was fetched may stay: cost follows what changed.
func Doubts(v View, p Policy) []pop3.Number {
	m := newMatcher(v, p)
	var ns []pop3.Number
	for _, it := range v.Items {
		same, alike := m.candidates(it)
		if len(alike) == 0 && !slices.ContainsFunc(same, func(c *Copy) bool { return c.listed == it.Size }) {
			continue // new, or to be read and compared whatever its header is
		}
		if c := m.trusted(it, same); c != nil && !c.Due {
			continue
		}
		ns = append(ns, it.Number)
	}
	return ns
}

// Diff decides what makes the maildrop and the Maildir agree. It is pure: the same view gives the same plan.
func Diff(v View, p Policy) Plan {
	m := newMatcher(v, p)
	var plan Plan
	lost, copies, fetches := 0, 0, 0
	for _, it := range v.Items {
		op, ok := m.decide(it)
		if !ok || op.Action != Fetch || len(op.Against) > 0 {
			copies++
		}
		switch {
		case !ok:
			plan.Known++
			continue
		case op.Action == Fetch && p.MaxSize > 0 && it.Size > p.MaxSize:
			op = Op{Action: Skip, Item: it, Reason: "larger than the limit"}
		case op.Action == Fetch && p.Limit > 0 && fetches == p.Limit:
			plan.Later++
			continue
		case op.Action == Fetch:
			fetches++
		}
		if op.Lost {
			lost++
		}
		plan.Ops = append(plan.Ops, op)
	}
	plan.Forget = m.unlisted()
	if g := p.guard(lost, copies); g != nil {
		return Plan{Guard: g}
	}
	return plan
}

// guard is the promise that an emptied or half-emptied Maildir never empties the server.
func (p Policy) guard(lost, of int) *Guard {
	if p.AllowMassDelete {
		return nil
	}
	many := lost > 10 && float64(lost) > p.MaxDelete*float64(of)
	// All of them, be they ever so few, look like a Maildir that was lost; who empties an inbox on purpose
	// and often says max_delete = "100%".
	all := lost >= 2 && lost == of && p.MaxDelete < 1
	if many || all {
		return &Guard{Would: lost, Of: of}
	}
	return nil
}

// due tells whether the policy wants a stored message deleted on the server, and whether that is because
// its file is gone here.
func (p Policy) due(key maildir.Key, stored time.Time, v View) (due, lost bool) {
	switch p.Keep.Mode {
	case Delete:
		return true, false
	case For:
		return v.Now.Sub(stored) >= p.Keep.Age, false
	case UntilDeleted:
		return v.Missing[key], v.Missing[key]
	}
	return false, false
}

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
	case it.UIDL != "" && !slices.Contains(m.byUIDL[it.UIDL], c):
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
