package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"postie/imap"
	"postie/pop3"
	"postie/pop3/retrieve"
)

// What may pass is tried again, after what the server asks for or longer each time, and what will not is told at once. The
// clock is the test's: what it waits is counted.
func TestPersistence(t *testing.T) {
	refused := func(code, text string) error {
		return &pop3.LoginError{Mechanism: "USER", Err: &pop3.Error{Command: "PASS", Code: code, Text: text}}
	}
	no := func(code, text string) error {
		return fmt.Errorf("connect: %w", &imap.LoginError{Mechanism: "LOGIN", Err: &imap.Error{Command: "LOGIN", Status: "NO", Code: code, Text: text}})
	}
	second := func(ns ...int) (all []time.Duration) {
		for _, n := range ns {
			all = append(all, time.Duration(n)*time.Second)
		}
		return all
	}
	enough := errors.New("enough")
	for _, tt := range []struct {
		name    string
		errs    []error // of the tries; the last one stays
		limit   time.Duration
		waits   []time.Duration
		success bool
	}{
		{"success", []error{nil}, time.Hour, nil, true},
		{"no limit given", []error{io.ErrUnexpectedEOF}, 0, nil, false},
		{"lost twice", []error{io.ErrUnexpectedEOF, io.EOF, nil}, time.Hour, second(1, 2), true},
		{"limit reached", []error{io.ErrUnexpectedEOF}, 10 * time.Second, second(1, 2, 4), false},
		{"longer and longer, but not for ever", []error{io.EOF}, 303 * time.Second, second(1, 2, 4, 8, 16, 32, 60, 60, 60, 60), false},
		{"wrong password", []error{refused("AUTH", "no"), nil}, time.Hour, nil, false},
		{"wrong password, no code", []error{refused("", "no"), nil}, time.Hour, nil, false},
		{"guard", []error{&retrieve.Guard{}, nil}, time.Hour, nil, false},
		{"interrupted", []error{enough, nil}, time.Hour, nil, false},
		{"in use", []error{refused("IN-USE", ""), nil}, time.Hour, second(1), true},
		{"[UNAVAILABLE]", []error{no("UNAVAILABLE", "x"), nil}, time.Hour, second(1), true},
		{"[INUSE]", []error{no("INUSE", "x"), nil}, time.Hour, second(1), true},
		{"[LIMIT]", []error{no("LIMIT", "x"), nil}, time.Hour, second(1), true},
		{"[THROTTLED]", []error{no("THROTTLED", "x"), nil}, time.Hour, second(1), true},
		{"[OVERQUOTA], Gmail", []error{no("OVERQUOTA", "Account exceeded command or bandwidth limits. (Failure)"), nil}, time.Hour, second(1), true},
		{"Gmail", []error{no("ALERT", "Too many simultaneous connections. (Failure)"), nil}, time.Hour, second(1), true},
		{"Exchange", []error{no("", "Request is throttled. Suggested Backoff Time: 30000 milliseconds"), nil}, time.Hour, []time.Duration{30*time.Second + 500*time.Millisecond}, true},
		{"Exchange, too long", []error{no("", "Request is throttled. Suggested Backoff Time: 300000 milliseconds"), nil}, time.Minute, nil, false},
		{"[LOGIN-DELAY]", []error{refused("LOGIN-DELAY", "wait 90 seconds"), nil}, time.Hour, []time.Duration{90*time.Second + 500*time.Millisecond}, true},
		{"[SYS/TEMP]", []error{refused("SYS/TEMP", ""), nil}, time.Hour, second(1), true},
		{"[SYS/PERM]", []error{refused("SYS/PERM", ""), nil}, time.Hour, nil, false},
		{"goodbye", []error{&imap.Error{Status: "BYE", Text: "restart"}, nil}, time.Hour, second(1), true},
		{"goodbye for a wrong password", []error{&imap.Error{Status: "BYE", Text: "invalid credentials"}, nil}, time.Hour, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var now time.Duration
			var waits []time.Duration
			p := persistence{limit: tt.limit, random: func() float64 { return 0.5 },
				now:   func() time.Time { return time.Unix(0, 0).Add(now) },
				sleep: func(_ context.Context, d time.Duration) error { now += d; waits = append(waits, d); return nil },
				say:   func(error, time.Duration) {}}
			err := p.run(t.Context(), func() (bool, error) {
				err := tt.errs[0]
				tt.errs = tt.errs[min(1, len(tt.errs)-1):]
				return false, err
			})
			if !slices.Equal(waits, tt.waits) || (err == nil) != tt.success {
				t.Errorf("waited %v, %v", waits, err)
			}
		})
	}
}

// A wait ends with the run.
func TestSleepEnds(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	if err := sleep(ctx, time.Hour); err != enough {
		t.Error(err)
	}
}
