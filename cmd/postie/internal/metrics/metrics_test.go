package metrics

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func at(n int64) time.Time { return time.Unix(1e9+n, 0) }

// What is written is what the format demands, counters grow, and of other accounts nothing is lost.
func TestAdd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "postie.prom")
	add := func(r Run) {
		t.Helper()
		if err := Add(t.Context(), path, r); err != nil {
			t.Fatal(err)
		}
	}
	add(Run{Account: "home", Protocol: "pop3", Ended: at(0), Messages: map[string]int{"new": 2}, Bytes: 100})
	add(Run{Account: `a"b\c`, Protocol: "imap", Ended: at(1), Exit: 5, Messages: map[string]int{"new": 0}})
	add(Run{Account: "home", Protocol: "pop3", Ended: at(60), Exit: 4, Messages: map[string]int{"new": 1, "deleted_remote": 1}, Bytes: 11, Lag: 1500 * time.Millisecond, Waiting: 3, Quarantined: 1})
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"# TYPE postie_messages_total counter",
		`postie_last_success_timestamp_seconds{account="home",protocol="pop3"} 1000000000`,
		`postie_last_run_timestamp_seconds{account="home",protocol="pop3"} 1000000060`,
		`postie_last_exit_code{account="home",protocol="pop3"} 4`,
		`postie_last_exit_code{account="a\"b\\c",protocol="imap"} 5`,
		`postie_runs_total{account="home",protocol="pop3"} 2`,
		`postie_messages_total{account="home",protocol="pop3",what="new"} 3`,
		`postie_messages_total{account="home",protocol="pop3",what="deleted_remote"} 1`,
		`postie_received_bytes_total{account="home",protocol="pop3"} 111`,
		`postie_failures_total{account="home",protocol="pop3",kind="login"} 1`,
		`postie_failures_total{account="home",protocol="pop3",kind="connection"} 0`,
		`postie_lag_seconds{account="home",protocol="pop3"} 1.5`,
		`postie_waiting_changes{account="home",protocol="pop3"} 3`,
		`postie_quarantined_messages{account="home",protocol="pop3"} 1`,
	} {
		if strings.Count(string(text), line+"\n") != 1 {
			t.Errorf("%s is not in it once", line)
		}
	}
	if strings.Contains(string(text), `postie_last_success_timestamp_seconds{account="a`) {
		t.Error("a success that never was")
	}
	wellFormed(t, string(text))
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v: node_exporter could not read it", info.Mode())
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*.tmp"))
	if len(left) > 0 {
		t.Error(left)
	}
}

// wellFormed demands what the format does: HELP and TYPE once, before the samples of their metric, which stand together; each series once.
func wellFormed(t *testing.T, text string) {
	t.Helper()
	sample := regexp.MustCompile(`^([a-z_]+)\{([a-z]+="(\\.|[^"\\\n])*",?)+\} [0-9.]+$`)
	seen, current := map[string]bool{}, ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			current, _, _ = strings.Cut(name, " ")
			if seen[current] {
				t.Errorf("%s stands twice", current)
			}
			seen[current] = true
			continue
		}
		if strings.HasPrefix(line, "# HELP ") {
			continue
		}
		m := sample.FindStringSubmatch(line)
		if m == nil || m[1] != current {
			t.Errorf("%q below %s", line, current)
			continue
		}
		series := line[:strings.LastIndexByte(line, ' ')]
		if seen[series] {
			t.Errorf("%s stands twice", series)
		}
		seen[series] = true
	}
	if !strings.HasSuffix(text, "\n") {
		t.Error("the last line does not end")
	}
}

// Many processes at one file: nothing is lost, and whoever reads it sees a whole one.
func TestAddTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "postie.prom")
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 5 {
				if err := Add(t.Context(), path, Run{Account: fmt.Sprint(i), Protocol: "imap", Ended: at(0)}); err != nil {
					t.Error(err)
				}
				text, err := os.ReadFile(path)
				if err != nil || !strings.Contains(string(text), "# TYPE postie_quarantined_messages gauge\n") {
					t.Errorf("%v: %s", err, text)
				}
			}
		})
	}
	group.Wait()
	text, _ := os.ReadFile(path)
	if n := strings.Count(string(text), "protocol=\"imap\"} 5\n"); n != 8 {
		t.Errorf("%d accounts had five runs\n%s", n, text)
	}
}

// What is no file of metrics is not overwritten; a damaged one begins anew.
func TestForeign(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(path, []byte("[account.home]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var foreign *Foreign
	if err := Check(path); !errors.As(err, &foreign) {
		t.Error(err)
	}
	if err := Add(t.Context(), path, Run{}); !errors.As(err, &foreign) {
		t.Error(err)
	}
	if err := Check(filepath.Join(dir, "none", "x.prom")); err == nil || !strings.Contains(err.Error(), "metrics: ") {
		t.Error(err)
	}
	if err := Check(filepath.Join(dir, "x.prom")); err != nil {
		t.Error(err)
	}
	b := read("# HELP postie_runs_total x\npostie_runs_total{account=\"a\",protocol=\"imap\"} many\npostie_runs_total 3\nother{} 1\npostie_runs_total{account=\"b\",protocol=\"imap\"} 7\n\x00")
	if len(b) != 1 {
		t.Errorf("%v", b)
	}
}

// A device, a pipe or a folder is left as it is, also behind a link, and not waited for.
func TestNoFile(t *testing.T) {
	dir := t.TempDir()
	pipe, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "link")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(pipe, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, link, dir, os.DevNull} {
		if err := Check(path); err == nil || !strings.Contains(err.Error(), path+" is no regular file") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
