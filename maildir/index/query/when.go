package query

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Span is a stretch of time: From included, To not.
type Span struct{ From, To time.Time }

// ParseSpan reads what people write for a day, a month, a year or a moment, seen from now and in its location: 2026,
// 2026-11, 2026-11-01, 2026-11-01T10:30, RFC 3339, "today", "yesterday", and for a day so long ago "3d", "2w", "6m"
// (months), "1y", or "5h" for that moment.
func ParseSpan(s string, now time.Time) (Span, error) {
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	day := func(t time.Time) (Span, error) { return Span{t, t.AddDate(0, 0, 1)}, nil }
	switch strings.ToLower(s) {
	case "now":
		return Span{now, now}, nil
	case "today":
		return day(today)
	case "yesterday":
		return day(today.AddDate(0, 0, -1))
	}
	for _, form := range []struct {
		layout        string
		years, months int
		days          int
		length        time.Duration
	}{
		{"2006", 1, 0, 0, 0}, {"2006-01", 0, 1, 0, 0}, {time.DateOnly, 0, 0, 1, 0}, {"2006-01-02T15:04", 0, 0, 0, time.Minute},
		{time.DateTime, 0, 0, 0, time.Second}, {"2006-01-02T15:04:05", 0, 0, 0, time.Second}, {time.RFC3339, 0, 0, 0, time.Second},
	} {
		if t, err := time.ParseInLocation(form.layout, s, now.Location()); err == nil {
			return Span{t, t.AddDate(form.years, form.months, form.days).Add(form.length)}, nil
		}
	}
	if m := regexp.MustCompile(`^(\d{1,5})([hdwmy])$`).FindStringSubmatch(strings.ToLower(s)); m != nil {
		n, _ := strconv.Atoi(m[1])
		switch m[2] {
		case "h":
			t := now.Add(-time.Duration(n) * time.Hour)
			return Span{t, t}, nil
		case "d":
			return day(today.AddDate(0, 0, -n))
		case "w":
			return day(today.AddDate(0, 0, -7*n))
		case "m":
			return day(monthsAgo(today, n))
		case "y":
			return day(monthsAgo(today, 12*n))
		}
	}
	return Span{}, fmt.Errorf("%q is no date: write 2026-11-01, 2026-11, 3d, 2w or yesterday", s)
}

// monthsAgo is the same day of an earlier month, or its last: a month before 31 March is no day of March.
func monthsAgo(day time.Time, n int) time.Time {
	then := day.AddDate(0, -n, 0)
	if then.Day() != day.Day() {
		then = then.AddDate(0, 0, -then.Day())
	}
	return then
}
