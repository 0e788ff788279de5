package push

import "time"

// Pace is how often a server is asked: after a tenth of the time for which nothing happened, so that little is asked where nothing
// happens, and so that no more than a twentieth of the time goes into asking.
type Pace struct {
	active time.Time     // when something happened last
	since  time.Time     // when the last question was asked
	cost   time.Duration // how long it took

	questions int
}

const (
	mostOften   = 2 * time.Second
	leastOften  = 2 * time.Minute
	costsAtMost = 20
)

// happened says that something happened.
func (p *Pace) happened(now time.Time) { p.active = now }

// asked says that a question was asked, and when the answer was there.
func (p *Pace) asked(began, now time.Time) {
	p.since, p.cost, p.questions = now, now.Sub(began), p.questions+1
}

// next is when to ask next.
func (p *Pace) next(now time.Time) time.Time {
	if p.active.IsZero() {
		p.active = now
	}
	if p.since.IsZero() {
		p.since = now
	}
	every := min(max(now.Sub(p.active)/10, mostOften, p.cost*costsAtMost), max(leastOften, p.cost*costsAtMost))
	return p.since.Add(every)
}

// Patience is how long an IDLE may last: a server ends a session after 30 minutes (RFC 2177), and routers forget a line on which nothing
// moves, some after a few minutes; nobody is told of that. So it begins short, grows as long as it holds, and shrinks where it did not.
type Patience struct {
	now  time.Duration // 0: firstPatience
	most time.Duration // what held never longer than that; 0: mostPatience
}

const (
	firstPatience = 5 * time.Minute
	leastPatience = time.Minute
	mostPatience  = 27 * time.Minute
)

// limit is how long the next IDLE may last.
func (p *Patience) limit() time.Duration {
	if p.now == 0 {
		p.now, p.most = firstPatience, mostPatience
	}
	return p.now
}

// lasted says that a line was still there after silence.
func (p *Patience) lasted(d time.Duration) {
	if d >= p.limit() {
		p.now = min(p.now*3/2, p.most)
	}
}

// died says that it was not. What happened while it slept, or as soon as it was begun, says nothing of routers.
func (p *Patience) died(d time.Duration) {
	limit := p.limit()
	if d < leastPatience || d > limit+leastPatience {
		return
	}
	p.most = max(d*3/4, leastPatience)
	p.now = min(max(limit/2, leastPatience), p.most)
}
