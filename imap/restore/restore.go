// Package restore puts mail back on an IMAP server: messages of any source, with flags, keywords, dates of arrival and mailboxes.
//
// It keeps nothing of its own. Each run looks at what is there, mailbox by mailbox, and a pure function (decide.go) says by the rules
// of identity of imap/plan which messages are missing; those are appended, with their flags and dates, many in one flight. So
// a run that was killed, or cut off, is taken up by another one, and when all is there a run does nothing. Nothing is ever deleted, on
// either side, and no flag is taken away from a message that is there.
package restore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/changes"
	"postie/imap/naming"
	"postie/imap/plan"
	"postie/maildir/source"
)

// Options of Run. IMAP is needed; all else has a useful zero value.
type Options struct {
	IMAP      imap.Options
	Mailboxes []Mailbox
	Since     time.Time // only what arrived then or later; zero: all
	DryRun    bool      // nothing is changed; what would be done is told
	Progress  func(Event)
	Log       *slog.Logger

	// Step, if not nil, is told before each command that changes the server: crash tests stop there.
	Step func(step string)
}

// Mailbox is one mailbox of the server, and what is to be in it.
type Mailbox struct {
	Name      string            // here: in UTF-8, its hierarchy joined by "/", without the namespace prefix
	From      []*source.Mailbox // whose messages are put there
	Subscribe bool              // it is to be subscribed to, whether it was there before or not
}

// Report is what a run did, or would do. It is true also beside an error.
type Report struct {
	Uploaded   int   // messages
	Bytes      int64 // octets of those
	There      int   // messages that were there
	Flags      int   // of those: messages that got flags which they lacked
	Created    int   // mailboxes
	Subscribed int   // mailboxes
	Redated    int   // messages of those uploaded that have another date of arrival there
	Failed     int   // messages and mailboxes; they were told as events
	Mailboxes  int   // of those: mailboxes
	Received   int64 // octets that came from the server, after decompression
}

var (
	errName     = errors.New("the server can have no mailbox of that name: --to NAME puts it into another one")
	errLost     = errors.New("the server said that it took it, and does not show it")
	errRefusing = errors.New("the server refused one message after the other, so the rest is left: run it again when the server takes messages, and it goes on there")
)

// run is one Run.
type run struct {
	Options
	session *imap.Session
	reader  *changes.Reader
	naming  naming.Scheme
	listed  map[string]imap.Mailbox // by our names; those too that were made
	report  Report
	put     map[string][]placed // by mailbox
	once    map[string]bool     // what was told or counted: not again over another connection
	breakers
}

// Run puts mail back. Errors are those of imap.Connect and of the session. What fails by itself is a Failed event and a count in the report.
func Run(ctx context.Context, o Options) (Report, error) {
	r := &run{Options: o, put: map[string][]placed{}, once: map[string]bool{}, breakers: breakers{ends: map[address]int{}, unsure: map[address]bool{}}}
	if r.Log == nil {
		r.Log = slog.New(slog.DiscardHandler)
	}
	r.IMAP.Naming = true
	err := r.all(ctx)
	for err != nil && ctx.Err() == nil && r.session != nil && !r.session.Alive() && r.another(err) {
		err = r.all(ctx)
	}
	return r.report, err
}

// another says whether another connection may get further than one that ended.
func (r *run) another(err error) bool {
	if slices.Contains(r.session.Lost(), goimap.CapLiteralPlus) && !slices.Contains(r.IMAP.Without, goimap.CapLiteralPlus) {
		// It reads literals as commands, though it offers LITERAL+ (RFC 7888): what it took is seen, and the rest sent without.
		r.IMAP.Without = append(slices.Clone(r.IMAP.Without), goimap.CapLiteralPlus)
		r.report.Failed, r.report.Mailboxes = 0, 0
		maps.DeleteFunc(r.once, func(what string, _ bool) bool { return strings.HasPrefix(what, inReport) })
		return true
	}
	return r.lost(err)
}

// all puts mail back over one connection.
func (r *run) all(ctx context.Context) (err error) {
	r.begin()
	if r.session, err = imap.Connect(ctx, r.IMAP); err != nil {
		return err
	}
	defer r.session.Close()
	defer func() { r.report.Received += r.session.Received() }()
	r.reader = changes.NewReader(r.session)
	if err := r.list(ctx); err != nil {
		return err
	}
	if err := r.inbox(ctx); err != nil {
		return err
	}
	groups := grouped(r.Options.Mailboxes)
	var missing []Mailbox
	for _, m := range groups {
		if listed, ok := r.listed[m.Name]; !ok || !listed.Selectable() {
			missing = append(missing, m)
		} else if err := r.there(ctx, m); err != nil {
			return err
		}
	}
	missing, err = r.fresh(ctx, missing)
	if err != nil {
		return err
	}
	for _, m := range missing {
		if err := r.there(ctx, m); err != nil {
			return err
		}
	}
	if err := r.lastly(ctx); err != nil {
		return err
	}
	if err := r.subscribe(ctx, groups); err != nil {
		return err
	}
	if r.dates(ctx); ctx.Err() != nil || !r.session.Alive() { // all is there
		return context.Cause(ctx)
	}
	return r.session.Logout(ctx)
}

// there puts mail into a mailbox that is there. What is wrong with one does not stop the others.
func (r *run) there(ctx context.Context, m Mailbox) error {
	err := r.mailbox(ctx, m)
	if err != nil && single(err) {
		r.fail(m.Name, "", err)
		err = nil
	}
	return err
}

// grouped puts together what goes into one mailbox: equal copies are matched by count, so it must be seen at once.
func grouped(all []Mailbox) (groups []Mailbox) {
	for _, m := range all {
		i := slices.IndexFunc(groups, func(g Mailbox) bool { return g.Name == m.Name })
		if i < 0 {
			groups = append(groups, Mailbox{Name: m.Name})
			i = len(groups) - 1
		}
		g := &groups[i]
		g.From, g.Subscribe = append(g.From, m.From...), g.Subscribe || m.Subscribe
	}
	return groups
}

// list finds out which mailboxes there are, and how they are named.
func (r *run) list(ctx context.Context) error {
	scheme, all, err := changes.List(ctx, r.session, true, slices.Values([]string(nil)))
	r.naming, r.listed = scheme, map[string]imap.Mailbox{}
	for _, m := range all {
		r.listed[scheme.Ours(m.Name)] = m
	}
	return err
}

// mailbox puts mail into one mailbox: observe, decide, apply.
func (r *run) mailbox(ctx context.Context, m Mailbox) error {
	ours, err := r.ours(ctx, m)
	if err != nil {
		return err
	}
	b := &box{name: m.Name, server: r.listed[m.Name].Name, there: true}
	if err := r.observe(ctx, b); err != nil {
		return err
	}
	if err := r.doubts(ctx, b, ours); err != nil {
		return err
	}
	d, err := decide(m.Name, ours, b.messages, b.keeps)
	if err != nil {
		return err
	}
	if r.first("there " + m.Name) {
		r.report.There += changes.Count(d.there)
	}
	r.cameThrough(m.Name, ours, &d)
	d = r.foretold(b, ours, d)
	if r.DryRun {
		r.preview(b, d)
		return nil
	}
	if err := r.sending(b, d).upload(ctx); err != nil {
		return err
	}
	return r.flag(ctx, b, d.flags)
}

// ours reads the messages that are to be in a mailbox.
func (r *run) ours(ctx context.Context, m Mailbox) (all []*source.Message, err error) {
	for _, from := range m.From {
		for msg, err := range from.Read(ctx) {
			if unfit, ok := errors.AsType[*source.Unfit](err); ok {
				r.fail(m.Name, unfit.Where, unfit.Why)
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", from.Path, err)
			}
			if r.Since.IsZero() || !msg.Date.Before(r.Since) {
				all = append(all, msg)
			}
		}
	}
	arrived(all)
	return all, nil
}

// box is a mailbox of the server as it was seen.
type box struct {
	name     string // here
	server   string // there
	there    bool
	state    changes.State
	keeps    plan.PermanentFlags
	messages []plan.Message
}

// observe reads who is in a mailbox. What the server tells half is not believed, since messages would be put there twice.
func (r *run) observe(ctx context.Context, b *box) error {
	r.reader.Forget()
	at := changes.Mailbox{Name: b.server, Status: r.listed[b.name].Status}
	d, err := r.reader.Since(ctx, at, changes.Then{}, unknown{}, int(^uint(0)>>1))
	if err != nil {
		return err
	}
	if len(d.New) > 0 {
		if _, _, err = r.reader.Identify(ctx, at, &d, d.New, changes.Ask{Header: true, Marks: true, Strict: true}); err != nil {
			return err
		}
	}
	if d.Doubt != nil {
		return d.Doubt
	}
	b.state, b.keeps, b.messages = d.Now, d.Now.PermanentFlags, d.Messages
	return nil
}

// doubts asks for the headers of messages that only those can tell apart.
func (r *run) doubts(ctx context.Context, b *box, ours []*source.Message) error {
	doubts, files, err := plan.MatchDoubts(viewOf(b.name, ours, b.messages))
	if err != nil || len(doubts) == 0 {
		return err
	}
	for _, k := range files {
		ours[place(k)].ReadFields() // an error shows when it is sent
	}
	d := changes.Delta{Messages: b.messages}
	_, _, err = r.reader.Identify(ctx, changes.Mailbox{Name: b.server}, &d, goimap.UIDSetNum(doubts...), changes.Ask{Header: true, Whole: true, Fields: true, Strict: true})
	b.messages = d.Messages
	return err
}

// foretold says what is to come and what the server will not keep, and leaves that out.
func (r *run) foretold(b *box, ours []*source.Message, d decision) decision {
	if n := len(d.copies); n > 0 && r.session.Has(gmail) {
		r.merged(b, n)
		d.copies = nil
	}
	p := Planned{Mailbox: b.name}
	for _, m := range d.all() {
		p.Messages++
		p.Bytes += m.Size
	}
	if r.first("planned " + b.name) {
		r.emit(p)
	}
	if d.alike > 0 {
		r.notice(b, fmt.Sprintf("%d messages have another size or header there: they were recognised by Message-ID, header or date, and are not put there again", d.alike))
	}
	if nul := slices.IndexFunc(d.all(), func(m *source.Message) bool { return m.NUL }); nul >= 0 {
		r.notice(b, "there are NUL octets in messages, such as "+d.all()[nul].Where+": a server may change or refuse them (RFC 9051 section 4.3.1)")
	}
	r.flagless(b, ours)
	return d
}

// preview tells what would be done.
func (r *run) preview(b *box, d decision) {
	if !b.there {
		r.report.Created++
		r.emit(Created{b.name})
	}
	for _, m := range d.all() {
		r.done(Uploaded{b.name, 0, m})
	}
	for _, c := range d.flags {
		r.report.Flags += changes.Count(c.set)
		r.emit(Flagged{b.name, c.set, c.add})
	}
}

func (r *run) done(u Uploaded) {
	r.report.Uploaded++
	r.report.Bytes += u.Message.Size
	if !r.DryRun && !u.Message.Date.IsZero() {
		r.put[u.Mailbox] = append(r.put[u.Mailbox], placed{u.UID, u.Message.Date, u.Message.Where})
	}
	r.emit(u)
}

// inReport begins the entries of run.once that say which failures are in the report.
const inReport = "counted "

// fail counts and tells of a message that failed, or with where "" of a mailbox.
func (r *run) fail(mailbox, where string, err error) { r.failAll(mailbox, where, 1, err) }

// failAll is fail for so many messages at once. Each failure is counted once and told once, over however many connections.
func (r *run) failAll(mailbox, where string, messages int, err error) {
	what := mailbox + "\x00" + where + "\x00" + err.Error()
	if r.first(inReport + what) {
		r.report.Failed += messages
		if where == "" {
			r.report.Mailboxes++
		}
	}
	if !r.first("failed " + what) {
		return
	}
	r.Log.Info("restore failed", "mailbox", mailbox, "message", where, "err", err)
	r.emit(Failed{mailbox, where, err})
}

func (r *run) notice(b *box, text string) {
	if r.first("notice " + b.name + "\x00" + text) {
		r.emit(Notice{b.name, text})
	}
}

// first says whether something is told or counted for the first time.
func (r *run) first(what string) bool {
	if r.once[what] {
		return false
	}
	r.once[what] = true
	return true
}

func (r *run) emit(e Event) {
	if r.Progress != nil {
		r.Progress(e)
	}
}

func (r *run) step(name string) {
	if r.Step != nil {
		r.Step(name)
	}
}
