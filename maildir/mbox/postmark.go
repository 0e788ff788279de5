package mbox

import (
	"bytes"
	"regexp"
	"strings"
	"time"
)

// asctime is the date of a "From " line, with a zone before or behind the year where a program writes one.
var asctime = regexp.MustCompile(`(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\s+([A-Z][a-z]{2})\s+(\d{1,2})\s+(\d{1,2}:\d\d(?::\d\d)?)(?:\s+([A-Z]{2,5}|[+-]\d{4}))?\s+(\d{4})(?:\s+([+-]\d{4}))?`)

// isoDate is what some programs write in its place.
var isoDate = regexp.MustCompile(`\d{4}-\d\d-\d\d`)

// postmark reads the date of a "From " line (RFC 4155: in UTC). ok: the line is one; the date may be unknown all the same.
func postmark(line []byte) (date time.Time, ok bool) {
	rest := strings.TrimSpace(string(bytes.TrimPrefix(line, []byte("From "))))
	if rest == "" || rest == "-" { // Thunderbird's
		return time.Time{}, true
	}
	m := asctime.FindStringSubmatch(rest)
	if m == nil {
		return time.Time{}, isoDate.MatchString(rest)
	}
	clock := m[3]
	if strings.Count(clock, ":") == 1 {
		clock += ":00"
	}
	zone := "+0000"
	for _, z := range []string{m[4], m[6]} {
		if strings.HasPrefix(z, "+") || strings.HasPrefix(z, "-") {
			zone = z
		}
	}
	date, err := time.Parse("Jan 2 15:04:05 2006 -0700", strings.Join([]string{m[1], m[2], clock, m[5], zone}, " "))
	if err != nil {
		return time.Time{}, true
	}
	return date.UTC(), true
}
