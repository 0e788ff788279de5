package mirror

import (
	"cmp"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/base"
	"postie/imap/changes"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/look"
)

// box is a mailbox in a run: what was agreed, what is seen on either side, and what the run did to it.
type box struct {
	base.Mailbox             // as it was recorded. ID 0: not known
	known        bool        // there is a base
	outside      bool        // not part of this run
	terms        *plan.Terms // that are its own; nil: the policy's
	matching
	archived
	maildirSide
	serverSide
	effects
}

// matching is what becomes of a base whose UIDs mean nothing any more.
type matching struct {
	mustMatch bool        // that is so, or nobody knows yet what they mean: plan.Rematch
	newbase   []plan.Pair // after Rematch
}

// archived is what is to go from the server of an archive.
type archived struct {
	due    []plan.Pair
	copies map[goimap.UID][32]byte // SHA-256 of what was verified of them
}

// maildirSide is a mailbox as its Maildir shows it.
type maildirSide struct {
	here    bool // it is there
	dir     maildir.Dir
	folder  *look.Folder                   // nil: it is not looked at
	entries map[maildir.Key]maildir.Entry  // of files in view
	fresh   map[maildir.Key]*index.Message // files that the base does not know
	unread  map[maildir.Key]error          // of fresh: those that could not be read
	localView
	repairs
}

// localView is what is in view of a Maildir: each look gives another.
type localView struct {
	taken    *look.Delta[knownRow]      // what it was made of
	whole    bool                       // all of the Maildir is in view
	looked   bool                       // it was looked at
	still    bool                       // nothing happened in it since the last run
	blind    bool                       // it cannot be read
	unstable bool                       // it did not come to rest, or could not be read
	emptied  string                     // a folder that is lost, or was made anew, from which messages are missing
	anew     bool                       // emptied is another folder than it was
	files    []plan.File                // by key
	byKey    []plan.Pair                // of the base
	missing  goimap.UIDSet              // messages whose file is not here
	news     int                        // files that the base does not know
	twins    int                        // keys that several files have
	left     map[string][]maildir.Entry // what is no message and is left alone, by kind
	stamp    maildir.Stamp              // to be recorded; zero: none
}

// repairs are what a Maildir needs before anything is agreed that stands on it.
type repairs struct {
	lost    []string                 // of new/ and cur/: those that are not there
	parted  map[string]parting       // twins that are to get keys of their own, by their names
	respell map[maildir.Key]spelling // files that are to get other letters
	renamed []base.Row               // files that only have another name: to be recorded
}

// serverSide is a mailbox as the server shows it.
type serverSide struct {
	server   string                  // its name there; "": it is not there and cannot be
	remote   *imap.Mailbox           // nil: not there
	apart    bool                    // Gmail's virtual ones, and what has a name twice
	delta    changes.Delta           // what is seen there, and differs from the base
	finished goimap.UIDSet           // in a dry run: copied by a run that was stopped, and not there any more when that is settled
	pending  []maildir.PendingChange // for messages that have no body here
	expunges bool                    // an EXPUNGE would take only what is ours
	forbids  changes.Forbidden
	partial  bool // of some of its messages nobody knows who they are
}

// effects are what this run did to a mailbox, or could not do.
type effects struct {
	withheld goimap.UIDSet // what the server did not let us mark as deleted
	pushed   bool          // it was changed on the server
	next     goimap.UID    // of what this run moves here
	comes    int           // how many messages this run moved here
	spoiled  bool          // something planned was not done
	refused  bool          // a whole command was not: there is no use in more of them
	stuck    []maildir.Key // files that were uploaded twice and could not be found there
}

// exist says on which sides a mailbox is.
func (b *box) exist() (s plan.Side) {
	if b.here {
		s |= plan.Local
	}
	if b.remote != nil {
		s |= plan.Remote
	}
	return s
}

// kept says whether a mailbox is synchronised: a trash need not be.
func (b *box) kept() bool { return !b.outside && b.ID != 0 }

// lacks says whether a mailbox has a pair in view whose file was not seen.
func (b *box) lacks(key maildir.Key) bool {
	return at(b.byKey, key, func(p plan.Pair) maildir.Key { return p.Key }) != nil && !b.holds(key)
}

// intact says whether all pairs in view are agreed, and are there on both sides, but for what was archived.
func (b *box) intact() bool {
	unsettled := func(p plan.Pair) bool { return p.State != plan.Archived && (p.UID == 0 || p.State != plan.Agreed) }
	return !slices.ContainsFunc(b.byKey, func(p plan.Pair) bool { return unsettled(p) || b.lacks(p.Key) }) &&
		!slices.ContainsFunc(b.delta.Pairs, func(p plan.Pair) bool { return unsettled(p) || b.message(p.UID) == nil })
}

// holds says whether a file in view has that key.
func (b *box) holds(key maildir.Key) bool {
	return at(b.files, key, func(f plan.File) maildir.Key { return f.Key }) != nil
}

// message is the one in view that has a UID; nil: none has.
func (b *box) message(uid goimap.UID) *plan.Message { return b.delta.Message(uid) }

// pendingChange is the one that waited for a message when the mailbox was observed; nil: none did.
func (b *box) pendingChange(uid goimap.UID) *maildir.PendingChange {
	return at(b.pending, uid, func(w maildir.PendingChange) goimap.UID { return w.UID })
}

// at finds what has a key among things sorted by it; nil: nothing has.
func at[T any, K cmp.Ordered](sorted []T, key K, of func(T) K) *T {
	i, ok := slices.BinarySearchFunc(sorted, key, func(t T, k K) int { return cmp.Compare(of(t), k) })
	if !ok {
		return nil
	}
	return &sorted[i]
}
