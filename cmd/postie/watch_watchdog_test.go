package main

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/systemd"
)

// systemd hears that all is well only while the work of every account goes on; that one stands still is told once.
func TestWatchdog(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	heard := func() string {
		buf := make([]byte, 100)
		l.SetReadDeadline(time.Now().Add(10 * time.Millisecond)) // what was sent is there: nothing is waited for
		n, _ := l.Read(buf)
		return string(buf[:n])
	}
	var out output
	a := newApp(&out, &out, &interruption{cancel: func(error) {}})
	if err := a.begin(); err != nil {
		t.Fatal(err)
	}
	w := a.newWatch(nil, watchFlags{jobs: 1})
	w.service = systemd.Started(func(name string) string {
		return map[string]string{"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "600000000"}[name]
	})
	w.began = time.Now().Add(-3 * stuckAfter)
	one, other := w.add(config.Account{Name: "one"}), w.add(config.Account{Name: "other"})
	for _, step := range []struct {
		what string
		do   func()
		want string
	}{
		{"both are at work", func() {}, "WATCHDOG=1"},
		{"one stands still", func() { one.life.Store(int64(2*stuckAfter - time.Minute)) }, ""},
		{"still", func() {}, ""},
		{"it waits for its turn", func() { one.patient.Add(1) }, "WATCHDOG=1"},
		{"it goes on", func() { one.patient.Add(-1); one.beat() }, "WATCHDOG=1"},
		{"as long as it may is no standstill", func() { other.life.Store(int64(2*stuckAfter + time.Minute)) }, "WATCHDOG=1"},
	} {
		step.do()
		w.watchdog()
		if got := heard(); got != step.want {
			t.Errorf("%s: %q, want %q", step.what, got, step.want)
		}
	}
	if n := strings.Count(out.String(), "account one: its work has stood still"); n != 1 {
		t.Errorf("told %d times\n%s", n, out.String())
	}
}
