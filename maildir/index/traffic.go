package index

import (
	"context"
	"database/sql"
	"time"
)

// Traffic is how many octets an account received within an hour.
type Traffic struct {
	Hour  time.Time // its beginning
	Bytes int64
}

// trafficKept is how many hours are remembered.
const trafficKept = 48

// Received records that an account received so many octets now.
func (s *Store) Received(ctx context.Context, protocol string, m Login, bytes int64) error {
	m = m.Canonical()
	hour := s.now().Unix() / 3600
	return verb("record traffic", s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO traffic (protocol, user, host, hour, bytes) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes`, protocol, m.User, m.Host, hour, bytes)
		if err == nil {
			_, err = tx.Exec("DELETE FROM traffic WHERE hour < ?", hour-trafficKept)
		}
		return err
	}))
}

// Traffic is what an account received of late, hour by hour, oldest first. Hours that are still to come, as after a clock that was set back,
// are left out.
func (s *Store) Traffic(ctx context.Context, protocol string, m Login) ([]Traffic, error) {
	m = m.Canonical()
	hour := s.now().Unix() / 3600
	all, err := query(ctx, s, func(rows *sql.Rows) (t Traffic, err error) {
		var hour int64
		err = rows.Scan(&hour, &t.Bytes)
		t.Hour = time.Unix(hour*3600, 0).UTC()
		return t, err
	}, "SELECT hour, bytes FROM traffic WHERE protocol = ? AND user = ? AND host = ? AND hour BETWEEN ? AND ? ORDER BY hour",
		protocol, m.User, m.Host, hour-trafficKept, hour)
	return all, verb("read traffic", err)
}
