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
	"postie/cmd/postie/internal/quota"
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

// host is what all accounts on one server share.
func (a *app) host(account config.Account) *quota.Host {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.hosts == nil {
		a.hosts = map[string]*quota.Host{}
	}
	name := hostOf(account)
	if a.hosts[name] == nil {
		a.hosts[name] = &quota.Host{}
	}
	return a.hosts[name]
}

// dial is a way to the server within what is permitted.
func (j *job) dial(dial func(context.Context) (net.Conn, error)) func(context.Context) (net.Conn, error) {
	line := quota.Line{Host: j.app.host(j.account), Meter: j.app.meter(j.account)}
	if j.watched == nil {
		return line.Dial(dial)
	}
	line.Alive = j.watched.beat
	j.watched.further.dial = line.DialSpare(dial)
	dial = line.Dial(dial)
	return func(ctx context.Context) (net.Conn, error) {
		j.watched.patient.Add(1) // until others have done with theirs
		defer j.watched.patient.Add(-1)
		defer j.watched.beat()
		return dial(ctx)
	}
}

// meter counts what an account receives.
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
	o.Dial = s.dial(o.Dial)
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
	o, err := f.app.session().POP3(ctx, f.account, f.terminal)
	if err != nil {
		return o, err
	}
	o.Dial = f.dial(o.Dial)
	if f.watched != nil {
		f.watched.pop3 = o
	}
	return o, nil
}

// perDay is what an account may receive in 24 hours, and whose word that is; 0: any amount.
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

// recordEvery is how often what was received is recorded, so that a run that is killed does not go uncounted.
const recordEvery = 10 * time.Second

// share is what an account may receive in 24 hours, and what it has received.
type share struct {
	limit  int64
	source string // whose limit it is, if not the user's
	meter  *quota.Meter
	hours  func() ([]quota.Hour, error) // what is recorded
	record func() error                 // records what came since
}

// share is the account's; nil: it may receive any amount.
func (j *job) share(ctx context.Context) (*share, error) {
	limit, source := perDay(j.account)
	if limit == 0 || j.dryRun || j.aside {
		return nil, nil
	}
	store, err := j.stores.Of(ctx, j.account)
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	login, protocol, m := index.Login{User: j.account.User, Host: j.account.Host}, string(j.account.Protocol), j.app.meter(j.account)
	return &share{limit: limit, source: source, meter: m,
		hours: func() (all []quota.Hour, err error) {
			traffic, err := store.Index.Traffic(ctx, protocol, login)
			for _, t := range traffic {
				all = append(all, quota.Hour{Begins: t.Hour, Bytes: t.Bytes})
			}
			return all, err
		},
		record: func() error {
			if n := m.Take(); n > 0 {
				return store.Index.Received(ctx, protocol, login, n)
			}
			return nil
		},
	}, nil
}

// spent is the error of an account that has received its share, given what it received.
func (s *share) spent(hours []quota.Hour) error {
	if until := quota.Pause(hours, s.limit, time.Now()); !until.IsZero() {
		return &quota.Spent{Limit: s.limit, Source: s.source, Until: until}
	}
	return nil
}

// begin counts from now on, beside what was received before; stop is called when the share is spent.
func (s *share) begin(hours []quota.Hour, stop func()) {
	began, before := time.Now(), s.meter.Total()
	var look func()
	look = func() {
		all := append(slices.Clip(hours), quota.Hour{Begins: began, Bytes: s.meter.Total() - before})
		if s.spent(all) != nil {
			stop()
			return
		}
		s.meter.Begin(s.limit, quota.Sum(all, time.Now()), look) // what came more than 24 hours ago does not count any more
	}
	s.meter.Begin(s.limit, quota.Sum(hours, began), look)
}

// within works on an account until that is done or it has received its share of the day: then messages in hand are finished, and the error
// says when it goes on.
func (j *job) within(ctx context.Context, do func(context.Context, *job) (ui.Summary, error)) (ui.Summary, error) {
	share, err := j.share(ctx)
	if err != nil {
		return ui.Summary{}, err
	}
	if share == nil {
		return do(ctx, j)
	}
	hours, err := share.hours()
	if err = cmp.Or(err, share.spent(hours)); err != nil {
		return ui.Summary{}, err
	}
	inner, done := j.gate.part(ctx)
	defer done()
	share.begin(hours, func() { j.gate.stop(quota.ErrSpent) })
	defer share.meter.Begin(0, 0, nil)
	stop := j.recording(share.record)
	s, err := do(inner, j)
	stop()
	if recordErr := share.record(); recordErr != nil {
		return s, cmp.Or(err, recordErr)
	}
	if err = exit.Cause(inner, err); errors.Is(err, quota.ErrSpent) {
		hours, hoursErr := share.hours()
		soon := &quota.Spent{Limit: share.limit, Source: share.source, Until: time.Now().Add(time.Hour)}
		err = cmp.Or(hoursErr, share.spent(hours), error(soon))
	}
	return s, err
}

// recording records now and then what was received, until the function that it returns is called.
func (j *job) recording(record func() error) (stop func()) {
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
				if err := record(); err != nil {
					j.app.ui.Verbose(1, j.account.Name, err.Error())
				}
			}
		}
	}()
	return func() { close(quit); <-ended }
}
