// Package systemd tells systemd how a service does (sd_notify(3)), and knows whether the journal is written to (systemd.exec(5)).
// Where there is no systemd it does nothing.
package systemd

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Service is a process that systemd started. The zero value is one that it did not.
type Service struct {
	socket   string
	Watchdog time.Duration // that often it wants to hear that all is well; 0: it does not
}

// Started is this process, as its environment describes it.
func Started(getenv func(string) string) Service {
	s := Service{socket: getenv("NOTIFY_SOCKET")}
	// sd_watchdog_enabled(3): only if it is meant for this process.
	pid := getenv("WATCHDOG_PID")
	usec, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64)
	if err == nil && usec > 0 && (pid == "" || pid == strconv.Itoa(os.Getpid())) && s.socket != "" {
		s.Watchdog = time.Duration(usec) * time.Microsecond
	}
	return s
}

// Ready says that it is up, or has read its configuration again.
func (s Service) Ready() error { return s.notify("READY=1") }

// Reloading says that it reads its configuration again; Ready follows. The time is what Type=notify-reload wants.
func (s Service) Reloading(uptime time.Duration) error {
	return s.notify("RELOADING=1", fmt.Sprint("MONOTONIC_USEC=", uptime.Microseconds()))
}

// Stopping says that it ends.
func (s Service) Stopping() error { return s.notify("STOPPING=1") }

// Alive says that all is well.
func (s Service) Alive() error { return s.notify("WATCHDOG=1") }

// Status is a line about how it does.
func (s Service) Status(text string) error {
	return s.notify("STATUS=" + strings.Join(strings.Fields(text), " "))
}

// notify sends a datagram. An address that begins with @ is in the abstract namespace, which net knows.
func (s Service) notify(lines ...string) error {
	if s.socket == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	defer conn.Close()
	_, err = conn.Write([]byte(strings.Join(lines, "\n")))
	return err
}

// Journal says whether a stream goes to the journal: systemd says in JOURNAL_STREAM which is its.
func Journal(getenv func(string) string, f *os.File) bool {
	dev, ino, ok := strings.Cut(getenv("JOURNAL_STREAM"), ":")
	if !ok || f == nil {
		return false
	}
	info, err := f.Stat()
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && dev == fmt.Sprint(uint64(st.Dev)) && ino == fmt.Sprint(uint64(st.Ino))
}
