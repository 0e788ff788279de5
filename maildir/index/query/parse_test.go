package query

import (
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // Berlin's clocks change
)

func TestParseSpan(t *testing.T) {
	for in, out := range map[string]string{
		"2026":                 "2026-01-01 00:00 2027-01-01 00:00",
		"2026-02":              "2026-02-01 00:00 2026-03-01 00:00",
		"2026-11-01":           "2026-11-01 00:00 2026-11-02 00:00",
		"2026-11-01T10:30":     "2026-11-01 10:30 2026-11-01 10:31",
		"2026-11-01T10:30:00Z": "2026-11-01 11:30 2026-11-01 11:30",
		"Yesterday":            "2026-11-20 00:00 2026-11-21 00:00",
		"today":                "2026-11-21 00:00 2026-11-22 00:00",
		"now":                  "2026-11-21 15:04 2026-11-21 15:04",
		"3d":                   "2026-11-18 00:00 2026-11-19 00:00",
		"2w":                   "2026-11-07 00:00 2026-11-08 00:00",
		"1m":                   "2026-10-21 00:00 2026-10-22 00:00",
		"1y":                   "2025-11-21 00:00 2025-11-22 00:00",
		"5h":                   "2026-11-21 10:04 2026-11-21 10:04",
		"":                     "error", "tomorrow": "error", "2026-13": "error", "3x": "error", "-3d": "error", "999999d": "error",
	} {
		const layout = "2006-01-02 15:04"
		span, err := ParseSpan(in, testNow())
		got := span.From.In(testNow().Location()).Format(layout) + " " + span.To.In(testNow().Location()).Format(layout)
		if err != nil {
			got = "error"
		}
		want(t, in, got, out)
	}
}

// Days begin at midnight where the reader is, also those of 23 and 25 hours, and a month ago is in the month before.
func TestParseSpanElsewhere(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ now, in, out string }{
		{"2026-03-30 12:00", "yesterday", "2026-03-28T23:00:00Z 23h0m0s"},
		{"2026-03-30 12:00", "2026-03-29", "2026-03-28T23:00:00Z 23h0m0s"},
		{"2026-10-26 00:30", "1d", "2026-10-24T22:00:00Z 25h0m0s"},
		{"2026-10-26 00:30", "2026-10", "2026-09-30T22:00:00Z 745h0m0s"},
		{"2026-10-26 00:30", "today", "2026-10-25T23:00:00Z 24h0m0s"},
		{"2026-03-31 12:00", "1m", "2026-02-27T23:00:00Z 24h0m0s"},
		{"2028-02-29 12:00", "1y", "2027-02-27T23:00:00Z 24h0m0s"},
		{"2026-01-31 12:00", "2m", "2025-11-29T23:00:00Z 24h0m0s"},
	} {
		now, err := time.ParseInLocation("2006-01-02 15:04", c.now, berlin)
		if err != nil {
			t.Fatal(err)
		}
		span, err := ParseSpan(c.in, now)
		if err != nil {
			t.Fatal(err)
		}
		want(t, c.now+" "+c.in, span.From.UTC().Format(time.RFC3339)+" "+span.To.Sub(span.From).String(), c.out)
	}
}

// The SQL and its arguments that queries become; "MATCH" stands for the condition on full text.
func TestParse(t *testing.T) {
	for in, out := range map[string]string{
		"":                            `TRUE`,
		"  \t ":                       `TRUE`,
		"budget":                      `MATCH [("budget")]`,
		"Budget report":               `MATCH [(("Budget") AND ("report"))]`,
		`"budget report"`:             `MATCH [("budget report")]`,
		`"budget report`:              `MATCH [("budget report")]`,
		"bud*":                        `MATCH [("bud" *)]`,
		`"two wor"*`:                  `MATCH [("two wor" *)]`,
		`"star*"`:                     `MATCH [("star")]`,
		"a*b":                         `MATCH [("a b")]`,
		"ann@example.org":             `MATCH [("ann example org")]`,
		"from:ann":                    `MATCH [(sender : "ann")]`,
		`subject:"a b" to:c`:          `MATCH [((subject : "a b") AND (recipients : "c"))]`,
		"body:x* file:report.pdf":     `MATCH [((body : "x" *) AND (attachments : "report pdf"))]`,
		"a OR b":                      `MATCH [(("a") OR ("b"))]`,
		"a b OR c":                    `MATCH [((("a") AND ("b")) OR ("c"))]`,
		"a (b OR c)":                  `MATCH [(("a") AND (("b") OR ("c")))]`,
		"a AND b":                     `MATCH [(("a") AND ("b"))]`,
		"a -b":                        `MATCH [((("a")) NOT ("b"))]`,
		"a NOT b":                     `MATCH [((("a")) NOT ("b"))]`,
		"a -from:b -c":                `MATCH [((("a")) NOT (sender : "b") NOT ("c"))]`,
		"-a":                          `NOT (MATCH) [("a")]`,
		"--a":                         `MATCH [("a")]`,
		"-(a b)":                      `NOT (MATCH) [(("a") AND ("b"))]`,
		"a-b":                         `MATCH [("a b")]`,
		"a - b":                       `error`,
		"a OR is:unread":              `(MATCH) OR (m.flags & 16 = 0) [("a")]`,
		"a is:unread":                 `MATCH AND (m.flags & 16 = 0) [("a")]`,
		"-is:read":                    `NOT (m.flags & 16 <> 0)`,
		"is:flagged is:answered":      `(m.flags & 2 <> 0) AND (m.flags & 8 <> 0)`,
		"in:Lists/go":                 `m.mailbox IN (SELECT id FROM mailbox WHERE name = ? COLLATE NOCASE) [Lists/go]`,
		`in:"My Box"`:                 `m.mailbox IN (SELECT id FROM mailbox WHERE name = ? COLLATE NOCASE) [My Box]`,
		"in:Lists/*":                  `m.mailbox IN (SELECT id FROM mailbox WHERE lower(substr(name, 1, ?)) = lower(?)) [6 Lists/]`,
		"account:home":                `TRUE`,
		"account:other":               `FALSE`,
		"has:attachment":              "MATCH [(attachments : \"\ue000\")]",
		"larger:1MB smaller:2MiB":     `(m.size > ?) AND (m.size < ?) [1000000 2097152]`,
		"larger:1.5k":                 `m.size > ? [1500]`,
		"since:2026-11-01":            `m.date >= ? [1793487600000]`,
		"before:2026-11-01":           `m.date < ? [1793487600000]`,
		"until:2026-11-01":            `m.date < ? [1793574000000]`,
		"date:2026-11-01":             `coalesce(m.written, m.date) >= ? AND coalesce(m.written, m.date) < ? [1793487600000 1793574000000]`,
		"id:17":                       `m.id = ? [17]`,
		"id:home/Lists/go/17":         `m.id = ? AND m.mailbox IN (SELECT id FROM mailbox WHERE name IN (?, ?)) [17 home/Lists/go Lists/go]`,
		"id:<a@b/17>":                 `m.message_id = ? [a@b/17]`,
		"id:a@b":                      `m.message_id = ? [a@b]`,
		"keyword:Work":                `instr(' ' || lower(m.keywords) || ' ', ?) > 0 [ work ]`,
		"10:30":                       `MATCH [("10 30")]`,
		"Re: x":                       `MATCH [(("Re") AND ("x"))]`,
		"re: x":                       `MATCH [(("re") AND ("x"))]`,
		"http://a.example/x":          `MATCH [("http a example x")]`,
		`"from:ann"`:                  `MATCH [("from ann")]`,
		"日本語":                         `MATCH [("日 本 語")]`,
		"東京tower ｶﾅ":                  `MATCH [(("東 京 tower") AND ("カ ナ"))]`,
		"caf\u00e9 cafe\u0301":        "MATCH [((\"caf\u00e9\") AND (\"caf\u00e9\"))]",
		"a\x00b \xff":                 `error`,
		"a)":                          `MATCH [("a")]`,
		"(a":                          `error`,
		"()":                          `error`,
		"a OR":                        `error`,
		"OR":                          `error`,
		"-":                           `error`,
		"!!!":                         `error`,
		`""`:                          `error`,
		"form:ann":                    `error`,
		"is:nice":                     `error`,
		"from:":                       `error`,
		"a subject: b":                `error`,
		"in:":                         `error`,
		"file:":                       `error`,
		`from:""`:                     `error`,
		"has:cheese":                  `error`,
		"larger:huge":                 `error`,
		"since:whenever":              `error`,
		strings.Repeat("a ", 200):     `error`,
		strings.Repeat("(", 50) + "a": `error`,
		strings.Repeat("a", 5000):     `error`,
	} {
		got := "error"
		if q, err := Parse(in, testNow()); err == nil {
			c := &compiler{accounts: []string{"home"}}
			got = strings.ReplaceAll(c.sql(q.root), "m.id IN (SELECT rowid FROM text WHERE text MATCH ?)", "MATCH")
			if c.args != nil {
				got += fmt.Sprint(" ", c.args)
			}
		}
		want(t, in, got, out)
	}
}

// FuzzParse: what is accepted is something that SQLite takes, and answers.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`a -b OR "c d"* (from:x in:y*)`, "id:a/b/3 larger:3k", "since:3d 日本 é*", `is:read -(has:attachment OR "\x00*")`, "NOT -NOT a AND", `"""*`, "a:b:c 1:2"} {
		f.Add(seed)
	}
	s, _ := opened(f)
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text, testNow())
		if err != nil {
			return
		}
		for _, limit := range []int{0, 1} {
			if _, err := found(t.Context(), s, q, SearchOptions{Accounts: []string{"home"}, Limit: limit}); err != nil {
				t.Errorf("%q: %v", text, err)
			}
		}
	})
}
