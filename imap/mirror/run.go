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
// A run is the loop (run.go), wired in newRun of parts that each have one purpose; a part knows those that it stands on, and no others. All share
// the account (account.go): its connection, which may stay from one run to the next (Session: session.go, select.go), its base, its mailboxes (mailboxes.go,
// box.go), and who is told what is done (telling.go, event.go; failure.go says what fails, and whether the run goes on).
//
//	finder          folders.go, walk.go, unlisted.go, chosen.go      which mailboxes there are, on either side
//	observer        observe.go, doubt.go, movein.go, windows.go      what a plan is made of; firstsync.go what is seen for the first time
//	  localObserver   local.go, twins.go, notmessage.go, pending.go  what changed in the Maildirs, by maildir/look
//	  remoteObserver  remote.go, newcomers.go, rights.go, audit.go   what changed on the server, by imap/changes; uidvalidity.go
//	  identifier      breakers_ask.go                                who messages are, past those at which the connection ends
//	  files           file.go, keywords.go                           reads files, and finds them by their keys
//	replacement     detectrename.go                                  mailboxes that others took the place of
//	recovery        recover.go, apply_settle.go                      what a run that was stopped left open; plan.Resume decides
//	applier         apply.go                                         carries a plan out, by the parts below
//	  agreements      agree.go                                       writes down what was done, and tells of it
//	  mender          mend.go                                        repairs in the Maildirs what observing found amiss
//	  mailboxChanges  apply_create.go, apply_rename.go, apply_drop.go
//	  downloads       apply_download.go, arrival.go                  bodies and summaries come down
//	  uploads         apply_upload.go, uploadsizes.go                files go up; changes.Reader.Find finds them again
//	  flags           apply_flags.go
//	  moves           apply_move.go
//	  deletions       apply_delete.go, apply_clear.go, expunge.go    on the server only what we deleted, and nothing else
//	  rescanner       rescan.go                                      looks at the Maildirs once more before what cannot be taken back
//	breakers        breakers.go, breakers_errand.go                  what ends the connection is done last, alone, or not
//	retention       clear.go                                         verifies copies, drops what is kept for a time only
//	previewer       preview.go                                       what a dry run reports
//	fetcher         fetch.go, fetchagain.go                          beside Run: bodies on demand; what is damaged or missing
//
// shared.go makes sure that the root is no other account's; record.go notes how far all was read; rows.go gives the base to imap/changes; unwanted.go
// tells of bodies that policy would not have brought; uids.go makes sets of UIDs.
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
	"time"

	"postie/imap"
	"postie/imap/base"
	"postie/imap/naming"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
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

// TermsOf are the terms of a mailbox that are its own; nil: there are none.
func (o Options) TermsOf(name string) *plan.Terms {
	for i, t := range o.Terms {
		if naming.Patterns([]string{t.Pattern}).Match(name) {
			return &o.Terms[i].Terms
		}
	}
	return nil
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

// run is one Run: the loop, and what it is made of.
type run struct {
	*account
	breakers    *breakers
	firstSync   *firstSync
	finder      *finder
	replacement *replacement
	recovery    *recovery
	identifier  *identifier
	observer    *observer
	applier     *applier
	retention   *retention
	previewer   *previewer
	killed      bool     // the last run was: what it left in the folders tmp/ goes
	putOff      []string // mailboxes in which this pass put something off
	outlook     outlook
}

// newRun puts together what a run is made of: each part knows those that it stands on, and no others.
func newRun(o Options, l *line) *run {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &account{Options: o, line: l, telling: newTelling(o), mailboxes: &mailboxes{terms: o.TermsOf}}
	breaks, first, read := &breakers{account: a}, &firstSync{account: a}, &files{a}
	who := &identifier{a, breaks}
	here := &localObserver{account: a, files: read, unread: map[string]bool{}}
	there := &remoteObserver{account: a, breakers: breaks, identifier: who}
	rescans := &rescanner{account: a, files: read, here: here}

	agreed := &agreements{a, breaks}
	flagged := &flags{agreed, read}
	down := &downloads{agreed, flagged}
	up := &uploads{agreed, read, rescans}
	deleted := &deletions{agreed, read, flagged, rescans}
	moved := &moves{agreed, read, flagged, down, deleted, rescans}
	named := &mailboxChanges{agreed}
	find := &finder{a, breaks, first}
	return &run{
		account: a, breakers: breaks, firstSync: first, finder: find, identifier: who,
		replacement: &replacement{agreed, find, named}, recovery: &recovery{agreed, read, deleted},
		observer:  &observer{a, breaks, first, who, here, there},
		applier:   &applier{agreed, &mender{agreed}, named, down, up, flagged, deleted, moved},
		retention: &retention{a, read, deleted}, previewer: &previewer{agreed},
	}
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
	if r.firstSync.unseen, r.firstSync.first, err = r.base.Unseen(ctx); err != nil {
		return err
	}
	if err := r.connect(ctx); err != nil {
		return err
	}
	if err := r.breakers.recallBreakers(ctx); err != nil {
		return err
	}
	if err := r.unbroken(ctx); err != nil {
		return err
	}
	if err := r.unwanted(ctx); err != nil {
		return err
	}
	if !r.DryRun {
		if err := r.retention.letGo(ctx); err != nil {
			return err
		}
	}
	if !r.DryRun {
		if err := r.base.Said(ctx, r.said); err != nil {
			return err
		}
	}
	r.finished = r.breakers.breaks.times > 0
	return nil
}

// passes makes both sides equal over one connection.
func (r *run) passes(ctx context.Context) error {
	for pass := 0; pass == 0 || r.again && pass < passes && !r.DryRun; pass++ {
		r.again, r.breakers.breaks.last = false, nil // of this pass
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
	if err := r.finder.folders(ctx); err != nil {
		return err
	}
	for _, b := range r.boxes {
		if r.killed && b.here {
			r.applier.downloads.cleanTmp(b)
		}
	}
	r.killed = false
	if first {
		if err := r.finder.chosen(); err != nil {
			return err
		}
	}
	if err := r.replacement.putAside(ctx); err != nil {
		return err
	}
	if err := r.recovery.recover(ctx); err != nil {
		return err
	}
	r.outlook, r.putOff, r.report.Guards = outlook{}, nil, nil
	broken := map[string]bool{"": false}
	views, err := r.observer.observe(ctx)
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
	p, err := r.observer.planned(ctx, views)
	if err != nil {
		return err
	}
	r.report.Guards = append(r.report.Guards, p.Guards...)
	r.putOff = append(r.putOff, p.Open...)
	r.observer.doubted()
	r.Log.Debug("planned", "mailboxes", len(views), "operations", len(p.Ops), "guards", len(p.Guards), "open", p.Open)
	for _, n := range p.Notices {
		if len(r.breakers.breaks.waiting) == 0 { // else it is planned once more
			r.note(n.Mailbox, n.Text)
		}
	}
	if r.DryRun {
		p.Ops = slices.Concat(r.unsettled, p.Ops)
		return r.previewer.preview(ctx, p)
	}
	r.forecast(p)
	return r.applier.apply(ctx, &p, broken)
}
