package changes

import (
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
)

// Less is a set without another; neither holds '*'.
func Less(a, b goimap.UIDSet) goimap.UIDSet {
	if len(b) == 0 {
		return a
	}
	var out goimap.UIDSet
	for uid := range imap.UIDs(a) {
		if !b.Contains(uid) {
			out.AddNum(uid)
		}
	}
	return out
}

// Common is what two sets have in common; a holds no '*' and is not large.
func Common(a, b goimap.UIDSet) goimap.UIDSet {
	var out goimap.UIDSet
	for uid := range imap.UIDs(a) {
		if b.Contains(uid) {
			out.AddNum(uid)
		}
	}
	return out
}

// Every is all UIDs. A set of the base must not hold '*', which means the last message there is.
func Every() goimap.UIDSet { return goimap.UIDSet{{Start: 1, Stop: 0}} }

// Count is how many UIDs a set without '*' holds.
func Count(set goimap.UIDSet) (n int) {
	for _, r := range set {
		n += int(int64(r.Stop) - int64(r.Start) + 1)
	}
	return n
}

// Cut parts the first n UIDs from a set without '*'.
func Cut(set goimap.UIDSet, n int) (some, rest goimap.UIDSet) {
	for i, r := range set {
		size := int(r.Stop-r.Start) + 1
		if size <= n {
			some, n = append(some, r), n-size
			continue
		}
		rest = slices.Clone(set[i:])
		if n > 0 {
			some = append(some, goimap.UIDRange{Start: r.Start, Stop: r.Start + goimap.UID(n) - 1})
			rest[0].Start += goimap.UID(n)
		}
		break
	}
	return some, rest
}
