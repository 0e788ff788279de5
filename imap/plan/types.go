// Package plan compares the three states of an account, what was last agreed (base), what the Maildirs hold and what
// the server holds, and decides what makes the two agree again. It is pure: it does no I/O, calls nobody back, knows no
// clock, and the same view gives the same plan. What a decision needs besides the view is named before (Doubts, MatchDoubts), and is
// data in the view then.
//
// # How it thinks
//
// The base is a list of pairs: this file here is that message there, and these were the flags of each. Every side is
// compared with the base alone (compare.go), so each difference says who did what: a pair whose file is missing was
// deleted, moved or renamed here; one whose UID is missing was expunged or moved there. Then each pair that changed is
// given a place on either side (match.go), and a small table says what follows (decide.go):
//
//	file     message    then
//	home     home       merge the flags (flags.go)
//	home     gone       remove the file
//	gone     home       delete on the server: expunge, move to the trash, or mark
//	gone     gone       forget the pair
//	other    home       UID MOVE
//	home     other      rename the file
//	other    other      the same other: write it down
//
// What is left has no pair: a new file is uploaded, a new message downloaded. Mailboxes follow their messages
// (mailbox.go), and the deletion guard takes out what looks like an accident (guard.go).
//
// # Views
//
// A view need not show everything. Base, files and messages may all be restricted to what may have changed, as long as
// they are restricted alike: a pair that the base shows and that a side does not show is gone from that side. So a
// QRESYNC answer is a view as it stands: the base's pairs among its changed and vanished UIDs, and the changed messages.
// A first run may show a large mailbox some ten thousand UIDs at a time.
//
// Whatever changed, a view shows (as Still, if nothing else is known) pairs with a State other than Agreed, those with a
// PendingChange, those without a body that policy wants by now, and, when what the server keeps has changed, those whose flags
// differ. A mailbox that is new, vanished, or in Plan.Open is shown whole.
package plan

import (
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"postie/maildir"
)

type (
	ModSeq      uint64 // RFC 7162: a modification sequence number; 0: none
	UIDValidity uint32 // RFC 9051 section 2.3.1.1; 0: unknown
)

// Side is one of the two that are to agree. Sides make a set.
type Side uint8

const (
	Local  Side = 1 << iota // the Maildirs
	Remote                  // the server
	Both   = Local | Remote
)

func (s Side) String() string {
	return [...]string{"nowhere", "here", "there", "on both sides"}[s&Both]
}

// State says how far a pair was agreed.
type State uint8

const (
	Agreed   State = iota // both sides have it, or had: a pair without key has no body here
	Marked                // deleted here; the server's message has only got \Deleted, from us
	Withheld              // deleted here (UID) or new here (no UID), but the mailbox there is read-only, or Closed
	Orphan                // lies here (no UID): nobody knows whether it is new or was deleted there
	Archived              // lies here (no UID): it was there and is gone, and Direction keeps it here. It is never uploaded
)

// Pair is one row of the base: one message of one mailbox, as both sides last had it.
type Pair struct {
	UID   imap.UID    // 0: not on the server
	Key   maildir.Key // "": has no body here, so that the Maildir says nothing about it
	State State
	// The flags of either side. They differ in what the server could not keep, and there the local change is remembered.
	Local, Remote maildir.Flags
	Size          int64     // octets, as the server reports it
	Date          time.Time // INTERNALDATE
	Freed         bool      // its body was here, and was dropped by the user: policy does not bring it back
}

// PairID names a pair within its mailbox: by UID, or by key if it has none.
type PairID struct {
	UID imap.UID
	Key maildir.Key
}

// ID names the pair.
func (p Pair) ID() PairID {
	if p.UID != 0 {
		return PairID{UID: p.UID}
	}
	return PairID{Key: p.Key}
}

// Identity is what a message is recognised by where neither key nor UID tells. What is not known is zero.
type Identity struct {
	Size      int64     // octets on the wire, as the server reports them
	Marks     int64     // of those: not the message's own (message.Header.Marks), as far as is known
	Own       int64     // octets that its file gives, where those are not Size, as the server counted: what is put back from here has them; 0: Size
	Date      time.Time // INTERNALDATE, a file's mtime: tells equal copies apart, no more
	EmailID   string    // RFC 8474, or Gmail's X-GM-MSGID
	MessageID string
	Header    [32]byte // message.Header.Hash
	Fields    string   // message.Header.Fields: only where MatchDoubts wants them
	Hash      [32]byte // SHA-256 of the wire form
}

// Base is the last agreement about one mailbox. nil sequences are empty. A sequence's error ends the Diff.
type Base struct {
	UIDValidity UIDValidity
	MailboxID   string                 // RFC 8474; "": none
	ByUID       iter.Seq2[Pair, error] // those that have a UID, ascending
	ByKey       iter.Seq2[Pair, error] // those that have a key, ascending
	Known       map[PairID]Identity    // who the messages of pairs are: of those that Doubts names, and for Rematch of all
}

// File is a message in a Maildir.
type File struct {
	Key   maildir.Key
	Flags maildir.Flags
	Still bool     // it is there, and its flags are the base's: Flags is not looked at
	ID    Identity // of a file that the base does not know; no Hash: it was not read
}

// Message is a message on the server.
type Message struct {
	UID    imap.UID
	Flags  maildir.Flags
	ModSeq ModSeq
	Still  bool     // it is there, and its flags are the base's: Flags is not looked at
	ID     Identity // of a message that the base does not know: Size and Date, EmailID if there is one, the rest if Doubts asks
}

// Defect is something that is amiss in a Maildir: a file (Key) that is to get another name, or (no Key) folders that it lacks.
type Defect struct {
	Key    maildir.Key
	Reason string
}

// PermanentFlags are the flags that a mailbox on the server can keep (RFC 9051 section 7.1).
type PermanentFlags struct {
	maildir.Flags
	Any bool          // \*: any keyword
	Not maildir.Flags // of those: what it turned out not to keep
}

// Mailbox is what a run saw of one mailbox. Names are the same on both sides.
type Mailbox struct {
	Name     string
	Base     Base
	Files    iter.Seq2[File, error]    // keys strictly ascending
	Messages iter.Seq2[Message, error] // UIDs strictly ascending
	Pending  []maildir.PendingChange
	Defects  []Defect // what is to be repaired in its Maildir before anything is agreed that stands on it

	Known bool // there is a base; else the mailbox is new to us
	Fresh bool // nothing was ever agreed about it: the base is what Rematch made
	Count int  // pairs in the whole base, however little of it is in view
	Exist Side // where it is now

	UIDValidity    UIDValidity // now
	MailboxID      string      // now
	ModSeq         ModSeq      // up to which Messages is complete; 0: no conditional STORE
	PermanentFlags PermanentFlags
	ReadOnly       bool   // on the server
	Closed         bool   // on the server: nothing may be put into it
	Expunges       bool   // UID EXPUNGE, or EXPUNGE would meet nothing but ours
	Called         string // what its user named it here since the last run; "": nobody said so
	Deleted        bool   // its user deleted it here, and said so: that it is gone is no accident
	Anew           bool   // Lost is there all the same, and another folder than it was
	Lost           string // of its Maildir's new/ and cur/ the one that held messages, as the base knows, and is not there any more
	Damaged        bool   // files came into it that hold nothing: any that is missing may have been one
	Unstable       bool   // the scan never came to rest: files may be there that it does not show, of any mailbox
	Partial        bool   // of some of its messages nobody knows who they are: an Orphan may be one of them, and waits
	Later          bool   // its messages are looked at later in the run: what is missing there elsewhere may be in it, and waits
	base           string // the name that Base was given under, if that is another
	Terms          *Terms // nil: those of the policy
	Due            []Pair // of an Archive: those whose copies were verified as long ago as DeleteAfter says
	Outside        bool   // not part of this run: Files, and Messages if they are given with Base.ByUID, only show where things were moved to
}

// Bodies says which messages come down whole. The zero value wants all.
type Bodies struct {
	None    bool
	MaxSize int64         // octets; 0: any
	MaxAge  time.Duration // by INTERNALDATE; 0: any
	Freed   bool          // those too that were freed
}

// String is what stands behind "bodies =" in a configuration.
func (b Bodies) String() string {
	var terms []string
	if b.MaxSize > 0 {
		terms = append(terms, fmt.Sprintf("max_size = %d", b.MaxSize))
	}
	if b.MaxAge > 0 {
		n, unit := b.MaxAge/time.Hour, "h"
		if n%24 == 0 {
			n, unit = n/24, "d"
		}
		terms = append(terms, fmt.Sprintf(`max_age = "%d%s"`, n, unit))
	}
	switch {
	case b.None:
		return `"none"`
	case len(terms) > 0:
		return "{ " + strings.Join(terms, ", ") + " }"
	}
	return `"all"`
}

// Policy is what the user wants.
type Policy struct {
	Now             time.Time // for MaxAge
	MaxDelete       float64   // of a mailbox, as a fraction: more than that, and more than 10, are not deleted
	AllowMassDelete bool
	Expunge         bool   // false: a deletion only sets \Deleted
	Trash           string // "": none; else its Mailbox is to be given, also if it is nowhere
	Create          Side   // where missing mailboxes are created
	Terms                  // of mailboxes that have none of their own
}

// Terms are what policy says of one mailbox.
type Terms struct {
	Bodies    Bodies
	Direction Direction
	Revert    bool // with Pull and Archive: what was changed here is put back, but for what is new here
	// An Archive: the server is rid of a message so long after its copy was verified; 0: never. Not of one that is flagged, unless DeleteFlagged.
	DeleteAfter   time.Duration
	DeleteFlagged bool
	KeepFor       time.Duration // bodies of older messages are dropped here, once they were verified; 0: never
}

// Direction says which side is the original. Nothing on that side is changed.
type Direction uint8

const (
	BothWays Direction = iota // neither: changes go both ways
	Pull                      // the server
	Archive                   // the server; and what vanishes there stays here: Archived
	Push                      // the Maildirs; and what vanishes there stays here too
)

// Changes says whether that side may be changed.
func (d Direction) Changes(s Side) bool {
	switch d {
	case Pull, Archive:
		return s == Local
	case Push:
		return s == Remote
	}
	return true
}

// Keeps says whether what vanishes on the server stays here.
func (d Direction) Keeps() bool { return d == Archive || d == Push }

// reverts says whether what was changed here is put back.
func (t Terms) reverts() bool { return t.Revert && !t.Direction.Changes(Remote) }

// Of is the policy for one mailbox.
func (p Policy) Of(m *Mailbox) Policy {
	if m.Terms != nil {
		p.Terms = *m.Terms
	}
	return p
}

// Bounds are what a message is measured by whose body is to be here: no larger than Size octets, no older than Since.
type Bounds struct {
	None  bool // no body is
	Size  int64
	Since time.Time
	Freed bool // those too that were freed
}

// Bounds are those of the policy.
func (p Policy) Bounds() Bounds {
	b := Bounds{None: p.Bodies.None, Size: math.MaxInt64, Freed: p.Bodies.Freed}
	if p.Bodies.MaxSize > 0 {
		b.Size = p.Bodies.MaxSize
	}
	if p.Bodies.MaxAge > 0 {
		b.Since = p.Now.Add(-p.Bodies.MaxAge)
	}
	return b
}

// Wants says whether the message of a pair is to have its body here.
func (p Policy) Wants(of Pair) bool {
	b := p.Bounds()
	return !b.None && (!of.Freed || b.Freed) && of.Size <= b.Size && !of.Date.Before(b.Since)
}
