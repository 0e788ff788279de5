package query

import (
	"testing"
	"time"
)

// What is read as a time is a stretch that does not end before it begins; a date that is written out is read as itself.
func FuzzSpan(f *testing.F) {
	for _, s := range []string{"2026", "2026-11", "2026-02-29", "2024-02-29", "0000", "9999-12-31", "3d", "99999y", "99999m", "0d", "now", "Yesterday", "2026-11-01T10:30+25:00"} {
		f.Add(s, int64(1764240000))
	}
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		now := time.Unix(unix%100_000_000_000, 0).UTC()
		if s, err := ParseSpan(text, now); err == nil && s.To.Before(s.From) {
			t.Fatalf("%q is %v", text, s)
		}
		if now.Year() < 1 || now.Year() > 9999 {
			return
		}
		for _, layout := range []string{"2006", "2006-01", time.DateOnly, time.DateTime, time.RFC3339} {
			s, err := ParseSpan(now.Format(layout), now)
			if err != nil || now.Before(s.From) || !now.Before(s.To) {
				t.Fatalf("%q is %v, %v: not %v", now.Format(layout), s, err, now)
			}
		}
	})
}
