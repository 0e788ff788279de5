package ui

import (
	"io"
	"slices"
	"time"
)

// The bar is ours and not schollz/progressbar's, which holds one count of one thing, cannot print lines above itself
// or follow a changed width, and reads the clock on its own. One line for all accounts that still run, not one each:
// it cannot break when there are more accounts than rows or when the terminal is resized, and the summaries of those
// that are done line up above it.

const (
	barDelay  = 500 * time.Millisecond // a run shorter than this shows no bar
	barTick   = 100 * time.Millisecond // at most ten drawings a second
	barWindow = 5 * time.Second        // the rate is that of the last seconds
)

// Amount is a number of messages and their bytes. Zero as a total: not known.
type Amount struct {
	Messages int
	Bytes    int64
}

func (a Amount) plus(b Amount) Amount { return Amount{a.Messages + b.Messages, a.Bytes + b.Bytes} }

// Task is the work on one account, as the bar shows it.
type Task struct {
	u           *UI
	account     string
	phase       string
	since       time.Time // start of the phase
	done, total Amount
	samples     []sample // of this phase, oldest first
}

type sample struct {
	at   time.Time
	done Amount
}

// bar is the state of the progress line, guarded by UI.mu.
type bar struct {
	shown bool // there is a terminal for it
	tasks []*Task
	start time.Time // of the oldest task
	drawn string    // what is on the screen, with its escapes
	held  int       // by so many that have the terminal for themselves
	stop  chan struct{}
}

// Task begins a task on an account. End it with Done.
func (u *UI) Task(account string) *Task {
	u.mu.Lock()
	defer u.mu.Unlock()
	t := &Task{u: u, account: line(account), since: u.opt.Now()}
	if !u.bar.shown {
		return t
	}
	if u.bar.tasks = append(u.bar.tasks, t); len(u.bar.tasks) == 1 {
		u.bar.start = t.since
		u.bar.stop = make(chan struct{})
		go u.tick(u.bar.stop)
	}
	return t
}

// Phase names what the task does now ("connecting", "storing") and how much of it there is. Counting starts at zero.
func (t *Task) Phase(name string, total Amount) {
	t.change(func() {
		t.phase, t.total, t.done = line(name), total, Amount{}
		t.since = t.u.opt.Now()
		t.samples = []sample{{at: t.since}}
	})
}

// Total corrects what is to be done in this phase, of which more is known by now.
func (t *Task) Total(total Amount) { t.change(func() { t.total = total }) }

// Add counts a as done. The zero Amount is allowed.
func (t *Task) Add(a Amount) { t.change(func() { t.done = t.done.plus(a) }) }

// Set counts done as all that is done in this phase.
func (t *Task) Set(done Amount) { t.change(func() { t.done = done }) }

// Done ends the task: the bar goes on without it, or goes away with the last. Calling it twice is safe.
func (t *Task) Done() {
	t.change(func() {
		b := &t.u.bar
		b.tasks = slices.DeleteFunc(b.tasks, func(other *Task) bool { return other == t })
		t.u.settle()
	})
}

// Hold takes the bar away until resume is called: somebody else has the terminal, to ask for a password.
func (u *UI) Hold() (resume func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.bar.held++
	u.draw("")
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.bar.held--
	}
}

func (t *Task) change(f func()) {
	t.u.mu.Lock()
	defer t.u.mu.Unlock()
	f()
}

// settle ends the drawing when no task is left.
func (u *UI) settle() {
	if len(u.bar.tasks) > 0 || u.bar.stop == nil {
		return
	}
	close(u.bar.stop)
	u.bar.stop = nil
	u.draw("")
}

func (u *UI) tick(stop <-chan struct{}) {
	ticker := time.NewTicker(barTick)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			u.refresh(stop)
		}
	}
}

func (u *UI) refresh(stop <-chan struct{}) {
	u.mu.Lock()
	defer u.mu.Unlock()
	select {
	case <-stop: // a tick that came together with the end
		return
	default:
	}
	now := u.opt.Now()
	v := u.view(now)
	if now.Sub(u.bar.start) >= barDelay && u.bar.held == 0 {
		u.draw(v.line(u.opt.Width()-1, u.err)) // a full last column would wrap
	}
}

// draw replaces the line on the screen, in one Write, and only if it differs. The cursor stays at its first cell: so
// even after the terminal was made narrower and has wrapped the line, erasing from there downwards takes all of it.
func (u *UI) draw(text string) {
	if text != "" {
		text = "\r" + text + "\x1b[J\r"
	}
	if text == u.bar.drawn {
		return
	}
	if text == "" {
		io.WriteString(u.err.w, wipe(u.bar.drawn))
	} else {
		io.WriteString(u.err.w, text)
	}
	u.bar.drawn = text
}

// wipe erases what was drawn.
func wipe(drawn string) string {
	if drawn == "" {
		return ""
	}
	return "\r\x1b[J"
}

// view adds up the tasks.
func (u *UI) view(now time.Time) view {
	var v view
	for i, t := range u.bar.tasks {
		v.accounts = append(v.accounts, t.account)
		if i == 0 {
			v.phase, v.elapsed = t.phase, now.Sub(t.since)
		} else if v.phase != t.phase {
			v.phase = ""
		}
		v.elapsed = min(v.elapsed, now.Sub(t.since))
		v.done, v.total = v.done.plus(t.done), v.total.plus(t.total)
		messages, bytes := t.rate(now)
		v.rate[0] += messages
		v.rate[1] += bytes
	}
	return v
}

// rate returns messages and bytes a second over the last seconds.
func (t *Task) rate(now time.Time) (messages, bytes float64) {
	t.samples = append(t.samples, sample{now, t.done})
	for len(t.samples) > 2 && now.Sub(t.samples[1].at) >= barWindow {
		t.samples = t.samples[1:]
	}
	old := t.samples[0]
	s := now.Sub(old.at).Seconds()
	if s <= 0 {
		return 0, 0
	}
	return float64(t.done.Messages-old.done.Messages) / s, float64(t.done.Bytes-old.done.Bytes) / s
}
