package agenda

import (
	"sync"
	"time"
)

// Kind is how a run ended.
type Kind uint8

const (
	Done    Kind = iota // it came to its end, whatever was left aside
	Passing             // the server was not reached, was lost, or has a passing trouble
	Refused             // the server refused the login
	Busy                // another run is at work on this Maildir
	Missing             // the Maildir is not there, or there is no room for what is to be stored
	Failed              // anything else that another run may find otherwise
	Paused              // the account received its share of the day
	Same                // the secret is still the one that was refused
)

// Outcome is how a run ended.
type Outcome struct {
	Kind  Kind
	Asked time.Duration // so long the server asks to be left alone; 0: it does not
	Least time.Duration // so long it wants to be left alone after each login (POP3: LOGIN-DELAY)
	Most  time.Duration // it keeps messages for so long (POP3: EXPIRE); 0: it does not say
}

// mostRefusals is how often a login is tried that is refused: the server may have a bad moment, and may lock the user out.
const mostRefusals = 3

// Ended says how a run ended.
func (a *Account) Ended(now time.Time, o Outcome) {
	if o.Kind != a.failed && o.Kind != Same {
		a.failed, a.tries = o.Kind, 0
	}
	a.tries++
	a.host.left(a, now, o, a.random())
	if o.Kind == Done {
		a.waiting = false
		every := a.rules.Whole
		if o.Most > 0 { // one look may fail
			every = min(every, o.Most/3)
		}
		a.whole = now.Add(max(every+time.Duration(float64(every)*(a.random()-0.5)/5), o.Least))
		return
	}
	a.where.All = true
	a.due = now.Add(a.wait(o))
}

// wait is how long nothing is tried after a failure.
func (a *Account) wait(o Outcome) time.Duration {
	n := a.tries - 1
	switch o.Kind {
	case Paused:
		return max(o.Asked, FirstWait)
	case Passing:
		return max(Backoff(n, o.Asked, a.random()), o.Least)
	case Busy:
		return min(time.Second<<min(n, 4), 10*time.Second)
	case Refused, Same:
		a.waiting = a.tries >= mostRefusals
		if a.waiting { // the secret alone is asked for, and a command that gives it may ask the user
			return min(5*time.Minute<<min(a.tries-mostRefusals, 4), time.Hour)
		}
		return time.Minute << (2 * n)
	}
	return min(5*time.Second<<min(n, 4), time.Minute)
}

func (a *Account) random() float64 {
	if a.rules.Random == nil {
		return 0.5
	}
	return a.rules.Random()
}

// The first wait after a failure, and the longest one unless the server asks for more.
const (
	FirstWait = time.Second
	MostWait  = time.Minute
)

// Backoff is how long to wait after failure number n, from 0: twice as long each time, give or take a half, so that those
// who were cut off together do not come back together. What the server asks for is waited in any case.
func Backoff(n int, asked time.Duration, random float64) time.Duration {
	wait := MostWait
	if n < 6 {
		wait = min(FirstWait<<n, MostWait)
	}
	part := time.Duration(float64(wait) * random)
	if asked > 0 {
		return asked + part
	}
	return wait/2 + part
}

// Host is what accounts on one server share. Its zero value is a server that is well. nil: nothing is shared.
type Host struct {
	mu     sync.Mutex
	until  time.Time // nothing is tried before
	trying *Account  // who tries it, after it failed; nil: nobody
	failed bool
	tries  int // that failed, one after the other
}

// enter says whether an account may turn to the host now, else when to ask again. After a failure one goes first.
func (h *Host) enter(a *Account, now time.Time) (free bool, at time.Time) {
	if h == nil {
		return true, now
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !h.failed:
		return true, now
	case now.Before(h.until):
		return false, h.until
	case h.trying != nil && h.trying != a:
		return false, now.Add(time.Second)
	}
	h.trying = a
	return true, now
}

// left says how it went with an account that had turned to the host.
func (h *Host) left(a *Account, now time.Time, o Outcome, random float64) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.trying == a {
		h.trying = nil
	}
	switch o.Kind {
	case Passing:
		h.failed = true
		h.tries++
		h.until = later(h.until, now.Add(Backoff(h.tries-1, o.Asked, random)/2))
	case Done, Refused:
		h.failed, h.tries, h.until = false, 0, time.Time{}
	}
}

func (h *Host) forgive() {
	if h != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.until, h.tries = time.Time{}, 0
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
