package retrieve

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"postie/pop3"
	"postie/pop3/ledger"
)

// A message at which a session breaks is asked for when all else is done, in this run and in each later one; and when that broke
// too, ever more seldom: in the next run, then after ten minutes, twenty, and so on up to a week.
const (
	firstPause = 10 * time.Minute
	maxPause   = 7 * 24 * time.Hour
)

// pause is how long a message is left alone that broke the session in so many runs.
func pause(tries int) time.Duration {
	if tries < 2 {
		return 0
	}
	return min(firstPause<<min(tries-2, 16), maxPause)
}

// breakerID is what a breaker is known by: its UIDL or, without one, its number.
type breakerID struct {
	uidl   string
	listed int64
}

func breakerOf(it pop3.Item) breakerID {
	return breakerID{cmp.Or(it.UIDL, fmt.Sprint("number ", it.Number)), it.Size}
}

func byID(all []ledger.Breaker) map[breakerID]ledger.Breaker {
	m := make(map[breakerID]ledger.Breaker, len(all))
	for _, b := range all {
		m[breakerID{b.UIDL, b.Listed}] = b
	}
	return m
}

// careful makes of a message that is to be fetched one that is asked for last, or left alone. A clock that went back makes it due, and
// one without a UIDL is not left alone: its number may be another's by now.
func (op Op) careful(b ledger.Breaker, now time.Time) Op {
	until := b.At.Add(pause(b.Tries))
	if op.Item.UIDL != "" && now.Before(until) && !now.Before(b.At) {
		return Op{Action: Wait, Item: op.Item, Until: until, Reason: fmt.Sprintf("the session broke at it in %d runs; it is asked for again from %s on", b.Tries, until.UTC().Format(time.RFC3339))}
	}
	op.Last = true
	op.Reason += "; asked for last, for the session broke at it before"
	return op
}

// breakers is what is to be remembered of messages at which sessions broke: those that did so in this run, and those that were left
// alone. Others have come, or are gone.
func (r *run) breakers(plan Plan) (all []ledger.Breaker) {
	known := byID(r.view.Breakers)
	for _, op := range plan.Ops {
		if op.Action == Wait {
			all = append(all, known[breakerOf(op.Item)])
		}
	}
	add := func(it pop3.Item, tries int) {
		id := breakerOf(it)
		all = append(all, ledger.Breaker{UIDL: id.uidl, Listed: id.listed, Tries: tries, At: r.view.Now.UTC().Truncate(time.Millisecond)})
	}
	for _, it := range r.broke {
		add(it, known[breakerOf(it)].Tries+1)
	}
	for _, it := range r.unlucky {
		add(it, max(known[breakerOf(it)].Tries, 1))
	}
	slices.SortFunc(all, func(a, b ledger.Breaker) int {
		return cmp.Or(strings.Compare(a.UIDL, b.UIDL), cmp.Compare(a.Listed, b.Listed))
	})
	return all
}

// recordBreakers writes them down, if they are others than before.
func (r *run) recordBreakers(ctx context.Context, plan Plan) error {
	all := r.breakers(plan)
	r.report.Quarantined = len(all)
	if slices.Equal(all, r.view.Breakers) {
		return nil
	}
	return r.ledger.SetBreakers(ctx, all)
}
