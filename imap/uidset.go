package imap

import (
	"cmp"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// SeqNum is a message's place in the selected mailbox at this moment.
type SeqNum uint32

// ModSeq is a mod-sequence (RFC 7162 section 3.1); 0: none, the mailbox has none.
type ModSeq uint64

// A set that came from a server may span all UIDs in a few octets: nothing here expands one without a bound.

// How long a set in a command may be: RFC 2683 section 3.2.1.5 asks clients for lines of about 1000 octets, and
// RFC 7162 section 4 asks servers with CONDSTORE to take 8192.
const (
	ShortSet   = 900
	maxSetLong = 8000
)

// portions cuts a set into sets that fit into a command line.
func (s *Session) portions(set imap.UIDSet) iter.Seq[imap.UIDSet] {
	limit := ShortSet
	if s.CondStore() && !s.shortSets {
		limit = maxSetLong
	}
	return func(yield func(imap.UIDSet) bool) {
		from, length := 0, 0
		for i := range set {
			n := len(set[i:i+1].String()) + 1
			if length += n; length > limit {
				if !yield(set[from:i]) {
					return
				}
				from, length = i, n
			}
		}
		if from < len(set) {
			yield(set[from:])
		}
	}
}

// overlap is what two sets have in common; "n:*" goes to the last UID there can be.
func overlap(a, b imap.UIDSet) imap.UIDSet {
	var out imap.UIDSet
	last := func(r imap.UIDRange) imap.UID { return r.Stop - 1 } // 0, which is '*', is the greatest
	for i, j := 0, 0; i < len(a) && j < len(b); {
		start, stop := max(a[i].Start, b[j].Start), min(last(a[i]), last(b[j]))+1
		if start-1 <= stop-1 {
			out = append(out, imap.UIDRange{Start: start, Stop: stop})
		}
		if last(a[i]) < last(b[j]) {
			i++
		} else {
			j++
		}
	}
	return out
}

// without is the set a less the set b; neither holds '*'.
func without(a, b imap.UIDSet) imap.UIDSet {
	var out imap.UIDSet
	for _, r := range a {
		out = append(out, lessRange(r, b)...)
	}
	return out
}

func lessRange(r imap.UIDRange, b imap.UIDSet) (out imap.UIDSet) {
	i, _ := slices.BinarySearchFunc(b, r.Start, func(x imap.UIDRange, u imap.UID) int { return cmp.Compare(x.Stop, u) })
	for ; i < len(b) && b[i].Start <= r.Stop; i++ {
		if b[i].Start > r.Start {
			out = append(out, imap.UIDRange{Start: r.Start, Stop: b[i].Start - 1})
		}
		if b[i].Stop >= r.Stop {
			return out
		}
		r.Start = b[i].Stop + 1
	}
	return append(out, r)
}

// parseSet reads a set of a response. A '*' is never part of one (RFC 4315 section 3, RFC 7162 section 3.2.10).
func parseSet(s string) (imap.UIDSet, bool) {
	var all []imap.UIDRange
	for r, ok := range ranges(s) {
		if !ok || len(all) > maxRanges {
			return nil, false
		}
		all = append(all, imap.UIDRange{Start: min(r.Start, r.Stop), Stop: max(r.Start, r.Stop)})
	}
	return setOfRanges(all), len(all) > 0
}

// expand lists the UIDs of a set in the order written, which COPYUID needs: UIDSet would sort it. At most limit of them.
func expand(s string, limit int) ([]imap.UID, bool) {
	var uids []imap.UID
	for r, ok := range ranges(s) {
		first, last := min(r.Start, r.Stop), max(r.Start, r.Stop)
		if !ok || int64(last)-int64(first) >= int64(limit-len(uids)) {
			return nil, false
		}
		for u := int64(first); u <= int64(last); u++ {
			uids = append(uids, imap.UID(u))
		}
	}
	return uids, true
}

func ranges(s string) iter.Seq2[imap.UIDRange, bool] {
	return func(yield func(imap.UIDRange, bool) bool) {
		for part := range strings.SplitSeq(s, ",") {
			a, b, pair := strings.Cut(part, ":")
			if !pair {
				b = a
			}
			start, err1 := strconv.ParseUint(a, 10, 32)
			stop, err2 := strconv.ParseUint(b, 10, 32)
			ok := err1 == nil && err2 == nil && start > 0 && stop > 0
			if !yield(imap.UIDRange{Start: imap.UID(start), Stop: imap.UID(stop)}, ok) {
				return
			}
		}
	}
}

// count is how many UIDs a set without '*' holds, at most limit.
func count(set imap.UIDSet, limit int) int {
	n := 0
	for _, r := range set {
		if n += int(int64(r.Stop) - int64(r.Start) + 1); n > limit {
			return limit
		}
	}
	return n
}
