package mirror

import (
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/plan"
)

// uids makes a set of the UIDs of things.
func uids[T any](all []T, uid func(T) goimap.UID) goimap.UIDSet {
	var set goimap.UIDSet
	for _, it := range all {
		if u := uid(it); u != 0 {
			set.AddNum(u)
		}
	}
	return set
}

func pairUID(op plan.Op) goimap.UID { return op.Pair.UID }

func opUID(op plan.Op) goimap.UID { return op.UID }

func byPairUID(ops []plan.Op) map[goimap.UID]plan.Op {
	m := make(map[goimap.UID]plan.Op, len(ops))
	for _, op := range ops {
		m[op.Pair.UID] = op
	}
	return m
}

// less is a set without another; neither holds '*'.
func less(a, b goimap.UIDSet) goimap.UIDSet {
	if len(b) == 0 {
		return a
	}
	var out goimap.UIDSet
	nums, _ := a.Nums()
	for _, uid := range nums {
		if !b.Contains(uid) {
			out.AddNum(uid)
		}
	}
	return out
}

// common is what two sets have in common; a holds no '*' and is not large.
func common(a, b goimap.UIDSet) goimap.UIDSet {
	nums, _ := a.Nums()
	return goimap.UIDSetNum(slices.DeleteFunc(nums, func(uid goimap.UID) bool { return !b.Contains(uid) })...)
}

// every is all UIDs. A set of the base must not hold '*', which means the last message there is.
func every() goimap.UIDSet { return goimap.UIDSet{{Start: 1, Stop: 0}} }

func messageUID(m plan.Message) goimap.UID { return m.UID }

// count is how many UIDs a set without '*' holds.
func count(set goimap.UIDSet) (n int) {
	for _, r := range set {
		n += int(int64(r.Stop) - int64(r.Start) + 1)
	}
	return n
}

// cut parts the first n UIDs from a set without '*'.
func cut(set goimap.UIDSet, n int) (some, rest goimap.UIDSet) {
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
