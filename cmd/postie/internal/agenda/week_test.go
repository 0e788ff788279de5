package agenda

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// world is a server, a network and a disk as they are at each time of a week. Only decisions are tried: what a run meets is what the
// world says, and how long it takes is nothing.
type world struct{ spans []span }

type span struct {
	from, to time.Duration
	kind     Kind
	asked    time.Duration
	text     string
}

// at is what a run meets.
func (w world) at(t time.Duration) (Outcome, string) {
	for _, s := range w.spans {
		if t >= s.from && t < s.to {
			return Outcome{Kind: s.kind, Asked: s.asked}, s.text
		}
	}
	return Outcome{}, ""
}

func aWeek() world {
	const h, m = time.Hour, time.Minute
	day := func(n int, at time.Duration) time.Duration { return time.Duration(n)*24*h + at }
	return world{[]span{
		{day(0, 3*h), day(0, 3*h+90*time.Second), Passing, 0, "the server is restarted"},
		{day(0, 9*h), day(0, 9*h+40*m), Passing, 0, "no route"},               // the network is lost
		{day(1, 2*h), day(1, 2*h+2*time.Second), Passing, 0, "token expired"}, // in mid-connection: the next login has a new one
		{day(1, 10*h), day(1, 16*h), Refused, 0, "wrong password"},            // changed; the user finds out in the afternoon
		{day(2, 1*h), day(2, 5*h), Missing, 0, "no space"},                    // emptied in the morning
		{day(3, 11*h), day(3, 11*h+4*m), Passing, 4 * m, "[THROTTLED]"},       // the provider wants four minutes
		{day(4, 0), day(6, 0), Done, 0, "UID 7 in INBOX ends the connection"}, // a poison message, in each run
		{day(5, 8*h), day(5, 8*h+2*m), Busy, 0, "in use"},                     // a sync beside it
		{day(6, 12*h), day(6, 12*h+30*time.Second), Passing, 0, "the server is restarted again"},
	}}
}

// A week of one watch, with a push every few minutes by day: what its user is told of is what somebody has to look at, and nothing else;
// after it all is well and nothing is left to do.
func TestAWeekOfWatch(t *testing.T) {
	zero, chance := time.Date(2025, 3, 3, 0, 0, 0, 0, time.UTC), rand.New(rand.NewPCG(1, 2))
	w, now := aWeek(), zero
	a, tr := New(Defaults(15*time.Minute, chance.Float64), &Host{}, zero), Trouble{Grace: Grace}
	var told []string
	runs, logins, renewed := 0, 0, false
	push := zero.Add(time.Minute)
	for end := zero.Add(7 * 24 * time.Hour); now.Before(end); {
		if !now.Before(push) {
			a.Pushed(now, "INBOX")
			push = now.Add(time.Duration(1+chance.IntN(20)) * time.Minute)
		}
		if at := now.Sub(zero); at >= 40*time.Hour && !renewed { // the user writes the new password into the configuration
			renewed = true
			a.Renewed(now)
		}
		task := a.Next(now)
		if !task.Run {
			next := earlier(task.Until, push)
			if at := zero.Add(40 * time.Hour); !renewed && next.After(at) {
				next = at
			}
			if !next.After(now) {
				t.Fatalf("at %v it wants to wait until %v", now, task.Until)
			}
			now = next
			continue
		}
		runs++
		o, text := w.at(now.Sub(zero))
		if task.Where.Secret && o.Kind == Refused {
			o.Kind = Same
		} else if o.Kind == Refused {
			logins++
		}
		switch v := tr.Run(now, o.Kind, text); {
		case v.Error:
			told = append(told, fmt.Sprintf("day %d: %s", int(now.Sub(zero).Hours())/24, text))
		}
		tr.End()
		a.Ended(now, o)
		now = now.Add(time.Second)
	}
	want := []string{"day 0: no route", "day 1: wrong password", "day 2: no space", "day 4: UID 7 in INBOX ends the connection"}
	if !reflect.DeepEqual(told, want) {
		t.Errorf("told:\n%q\nwant\n%q", told, want)
	}
	if runs < 700 || logins > mostRefusals || a.failed != Done {
		t.Errorf("%d runs, %d logins with the wrong password, %v in the end", runs, logins, a.failed)
	}
}
