package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"postie/cmd/postie/internal/agenda"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/ui"
)

// persistence tries again what failed and may pass: the connection is dropped, both sides are looked at again, and the plan
// is made again. Refused logins and guards are told at once.
type persistence struct {
	limit  time.Duration // from the first try on; 0: there is only one
	now    func() time.Time
	sleep  func(context.Context, time.Duration) error
	random func() float64 // from 0 to 1
	say    func(err error, wait time.Duration)
}

// run calls do until it succeeds, fails for good, or the limit is over. do says whether it got further than the time
// before: then waiting begins small again.
func (p persistence) run(ctx context.Context, do func() (further bool, err error)) error {
	began := p.now()
	for n := 0; ; n++ {
		further, err := do()
		if err == nil || ctx.Err() != nil || !exit.Passing(err) {
			return err
		}
		if further {
			n = 0
		}
		wait := agenda.Backoff(n, exit.Answer(err).Wait, p.random())
		if p.now().Add(wait).Sub(began) > p.limit {
			return err
		}
		p.say(err, wait)
		if err := p.sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// persist works on an account, as often as it takes.
func (j *job) persist(ctx context.Context, do func(context.Context, *job) (ui.Summary, error)) (ui.Summary, error) {
	var sum ui.Summary
	p := persistence{limit: j.account.Retry, now: time.Now, sleep: sleep, random: rand.Float64, say: func(err error, wait time.Duration) {
		j.app.ui.Notice(j.account.Name, fmt.Sprintf("%v; trying again in %v", err, wait.Round(100*time.Millisecond)))
		j.task.Phase("waiting", ui.Amount{})
	}}
	err := p.run(ctx, func() (bool, error) {
		s, err := j.within(ctx, do)
		sum = sum.Then(s)
		return s.New+s.Uploaded+s.DeletedLocal+s.DeletedRemote > 0, err
	})
	return sum, err
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
