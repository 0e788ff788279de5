package mirror

import (
	"cmp"
	"context"
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

// box is a mailbox in a run: what the index knows, what is seen on either side, and what the run did to it.
type box struct {
	base.Mailbox                         // ID 0: not known
	known        bool                    // there is a base
	outside      bool                    // not part of this run
	terms        *plan.Terms             // that are its own; nil: the policy's
	mustMatch    bool                    // its UIDs mean nothing any more, or nobody knows yet what they mean: plan.Rematch
	newbase      []plan.Pair             // after Rematch
	due          []plan.Pair             // of an archive: to go from the server
	copies       map[goimap.UID][32]byte // SHA-256 of what was verified of them
	maildirSide
	serverSide
	effects
}

// maildirSide is a mailbox as its Maildir shows it.
type maildirSide struct {
	here     bool // it is there
	dir      maildir.Dir
	folder   *look.Folder                   // nil: it is not looked at
	taken    *look.Delta[knownRow]          // what is in view
	whole    bool                           // all of it is
	looked   bool                           // it was looked at
	still    bool                           // nothing happened in it since the last run
	blind    bool                           // it cannot be read
	unstable bool                           // it did not come to rest, or could not be read
	lost     []string                       // of new/ and cur/: those that are not there
	emptied  string                         // one of lost, or made anew, from which messages are missing
	anew     bool                           // emptied is another folder than it was
	entries  map[maildir.Key]maildir.Entry  // of files in view
	fresh    map[maildir.Key]*index.Message // files that the base does not know
	files    []plan.File                    // in view, by key
	byKey    []plan.Pair                    // of the base, in view
	missing  goimap.UIDSet                  // messages whose file is not here
	news     int                            // files that the base does not know
	twins    int                            // keys that several files have
	unread   map[maildir.Key]error          // of fresh: those that could not be read
	left     map[string][]maildir.Entry     // what is no message and is left alone, by kind
	stamp    maildir.Stamp                  // to be recorded; zero: none
	renamed  []base.Row                     // files that only have another name: to be recorded
	parted   map[string]parting             // twins that are to get keys of their own, by their names
	respell  map[maildir.Key]spelling       // files that are to get other letters
}

// serverSide is a mailbox as the server shows it.
type serverSide struct {
	server   string               // its name there; "": it is not there and cannot be
	remote   *imap.Mailbox        // nil: not there
	apart    bool                 // Gmail's virtual ones, and what has a name twice
	delta    changes.Delta        // what is seen there, and differs from the base
	finished goimap.UIDSet        // in a dry run: copied by a run that was stopped, and not there any more when that is settled
	pending  []plan.PendingChange // for messages that have no body here
	expunges bool                 // an EXPUNGE would take only what is ours
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
}

// policy is what the user wants of one mailbox.
func (r *run) policy(b *box) plan.Policy { return r.Policy.Of(&plan.Mailbox{Terms: b.terms}) }

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

// intact says whether all pairs in view are agreed, and are there on both sides.
func (b *box) intact() bool {
	unsettled := func(p plan.Pair) bool { return p.UID == 0 || p.State != plan.Agreed }
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
func (b *box) pendingChange(uid goimap.UID) *plan.PendingChange {
	return at(b.pending, uid, func(w plan.PendingChange) goimap.UID { return w.UID })
}

// at finds what has a key among things sorted by it; nil: nothing has.
func at[T any, K cmp.Ordered](sorted []T, key K, of func(T) K) *T {
	i, ok := slices.BinarySearchFunc(sorted, key, func(t T, k K) int { return cmp.Compare(of(t), k) })
	if !ok {
		return nil
	}
	return &sorted[i]
}

// enter makes a mailbox known to the index.
func (r *run) enter(ctx context.Context, b *box) error {
	if b.ID != 0 {
		return nil
	}
	return r.base.Enter(ctx, &b.Mailbox)
}
