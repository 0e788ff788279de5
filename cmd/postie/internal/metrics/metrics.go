// Package metrics writes what came of runs as a text file for Prometheus, as node_exporter's textfile collector reads it (the text
// exposition format, https://prometheus.io/docs/instrumenting/exposition_formats/).
//
// The file is also where counters are kept from run to run: what it says of an account is read, added to, and written again. What it
// says of other accounts stays. A file that is gone begins at zero, which Prometheus takes for a restart.
package metrics

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Run is what came of a run of an account.
type Run struct {
	Account, Protocol string
	Ended             time.Time
	Exit              int
	Messages          map[string]int // by what was done: "new", "uploaded", …
	Bytes             int64
	Waiting           int           // changes here that are not on the server yet
	Quarantined       int           // messages that end the connection
	Lag               time.Duration // between the arrival of the newest message on the server and here; 0: none came
}

// family is one metric.
type family struct{ name, kind, help string }

// families are all of them, in the order of the file.
func families() []family {
	return []family{
		{"postie_last_success_timestamp_seconds", "gauge", "When a run of the account last ended well, in seconds since 1970."},
		{"postie_last_run_timestamp_seconds", "gauge", "When a run of the account last ended."},
		{"postie_last_exit_code", "gauge", "Exit code of that run: 0 is well."},
		{"postie_runs_total", "counter", "Runs that ended."},
		{"postie_failures_total", "counter", "Runs that failed, by kind."},
		{"postie_messages_total", "counter", "Messages, by what was done with them."},
		{"postie_received_bytes_total", "counter", "Octets that came from the server, after decompression."},
		{"postie_lag_seconds", "gauge", "Between the arrival of the newest message on the server and here, in the last run that brought one (IMAP)."},
		{"postie_waiting_changes", "gauge", "Changes here that are not on the server yet, after the last run."},
		{"postie_quarantined_messages", "gauge", "Messages at which the connection ends, in the last run: they are tried ever more seldom."},
	}
}

// kinds name the exit codes of failures.
func kinds() map[int]string {
	return map[int]string{1: "failed", 2: "usage", 3: "partial", 4: "login", 5: "connection", 6: "guard", 7: "in_use"}
}

// book holds values by series: a name with its labels, as they are written.
type book map[string]float64

// read takes a file that was written before. What is no line of ours is left out.
func read(text string) book {
	b := book{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		i := strings.LastIndexByte(line, ' ')
		if i < 0 || strings.HasPrefix(line, "#") || !strings.HasPrefix(line, "postie_") || !strings.HasSuffix(line[:i], "}") {
			continue
		}
		if v, err := strconv.ParseFloat(line[i+1:], 64); err == nil {
			b[line[:i]] = v
		}
	}
	return b
}

// labels are those of an account, as they are written, without braces.
func labels(account, protocol string) string {
	return fmt.Sprintf(`account="%s",protocol="%s"`, escape(account), escape(protocol))
}

// escape is a label's value: the format knows no other escapes.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s)
}

// add adds a run.
func (b book) add(r Run) {
	common := labels(r.Account, r.Protocol)
	series := func(name, more string) string { return name + "{" + common + more + "}" }
	at := float64(r.Ended.UnixMilli()) / 1000
	if r.Exit == 0 {
		b[series("postie_last_success_timestamp_seconds", "")] = at
	}
	b[series("postie_last_run_timestamp_seconds", "")] = at
	b[series("postie_last_exit_code", "")] = float64(r.Exit)
	b[series("postie_runs_total", "")]++
	for code, kind := range kinds() {
		key := series("postie_failures_total", `,kind="`+kind+`"`)
		b[key] += 0 // one that never was is zero, so that a first failure is an increase
		if code == r.Exit {
			b[key]++
		}
	}
	for what, n := range r.Messages {
		b[series("postie_messages_total", `,what="`+what+`"`)] += float64(n)
	}
	b[series("postie_received_bytes_total", "")] += float64(r.Bytes)
	if r.Lag > 0 {
		b[series("postie_lag_seconds", "")] = r.Lag.Seconds()
	}
	b[series("postie_waiting_changes", "")] = float64(r.Waiting)
	b[series("postie_quarantined_messages", "")] = float64(r.Quarantined)
}

// String is the file.
func (b book) String() string {
	var text strings.Builder
	for _, f := range families() {
		var lines []string
		for series, v := range b {
			if strings.HasPrefix(series, f.name+"{") {
				lines = append(lines, series+" "+strconv.FormatFloat(v, 'f', -1, 64)+"\n")
			}
		}
		if len(lines) == 0 {
			continue
		}
		sort.Strings(lines)
		fmt.Fprintf(&text, "# HELP %s %s\n# TYPE %s %s\n%s", f.name, f.help, f.name, f.kind, strings.Join(lines, ""))
	}
	return text.String()
}
