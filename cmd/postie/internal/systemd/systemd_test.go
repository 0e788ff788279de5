package systemd

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func env(m map[string]string) func(string) string { return func(k string) string { return m[k] } }

func TestNotify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "n")
	for _, name := range []string{path, fmt.Sprintf("@postie-test-%d", os.Getpid())} {
		conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		s := Started(env(map[string]string{"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "3000000"}))
		if s.Watchdog != 3*time.Second {
			t.Error(s.Watchdog)
		}
		for want, send := range map[string]func() error{"READY=1": s.Ready, "STOPPING=1": s.Stopping, "WATCHDOG=1": s.Alive,
			"STATUS=two lines": func() error { return s.Status("two\nlines") }, "RELOADING=1\nMONOTONIC_USEC=5000": func() error { return s.Reloading(5 * time.Millisecond) }} {
			if err := send(); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 200)
			n, err := conn.Read(buf)
			if got := string(buf[:n]); got != want || err != nil {
				t.Errorf("%q, want %q, %v", got, want, err)
			}
		}
		conn.Close()
	}
}

func TestNotStarted(t *testing.T) {
	for _, e := range []map[string]string{nil, {"WATCHDOG_USEC": "3000000"}, {"NOTIFY_SOCKET": "x", "WATCHDOG_USEC": "3", "WATCHDOG_PID": "1"}, {"NOTIFY_SOCKET": "x", "WATCHDOG_USEC": "-1"}} {
		if s := Started(env(e)); s.Watchdog != 0 {
			t.Errorf("%v: %v", e, s.Watchdog)
		}
	}
	if err := Started(env(nil)).Ready(); err != nil {
		t.Error(err)
	}
}

func TestJournal(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	info, _ := w.Stat()
	st := info.Sys().(*syscall.Stat_t)
	for value, want := range map[string]bool{"": false, "1:2": false, "x": false, fmt.Sprintf("%d:%d", st.Dev, st.Ino): true} {
		if got := Journal(env(map[string]string{"JOURNAL_STREAM": value}), w); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}
