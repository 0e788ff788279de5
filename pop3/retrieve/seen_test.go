package retrieve

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"postie/pop3/pop3test"
)

// Nothing changed, so no row of the ledger is read; whatever changes, on the server, here, or in what the user wants, is seen.
func TestUnchanged(t *testing.T) {
	var log bytes.Buffer
	logged := func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) }
	w := newWorld(t, pop3test.Options{}, few(5)...)
	quick := func(p Policy) (Report, bool) {
		t.Helper()
		log.Reset()
		report := w.ok(p, logged)
		return report, strings.Contains(log.String(), "unchanged")
	}
	keep, days := Policy{Keep: Keep{Mode: Forever}}, Policy{Keep: Keep{Mode: For, Age: 14 * 24 * time.Hour}}
	if _, was := quick(keep); was {
		t.Error("a first run")
	}
	for range 2 {
		if report, was := quick(keep); !was || report.Known != 5 {
			t.Errorf("unchanged: %v, %+v", was, report)
		}
	}
	w.server.Append("alice", few(6)[5])
	if report, was := quick(keep); was || report.New != 1 {
		t.Errorf("a new message: %v, %+v", was, report)
	}
	w.now = w.now.Add(time.Hour)
	if report, was := quick(days); was || report.Known != 6 {
		t.Errorf("young, and nobody looked at the files: %v, %+v", was, report)
	}
	if report, was := quick(days); !was || report.Known != 6 {
		t.Errorf("young: %v, %+v", was, report)
	}
	changed := few(6)
	changed[3].Size = 500
	w.server.SetMaildrop("alice", "secret", changed...)
	if _, was := quick(keep); was {
		t.Error("another size")
	}
	if _, was := quick(keep); !was {
		t.Error("another size, again")
	}
	w.now = w.now.AddDate(0, 0, 13)
	if _, was := quick(days); !was {
		t.Error("after 13 days")
	}
	if err := w.dir.Remove(w.keys()[0]); err != nil {
		t.Fatal(err)
	}
	if report, was := quick(Policy{Keep: Keep{Mode: UntilDeleted}, MaxDelete: .3}); was || report.Deleted != 1 {
		t.Errorf("deleted here: %v, %+v", was, report)
	}
	w.now = w.now.AddDate(0, 0, 2)
	if report, was := quick(days); was || report.Deleted != 5 {
		t.Errorf("after 15 days: %v, %+v", was, report)
	}
}
