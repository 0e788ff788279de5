package retrieve

import (
	"fmt"
	"slices"
	"strings"
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
	Receipts []index.Receipt      // all but Arriving, which is resolved before
	Heads    map[pop3.Number]Head // what TOP said of the Doubts
	Missing  map[maildir.Key]bool // with UntilDeleted: receipts' files that are no longer in the Maildir
	Lost     []string             // with UntilDeleted: folders that held messages, and are not there
	Local    []index.Brief        // mail that no receipt speaks of; only until a first run with this database came to its end
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
	Fetch Action = iota + 1 // RETR and store, unless it turns out to be one of Against or of Plan.Strays
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
	Copy    *Copy   // Adopt, Drop: the copy that we have
	Read    bool    // Adopt: it was read under this UIDL
	Check   bool    // Drop: only if TOP shows the header of Copy, else it is another message, to be fetched
	Against []*Copy // Fetch: copies of its UIDL; if it is one of them it is not stored a second time
	Lost    bool    // leads to a deletion because the local copy is gone: what the guard counts
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
	away   bool // the server did not list it for a while
}

// Strays are copies that have no place on the server, as far as UIDLs tell. Whatever is fetched is compared with them, octet
// for octet: it may be one of them under another UIDL.
type Strays map[content][]*Copy

type content struct {
	size int64
	hash [32]byte
}

// Plan is what a run will do, in the order of the server's list.
type Plan struct {
	Ops    []Op
	Strays Strays
	Away   []int64 // receipts whose message the server no longer lists
	Forget []int64 // receipts of messages that the server deleted for us, or does not list for long
	Known  int     // messages on the server that we have and that stay
	Later  int     // messages left for another run by Limit
	Guard  *Guard  // then Ops is empty: the maildrop is left untouched
}

// Guard tells why a run that would delete too much was stopped.
type Guard struct {
	Would, Of int      // messages to be deleted because their files are gone, of so many known ones
	Folders   []string // folders of the Maildir that are gone, when that is the reason
}

func (g *Guard) Error() string {
	if len(g.Folders) > 0 {
		return fmt.Sprintf("folders of the Maildir that held messages are not there (%s): deleting on the server was refused", strings.Join(g.Folders, ", "))
	}
	return fmt.Sprintf("%d of %d messages that are still on the server are gone from the Maildir: deleting them there too was refused", g.Would, g.Of)
}

// Doubts names the messages whose header must be seen (TOP) before a Diff can be sure of them. It is empty when
// nothing was fetched before, and when UIDLs and sizes tell all: cost follows what changed.
func Doubts(v View, p Policy) []pop3.Number {
	m := newMatcher(v, p)
	var ns []pop3.Number
	for _, it := range v.Items {
		same := m.byUIDL[it.UIDL]
		if m.sizes[it.Size] == 0 && !slices.ContainsFunc(same, func(c *Copy) bool { return c.listed == it.Size }) {
			continue // new, or to be read and compared whatever its header is
		}
		if c := m.trusted(it, same); c != nil && (!c.Due || c.read) {
			continue // if it is due, its header is looked at just before it is deleted
		}
		ns = append(ns, it.Number)
	}
	return ns
}

// Diff decides what makes the maildrop and the Maildir agree. It is pure: the same view gives the same plan.
func Diff(v View, p Policy) Plan {
	if len(v.Lost) > 0 && !p.AllowMassDelete {
		return Plan{Guard: &Guard{Folders: v.Lost}}
	}
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
	if g := p.guard(lost, copies); g != nil {
		return Plan{Guard: g}
	}
	plan.Strays = m.strays()
	plan.Away, plan.Forget = m.unlisted()
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
