// Package retrieve is the POP3 workflow: connect, retrieve, store, delete on the server, disconnect.
//
// A run observes (the server's list, the ledger, the Maildir), plans in a pure function (Diff), applies in an order
// that survives a crash at any moment, and records. A message is deleted on the server only after its file, its name
// and its ledger row are durable here.
package retrieve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"postie/maildir"
	"postie/maildir/index"
	"postie/pop3"
	"postie/pop3/ledger"
)

// Options of Run. Maildrop, POP3, Store and Dir are needed; all else has a useful zero value.
type Options struct {
	Maildrop index.Login
	POP3     pop3.Options
	Store    *index.Store
	Dir      maildir.Dir // the root that Store belongs to
	Policy   Policy
	Lost     []string         // folders of Dir that had to be made anew although there was mail before
	DryRun   bool             // plan only: nothing is stored, deleted or recorded
	Wait     time.Duration    // for the lock: 0 not at all, <0 for ever
	Batch    int              // messages that become durable together; 0: 256
	Progress func(Event)      // never called by two goroutines at once
	Log      *slog.Logger     // nil: nothing is logged
	Now      func() time.Time // nil: time.Now
	Step     func(step string)
	// Step, if not nil, is told before each durable step and each command that deletes: crash tests stop there.

	// InHand, if not nil, is called when a message begins to come or to go, and what it gives when that message is whole: who wants
	// to end the run may wait for it.
	InHand func() (whole func())
}

// Report is what a run did. It is true also beside an error: what was stored is kept.
type Report struct {
	New         int   // messages stored
	Known       int   // messages on the server that we have and that stay there
	Matched     int   // messages that we had, under another UIDL or from elsewhere, and that were not stored again
	Skipped     int   // messages larger than MaxSize
	Later       int   // messages left for the next run: by Limit, or because the server renumbered them in between
	Deleted     int   // messages deleted on the server
	Failed      int   // messages that could not be fetched, stored or deleted; they were told as events
	Bytes       int64 // octets that came from the server
	Quarantined int   // messages at which sessions broke: they are asked for last, or not in this run
	Plan        Plan  // with DryRun

	LoginDelay time.Duration // the server wants that long between two logins (RFC 2449 section 6.5); 0: it does not say
	Expire     string        // how long it keeps messages, in days (RFC 2449 section 6.7); "": it does not say
}

// run is one Run.
type run struct {
	Options
	ledger    *ledger.Ledger
	session   *pop3.Session
	view      View
	followed  bool        // the index was brought up to what happened in the Maildir
	rests     bool        // what is missing of all files that were wanted first may be believed
	fresh     bool        // no run came to its end with this database
	seen      ledger.Seen // what the last run left
	forgot    bool        // the ledger is older than the mail, or lost rows
	report    Report
	mu        sync.Mutex // guards Progress, report.Failed, deletions and stale, which the committing goroutine touches too
	deletions []deletion
	unmatched Unmatched
	taken     map[*Copy]bool        // copies that a message turned out to be equal to
	places    map[maildir.Key]place // of the files that were looked for before they license a deletion
	stale     []int64               // receipts whose UIDL turned out to be another message's now
	earlier   int64                 // octets that came in sessions before this one

	sizes    sizes
	suspects []suspect
	last     []suspect   // asked for, or to be asked for, by askLast
	asking   *suspect    // by askLast
	broke    []pop3.Item // messages at which a session broke also when they were asked for alone
	unlucky  []pop3.Item // those at which sessions broke on a line that is to blame itself
	breaks   int         // of sessions, while messages were fetched
	answers  int         // to RETR that came to their end
	items    []pop3.Item // the list of the session
	current  current     // where the messages of the session before are in it
}

// Run fetches one maildrop once.
//
// Errors: *index.Locked; *Guard (the maildrop was left untouched); those of pop3.Connect and of the session; a full
// disk or another failure of the store that more messages would only repeat. A message that fails by itself is no
// error but a Failed event and a count in the report.
func Run(ctx context.Context, o Options) (Report, error) {
	r := &run{Options: o, taken: map[*Copy]bool{}}
	if r.Log == nil {
		r.Log = slog.New(slog.DiscardHandler)
	}
	if r.Now == nil {
		r.Now = time.Now
	}
	lock, err := o.Store.LockMaildrop(ctx, o.Maildrop, o.Wait)
	if err != nil {
		return r.report, err
	}
	defer lock.Release()
	err = r.run(ctx)
	if r.session != nil {
		r.report.Bytes = r.earlier + r.session.Received()
		caps := r.session.Capabilities()
		r.report.LoginDelay, r.report.Expire = caps.LoginDelay, caps.Expire
		r.session.Close()
	}
	return r.report, err
}

func (r *run) run(ctx context.Context) error {
	err := r.open(ctx)
	if err != nil {
		return err
	}
	var pending unfinished
	early := r.seen.List == [32]byte{} || r.Policy.Keep.Mode == UntilDeleted
	if early { // what may take long does not keep the server waiting
		if pending, err = r.remember(ctx); err != nil {
			return err
		}
	}
	if err := r.connect(ctx); err != nil {
		return err
	}
	rests := !early && len(r.Lost) == 0 && r.unchanged()
	if rests {
		if rests, err = r.restsHere(ctx); err != nil {
			return err
		}
	}
	if rests {
		r.Log.Info("unchanged since the last run")
		r.announce(Plan{Known: len(r.view.Items)})
		return r.leave(ctx)
	}
	if !early {
		if pending, err = r.remember(ctx); err != nil {
			return err
		}
	}
	if err := r.observe(ctx); err != nil {
		return err
	}
	plan := Diff(r.view, r.Policy)
	if r.DryRun && plan.Guard == nil {
		if err := r.rehearse(ctx, &plan); err != nil {
			return err
		}
	}
	r.announce(plan)
	switch {
	case plan.Guard != nil:
		return errors.Join(plan.Guard, r.leave(ctx))
	case r.DryRun:
		r.report.Plan = plan
		return r.leave(ctx)
	}
	return r.apply(ctx, pending, plan)
}

// connect begins the first session, and lists the maildrop.
func (r *run) connect(ctx context.Context) error {
	var err error
	if r.session, err = pop3.Connect(ctx, r.POP3); err != nil {
		return err
	}
	if r.view.Items, err = r.session.Survey(ctx); err != nil {
		return err
	}
	r.items = r.view.Items
	if slices.ContainsFunc(r.view.Items, func(it pop3.Item) bool { return it.UIDL == "" }) {
		r.emit(Notice{"the server has no UIDL, or not for all messages: they are told apart by size and header, which costs more and makes a known message be read again before it is deleted"})
	}
	return nil
}

// leave ends a session in which nothing was marked. What the server has to say to that changes nothing.
func (r *run) leave(ctx context.Context) error {
	if err := r.session.Quit(ctx); err != nil {
		r.Log.Info("the server did not answer QUIT as it should", "error", err)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// announce tells what is about to happen.
func (r *run) announce(plan Plan) {
	var total Planned
	for _, op := range plan.Ops {
		switch op.Action {
		case Fetch:
			total.Messages++
			total.Bytes += op.Item.Size
		case Skip:
			r.report.Skipped++
			r.emit(Skipped{op.Item, r.Policy.MaxSize})
		case Wait:
			r.fail(op.Item, errors.New(op.Reason))
		}
	}
	r.report.Known, r.report.Later = plan.Known, plan.Later
	r.Log.Info("planned", "listed", len(r.view.Items), "fetch", total.Messages, "known", plan.Known,
		"skip", r.report.Skipped, "later", plan.Later, "forget", len(plan.Forget))
	r.emit(total)
}

func (r *run) emit(e Event) {
	if r.Progress != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.Progress(e)
	}
}

// fail tells of one message that failed, and counts it.
func (r *run) fail(it pop3.Item, err error) {
	r.mu.Lock()
	r.report.Failed++
	r.mu.Unlock()
	r.emit(Failed{it, fmt.Errorf("%s: %w", name(it), err)})
}

// name is how a message is called in an error.
func name(it pop3.Item) string {
	if it.UIDL == "" {
		return fmt.Sprintf("message %d (%d octets)", it.Number, it.Size)
	}
	return fmt.Sprintf("message %d (%d octets, UIDL %s)", it.Number, it.Size, it.UIDL)
}

func (r *run) inHand() (whole func()) {
	if r.InHand == nil {
		return func() {}
	}
	return r.InHand()
}

func (r *run) step(name string) {
	if r.Step != nil {
		r.Step(name)
	}
}
