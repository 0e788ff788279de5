package query

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"postie/maildir"
	"postie/maildir/index"
	"postie/testdata/messages"
)

// hits lists the NUMBERs that a query finds, the newest first.
func hits(t testing.TB, s *index.Store, query string, limit int) (ids []int64) {
	t.Helper()
	q, err := Parse(query, testNow())
	if err != nil {
		t.Fatal(query, err)
	}
	for m, err := range Search(t.Context(), s, q, SearchOptions{Accounts: []string{"home"}, Limit: limit}) {
		if err != nil {
			t.Fatal(query, err)
		}
		ids = append(ids, m.ID)
	}
	return ids
}

func indexText(t testing.TB, s *index.Store, o TextOptions) {
	t.Helper()
	if err := IndexText(t.Context(), s, o); err != nil {
		t.Fatal(err)
	}
}

func TestSearch(t *testing.T) {
	s, root := opened(t)
	box := maildir.Dir(filepath.Join(string(root), ".Lists.go"))
	if err := box.Ensure(); err != nil {
		t.Fatal(err)
	}
	add := func(dir maildir.Dir, rel, content string) {
		put(t, dir, rel, content)
		n := len(all(t, s))
		at := testNow().AddDate(0, 0, n-10)
		if err := os.Chtimes(filepath.Join(string(dir), rel), at, at); err != nil {
			t.Fatal(err)
		}
		refreshed(t, s)
	}
	add(root, "new/1", "From: Ann Example <ann@example.org>\nTo: bob@example.net\nSubject: budget 2026\nMessage-ID: <one@example.org>\n\nThe quick brown fox.\n")
	add(root, "cur/2:2,S", "From: Bob <bob@example.net>\nSubject: =?iso-8859-1?q?Gr=FC=DFe?=\n\nThe lazy dog. Budgets.\n")
	add(root, "cur/3:2,FRS", "Subject: =?ISO-2022-JP?B?GyRCRnxLXDhsGyhC?=\n\nascii\n")
	add(box, "cur/4:2,S", "From: ann@example.org\nSubject: file\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nsee there\n--b\nContent-Type: application/pdf; name=\"Quarterly Report.pdf\"\n\nx\n--b--\n")
	add(root, "cur/5:2,S", "From: Eve <eve@example.org>\nTo: dora@example.org\nCc: =?utf-8?q?J=C3=BCrgen?= Kahn <jk@example.org>,\n Zed <zed@example.org>\nDate: Mon, 06 Jul 2026 10:00:00 +0000\nSubject: x\n\ny\n")
	indexText(t, s, TextOptions{Bodies: true})
	for query, out := range map[string]string{
		"":                      "[5 4 3 2 1]",
		"budget":                "[1]",
		"cc:jurgen":             "[5]",
		"cc:zed@example.org":    "[5]",
		`cc:"jürgen kahn"`:      "[5]",
		"cc:dora":               "[]",
		"to:dora":               "[5]",
		"to:zed":                "[]",
		"kahn":                  "[5]",
		"date:2026-07-06":       "[5]",
		"since:2026-11 dora":    "[5]", // it arrived later
		"-cc:zed budget":        "[1]",
		"BUDGET*":               "[2 1]",
		"fox":                   "[1]",
		"\"quick brown\"":       "[1]",
		"\"brown quick\"":       "[]",
		"the -fox":              "[2]",
		"fox OR dog":            "[2 1]",
		"from:ann":              "[4 1]",
		"from:ann@example.org":  "[4 1]",
		"from:\"ann example\"":  "[4 1]", // an address is words, too
		"to:bob":                "[1]",
		"to:ann":                "[]",
		"subject:fox":           "[]",
		"body:fox":              "[1]",
		"body:budget":           "[]",
		"grüße":                 "[2]",
		"gruße":                 "[2]",
		"本語":                    "[3]",
		"subject:日本":            "[3]",
		"語本":                    "[]",
		"report":                "[4]",
		"file:quarterly":        "[4]",
		"has:attachment":        "[4]",
		"-has:attachment the":   "[2 1]",
		"is:unread":             "[1]",
		"is:read":               "[5 4 3 2]",
		"is:flagged is:replied": "[3]",
		"in:inbox":              "[5 3 2 1]",
		"in:lists/*":            "[4]",
		"in:Lists/go report":    "[4]",
		"since:9d":              "[5 4 3 2]",
		"until:9d":              "[2 1]",
		"before:9d":             "[1]",
		"date:9d":               "[2]",
		"larger:1k":             "[]",
		"smaller:1k fox":        "[1]",
		"id:3":                  "[3]",
		"id:home/INBOX/3":       "[3]",
		"id:home/Lists/go/3":    "[]",
		"id:<one@example.org>":  "[1]",
		"account:home ascii":    "[3]",
		"account:work":          "[]",
		"-ascii -fox":           "[5 4 2]",
		"(fox OR dog) is:read":  "[2]",
	} {
		want(t, query, hits(t, s, query, 0), out)
	}
	want(t, "limit", hits(t, s, "", 2), "[5 4]")
	if _, err := s.Remove(t.Context(), all(t, s)[:1]); err != nil {
		t.Fatal(err)
	}
	want(t, "removed", hits(t, s, "fox", 0), "[]")
}

// TestSearchSamples: real mail in the charsets of the world is found by what people see.
func TestSearchSamples(t *testing.T) {
	s, root := opened(t)
	for _, m := range messages.All() {
		put(t, root, "new/"+m.Name, string(m.Wire))
	}
	refreshed(t, s)
	indexText(t, s, TextOptions{Bodies: true})
	n, err := Unindexed(t.Context(), s, -1)
	want(t, "unindexed", fmt.Sprint(n, err), "0 <nil>")
	for _, m := range all(t, s) {
		for _, found := range []string{m.Summary.Subject, m.Summary.From} {
			if words := normal(found); words != "" {
				ok := false
				for _, id := range hits(t, s, `"`+words+`"`, 0) {
					ok = ok || id == m.ID
				}
				if !ok {
					t.Errorf("%s: %q does not find it", m.Entry.Name, words)
				}
			}
		}
	}
}

// TestIndexText: nothing is read twice, what is stopped goes on, what is gone does no harm.
func TestIndexText(t *testing.T) {
	s, root := opened(t)
	for n := range textBatch + 300 {
		put(t, root, fmt.Sprintf("new/%d", n), letter(n))
	}
	refreshed(t, s)
	ctx, stop := context.WithCancel(t.Context())
	err := IndexText(ctx, s, TextOptions{Bodies: true, Progress: func(done, total int) { stop() }})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	n, _ := Unindexed(t.Context(), s, -1)
	want(t, "left", n, 300)
	indexText(t, s, TextOptions{}) // headers only
	n, _ = Unindexed(t.Context(), s, -1)
	want(t, "left", n, 0)
	want(t, "body of one that was read", len(hits(t, s, "hello", 0)), textBatch)
	want(t, "subject of all", len(hits(t, s, "subject:letter", 0)), textBatch+300)
	indexText(t, s, TextOptions{Bodies: true}) // bodies are wanted again
	want(t, "bodies wanted later", len(hits(t, s, "hello", 0)), textBatch+300)
	indexText(t, s, TextOptions{Anew: true})
	want(t, "headers anew", fmt.Sprint(len(hits(t, s, "hello", 0)), len(hits(t, s, "letter", 0))), fmt.Sprint(0, " ", textBatch+300))
	indexText(t, s, TextOptions{Bodies: true})
	want(t, "and bodies", len(hits(t, s, "hello", 0)), textBatch+300)
	indexText(t, s, TextOptions{Bodies: true, Anew: true})
	want(t, "all bodies", len(hits(t, s, "hello", 0)), textBatch+300)
	want(t, "one", len(hits(t, s, "\"letter 77\" hello", 0)), 1)

	put(t, root, "new/large", "Subject: large\n\n"+string(make([]byte, 5000))+"word\n")
	put(t, root, "new/gone", letter(1000))
	refreshed(t, s)
	os.Remove(filepath.Join(string(root), "new/gone"))
	indexText(t, s, TextOptions{Bodies: true, MaxSize: 1000})
	n, _ = Unindexed(t.Context(), s, -1)
	want(t, "large and gone wait", n, 2)
	indexText(t, s, TextOptions{Bodies: true})
	refreshed(t, s)
	n, _ = Unindexed(t.Context(), s, -1)
	want(t, "none waits", n, 0)
	want(t, "large", len(hits(t, s, "word large", 0)), 1)
}

// TestSearchWalk: where words hit most messages, the newest are found by another way, with the same outcome.
func TestSearchWalk(t *testing.T) {
	s, _ := opened(t)
	fill(t, s, many+500, func(i int, m *index.Message) { // days and NUMBERs differ, days repeat
		m.Date = time.UnixMilli(1763763600000 + int64(i%500)*1000)
		if i%7 == 0 {
			m.Flags.Set = maildir.FlagSeen
		}
	})
	indexText(t, s, TextOptions{})
	for _, query := range []string{"proposal", "proposal is:read", "prop* -subject:word5", "is:unread (proposal OR nothing) in:INBOX", "proposal is:flagged",
		"proposal since:2025-11-22", "proposal before:2025-11-22", "proposal id:77"} {
		q, err := Parse(query, testNow())
		if err != nil {
			t.Fatal(err)
		}
		all, err := found(t.Context(), s, q, SearchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, limit := range []int{50, many + 1000} {
			got, err := found(t.Context(), s, q, SearchOptions{Limit: limit})
			if err != nil || !slices.Equal(got, all[:min(limit, len(all))]) {
				t.Errorf("%s, limit %d: %d found, %v", query, limit, len(got), err)
			}
		}
	}
}

// BenchmarkSearch asks full text over 200,000 summaries.
func BenchmarkSearch(b *testing.B) {
	s, _ := opened(b)
	fill(b, s, 200000, nil)
	began := time.Now()
	indexText(b, s, TextOptions{})
	b.Logf("headers indexed in %v", time.Since(began))
	for _, c := range []struct {
		query string
		limit int
	}{
		{"number subject:word123", 0}, {"from:user42", 0}, {"proposal", 50}, {"prop* is:unread", 50}, {"-proposal", 50},
		{"proposal since:2025-11-22", 50}, {"word1 OR word2 OR word3", 50}, {"id:<nothing@example.org>", 0}, {"larger:16900", 50}, {"proposal", 0},
	} {
		b.Run(fmt.Sprintf("%s/%d", c.query, c.limit), func(b *testing.B) {
			for b.Loop() {
				n := len(hits(b, s, c.query, c.limit))
				b.ReportMetric(float64(n), "hits")
			}
		})
	}
}

// BenchmarkIndexText reads 5,000 messages of 2 KB into full text.
func BenchmarkIndexText(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		s, root := opened(b)
		n := 0
		for wire := range messages.Generated(5000, 2000) {
			put(b, root, fmt.Sprintf("cur/%d.M%d:2,S", 1763763600+n, n), string(wire))
			n++
		}
		refreshed(b, s)
		b.StartTimer()
		indexText(b, s, TextOptions{Bodies: true})
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n*max(b.N, 1)), "µs/message")
	}
}
