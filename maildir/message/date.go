package message

import (
	"strconv"
	"strings"
	"time"
)

// maxDate is how many bytes of a Date field are looked at.
const maxDate = 256

// firstYear is that of the oldest mail there can be, and more.
const firstYear = 1900

// parseDate reads a date in any form that real mail has, and gives it in UTC; zero when it is hopeless.
// A date without a zone, or with one that nobody knows, counts as UTC.
//
// Not by mail.ParseDate: it takes named zones for UTC ("PST", or for the local zone if that has the same
// name), cuts two-digit years elsewhere than RFC 5322 does, and refuses most broken forms.
func parseDate(s string) time.Time {
	plain, _, _ := strings.Cut(s, "(") // mostly "+0100 (CET)"
	if t, err := time.Parse("Mon, 2 Jan 2006 15:04:05 -0700", strings.TrimRight(plain, " ")); err == nil && t.Year() >= firstYear {
		return t.UTC()
	}
	d := date{day: -1, year: -1, hour: -1}
	for _, word := range strings.FieldsFunc(string(uncomment([]byte(s))), func(r rune) bool { return strings.ContainsRune(" ,;\t\"'", r) }) {
		d.take(word)
	}
	return d.time()
}

// date collects the pieces of a date; -1 (month: 0) is what was not seen.
type date struct {
	year, day         int
	month             time.Month
	hour, minute, sec int
	afternoon, noon   bool          // "PM"; "AM" or "PM"
	zone              time.Duration // east of UTC
}

// take reads one word.
func (d *date) take(w string) {
	switch c := w[0]; {
	case (c == '+' || c == '-') && len(w) > 1 && isDigit(w[1]):
		d.zone = offset(w)
	case strings.Contains(w, ":") && isDigit(c):
		day, clock, ok := strings.Cut(strings.ToUpper(w), "T") // ISO 8601
		if !ok || strings.Contains(day, ":") {
			day, clock = "", w
		}
		d.takeDay(day)
		d.takeClock(clock)
	case strings.ContainsAny(w, "-/.") && len(strings.FieldsFunc(w, separates)) == 3:
		d.takeDay(w)
	case isDigit(c) && len(w) >= len("20060102T150405") && w[8] == 'T': // ISO 8601, basic form
		d.takeNumber(w[:8])
		d.takeClock(w[9:11] + ":" + w[11:13] + ":" + w[13:])
	case isDigit(c):
		d.takeNumber(w)
	default:
		d.takeName(w)
	}
}

func separates(r rune) bool { return r == '-' || r == '/' || r == '.' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// takeDay reads 2006-01-02, 2006/01/02, 02-Jan-2006, 02.01.2006, 1/2/2006 (the month first, where it can be).
func (d *date) takeDay(w string) {
	p := strings.FieldsFunc(w, separates)
	if len(p) != 3 {
		if len(w) == len("20060102") {
			d.takeNumber(w)
		}
		return
	}
	year, month, day := p[2], p[1], p[0]
	switch first, _ := strconv.Atoi(p[0]); {
	case len(p[0]) == 4 && isDigit(p[0][0]):
		year, day = p[0], p[2]
	case !isDigit(p[0][0]), strings.Contains(w, "/") && first <= 12:
		month, day = p[0], p[1]
	}
	d.day, d.month, d.year = -1, monthOf(month), -1
	if n, err := strconv.Atoi(month); err == nil && n >= 1 && n <= 12 {
		d.month = time.Month(n)
	}
	d.takeNumber(day)
	d.takeNumber(year)
}

// takeClock reads 15:04, 15:04:05, 15:04:05.999, with a zone or AM or PM right behind.
func (d *date) takeClock(w string) {
	end := strings.IndexFunc(w, func(r rune) bool { return !strings.ContainsRune("0123456789:.", r) })
	if end < 0 {
		end = len(w)
	}
	if rest := w[end:]; rest != "" && rest[0] != ':' {
		d.take(rest)
	}
	p := strings.Split(w[:end], ":")
	if len(p) < 2 || d.hour >= 0 {
		return
	}
	hour, err1 := strconv.Atoi(p[0])
	minute, err2 := strconv.Atoi(p[1])
	if err1 != nil || err2 != nil || hour > 24 || minute > 59 {
		return
	}
	d.hour, d.minute = hour, minute
	if len(p) > 2 {
		whole, _, _ := strings.Cut(p[2], ".")
		if sec, err := strconv.Atoi(whole); err == nil && sec <= 60 { // 60: a leap second
			d.sec = sec
		}
	}
}

// takeNumber reads a day, then a year; a year of four digits also first.
func (d *date) takeNumber(w string) {
	n, err := strconv.Atoi(strings.TrimRight(w, ".stndrh")) // "2nd", "5."
	if err != nil {
		return
	}
	switch digits := len(w); {
	case digits == 8 && d.year < 0:
		d.year, d.month, d.day = n/10000, time.Month(n/100%100), n%100
	case digits == 4 && isDigit(w[3]) && d.year < 0:
		d.year = n
	case n >= 1 && n <= 31 && d.day < 0:
		d.day = n
	case d.year < 0 && d.day >= 0:
		d.year = n
		if n < 50 { // RFC 5322 section 4.3
			d.year += 2000
		} else if n < 1000 {
			d.year += 1900
		}
	}
}

// takeName reads a month, AM or PM, or a zone; the day of the week is passed over.
func (d *date) takeName(w string) {
	upper := strings.ToUpper(w)
	if m := monthOf(w); m != 0 && d.month == 0 {
		d.month = m
		return
	}
	switch upper {
	case "PM", "P.M.":
		d.afternoon, d.noon = true, true
	case "AM", "A.M.":
		d.noon = true
	}
	name, sign := upper, ""
	if i := strings.IndexAny(upper, "+-"); i > 0 { // GMT+0200
		name, sign = upper[:i], upper[i:]
	}
	if hours, ok := zones(name); ok {
		d.zone = time.Duration(hours * float64(time.Hour))
		if sign != "" {
			d.zone += offset(sign)
		}
	}
}

// monthOf reads the English name of a month or the first three letters of it; 0 when it is none.
func monthOf(w string) time.Month {
	w = strings.TrimSuffix(w, ".")
	for m := time.January; m <= time.December && len(w) >= 3; m++ {
		if name := m.String(); len(w) <= len(name) && strings.EqualFold(w, name[:len(w)]) || strings.EqualFold(w, "sept") && m == time.September {
			return m
		}
	}
	return 0
}

// zones gives the hours east of UTC of a named zone: those of RFC 5322 section 4.3, and those that are
// common and mean one thing. Military letters other than Z count as unknown, as it demands.
func zones(name string) (hours float64, ok bool) {
	switch name {
	case "UT", "UTC", "GMT", "Z", "WET":
		return 0, true
	case "CET", "MET", "MEZ", "WEST":
		return 1, true
	case "CEST", "MEST", "MESZ", "EET", "SAST":
		return 2, true
	case "EEST", "MSK":
		return 3, true
	case "MSD":
		return 4, true
	case "IST":
		return 5.5, true
	case "HKT", "SGT", "AWST":
		return 8, true
	case "JST", "KST":
		return 9, true
	case "AEST":
		return 10, true
	case "AEDT":
		return 11, true
	case "NZST":
		return 12, true
	case "NZDT":
		return 13, true
	case "EDT":
		return -4, true
	case "EST", "CDT":
		return -5, true
	case "CST", "MDT":
		return -6, true
	case "MST", "PDT":
		return -7, true
	case "PST", "AKDT":
		return -8, true
	case "AKST":
		return -9, true
	case "HST":
		return -10, true
	}
	return 0, false
}

// offset reads +0100, +01:00, +1 as hours and minutes east of UTC; 0 for what cannot be one.
func offset(w string) time.Duration {
	digits := strings.ReplaceAll(w[1:], ":", "")
	n, err := strconv.Atoi(digits)
	if err != nil || len(digits) > 4 {
		return 0
	}
	if len(digits) <= 2 {
		n *= 100
	}
	d := time.Duration(n/100)*time.Hour + time.Duration(n%100)*time.Minute
	if d > 15*time.Hour {
		return 0
	}
	if w[0] == '-' {
		return -d
	}
	return d
}

// time puts the pieces together. A date without a clock is its midnight.
func (d *date) time() time.Time {
	if d.year < firstYear || d.year > 9999 || d.month < 1 || d.month > 12 || d.day < 1 || d.day > 31 {
		return time.Time{}
	}
	hour := max(d.hour, 0)
	if d.noon && hour <= 12 {
		hour %= 12
		if d.afternoon {
			hour += 12
		}
	}
	return time.Date(d.year, d.month, d.day, hour, d.minute, d.sec, 0, time.UTC).Add(-d.zone)
}
