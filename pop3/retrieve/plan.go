package retrieve

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"postie/maildir"
	"postie/maildir/index"
	"postie/pop3"
	"postie/pop3/ledger"
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

// tells says whether a file that is gone tells something: what is to become of its message on the server.
func (k Keep) tells() bool { return k.Mode == For || k.Mode == UntilDeleted }

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
	Receipts []ledger.Receipt     // all but Arriving, which is resolved before
	Heads    map[pop3.Number]Head // what TOP said of the Doubts; nil: it was not asked yet
	Missing  map[maildir.Key]bool // receipts' files that are no longer in the Maildir; looked for where it matters: see Judges
	Damaged  map[maildir.Key]bool // of the files that are there: what was stored is not in them whole
	Unproved map[maildir.Key]bool // of the files that are there: whether they are whole cannot be seen
	Lost     []string             // folders that held messages, and are not there; looked for likewise
	Breakers []ledger.Breaker     // messages at which sessions broke
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
	Fetch      Action = iota + 1 // RETR and store, unless it turns out to be one of Against or of Plan.Unmatched
	RecordOnly                   // we have it under another UIDL: note that, fetch nothing
	Drop                         // DELE
	Skip                         // larger than the policy takes
	Wait                         // it broke the session too often, and is asked for again later
)

// String is the word that a dry run prints.
func (a Action) String() string {
	return [...]string{"?", "fetch", "record", "delete", "skip", "wait"}[a]
}

// Op is one step of a plan, for one message on the server.
type Op struct {
	Action  Action
	Read    bool // RecordOnly: it was read under this UIDL
	Check   bool // Drop: only if TOP shows the header of Copy, else it is another message, to be fetched
	Lost    bool // leads to a deletion although the local copy is gone, or damaged: what the guard counts
	Last    bool // Fetch: it broke a session, and is asked for when all else is done
	Dots    bool // Fetch: dots at the begin of a line are its own
	Item    pop3.Item
	Reason  string    // that a dry run prints
	Copy    *Copy     // RecordOnly, Drop: the copy that we have
	Against []*Copy   // Fetch: copies of its UIDL; if it is one of them it is not stored a second time
	Damaged *Copy     // Fetch: the copy that is damaged here, in whose place the message is stored
	Until   time.Time // Wait: when it is asked for again
	Stale   []*Copy   // Fetch: copies whose UIDL this message has now: if it is none of them, they are to be forgotten
}

// Copy is a message that we already have: a row of the ledger, or a message in the Maildir that no row speaks of.
type Copy struct {
	Receipt int64 // ID, or 0
	Message int64 // ID, or 0
	Key     maildir.Key
	Wire    maildir.Wire
	Due     bool // its twin on the server is to be deleted

	lost    bool // Due, though its file is gone, or damaged
	damaged bool // its file is there, and not whole
	header  [32]byte
	listed  int64
	read    bool // RETR gave it under the UIDL that it has: with size and header equal, that licenses a DELE
	gone    bool // the server had promised to delete it
	away    bool // the server did not list it for a while
}

// Unmatched are copies that have no place on the server, as far as UIDLs tell. Whatever is fetched is compared with them, octet
// for octet: it may be one of them under another UIDL.
type Unmatched map[content][]*Copy

type content struct {
	size int64
	hash [32]byte
}

// Plan is what a run will do, in the order of the server's list.
type Plan struct {
	Ops       []Op
	Unmatched Unmatched
	Away      []int64 // receipts whose message the server no longer lists
	Forget    []int64 // receipts of messages that the server deleted for us, or does not list for long
	Known     int     // messages on the server that we have and that stay
	Later     int     // messages left for another run by Limit
	Guard     *Guard  // then Ops is empty: the maildrop is left untouched
}

// Guard tells why a run that would delete too much was stopped.
type Guard struct {
	Would, Of int      // messages to be deleted though their files are gone, or damaged, of so many that are known, or due
	Folders   []string // folders of the Maildir that are gone, when that is the reason
}

func (g *Guard) Error() string {
	if len(g.Folders) > 0 {
		return fmt.Sprintf("folders of the Maildir that held messages are not there (%s): deleting on the server was refused", strings.Join(g.Folders, ", "))
	}
	return fmt.Sprintf("%d of %d messages that are still on the server are gone from the Maildir, or not whole there: deleting them on the server too was refused", g.Would, g.Of)
}

// Doubts names the messages whose header must be seen (TOP) before a Diff can be sure of them. It is empty when
// nothing was fetched before, and when UIDLs and sizes tell all: cost follows what changed. With the Heads of these in the
// view, UIDLs that are only numbers may turn out to mean nothing: then there are more.
func Doubts(v View, p Policy) []pop3.Number {
	m := newMatcher(v, p)
	witness := m.witness()
	var ns []pop3.Number
	for _, it := range v.Items {
		if _, seen := v.Heads[it.Number]; !seen && (it.Number == witness || m.doubtful(it)) {
			ns = append(ns, it.Number)
		}
	}
	return ns
}

func (m *matcher) doubtful(it pop3.Item) bool {
	if m.sizes[it.Size] == 0 && !slices.ContainsFunc(m.same(it), func(c *Copy) bool { return c.listed == it.Size }) {
		return false // new, or to be read and compared whatever its header is
	}
	c := m.trusted(it)
	return c == nil || c.Due && !c.read // if it is due, its header is looked at just before it is deleted
}

// Diff decides what makes the maildrop and the Maildir agree. It is pure: the same view gives the same plan.
func Diff(v View, p Policy) Plan {
	plan, lost, of := diff(v, p)
	if g := cmp.Or(p.guard(lost, of, v.Lost), p.emptied(v, lost)); g != nil {
		return Plan{Guard: g}
	}
	return plan
}

// Judges names the files on which it depends whether anything is deleted on the server: those of all copies that are due, and
// may be what the server has. Before a Diff is believed they must be looked for, and looked at.
func Judges(v View, p Policy) map[maildir.Key]bool {
	plan, _, _ := diff(v, p)
	keys := map[maildir.Key]bool{}
	add := func(c *Copy) {
		if c != nil && c.Due && c.Receipt != 0 {
			keys[c.Key] = true
		}
	}
	fetches := false
	for _, op := range plan.Ops {
		add(op.Copy)
		for _, c := range op.Against {
			add(c)
		}
		fetches = fetches || op.Action == Fetch
	}
	for _, copies := range plan.Unmatched {
		for _, c := range copies {
			if fetches {
				add(c)
			}
		}
	}
	return keys
}

// diff is Diff without the guard, which is to be asked about lost deletions among so many.
func diff(v View, p Policy) (plan Plan, lost, of int) {
	m := newMatcher(v, p)
	fetches := 0
	for i, it := range v.Items {
		op, ok := m.decide(it)
		if p.counts(op, ok) {
			of++
		}
		switch {
		case !ok:
			plan.Known++
			continue
		case op.Action == Fetch && p.MaxSize > 0 && it.Size > p.MaxSize:
			op = Op{Action: Skip, Item: it, Reason: "larger than the limit"}
		case op.Action == Fetch && m.breakers[breakerOf(it)].Tries > 0:
			op = op.careful(m.breakers[breakerOf(it)], v.Now)
		case op.Action == Fetch && p.Limit > 0 && fetches == p.Limit:
			plan.Later++
			continue
		case op.Action == Fetch:
			fetches++
		}
		if op.Lost {
			lost++
		}
		if plan.Ops == nil {
			plan.Ops = make([]Op, 0, len(v.Items)-i) // a first fetch has one for each, and growing would take five times the memory
		}
		plan.Ops = append(plan.Ops, op)
	}
	plan.Unmatched = m.unmatched()
	plan.Away, plan.Forget = m.unlisted()
	return plan, lost, of
}

// counts says whether a message is one of those of which only so many may be deleted though they are gone here: of all that are
// known with UntilDeleted, else of those that are due.
func (p Policy) counts(op Op, ok bool) bool {
	if p.Keep.Mode == UntilDeleted {
		return !ok || op.Action != Fetch || len(op.Against) > 0 || op.Damaged != nil
	}
	return ok && (op.Action == Drop || op.Damaged != nil || slices.ContainsFunc(op.Against, func(c *Copy) bool { return c.Due }))
}

// guard is the promise that an emptied or half-emptied Maildir never empties the server.
func (p Policy) guard(lost, of int, folders []string) *Guard {
	if p.AllowMassDelete {
		return nil
	}
	until := p.Keep.Mode == UntilDeleted
	if len(folders) > 0 && (until || lost > 0) {
		return &Guard{Would: lost, Of: of, Folders: folders}
	}
	// What was kept for its time may well be gone here by then.
	if p.many(lost, of) || until && p.all(lost, of) {
		return &Guard{Would: lost, Of: of}
	}
	return nil
}

// many says whether so many deletions are more than one run may do.
func (p Policy) many(n, of int) bool {
	return !p.AllowMassDelete && n > 10 && float64(n) > p.MaxDelete*float64(of)
}

// all says whether deletions, be they ever so few, look like a Maildir that was lost; who empties an inbox on purpose and often says
// max_delete = "100%".
func (p Policy) all(n, of int) bool {
	return !p.AllowMassDelete && n >= 2 && n == of && p.MaxDelete < 1
}

// emptied is the guard for mail that is kept for a time: it becomes due little by little, so that a Maildir that was lost would empty the
// server in portions too small to be told. If too many files went at once, or all of them, or a folder vanished, nothing goes.
func (p Policy) emptied(v View, lost int) *Guard {
	if p.Keep.Mode != For || p.AllowMassDelete || p.MaxDelete >= 1 {
		return nil
	}
	gone, atOnce, of := 0, 0, 0
	for _, r := range v.Receipts {
		if r.State != ledger.Stored {
			continue
		}
		of++
		if v.Missing[r.Key] {
			gone++
		}
		if v.Missing[r.Key] && r.Lost == ledger.AtOnce {
			atOnce++
		}
	}
	if atOnce > 0 && lost > 0 || gone > 0 && len(v.Lost) > 0 {
		return &Guard{Would: gone, Of: of, Folders: v.Lost}
	}
	return nil
}

// due tells whether the policy wants a stored message deleted on the server, and whether it does though there is no whole copy
// of it here.
func (p Policy) due(key maildir.Key, stored time.Time, v View) (due, lost bool) {
	if v.Unproved[key] {
		return false, false
	}
	none := v.Missing[key] || v.Damaged[key]
	switch p.Keep.Mode {
	case Delete:
		return true, none
	case For:
		due = v.Now.Sub(stored) >= p.Keep.Age
		return due, due && none
	case UntilDeleted:
		return v.Missing[key], v.Missing[key]
	}
	return false, false
}
