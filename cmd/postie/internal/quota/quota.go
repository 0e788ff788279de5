// Package quota keeps to what providers permit: so many octets in a day for an account, so many connections at once and so many logins in a
// time for a host, whatever number of accounts is there. What is known of providers is a table (Profiles). When an account has had its
// share is decided from what was counted hour by hour (Pause), which is pure; who counts is a Meter, in the connection.
package quota

import (
	"errors"
	"fmt"
	"time"
)

// Hour is how many octets were received and sent within an hour.
type Hour struct {
	Begins time.Time
	Bytes  int64
}

// day is the time for which a limit counts, and an hour is counted as a whole until it is over for that long.
const day = 24 * time.Hour

// Sum is what came and went in the 24 hours before now.
func Sum(hours []Hour, now time.Time) (sum int64) {
	for _, h := range hours {
		if h.Begins.Add(time.Hour + day).After(now) {
			sum += h.Bytes
		}
	}
	return sum
}

// Pause says until when an account that received and sent this, oldest hour first, may do nothing more; zero: it may. It goes on when a tenth
// of the limit is free again, so that it does not stop at once.
func Pause(hours []Hour, limit int64, now time.Time) (until time.Time) {
	sum := Sum(hours, now)
	if limit <= 0 || sum < limit {
		return time.Time{}
	}
	until = now
	for _, h := range hours {
		if over := h.Begins.Add(time.Hour + day); over.After(now) {
			sum, until = sum-h.Bytes, over
			if sum <= limit/10*9 {
				break
			}
		}
	}
	return until
}

// ErrSpent ends a run that has had its share: who began it says more (Spent).
var ErrSpent = errors.New("received and sent all that is permitted within 24 hours")

// Spent is the error of an account that has had its share.
type Spent struct {
	Limit  int64
	Source string // whose limit it is, if not the user's: the provider's page
	Until  time.Time
}

func (e *Spent) Error() string {
	whose := "max_bytes_per_day"
	if e.Source != "" {
		whose = "the provider's limit (" + e.Source + "), less a tenth"
	}
	return fmt.Sprintf("received and sent %.1f MB within 24 hours, which is %s: it pauses, and goes on at %s where it was", float64(e.Limit)/1e6, whose, e.Until.UTC().Format("2006-01-02 15:04 MST"))
}
