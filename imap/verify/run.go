// Package verify compares an IMAP account with its copy: mailboxes, UIDs, flags, dates and sizes, or every octet. It changes nothing,
// neither there (EXAMINE, BODY.PEEK) nor here.
//
// Three things are compared: what the server has now, what was last agreed (imap/base), and the files (maildir/verify). What was done
// on one side since the last sync is told, and is no fault; what the next sync would not mend is one. How that is told apart: by UIDNEXT
// and mod-sequences as they were recorded. Without mod-sequences a sync reads all flags, so that what differs is only not pulled yet.
//
// The shallow form is one FETCH for each mailbox, whose answer is merged with the pairs by UID as it comes; in memory is what differs.
package verify

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/base"
	"postie/imap/changes"
	"postie/imap/naming"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/verify"
)

// Options of Run. Account, IMAP, Store and Root are needed.
type Options struct {
	Account   index.Login
	IMAP      imap.Options
	Store     *index.Store
	Root      string
	Layout    maildir.Layout
	Mailboxes []string                         // patterns, "!" leaves out; nil: all but Gmail's virtual ones
	Policy    plan.Policy                      // what is wanted: a difference that it makes is none; Now is filled in
	Terms     func(mailbox string) *plan.Terms // those that are a mailbox's own, nil: it has none; nil: none has
	Wait      time.Duration                    // for the lock of the root: 0 not at all, <0 for ever
	Deep      bool                             // compare octets: server, file and hash
	Sample    verify.Sample                    // with Deep: of so many messages only
	Now       func() time.Time
	Report    func(verify.Difference) error // nil: nobody is told
	Came      func(octets int64)            // of bodies; nil: nobody is told
}

// run is one Run.
type run struct {
	Options
	verify.Teller
	base     *base.Account
	session  *imap.Session
	reader   *changes.Reader
	naming   naming.Scheme
	tree     *verify.Tree
	breakers map[int64]map[goimap.UID]base.Breaker
}

// Run compares once. Counts are true also beside an error. Errors: *index.Locked; verify.ErrRestless; those of imap.Connect, of the session,
// of the index and of Report. A mailbox that the server does not give is told as a difference.
func Run(ctx context.Context, o Options) (verify.Counts, error) {
	r := &run{Options: o, Teller: verify.Teller{To: o.Report}}
	if r.Now == nil {
		r.Now = time.Now
	}
	r.Policy.Now = r.Now()
	var read *verify.Sample
	if r.Deep {
		read = &r.Sample
	}
	tree, release, err := verify.Begin(ctx, verify.Options{Store: r.Store, Root: r.Root, Layout: r.Layout, Now: r.Now}, read,
		func(ctx context.Context) (*index.Lock, error) { return r.Store.Lock(ctx, r.Wait) })
	defer release()
	if r.tree = tree; err == nil {
		err = r.run(ctx)
	}
	if r.session != nil {
		r.session.Close()
	}
	return r.Counts, err
}

func (r *run) run(ctx context.Context) (err error) {
	if r.base, err = base.Open(ctx, r.Store, r.Account); err != nil {
		return err
	}
	if err := r.broken(ctx); err != nil {
		return err
	}
	o := r.IMAP
	o.Naming = true
	if r.session, err = imap.Connect(ctx, o); err != nil {
		return err
	}
	r.reader = changes.NewReader(r.session)
	known, err := r.mailboxes(ctx)
	if err != nil {
		return err
	}
	for _, m := range known {
		if err := r.mailbox(ctx, m); err != nil {
			return err
		}
	}
	if err := r.strays(known); err != nil {
		return err
	}
	return r.session.Logout(ctx)
}

// broken reads which messages are known to end the connection.
func (r *run) broken(ctx context.Context) error {
	all, err := r.base.Breakers(ctx)
	r.breakers = map[int64]map[goimap.UID]base.Breaker{}
	for _, b := range all {
		if r.breakers[b.Mailbox] == nil {
			r.breakers[b.Mailbox] = map[goimap.UID]base.Breaker{}
		}
		r.breakers[b.Mailbox][b.UID] = b
	}
	return err
}

// mailbox is one that the base has.
type mailbox struct {
	base.Mailbox
	server string // its name there; "": it is here alone, as its direction has it
}

// policy is that of a mailbox.
func (r *run) policy(name string) plan.Policy {
	var of plan.Mailbox
	if r.Terms != nil {
		of.Terms = r.Terms(name)
	}
	return r.Policy.Of(&of)
}

// mailboxes are those whose messages are compared. It tells of the others.
func (r *run) mailboxes(ctx context.Context) (all []mailbox, err error) {
	known, err := r.base.Mailboxes(ctx)
	if err != nil {
		return nil, err
	}
	byName := map[string]*base.Mailbox{}
	for i := range known {
		byName[known[i].Name] = &known[i]
	}
	scheme, listed, err := changes.List(ctx, r.session, false, maps.Keys(byName))
	if err != nil {
		return nil, err
	}
	r.naming = scheme
	there := map[string]imap.Mailbox{}
	for _, m := range listed {
		if !m.Selectable() {
			continue
		}
		name := scheme.Ours(m.Name)
		if _, twice := there[name]; twice {
			name = scheme.Shown(m.Name, true)
		}
		if !naming.Virtual(m) || naming.Patterns(r.Mailboxes).Names(name) {
			there[name] = m
		}
	}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		if b := byName[name]; (b == nil || b.UIDValidity == 0 && !b.Some) && naming.Patterns(r.Mailboxes).Match(name) {
			if err := r.unknown(name); err != nil {
				return nil, err
			}
		}
	}
	for _, b := range known {
		if !naming.Patterns(r.Mailboxes).Match(b.Name) || b.UIDValidity == 0 && !b.Some {
			continue
		}
		server, found, err := r.there(ctx, b, there)
		if err != nil {
			return nil, err
		}
		if !found {
			found, err = r.alone(ctx, b)
		}
		if err != nil {
			return nil, err
		}
		if found {
			all = append(all, mailbox{b, server})
		}
	}
	return all, nil
}

// unknown tells of a mailbox that the base does not have.
func (r *run) unknown(name string) error {
	if r.Policy.Create&plan.Local == 0 || !r.policy(name).Direction.Changes(plan.Local) {
		return nil // it is not wanted here
	}
	return r.Tell(verify.Difference{Kind: verify.MailboxMissing, Mailbox: name, Detail: "the mailbox is on the server, and not here"})
}

// there gives the name of a mailbox on the server. What LIST leaves out is asked for once more.
func (r *run) there(ctx context.Context, b base.Mailbox, listed map[string]imap.Mailbox) (server string, found bool, err error) {
	r.Counts.Mailboxes++
	if m, ok := listed[b.Name]; ok {
		return m.Name, true, nil
	}
	server, ok := b.Server, b.Server != ""
	if !ok {
		server, ok = r.naming.Theirs(b.Name)
	}
	if ok {
		_, err = r.session.Examine(ctx, server, nil)
		if e, refused := errors.AsType[*imap.Error](err); err == nil {
			return server, true, nil
		} else if !refused || e.Status == "BYE" {
			return "", false, err
		}
	}
	return "", false, nil
}

// alone tells of a mailbox that is not on the server, and says whether it is here alone since its direction has it so.
func (r *run) alone(ctx context.Context, b base.Mailbox) (meant bool, err error) {
	direction := r.policy(b.Name).Direction
	if direction != plan.BothWays {
		held, err := r.base.Held(ctx, b.ID)
		if err != nil || held == 0 {
			return held == 0, err
		}
	}
	d := verify.Difference{Kind: verify.MailboxGone, Mailbox: b.Name, Detail: "the mailbox is not on the server"}
	switch {
	case b.Called != "" || b.Deleted:
		d.Kind, d.Detail = verify.NotPushed, "the mailbox was "+map[bool]string{true: "deleted", false: "renamed"}[b.Deleted]+" here"
	case direction.Keeps():
		d.Kind, d.Detail = verify.NotPulled, "the mailbox is gone there: what was in it stays here"
	}
	return false, r.Tell(d)
}

// strays tells of files that the index does not know, in mailboxes that are compared: the next sync takes them up.
func (r *run) strays(compared []mailbox) error {
	for name, err := range r.tree.Closed {
		if err := r.Tell(verify.Difference{Kind: verify.Unreadable, Mailbox: name, Detail: err.Error()}); err != nil {
			return err
		}
	}
	for p := range r.tree.Unknown() {
		if !slices.ContainsFunc(compared, func(m mailbox) bool { return m.Name == p.Mailbox }) && !naming.Patterns(r.Mailboxes).Match(p.Mailbox) {
			continue
		}
		d := verify.Difference{Kind: verify.NotPushed, Mailbox: p.Mailbox, Path: p.Dir.Path(p.Entry), Detail: "the file is new here"}
		if !r.policy(p.Mailbox).Direction.Changes(plan.Remote) {
			d.Kind, d.Detail = verify.Unknown, "the file is new here, and nothing is put there"
		}
		if err := r.Tell(d); err != nil {
			return err
		}
	}
	return nil
}

// single says whether an error is about one mailbox, so that the others can be compared.
func single(err error) bool {
	if e, ok := errors.AsType[*imap.Error](err); ok {
		return e.Status != "BYE"
	}
	_, problem := errors.AsType[changes.Problem](err)
	_, contradiction := errors.AsType[*changes.Contradiction](err)
	_, unreadable := errors.AsType[*imap.UnreadableError](err)
	return problem || contradiction || unreadable
}

// mailbox compares one mailbox.
func (r *run) mailbox(ctx context.Context, m mailbox) error {
	w := &walk{run: r, m: m, terms: r.policy(m.Name), late: map[goimap.UID]imap.Message{}}
	var err error
	if m.server != "" {
		if err = w.examine(ctx); err == nil && r.Deep {
			err = r.deep(ctx, m)
		}
	}
	if err == nil {
		err = w.onlyHere(ctx)
	}
	if err == errValidity {
		return r.Tell(verify.Difference{Kind: verify.OtherUIDs, Mailbox: m.Name, Detail: err.Error()})
	}
	if err != nil && single(err) {
		return r.Tell(verify.Difference{Kind: verify.NotGiven, Mailbox: m.Name, Detail: err.Error()})
	}
	return err
}

// examine selects a mailbox and compares what the server says of its messages.
func (w *walk) examine(ctx context.Context) error {
	s, err := w.session.Examine(ctx, w.m.server, nil)
	switch {
	case err != nil:
		return err
	case s.UIDValidity == 0 || s.NotSticky:
		return changes.ErrUIDs
	case plan.UIDValidity(s.UIDValidity) != w.m.UIDValidity:
		return errValidity
	}
	w.now = changes.StateOf(s)
	return w.all(ctx)
}

const errValidity = changes.Problem("its UIDVALIDITY changed: the next sync finds out which message is which")
