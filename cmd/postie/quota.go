package main

import (
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/library"
	"postie/cmd/postie/internal/quota"
	"postie/cmd/postie/internal/session"
	"postie/cmd/postie/internal/ui"
	"postie/imap"
	"postie/maildir/index"
	"postie/pop3"
)

// hostOf is the server of an account, by which accounts know that they share one.
func hostOf(account config.Account) string {
	if len(account.Tunnel) > 0 {
		return strings.Join(account.Tunnel, " ")
	}
	return strings.ToLower(account.Host)
}

// permit says what the accounts' hosts permit: of what accounts on one host want the least.
func (a *app) permit(accounts []config.Account) {
	most := map[string]int{}
	for _, account := range accounts {
		if host, n := hostOf(account), account.MaxConns; n > 0 && (most[host] == 0 || n < most[host]) {
			most[host] = n
		}
	}
	for _, account := range accounts {
		profile := quota.Of(account.Host)
		a.host(account).Permit(most[hostOf(account)], profile.Logins, profile.Within)
	}
}

// host is what all accounts on one server share. It permits what the first of them wants, until permit has asked them all.
func (a *app) host(account config.Account) *quota.Host {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.hosts == nil {
		a.hosts = map[string]*quota.Host{}
	}
	name := hostOf(account)
	if a.hosts[name] == nil {
		profile := quota.Of(account.Host)
		a.hosts[name] = &quota.Host{}
		a.hosts[name].Permit(account.MaxConns, profile.Logins, profile.Within)
	}
	return a.hosts[name]
}

// within is a way to an account's server within what its host permits.
func (a *app) within(account config.Account, dial session.Dialer) session.Dialer {
	return quota.Line{Host: a.host(account), Meter: a.meter(account)}.Dial(dial)
}

// dial is a way to the server within what is permitted.
func (j *job) dial(dial session.Dialer) session.Dialer {
	if j.watched == nil {
		return j.app.within(j.account, dial)
	}
	line := quota.Line{Host: j.app.host(j.account), Meter: j.app.meter(j.account), Alive: j.watched.beat}
	spare := line.DialSpare(dial)
	j.watched.further.dial = spare
	return func(ctx context.Context) (net.Conn, error) {
		j.watched.patient.Add(1) // until others have done with theirs
		defer j.watched.patient.Add(-1)
		defer j.watched.beat()
		if c, err := spare(ctx); !errors.Is(err, quota.ErrNoSpare) {
			return c, err
		}
		back := j.watched.stepAside()                                     // others, on other hosts, need not wait with us
		c, err := line.Dial(func(ctx context.Context) (net.Conn, error) { // no server waits for us while we wait for our turn
			if err := back(ctx); err != nil {
				return nil, err
			}
			return dial(ctx)
		})(ctx)
		return c, cmp.Or(err, back(ctx))
	}
}

// meter counts what an account receives and sends.
func (a *app) meter(account config.Account) *quota.Meter {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.meters == nil {
		a.meters = map[[3]string]*quota.Meter{}
	}
	id := [3]string{string(account.Protocol), account.User, hostOf(account)}
	if a.meters[id] == nil {
		a.meters[id] = &quota.Meter{}
	}
	return a.meters[id]
}

// imapLine is how to connect; watch keeps it, and with it what it knows of passwords.
func (s *syncing) imapLine(ctx context.Context) (imap.Options, error) {
	if s.watched != nil && s.watched.line.Dial != nil {
		return s.watched.line, nil
	}
	o, err := s.session().IMAP(ctx, s.account, s.terminal)
	if err != nil {
		return o, err
	}
	if s.watched != nil {
		event := o.Event
		o.Event = func(e imap.Event) { event(e); s.watched.ear.Event(e) }
		s.watched.line = o
	}
	return o, nil
}

// pop3Line likewise.
func (f *fetching) pop3Line(ctx context.Context) (pop3.Options, error) {
	if f.watched != nil && f.watched.pop3.Dial != nil {
		return f.watched.pop3, nil
	}
	o, err := f.session().POP3(ctx, f.account, f.terminal)
	if err != nil {
		return o, err
	}
	if f.watched != nil {
		f.watched.pop3 = o
	}
	return o, nil
}

// perDay is what an account may receive and send in 24 hours, and whose word that is; 0: any amount.
func perDay(account config.Account) (limit int64, source string) {
	profile := quota.Of(account.Host)
	switch known := profile.PerDay(string(account.Protocol)); {
	case account.MaxBytes > 0:
		return int64(account.MaxBytes), ""
	case account.MaxBytes == 0 && known > 0:
		return known, profile.Source
	}
	return 0, ""
}

// recordEvery is how often what came and went is recorded, so that a run that is killed does not go uncounted.
const recordEvery = 10 * time.Second

// share is what an account may receive and send in 24 hours, and what it has had of that.
type share struct {
	limit  int64
	source string // whose limit it is, if not the user's
	meter  *quota.Meter
	hours  func() ([]quota.Hour, error) // what is recorded
	record func() error                 // records what came and went since
	failed func(error)                  // is told that this failed, when it is tried again later
}

// share is the account's, as it is recorded in an index; nil: any amount.
func (a *app) share(ctx context.Context, account config.Account, recorded *index.Store) *share {
	limit, source := perDay(account)
	if limit == 0 {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	login, protocol, m := index.Login{User: account.User, Host: account.Host}, string(account.Protocol), a.meter(account)
	return &share{limit: limit, source: source, meter: m,
		hours: func() (all []quota.Hour, err error) {
			traffic, err := recorded.Traffic(ctx, protocol, login)
			for _, t := range traffic {
				all = append(all, quota.Hour{Begins: t.Hour, Bytes: t.Bytes})
			}
			return all, err
		},
		record: func() error {
			if n := m.Take(); n > 0 {
				return recorded.Received(ctx, protocol, login, n)
			}
			return nil
		},
		failed: func(err error) { a.ui.Verbose(1, account.Name, err.Error()) },
	}
}

// spent is the error of an account that has had its share, given what came and went.
func (s *share) spent(hours []quota.Hour) error {
	if until := quota.Pause(hours, s.limit, time.Now()); !until.IsZero() {
		return &quota.Spent{Limit: s.limit, Source: s.source, Until: until}
	}
	return nil
}

// begin counts from now on, beside what was before; stop is called when the share is spent.
func (s *share) begin(hours []quota.Hour, stop func()) {
	began, before := time.Now(), s.meter.Total()
	var look func()
	look = func() {
		all := append(slices.Clip(hours), quota.Hour{Begins: began, Bytes: s.meter.Total() - before})
		if s.spent(all) != nil {
			stop()
			return
		}
		s.meter.Begin(s.limit, quota.Sum(all, time.Now()), look) // what was more than 24 hours ago does not count any more
	}
	s.meter.Begin(s.limit, quota.Sum(hours, began), look)
}

// within works on an account until that is done or it has had its share of the day.
func (j *job) within(ctx context.Context, do func(context.Context, *job) (ui.Summary, error)) (s ui.Summary, err error) {
	var share *share
	if limit, _ := perDay(j.account); limit > 0 && !j.dryRun && (!j.aside || library.Used(j.account)) {
		store, err := j.stores.Of(ctx, j.account)
		if err != nil {
			return s, err
		}
		share = j.app.share(ctx, j.account, store.Index)
	}
	err = share.within(ctx, j.gate, func(ctx context.Context) (err error) {
		s, err = do(ctx, j)
		return err
	})
	return s, err
}

// within does something until that is done or the share is spent: then messages in hand are finished, and the error says when it goes on.
func (s *share) within(ctx context.Context, g *gate, do func(context.Context) error) error {
	if s == nil {
		return do(ctx)
	}
	hours, err := s.hours()
	if err = cmp.Or(err, s.spent(hours)); err != nil {
		return err
	}
	inner, done := g.part(ctx)
	defer done()
	s.begin(hours, func() { g.stop(quota.ErrSpent) })
	defer s.meter.Begin(0, 0, nil)
	stop := s.recording()
	err = do(inner)
	stop()
	if recordErr := s.record(); recordErr != nil {
		return cmp.Or(err, recordErr)
	}
	if err = exit.Cause(inner, err); errors.Is(err, quota.ErrSpent) {
		hours, hoursErr := s.hours()
		soon := &quota.Spent{Limit: s.limit, Source: s.source, Until: time.Now().Add(time.Hour)}
		err = cmp.Or(hoursErr, s.spent(hours), error(soon))
	}
	return err
}

// recording records now and then what came and went, until the function that it returns is called.
func (s *share) recording() (stop func()) {
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(recordEvery)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				if err := s.record(); err != nil {
					s.failed(err)
				}
			}
		}
	}()
	return func() { close(quit); <-ended }
}
