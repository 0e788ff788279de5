package agenda

import "time"

// Gather decides when the hooks of an account run: not at the first of a burst of runs, but when it is over, and not never either. Its
// zero value has nothing to wait for.
type Gather struct{ first, last time.Time }

// gatherQuiet is how long no further run may have come to something; gatherMost is how long it is waited for that at most.
const (
	gatherQuiet = time.Second
	gatherMost  = 10 * time.Second
)

// Add says that a run came to something.
func (g *Gather) Add(now time.Time) {
	if g.first.IsZero() {
		g.first = now
	}
	g.last = now
}

// Next says whether the hooks are due, and else when to ask again; zero: after the next Add.
func (g Gather) Next(now time.Time) (due bool, at time.Time) {
	if g.first.IsZero() {
		return false, time.Time{}
	}
	at = earlier(g.last.Add(gatherQuiet), g.first.Add(gatherMost))
	return !now.Before(at), at
}

// Pulse decides when the health check of an account is called. Its zero value was never called.
type Pulse struct {
	last   time.Time
	failed bool
}

// pulseEvery is how often it is called at most while nothing changes.
const pulseEvery = time.Minute

// Due says whether it is to be called now, and takes it for done: after a failure always, else once a minute or when all is well again.
func (p *Pulse) Due(now time.Time, failed bool) bool {
	if !failed && !p.failed && !p.last.IsZero() && now.Sub(p.last) < pulseEvery {
		return false
	}
	p.last, p.failed = now, failed
	return true
}
