package mirror

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/changes"
	"postie/maildir"
)

// Session is an account that stays connected from one Run to the next. It connects when it is needed, and again when the connection
// has ended since; the root is locked only while a Run or a Fetch is at work. It is for one goroutine.
type Session struct {
	// Options may be changed between runs, but for Account, Store, Root and Layout. Changes of IMAP count from the next connection on.
	Options Options

	line
}

// line is the connection of a session.
type line struct {
	session  *imap.Session
	reader   *changes.Reader // of the session
	received int64           // octets that came over connections that ended
	kept     bool            // it was made in an earlier run
	lost     []goimap.Cap    // what the server offered and refused in this run
	known    int             // how much of what the session lost is in lost, or was
	finished bool            // that it ended is no matter: all was done
}

// NewSession returns a session that is not connected yet.
func NewSession(o Options) *Session { return &Session{Options: o} }

// Run makes Maildirs and account equal, once. See the function Run.
func (s *Session) Run(ctx context.Context) (Report, error) {
	return s.locked(ctx, func(r *run) error { return r.run(ctx) })
}

// IMAP is the connection, on which a caller may wait for what the server has to say, and may select a mailbox; nil: there is none, or it
// has ended, and the next Run makes another. It is the next Run's again when that begins.
func (s *Session) IMAP() *imap.Session {
	if s.session == nil || !s.session.Alive() {
		return nil
	}
	return s.session
}

// Logout ends the connection in good order, unless it ended by itself when there was nothing left to ask for.
func (s *Session) Logout(ctx context.Context) error {
	if s.session == nil || s.finished && !s.session.Alive() {
		return nil
	}
	return s.session.Logout(ctx)
}

// Close ends the connection at once.
func (s *Session) Close() error {
	if s.session == nil {
		return nil
	}
	return s.session.Close()
}

// locked holds the lock of the root while do is at work, and writes down afterwards what was learnt of the server.
func (s *Session) locked(ctx context.Context, do func(*run) error) (Report, error) {
	r := newRun(s.Options, &s.line)
	lock, err := r.Store.Lock(ctx, r.Wait)
	if err != nil {
		return r.report, err
	}
	defer lock.Release()
	r.killed = lock.Killed && !r.DryRun
	before := s.octets()
	err = do(r)
	s.Options.IMAP.ShortSets = r.IMAP.ShortSets // as this run had to find out
	if r.scratch != nil {
		err = errors.Join(err, r.scratch.Close())
	}
	if s.session != nil {
		r.report.Bytes = s.octets() - before
		err = errors.Join(err, r.remember(ctx))
	}
	if !r.DryRun {
		err = errors.Join(err, s.Options.Store.Checkpoint())
	}
	return r.report, err
}

// octets is how many came from the server so far.
func (l *line) octets() int64 {
	if l.session == nil {
		return l.received
	}
	return l.received + l.session.Received()
}

// refusalLasts is how long a server is not asked again for what it offered and refused: somebody may have mended it.
const refusalLasts = 30 * 24 * time.Hour

// connect sees to it that there is a connection. It goes on with that of an earlier run, from which the mailbox is gone by then that
// somebody watched: servers need not tell the news of one that is selected where they tell those of all.
func (a *account) connect(ctx context.Context) error {
	a.finished = false
	if a.session != nil && a.session.Alive() {
		a.reader.Forget()
		a.kept = true
		if err := a.session.Unselect(ctx); err == nil || a.session.Alive() || ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return a.dial(ctx)
}

// dial begins a session, which has to know how mailboxes are named, and does without what the server refused before.
func (a *account) dial(ctx context.Context) error {
	refused, err := a.base.Refused(ctx)
	if err != nil {
		return err
	}
	if a.session != nil {
		a.learn()
		a.session.Close()
	}
	o := a.IMAP
	o.Naming, o.Spool, o.Without = true, a.spool, slices.Concat(o.Without, a.lost)
	for c, at := range refused {
		if a.Now().Sub(at) < refusalLasts {
			o.Without = append(o.Without, c)
		}
	}
	s, err := imap.Connect(ctx, o)
	if err != nil {
		return err
	}
	if a.session != nil {
		a.received += a.session.Received()
	}
	a.session, a.reader, a.kept, a.known = s, changes.NewReader(s), false, 0
	return nil
}

// reconnect begins a new session in place of one that ended.
func (a *account) reconnect(ctx context.Context) bool {
	err := a.dial(ctx)
	if err != nil {
		a.Log.Info("no new connection", "err", err)
	}
	return err == nil
}

// revive begins a new session, once, where that of an earlier run turned out to have ended meanwhile.
func (a *account) revive(ctx context.Context) bool {
	return a.kept && ctx.Err() == nil && !a.session.Alive() && a.reconnect(ctx)
}

// spool is where bodies wait that come before their UIDs: with the mail, where there is room for it.
func (a *account) spool() string {
	for _, b := range a.byName {
		if tmp := filepath.Join(string(b.dir), "tmp"); a.reader != nil && a.reader.Selected(b.server) && isDir(tmp) {
			return tmp
		}
	}
	return a.Root
}

// learn notes what the server offered and refused in this session.
func (l *line) learn() {
	all := l.session.Lost()
	l.lost, l.known = append(l.lost, all[l.known:]...), len(all)
}

// remember writes down what the server offered and refused in this run.
func (a *account) remember(ctx context.Context) error {
	a.learn()
	lost := a.lost
	a.lost = nil
	for _, c := range lost {
		a.emit(Notice{Text: "the server offers " + string(c) + " and does not do it: it is done without, for 30 days"})
	}
	if a.DryRun || len(lost) == 0 {
		return nil
	}
	return a.base.Refuse(context.WithoutCancel(ctx), a.Now(), lost...)
}

// hungUp says whether the connection ended, and the server gave no reason that holds for the next one too.
func (a *account) hungUp(err error) bool {
	if err == nil || single(err) || maildir.Hopeless(err) || is[*brokenAt](err) || is[*brokenIn](err) || a.session.Alive() {
		return false
	}
	e, ok := errors.AsType[*imap.Error](err)
	return !ok || !slices.Contains([]string{"UNAVAILABLE", "LIMIT", "INUSE", "EXPIRED", "AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "PRIVACYREQUIRED"}, e.Code)
}

// at is err, with where the connection ended if it did.
func (a *account) at(e errand, err error) error {
	if !a.hungUp(err) {
		return err
	}
	return &brokenIn{errand: e, err: err}
}
