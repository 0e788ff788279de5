// Package mirror is the IMAP workflow: it makes a tree of Maildirs and an account equal.
//
// Run does that once. A Session stays connected and does it as often as it is asked to: it connects when it is needed, and anew
// when the connection has ended; each of its runs locks the root for as long as it takes.
//
// A run goes in rounds. Each observes both sides as cheaply as the server allows, which changes nothing anywhere, lets imap/plan decide in a
// pure function, and applies the plan in an order that survives a crash at any moment. The first rounds put right what would be compared
// wrongly: mailboxes that were replaced on the server, what a run that was stopped left open. The next compares everything; where very
// many messages are new, each of those behind it brings in a window of them. At the end it is recorded how far all was read, so that
// the next run can tell at once that nothing happened.
//
// # Where things are
//
// Run and its rounds: run.go; the connection, which may stay from one run to the next (Session): session.go; what a run tells: event.go;
// what fails, and whether the run goes on: failure.go; what a dry run reports: preview.go.
//
// Mailboxes: folders.go finds them, each a box (box.go); imap/naming says what they are called on either side; chosen.go makes sure
// that those are there which were asked for by name, shared.go that the root is no other account's. walk.go finds the Maildirs of
// each, movein.go those of another program in the first sync; detectrename.go finds mailboxes that were renamed on the server;
// select.go opens one; uidvalidity.go tells when its UIDs mean other messages.
//
// Observe: observe.go. Here: local.go takes into view what maildir/look saw, file.go and keywords.go read a file, notmessage.go tells of
// files that are no messages, unwanted.go of bodies that policy would not have brought.
// There: imap/changes reads what changed and says what of it may be believed (remote.go, rows.go); unlisted.go asks once more for what
// LIST leaves out, newcomers.go who is new, rights.go what is allowed; doubt.go tells of a server that contradicts itself, audit.go finds one that keeps something back.
//
// After a crash: recover.go finds out what became of what was begun, plan.Resume decides, apply_settle.go settles it.
//
// Apply: apply.go, and apply_*.go for each kind of operation; windows.go observes very many newcomers a part at a time.
// Before all, mend.go repairs in the Maildirs what observing found amiss. What they share: rescan.go looks at the Maildirs
// once more before what cannot be taken back; expunge.go takes away what we deleted, and nothing else; arrival.go makes durable what
// comes down; changes.Reader.Find finds again what went up, uploadsizes.go asks in what size and with what date it is kept there;
// breakers.go gets past messages that end the connection; uids.go makes sets of UIDs.
//
// Record: record.go, firstsync.go. Beside Run: fetch.go, bodies on demand; fetchagain.go, what is damaged or missing.
//
// # After a crash
//
// Each operation is agreed in the base when it is done. One that was done and not yet agreed looks to the next run as if
// both sides had changed alike, and is only written down. Where that is not so, an intent precedes the deed
// (recover.go): a file that is about to be published, since its octets on disk may not tell which message it is; an APPEND, since servers
// may change what they take; a COPY that stands for a MOVE, since the message is in both places until it is expunged.
package mirror

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"postie/imap"
	"postie/imap/base"
	"postie/imap/naming"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/look"
)

// Options of Run. Account, IMAP, Store and Root are needed; all else has a useful zero value.
type Options struct {
	Account   index.Login // user and host: whose base it is
	IMAP      imap.Options
	Store     *index.Store   // of Root
	Root      string         // the account's root
	Layout    maildir.Layout // maildir.FS: ROOT/INBOX, ROOT/Lists/golang; maildir.MaildirPlusPlus: ROOT, ROOT/.Lists.golang
	Mailboxes []string       // patterns, "!" leaves out; they filter both sides. nil: all but Gmail's virtual ones
	Policy    plan.Policy    // Now is filled in
	Terms     []Terms        // of mailboxes that are to be treated otherwise; the first that fits counts
	DryRun    bool           // plan only: nothing changes anywhere
	Wait      time.Duration  // for the lock of the root: 0 not at all, <0 for ever
	Batch     int            // messages that become durable together; 0: 256, or 8 MiB
	Window    int            // newcomers that are planned together; 0: 8192
	Progress  func(Event)    // never called by two goroutines at once
	Named     bool           // events of what was done say what is known of the message
	Log       *slog.Logger   // nil: nothing is logged
	Now       func() time.Time

	// AuditEvery is how long a mailbox goes without being compared whole; 0: a week.
	AuditEvery time.Duration

	// Step, if not nil, is told before each durable step and each command that changes the server: crash tests stop there.
	Step func(step string)

	// InHand, if not nil, is called when a message begins to come or to go, and what it gives when that message is whole: who wants
	// to end the run may wait for it.
	InHand func() (whole func())
}

// Terms are what policy says of the mailboxes whose names fit a pattern, in place of Policy's.
type Terms struct {
	Pattern string
	plan.Terms
}

// Report is what a run did. It is true also beside an error: what was done is kept.
type Report struct {
	plan.Totals
	Failed    int   // messages and mailboxes that something could not be done for; they were told as events
	Mailboxes int   // of those: how many are mailboxes
	Bytes     int64 // octets that came from the server, after decompression
	Guards    []plan.Guard
	Plan      plan.Plan       // with DryRun
	About     []index.Message // of each of its operations: what is known of its message. Without ID the index has it not yet
}

// run is one Run.
type run struct {
	Options
	*line
	rehearsal
	base         *base.Account
	naming       naming.Scheme
	boxes        []*box // sorted by name
	byName       map[string]*box
	found        []string             // the folders below the root that are Maildirs
	local        *look.View[knownRow] // the Maildirs, as they were when the plan was made
	came, went   []passage            // since
	unread       map[string]bool      // files that were told of because they could not be read, by mailbox and key
	stuck        map[string]bool      // files that were uploaded and could not be found, by mailbox and key
	said         []string             // notices of this run
	before       []string             // those of the last run
	unseen       []string             // mailboxes that no run has looked at yet; see first
	killed       bool                 // the last run was: what it left in the folders tmp/ goes
	first        bool                 // no run has come to its end: that are all
	again        bool                 // something was done that only another look can make an agreement of
	room         int                  // for how many newcomers there is room in this plan
	outlook      outlook
	putOff       []string        // mailboxes in which this pass put something off
	contradicted map[string]bool // mailboxes of which it was told that the server contradicts itself
	breaks       breakage
	asking       bool // for one message that was put aside
	auditing     *box // it is compared whole; nil: none is
	auditChosen  bool
	told         map[string]bool // failures that were told of
	report       Report
	mu           sync.Mutex // guards Progress and report, which the committing goroutine touches too
}

// passes is how often a run looks again when it could not finish what it saw: flags that somebody else changed in the
// meantime, moves that the server did not tell the outcome of.
const passes = 3

// Run makes Maildirs and account equal, once.
//
// Errors: *index.Locked; *SharedError; those of imap.Connect and of the session; a full disk or another failure of the store that more
// operations would only repeat. What fails by itself is a Failed event and a count in the report; what the deletion
// guard stopped is in Report.Guards.
func Run(ctx context.Context, o Options) (Report, error) {
	s := NewSession(o)
	defer s.Close()
	report, err := s.Run(ctx)
	if err == nil {
		err = s.Logout(ctx)
	}
	return report, err
}

func (r *run) run(ctx context.Context) (err error) {
	if r.base, err = base.Open(ctx, r.Store, r.Account); err != nil {
		return err
	}
	if err := r.alone(ctx); err != nil {
		return err
	}
	if r.before, err = r.base.Notices(ctx); err != nil {
		return err
	}
	if r.unseen, r.first, err = r.base.Unseen(ctx); err != nil {
		return err
	}
	if err := r.connect(ctx); err != nil {
		return err
	}
	if err := r.recallBreakers(ctx); err != nil {
		return err
	}
	if err := r.unbroken(ctx); err != nil {
		return err
	}
	if err := r.unwanted(ctx); err != nil {
		return err
	}
	if !r.DryRun {
		if err := r.letGo(ctx); err != nil {
			return err
		}
	}
	if !r.DryRun {
		if err := r.base.Said(ctx, r.said); err != nil {
			return err
		}
	}
	r.finished = r.breaks.times > 0
	return nil
}

// passes makes both sides equal over one connection.
func (r *run) passes(ctx context.Context) error {
	for pass := 0; pass == 0 || r.again && pass < passes && !r.DryRun; pass++ {
		r.again, r.breaks.last = false, nil // of this pass
		if err := r.pass(ctx, pass == 0); err != nil {
			return err
		}
	}
	return nil
}

// pass makes both sides equal in rounds, each of which observes, plans and applies: first what a run that was stopped left open is settled;
// then everything is compared, with as many newcomers as there is room for; then window by window the other newcomers. At the end it is
// recorded how far all was read.
func (r *run) pass(ctx context.Context, first bool) error {
	r.Policy.Now, r.Policy.Trash = r.Now(), naming.Canonical(r.Policy.Trash)
	if err := r.folders(ctx); err != nil {
		return err
	}
	for _, b := range r.boxes {
		if r.killed && b.here {
			r.cleanTmp(b)
		}
	}
	r.killed = false
	if first {
		if err := r.chosen(); err != nil {
			return err
		}
	}
	if err := (&replacement{r}).putAside(ctx); err != nil {
		return err
	}
	if err := r.recover(ctx); err != nil {
		return err
	}
	r.outlook, r.putOff, r.report.Guards = outlook{}, nil, nil
	broken := map[string]bool{"": false}
	views, err := r.observe(ctx)
	for ; err == nil && views != nil; views, err = r.nextWindow(ctx, broken) {
		if err := r.round(ctx, views, broken); err != nil || r.DryRun {
			return err
		}
	}
	if err != nil {
		return err
	}
	return r.record(ctx)
}

// round plans what was observed, and carries it out. A dry run reports it.
func (r *run) round(ctx context.Context, views []plan.Mailbox, broken map[string]bool) error {
	p, err := r.planned(ctx, views)
	if err != nil {
		return err
	}
	r.report.Guards = append(r.report.Guards, p.Guards...)
	r.putOff = append(r.putOff, p.Open...)
	r.doubted()
	r.Log.Debug("planned", "mailboxes", len(views), "operations", len(p.Ops), "guards", len(p.Guards), "open", p.Open)
	for _, n := range p.Notices {
		if len(r.breaks.waiting) == 0 { // else it is planned once more
			r.note(n.Mailbox, n.Text)
		}
	}
	if r.DryRun {
		p.Ops = slices.Concat(r.unsettled, p.Ops)
		return r.preview(ctx, p)
	}
	r.forecast(p)
	return r.apply(ctx, &p, broken)
}

func (r *run) emit(e Event) {
	if r.Progress != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.Progress(e)
	}
}

// count changes the report.
func (r *run) count(f func(*Report)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.report)
}

// note says something about a mailbox, unless the last run said it already.
func (r *run) note(mailbox, text string) {
	line := mailbox + ": " + text
	if slices.Contains(r.said, line) {
		return
	}
	r.said = append(r.said, line)
	if !slices.Contains(r.before, line) {
		r.emit(Notice{mailbox, text})
	}
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
