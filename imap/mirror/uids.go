package mirror

import (
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

func messageUID(m plan.Message) goimap.UID { return m.UID }
