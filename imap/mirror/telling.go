package mirror

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"postie/imap/plan"
)

// telling is what a run says of itself: events, durable steps, and the report.
type telling struct {
	progress     func(Event)
	log          *slog.Logger
	stepped      func(step string)
	handed       func() (whole func())
	said         []string        // notices of this run
	before       []string        // those of the last run
	contradicted map[string]bool // mailboxes of which it was told that the server contradicts itself
	told         map[string]bool // failures that were told of
	report       Report
	mu           sync.Mutex // guards progress, told and report, which the committing goroutine touches too
}

func newTelling(o Options) *telling {
	return &telling{progress: o.Progress, log: o.Log, stepped: o.Step, handed: o.InHand, contradicted: map[string]bool{}, told: map[string]bool{}}
}

func (t *telling) emit(e Event) {
	if t.progress != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.progress(e)
	}
}

// count changes the report.
func (t *telling) count(f func(*Report)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(&t.report)
}

// note says something about a mailbox, unless the last run said it already.
func (t *telling) note(mailbox, text string) {
	line := mailbox + ": " + text
	if slices.Contains(t.said, line) {
		return
	}
	t.said = append(t.said, line)
	if !slices.Contains(t.before, line) {
		t.emit(Notice{mailbox, text})
	}
}

// tell tells of one operation that failed, and counts it.
func (t *telling) tell(op plan.Op, err error) {
	uid := cmp.Or(op.UID, op.Pair.UID)
	id := fmt.Sprint(op.Kind, op.Mailbox, uid, op.Key, err)
	if !t.first(id) {
		return // another pass met it too
	}
	t.count(func(p *Report) {
		p.Failed++
		if uid == 0 && op.Key == "" {
			p.Mailboxes++
		}
	})
	t.log.Info("operation failed", "op", op.String(), "err", err)
	switch {
	case op.Kind == 0: // it was only to be looked at
	case op.Key != "" && op.Side == plan.Remote:
		err = fmt.Errorf("%s %s: %w", op.Kind, op.Key, err)
	case uid != 0:
		err = fmt.Errorf("%s UID %d: %w", op.Kind, uid, err)
	default:
		err = fmt.Errorf("%s: %w", op.Kind, err)
	}
	t.emit(Failed{op.Mailbox, uid, op.Key, err})
}

// first says whether a failure is told of for the first time.
func (t *telling) first(id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.told[id]
	t.told[id] = true
	return !before
}

func (t *telling) inHand() (whole func()) {
	if t.handed == nil {
		return func() {}
	}
	return t.handed()
}

func (t *telling) step(name string) {
	if t.stepped != nil {
		t.stepped(name)
	}
}
