package index

import (
	"fmt"
	"time"
)

// How long a write waits for those of others: much longer than any of ours takes, or, in a hurry, a moment.
const (
	patience = 10 * time.Second
	haste    = 200 * time.Millisecond
)

// Hurry lets the writes of fn wait only a moment for those of other processes, for a reader who would rather do without.
// Its error then is one of which Busy is true.
func (s *Store) Hurry(fn func() error) error {
	s.hasty.Store(true)
	defer s.hasty.Store(false)
	return fn()
}

// pace tells the connection that writes how long to wait from now on, if that has changed.
func (s *Store) pace() error {
	s.pacing.Lock()
	defer s.pacing.Unlock()
	d := patience
	if s.hasty.Load() {
		d = haste
	}
	if s.waits == d {
		return nil
	}
	_, err := s.w.Exec(fmt.Sprint("PRAGMA busy_timeout = ", d.Milliseconds()))
	if err == nil {
		s.waits = d
	}
	return s.Blame(err)
}
