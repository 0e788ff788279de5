package imap

import (
	"cmp"
	"iter"
	"slices"

	"github.com/emersion/go-imap/v2"
)

// What a server may say, so that none fills the memory, or keeps the processor busy with nothing. Whatever goes beyond is a *ProtocolError,
// and the end of the session. How long an answer may take is in conn.go.
//
//	answer                                     limit
//	a response, literals of FETCH apart        1 MiB
//	SEARCH, ESEARCH, VANISHED                  16 MiB a line; 2,097,152 ranges of UIDs in all for a command
//	LIST, LSUB, STATUS                         131,072 mailboxes for a command, 32 MiB of names and attributes
//	a mailbox's name                           1,024 octets, 128 levels, 4,096 octets in a command; a longer one is Unusable
//	attributes of a mailbox                    32, of 64 octets; others are not kept
//	capabilities                               1,024; more are not kept
//	response codes COPYUID and MODIFIED        4,096 for a command, 1 MiB in all
//	FETCH within SELECT (QRESYNC) and STORE    131,072, 32 MiB in all; more is not kept, and the mailbox is read whole
//	FETCH rows that tell half of a message     131,072 at a time; 32 MiB for a command of those of more than 256 octets
//	BODY[]                                     four times RFC822.SIZE, and 256 MiB; 4 GiB where that was not said before it
//	bodies that come before their UID          1 GiB at a time
//	flags of one message or mailbox            1,024
//	EMAILID                                    255 octets; a longer one is not known
//	parentheses                                64 deep
//	lines that cannot be read                  1,000 of a session
//	UIDs, sizes, mod-sequences                 32, 50 and 63 bits; a larger size or mod-sequence is not known
//
// With each of these at its limit a session holds less than 100 MB: TestFloods.
const (
	maxLine     = 1 << 20
	maxBulk     = 16 << 20
	maxRanges   = 1 << 21
	maxLists    = 1 << 17
	maxNames    = 32 << 20
	maxName     = 1024
	maxLevels   = 128
	maxWritten  = 4096 // the library would write a longer name as a literal, in which nobody restores what is raw
	maxAttrs    = 32
	maxAttr     = 64
	maxCaps     = 1024
	maxCodes    = 4096
	maxKept     = 1 << 17
	maxWeight   = 32 << 20
	maxLight    = 256
	maxUnsaid   = 4 << 30
	maxSpool    = 1 << 30
	maxEmailID  = 255 // RFC 8474 section 4
	maxFlags    = 1024
	maxDepth    = 64
	strays      = 1000
	sizeBits    = 50
	modSeqBits  = 63
	maxTrace    = 2000 // octets of a line that the trace gets
	maxFlagList = 1024 // octets of a list of flags that is remembered
)

// maxBody is how long the body of a message may be, of a size that the server said; below 0: it did not. Servers count wrongly (Exchange,
// Gmail), but not so much, and what they go on sending would fill the disk.
func maxBody(said int64) int64 {
	if said < 0 {
		return maxUnsaid
	}
	return 4*said + 256<<20
}

// weight is about how much memory a row takes, if none of it is shared with others.
func weight(m Message) int {
	n := 64 + len(m.EmailID)
	for _, f := range m.Flags {
		n += 16 + len(f)
	}
	return n
}

// over notes that a command was told more than there is room for.
func (b *inbox) over(what string) { b.flood = cmp.Or(b.flood, what) }

// flooded says of what the command under way was told too much; nil: nothing.
func (w *wire) flooded() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.inbox == nil || w.inbox.flood == "" {
		return nil
	}
	return &ProtocolError{Problem: "too many " + w.inbox.flood}
}

// UIDs gives the UIDs of a set without '*', ascending. The library's Nums never ends where the last is 4294967295.
func UIDs(set imap.UIDSet) iter.Seq[imap.UID] {
	return func(yield func(imap.UID) bool) {
		for _, r := range set {
			for u := uint64(r.Start); u <= uint64(r.Stop); u++ {
				if !yield(imap.UID(u)) {
					return
				}
			}
		}
	}
}

// setOfRanges makes a set of ranges in any order, in time that grows little faster than they do: to insert them one by one takes as many moves as
// there are ranges for each.
func setOfRanges(ranges []imap.UIDRange) imap.UIDSet {
	byStart := func(a, b imap.UIDRange) int { return cmp.Compare(a.Start, b.Start) }
	if !slices.IsSortedFunc(ranges, byStart) {
		slices.SortFunc(ranges, byStart)
	}
	out := ranges[:0]
	for _, r := range ranges {
		if n := len(out); n > 0 && uint64(r.Start) <= uint64(out[n-1].Stop)+1 {
			out[n-1].Stop = max(out[n-1].Stop, r.Stop)
		} else {
			out = append(out, r)
		}
	}
	return imap.UIDSet(out)
}

// gathered are UIDs that come in many responses, each with few or many of them.
type gathered struct {
	ranges  []imap.UIDRange
	settled int // of ranges: those that are in order, and apart
}

// add takes more, and says whether there is room for them.
func (g *gathered) add(set imap.UIDSet) bool {
	if g.ranges = append(g.ranges, set...); len(g.ranges) > 2*g.settled+4096 {
		g.ranges = setOfRanges(g.ranges)
		g.settled = len(g.ranges)
	}
	return len(g.ranges) <= maxRanges
}

func (g *gathered) set() imap.UIDSet {
	if len(g.ranges) == 0 {
		return nil
	}
	return setOfRanges(g.ranges)
}
