// Package agenda decides, for each account that is watched, what is done next and when, and what of it the user is told. It is pure:
// what happened and what time it is go in, what to do comes out. Who does it, and who waits, is cmd/postie.
//
// There are three reasons for a run: something happened (on the server, which pushes; here, in the Maildirs), something failed that may
// pass, or it is long ago that everything was looked at. A run that failed puts off all others; what happens meanwhile is
// part of the next. Failures of one host are shared by its accounts (Host), so that one of them finds out whether it is back.
package agenda

import (
	"slices"
	"time"
)

// Rules are the times by which an account is watched. All are needed but Random.
type Rules struct {
	Whole  time.Duration // everything is looked at that often, whatever happens; a POP3 account is fetched that often
	Quiet  time.Duration // a burst of changes here is taken when it was quiet for that long
	Burst  time.Duration // or when it lasts for that long
	Settle time.Duration // that long after a run that changed something here it is looked at once more, so that it can be told at rest
	Random func() float64
}

// Defaults are the rules of an account that is looked at that often as a whole.
func Defaults(whole time.Duration, random func() float64) Rules {
	return Rules{Whole: whole, Quiet: 50 * time.Millisecond, Burst: 500 * time.Millisecond, Settle: 2500 * time.Millisecond, Random: random}
}

// Account is one account that is watched. It is for one goroutine.
type Account struct {
	rules Rules
	host  *Host

	due   time.Time // of the next run
	whole time.Time // of the next look at everything
	burst time.Time // when the burst began that is waited for; zero: none is
	where Where

	failed  Kind // how the last run failed; Done: it did not
	tries   int  // that failed so, one after the other
	waiting bool // until a secret, or the configuration, is another

	since time.Time // the line is up; zero: there is none
	short int       // lines that ended soon, one after the other
}

// Where says what a run has to look at.
type Where struct {
	All       bool
	Mailboxes []string // on the server, sorted; beside All without a meaning
	Secret    bool     // only whether there is another secret than the one that was refused
}

// Task is what to do next: Run if it is time for it, else wait Until.
type Task struct {
	Run   bool
	Where Where
	Until time.Time
}

// Stagger is how long after the first the nth account begins.
func Stagger(n int) time.Duration { return min(time.Duration(n)*200*time.Millisecond, 20*time.Second) }

// New is an account whose first run is due at a time. host is shared by all accounts on it.
func New(r Rules, host *Host, due time.Time) *Account {
	return &Account{rules: r, host: host, due: due, whole: due, where: Where{All: true}}
}

// Next says what to do now.
func (a *Account) Next(now time.Time) Task {
	due := a.due
	if due.IsZero() || a.failed == Done && a.whole.Before(due) {
		due = a.whole
	}
	if !now.Before(due) {
		if free, at := a.host.enter(a, now); !free {
			return Task{Until: at}
		}
	}
	if now.Before(due) {
		return Task{Until: due}
	}
	t := Task{Run: true, Where: a.where}
	t.Where.All = t.Where.All || !now.Before(a.whole)
	t.Where.Secret = a.waiting
	a.due, a.burst, a.where = time.Time{}, time.Time{}, Where{}
	return t
}

// soon makes a run due at a time, unless one is due before, or something failed and is waited for.
func (a *Account) soon(at time.Time) {
	if a.failed == Done && (a.due.IsZero() || at.Before(a.due)) {
		a.due = at
	}
}

// Pushed says that the server told of changes in mailboxes; without names, anywhere.
func (a *Account) Pushed(now time.Time, mailboxes ...string) {
	a.where.All = a.where.All || len(mailboxes) == 0
	for _, name := range mailboxes {
		if i, known := slices.BinarySearch(a.where.Mailboxes, name); !known {
			a.where.Mailboxes = slices.Insert(a.where.Mailboxes, i, name)
		}
	}
	a.soon(now)
}

// Touched says that something changed here. More may follow at once: it is waited for.
func (a *Account) Touched(now time.Time) {
	a.where.All = true // what is gone from one folder may be in another
	if a.failed == Missing {
		a.due = now.Add(a.rules.Quiet)
		return
	}
	if a.burst.IsZero() {
		a.burst = now
		a.soon(now.Add(a.rules.Quiet))
		return
	}
	if a.failed == Done {
		a.due = earlier(now.Add(a.rules.Quiet), a.burst.Add(a.rules.Burst))
	}
}

// Echoed says that what changed here is what the last run did.
func (a *Account) Echoed(now time.Time) {
	a.where.All = true
	a.soon(now.Add(a.rules.Settle))
}

// Woke says that the machine slept, or that its network is another: what failed is tried at once.
func (a *Account) Woke(now time.Time) {
	a.where.All = true
	if a.failed == Passing {
		a.tries, a.due = 0, now
		a.host.forgive()
		return
	}
	a.soon(now)
}

// Connected says that there is a line to the server, on which it is listened to between runs.
func (a *Account) Connected(now time.Time) {
	if a.since.IsZero() {
		a.since = now
	}
}

// lasting is how long a line has to last for its end to be nothing that counts: servers end those that are idle.
const lasting = 10 * time.Minute

// Lost says that it ended between two runs.
func (a *Account) Lost(now time.Time) {
	a.short++
	if now.Sub(a.since) >= lasting {
		a.short = 1
	}
	a.since, a.where.All = time.Time{}, true
	a.soon(now.Add(Backoff(a.short-1, 0, a.random())))
}

// Gone says that the account is not watched any more.
func (a *Account) Gone() { a.host.left(a, time.Time{}, Outcome{Kind: Same}, 0) }

// Renewed says that the configuration or a secret is another: whatever was given up is tried at once.
func (a *Account) Renewed(now time.Time) {
	a.failed, a.tries, a.waiting, a.due, a.where = Done, 0, false, now, Where{All: true}
	a.host.forgive()
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
