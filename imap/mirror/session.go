package mirror

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/changes"
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
	r := &run{Options: s.Options, line: &s.line, stuck: map[string]bool{}, unread: map[string]bool{}, contradicted: map[string]bool{}, told: map[string]bool{}}
	if r.Log == nil {
		r.Log = slog.New(slog.DiscardHandler)
	}
	if r.Now == nil {
		r.Now = time.Now
	}
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
func (r *run) connect(ctx context.Context) error {
	r.finished = false
	if r.session != nil && r.session.Alive() {
		r.reader.Forget()
		r.kept = true
		if err := r.session.Unselect(ctx); err == nil || r.session.Alive() || ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return r.dial(ctx)
}

// dial begins a session, which has to know how mailboxes are named, and does without what the server refused before.
func (r *run) dial(ctx context.Context) error {
	refused, err := r.base.Refused(ctx)
	if err != nil {
		return err
	}
	if r.session != nil {
		r.learn()
		r.session.Close()
	}
	o := r.IMAP
	o.Naming, o.Spool, o.Without = true, r.spool, slices.Concat(o.Without, r.lost)
	for c, at := range refused {
		if r.Now().Sub(at) < refusalLasts {
			o.Without = append(o.Without, c)
		}
	}
	s, err := imap.Connect(ctx, o)
	if err != nil {
		return err
	}
	if r.session != nil {
		r.received += r.session.Received()
	}
	r.session, r.reader, r.kept, r.known = s, changes.NewReader(s), false, 0
	return nil
}

// reconnect begins a new session in place of one that ended.
func (r *run) reconnect(ctx context.Context) bool {
	err := r.dial(ctx)
	if err != nil {
		r.Log.Info("no new connection", "err", err)
	}
	return err == nil
}

// revive begins a new session, once, where that of an earlier run turned out to have ended meanwhile.
func (r *run) revive(ctx context.Context) bool {
	return r.kept && ctx.Err() == nil && !r.session.Alive() && r.reconnect(ctx)
}

// spool is where bodies wait that come before their UIDs: with the mail, where there is room for it.
func (r *run) spool() string {
	for _, b := range r.byName {
		if tmp := filepath.Join(string(b.dir), "tmp"); r.reader != nil && r.reader.Selected(b.server) && isDir(tmp) {
			return tmp
		}
	}
	return r.Root
}

// learn notes what the server offered and refused in this session.
func (l *line) learn() {
	all := l.session.Lost()
	l.lost, l.known = append(l.lost, all[l.known:]...), len(all)
}

// remember writes down what the server offered and refused in this run.
func (r *run) remember(ctx context.Context) error {
	r.learn()
	lost := r.lost
	r.lost = nil
	for _, c := range lost {
		r.emit(Notice{Text: "the server offers " + string(c) + " and does not do it: it is done without, for 30 days"})
	}
	if r.DryRun || len(lost) == 0 {
		return nil
	}
	return r.base.Refuse(context.WithoutCancel(ctx), r.Now(), lost...)
}
