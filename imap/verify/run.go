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
	"cmp"
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
	Mailboxes []string      // patterns, "!" leaves out; nil: all but Gmail's virtual ones
	Policy    plan.Policy   // which bodies are wanted here, and which mailboxes are made; Now is filled in
	Wait      time.Duration // for the lock of the root: 0 not at all, <0 for ever
	Deep      bool          // compare octets: server, file and hash
	Sample    verify.Sample // with Deep: of so many messages only
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
	if o.Store.Writable() == nil { // no sync may change meanwhile what is compared
		lock, err := o.Store.Lock(ctx, o.Wait)
		if err != nil {
			return r.Counts, err
		}
		defer lock.Release()
	}
	err := r.run(ctx)
	if r.session != nil {
		r.session.Close()
	}
	return r.Counts, err
}

func (r *run) run(ctx context.Context) (err error) {
	if r.base, err = base.Open(ctx, r.Store, r.Account); err != nil {
		return err
	}
	r.tree, err = verify.Look(ctx, verify.Options{Store: r.Store, Root: r.Root, Layout: r.Layout, Now: r.Now})
	if err != nil {
		return err
	}
	if err := r.broken(ctx); err != nil {
		return err
	}
	if r.Deep {
		if err := r.Sample.Pick(ctx, r.Store); err != nil {
			return err
		}
	}
	o := r.IMAP
	o.Naming = true
	if r.session, err = imap.Connect(ctx, o); err != nil {
		return err
	}
	r.reader = changes.NewReader(r.session)
	pairs, err := r.mailboxes(ctx)
	if err != nil {
		return err
	}
	for _, m := range pairs {
		if err := r.mailbox(ctx, m); err != nil {
			return err
		}
	}
	if err := r.strays(pairs); err != nil {
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

// mailbox is one that the base has, under its name there.
type mailbox struct {
	base.Mailbox
	server string
}

// mailboxes are those that are on both sides. It tells of the others.
func (r *run) mailboxes(ctx context.Context) (both []mailbox, err error) {
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
		server, err := r.there(ctx, b, there)
		if err != nil {
			return nil, err
		}
		if server != "" {
			both = append(both, mailbox{b, server})
		}
	}
	return both, nil
}

// unknown tells of a mailbox that the base does not have.
func (r *run) unknown(name string) error {
	if r.Policy.Create&plan.Local == 0 {
		return nil // it is not wanted here
	}
	return r.Tell(verify.Difference{Kind: verify.MailboxMissing, Mailbox: name, Detail: "the mailbox is on the server, and not here"})
}

// there gives the name of a mailbox on the server, and tells of one that is not there. What LIST leaves out is asked for once more.
func (r *run) there(ctx context.Context, b base.Mailbox, listed map[string]imap.Mailbox) (string, error) {
	r.Counts.Mailboxes++
	if m, ok := listed[b.Name]; ok {
		return m.Name, nil
	}
	server, ok := b.Server, b.Server != ""
	if !ok {
		server, ok = r.naming.Theirs(b.Name)
	}
	if ok {
		_, err := r.session.Examine(ctx, server, nil)
		if e, refused := errors.AsType[*imap.Error](err); err == nil {
			return server, nil
		} else if !refused || e.Status == "BYE" {
			return "", err
		}
	}
	d := verify.Difference{Kind: verify.MailboxGone, Mailbox: b.Name, Detail: "the mailbox is not on the server"}
	if b.Called != "" || b.Deleted {
		d.Kind, d.Detail = verify.NotPushed, "the mailbox was "+map[bool]string{true: "deleted", false: "renamed"}[b.Deleted]+" here"
	}
	return "", r.Tell(d)
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
	err := r.examine(ctx, m)
	if err == nil && r.Deep {
		err = r.deep(ctx, m)
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
func (r *run) examine(ctx context.Context, m mailbox) error {
	s, err := r.session.Examine(ctx, m.server, nil)
	switch {
	case err != nil:
		return err
	case s.UIDValidity == 0 || s.NotSticky:
		return changes.ErrUIDs
	case plan.UIDValidity(s.UIDValidity) != m.UIDValidity:
		return errValidity
	}
	w := &walk{run: r, m: m, now: changes.StateOf(s), late: map[goimap.UID]imap.Message{}}
	return cmp.Or(w.all(ctx), w.onlyHere(ctx))
}

const errValidity = changes.Problem("its UIDVALIDITY changed: the next sync finds out which message is which")
