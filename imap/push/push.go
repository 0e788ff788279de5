// Package push tells where something happened on a server, as soon as the server lets one know. It only says where to look: what
// changed is found out by the run that looks.
//
// An [Ear] listens on a session between the runs that work on it, by the best way that the server offers:
//
//   - NOTIFY (RFC 5465): the server tells of every mailbox, by its STATUS.
//   - IDLE (RFC 2177): it tells of the one that is selected, INBOX. Of the others the status is asked now and then (LIST-STATUS, in one
//     question, where it is to be had). Whatever happens in INBOX, the others are asked at once: mail is moved from one to another.
//   - else INBOX too is asked now and then, by NOOP.
//
// Where the server has no mod-sequences (CONDSTORE), a status does not show flags: those of INBOX are compared when listening begins, and
// those of the other mailboxes in which something happened lately are asked together with their status.
//
// How often is asked adapts (Pace): often where something happened lately and questions cost little, seldom where it is quiet. What
// happened between a run and the listening is found by comparing states with those that were told before that run. So what a run
// itself changed looks like news too, and another run finds nothing to do.
//
// A line that some router between us and the server forgets says nothing; neither does one whose machine slept. So each IDLE ends
// before that time (Patience, learnt), and Probe asks whether somebody is there.
package push

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
)

// Way is how a server lets one know.
type Way string

const (
	Notify Way = "NOTIFY"
	Idle   Way = "IDLE"
	Poll   Way = "polling"
)

// WayOf is the best way that a session offers.
func WayOf(s *imap.Session) Way {
	switch {
	case s.Has(goimap.CapNotify) && s.Has(goimap.CapIdle):
		return Notify
	case s.Has(goimap.CapIdle):
		return Idle
	}
	return Poll
}

// inbox is the mailbox that is always there, and listened to most closely.
const inbox = "INBOX"

// Ear listens for one account. Its methods may be called from several goroutines, but Listen by one at a time.
type Ear struct {
	box   string // the mailbox that is listened to most closely
	alone bool   // nothing else is

	mu       sync.Mutex
	known    map[string]imap.Status // as they were told
	flags    map[string]uint64      // those of a mailbox when they were compared last
	recent   map[string]time.Time   // other mailboxes than box in which something happened, and when
	heard    map[string]bool        // mailboxes that something happened in, since Listen was called
	anywhere bool                   // or in any
	bell     chan struct{}          // rung when Listen shall end what it waits for
	stopped  bool
	probing  bool
	idling   bool // what the server tells of the selected mailbox is of INBOX
	stirred  bool // something was told of the mailbox that a run had selected, perhaps after it looked

	session  *imap.Session // that the following is about
	notified bool          // the server was asked to tell of everything
	pace     Pace
	patience Patience
}

// New returns an Ear.
func New() *Ear { return &Ear{box: inbox, bell: make(chan struct{}, 1)} }

// On returns an Ear for one mailbox alone, by its name on the server: for a further connection, where the server tells nothing of mailboxes that are not
// selected. Where it has no IDLE, Listen is an error.
func On(mailbox string) *Ear { return &Ear{box: mailbox, alone: true, bell: make(chan struct{}, 1)} }

// Event takes what a server says unasked: it belongs into imap.Options.Event.
func (e *Ear) Event(event imap.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch event := event.(type) {
	case imap.ChangedMailbox:
		if !e.told(event.Name, event.Status) {
			return
		}
	case imap.Listed:
		e.anywhere = true
	case imap.Exists, imap.Expunged, imap.Vanished, imap.Changed:
		if !e.idling { // it belongs to the run at work, or is compared when its mailbox is opened
			e.stirred = true
			return
		}
		e.hear(e.box)
	default:
		return
	}
	e.ring()
}

// told takes the status of a mailbox, and says whether it is news. Without mod-sequences a status does not show everything: then
// that it is told is the news.
func (e *Ear) told(name string, now imap.Status) bool {
	before, known := e.known[name]
	if known && now.HighestModSeq != 0 && same(before, now) {
		return false
	}
	e.know(name, now)
	e.hear(name)
	return true
}

func (e *Ear) hear(name string) {
	if e.heard == nil {
		e.heard = map[string]bool{}
	}
	e.heard[name] = true
	if name == e.box {
		return
	}
	if e.recent == nil || len(e.recent) >= recentWhenFull {
		e.recent = map[string]time.Time{}
	}
	e.recent[name] = time.Now()
}

// wasStirred says whether something was told of a mailbox that a run had selected, and forgets it.
func (e *Ear) wasStirred() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	stirred := e.stirred
	e.stirred = false
	return stirred
}

func (e *Ear) know(name string, s imap.Status) {
	if e.known == nil {
		e.known = map[string]imap.Status{}
	}
	e.known[name] = s
}

// same says whether two states show no difference.
func same(a, b imap.Status) bool {
	if a.HighestModSeq == 0 || b.HighestModSeq == 0 {
		a.HighestModSeq, b.HighestModSeq = 0, 0
	} else {
		a.Unseen, b.Unseen = 0, 0 // mod-sequences say more
	}
	return a == b
}

func (e *Ear) ring() {
	select {
	case e.bell <- struct{}{}:
	default:
	}
}

// Stop ends Listen, politely.
func (e *Ear) Stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopped = true
	e.ring()
}

// Probe makes Listen ask at once whether the server is still there, and listen no more: to that it has to answer within seconds.
func (e *Ear) Probe() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.probing = true
	e.ring()
}

// Heard is where something happened; Anywhere: in mailboxes that came or went, or nobody knows where.
type Heard struct {
	Mailboxes []string // on the server
	Anywhere  bool
}

// Any says whether there is anything.
func (h Heard) Any() bool { return h.Anywhere || len(h.Mailboxes) > 0 }

// take gives what was heard, and forgets it.
func (e *Ear) take() Heard {
	e.mu.Lock()
	defer e.mu.Unlock()
	h := Heard{slices.Sorted(maps.Keys(e.heard)), e.anywhere}
	e.heard, e.anywhere = nil, false
	return h
}

// done says whether there is no reason to listen any longer.
func (e *Ear) done() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stopped || e.anywhere || len(e.heard) > 0
}

// errSilent is why a session is given up that does not answer in time after Probe, or at the end of an IDLE.
var errSilent = errors.New("the server does not answer any more")

// How long an answer may take when the line may be dead, and at the end of an IDLE.
const (
	probeLimit = 5 * time.Second
	stopLimit  = 15 * time.Second
)

// Listen listens on a session that nobody else uses meanwhile, until something happened or Stop is called; then what it gives is empty.
// An error says that the session is over, as those of the session do.
func (e *Ear) Listen(ctx context.Context, s *imap.Session) (Heard, error) {
	if e.session != s {
		e.session, e.notified = s, false
	}
	select {
	case <-e.bell: // what rang since the last time is known, or in heard
	default:
	}
	err := e.listen(ctx, s)
	h := e.take()
	e.mu.Lock()
	e.stopped, e.idling = false, false
	if h.Any() {
		e.pace.happened(time.Now())
	}
	e.mu.Unlock()
	if err == nil && !s.Alive() {
		err = errSilent
	}
	return h, err
}

func (e *Ear) listen(ctx context.Context, s *imap.Session) error {
	way := e.way(s)
	if way == Notify && !e.notified {
		if err := e.begin(ctx, s); err != nil {
			return err
		}
		if way = e.way(s); e.done() {
			return nil
		}
	}
	if err := e.open(ctx, s, way); err != nil || e.done() {
		return err
	}
	asked := false
	for !e.done() {
		if e.alone && way != Idle {
			return errNoIdle
		}
		last := e.pace.questions
		if err := e.wait(ctx, s, way); err != nil {
			return err
		}
		asked = e.pace.questions != last
		way = e.way(s) // what it offers and refuses is done without
	}
	if way == Notify || asked || e.alone || e.halted() {
		return nil
	}
	return e.ask(ctx, s) // where else?
}

// errNoIdle is the error of a server without IDLE for an Ear on one mailbox.
var errNoIdle = errors.New("the server offers no IDLE")

// way is the best one for what is listened to.
func (e *Ear) way(s *imap.Session) Way {
	way := WayOf(s)
	if e.alone && way == Notify {
		return Idle
	}
	return way
}

func (e *Ear) halted() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stopped && !e.anywhere && len(e.heard) == 0
}
