package main

import (
	"context"
	"net/url"
	"sync"
	"time"

	"postie/cmd/postie/internal/agenda"
	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/healthcheck"
	"postie/cmd/postie/internal/metrics"
	"postie/cmd/postie/internal/paths"
	"postie/cmd/postie/internal/ui"
)

const metricsHint = "the mail is stored; give --metrics a file in a folder that you may write into"

// checkMetrics refuses a --metrics that cannot be written, before anything is done.
func (a *app) checkMetrics() error {
	if a.metrics == "" {
		return nil
	}
	a.metrics = paths.Absolute(a.metrics)
	if err := metrics.Check(a.metrics); err != nil {
		return exit.Usage(err, "give --metrics a file of its own, in a folder that is there")
	}
	return nil
}

// after is what follows a run of fetch or sync whose mail is safe: metrics, health check, hooks. What of it fails is told, and returned.
// told: err is a failure that is told as one.
func (j *job) after(ctx context.Context, s *ui.Summary, err error, told bool) (failed error) {
	a, name := j.app, j.account.Name
	if failed = j.measure(ctx, *s); failed != nil {
		j.failAs(failed.Error(), ui.Failure{Account: name, Err: failed, Hint: metricsHint, Exit: exit.Partial})
		s.Beside = "the metrics were not written"
	}
	if err == nil || told {
		a.call(ctx, j.account, s.Exit != exit.OK)
	}
	if hookErr := a.hook(ctx, j.ran(*s, err, told)); hookErr != nil && ctx.Err() == nil {
		if j.first(hookErr.Error()) {
			a.hookFailed(name, hookErr)
		}
		failed, s.Beside = hookErr, "a hook failed"
	}
	return failed
}

// measure writes what came of a run for Prometheus.
func (j *job) measure(ctx context.Context, s ui.Summary) error {
	if j.app.metrics == "" {
		return nil
	}
	r := metrics.Run{Account: s.Account, Protocol: s.Protocol, Ended: time.Now(), Exit: s.Exit, Bytes: s.Bytes, Quarantined: s.Quarantined, Lag: j.news.lag,
		Messages: map[string]int{"new": s.New, "uploaded": s.Uploaded, "flags_pulled": s.FlagsPulled, "flags_pushed": s.FlagsPushed, "moved": s.Moved,
			"deleted_local": s.DeletedLocal, "deleted_remote": s.DeletedRemote, "skipped": s.Skipped, "failed": s.Failed}}
	if j.stores != nil {
		if store, err := j.stores.Of(ctx, j.account); err == nil {
			counts, err := store.Index.Counts(ctx, nil)
			if err != nil {
				return err
			}
			for _, c := range counts {
				r.Waiting += c.Waiting
			}
		}
	}
	return metrics.Add(ctx, j.app.metrics, r)
}

// call calls the account's health check. That it is not reached is worth a line, and nothing more: it is there to notice silence.
func (a *app) call(ctx context.Context, account config.Account, failed bool) {
	if account.Healthcheck == "" {
		return
	}
	if err := healthcheck.Call(ctx, string(account.Healthcheck), failed, socks(account.Proxy)); err != nil && ctx.Err() == nil {
		a.ui.Notice(account.Name, err.Error()+"; the mail is stored")
	}
}

// socks is an account's proxy as net/http takes it; nil: it has none.
func socks(p config.Proxy) *url.URL {
	if p.Address == "" {
		return nil
	}
	u := &url.URL{Scheme: "socks5", Host: p.Address}
	if p.User != "" {
		u.User = url.UserPassword(p.User, string(p.Password))
	}
	return u
}

// pulse calls the health check of an account that is watched, beside its runs.
type pulse struct {
	app     *app
	account config.Account
	bell    chan struct{}

	mu    sync.Mutex
	pulse agenda.Pulse
	next  *bool // what is to be called, with true as failed; nil: nothing
}

func newPulse(a *app, account config.Account) *pulse {
	return &pulse{app: a, account: account, bell: make(chan struct{}, 1)}
}

// beat takes note of how a run ended. told: its failure is one that the user is told of; of others nothing is said, so that the silence
// tells if they last.
func (p *pulse) beat(code int, told bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if (code == exit.OK || told) && p.pulse.Due(time.Now(), told) {
		p.next = &told
		ring(p.bell)
	}
}

// loop calls what is to be called, until quit is closed.
func (p *pulse) loop(ctx context.Context, quit <-chan struct{}) {
	for {
		select {
		case <-quit:
			return
		case <-p.bell:
		}
		p.mu.Lock()
		next := p.next
		p.next = nil
		p.mu.Unlock()
		if next != nil {
			p.app.call(ctx, p.account, *next)
		}
	}
}
