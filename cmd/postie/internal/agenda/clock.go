package agenda

import "time"

// Reading is what both clocks of a machine say: that of the wall, and the one that stands still while the machine sleeps.
type Reading struct {
	Wall   time.Time
	Uptime time.Duration
}

// Slept says for how long a machine slept between two readings. Less than a few seconds is nothing: clocks are set right
// all the time. A clock that was set looks the same, which costs a question to each server.
func (r Reading) Slept(since Reading) time.Duration {
	slept := r.Wall.Round(0).Sub(since.Wall.Round(0)) - (r.Uptime - since.Uptime)
	if slept.Abs() < 3*time.Second {
		return 0
	}
	return slept.Abs()
}
