package connect

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func open(t *testing.T, argv ...string) *tunnel {
	t.Helper()
	conn, err := dial(t, Options{TLS: None, Tunnel: argv})
	if err != nil {
		t.Fatal(err)
	}
	return conn.(*tunnel)
}

func TestTunnelCarriesBytes(t *testing.T) {
	t.Parallel()
	conn := open(t, "cat")
	sent := make([]byte, 1<<20)
	rand.Read(sent)
	done := make(chan error, 1)
	go func() {
		_, err := conn.Write(sent)
		done <- err
	}()
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, sent) {
		t.Fatal("what came back differs", err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// gone demands that the process was ended and reaped.
func gone(t *testing.T, conn *tunnel) {
	t.Helper()
	select {
	case <-conn.ended:
	default:
		t.Error("the command still runs")
	}
	if err := syscall.Kill(conn.cmd.Process.Pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Error(err)
	}
}

func TestTunnelEnds(t *testing.T) {
	t.Parallel()
	for name, argv := range map[string][]string{
		"by end of input": {"cat"},
		"by SIGTERM":      {"sh", "-c", "echo; exec sleep 600"},
		"by SIGKILL":      {"sh", "-c", `trap "" TERM; echo; while :; do sleep 5; done`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := open(t, argv...)
			if argv[0] == "sh" {
				if _, err := conn.Read(make([]byte, 1)); err != nil { // it has come to its trap
					t.Fatal(err)
				}
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
			gone(t, conn)
			if err := conn.Close(); err != nil {
				t.Error("second Close:", err)
			}
			if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
			if _, err := conn.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		})
	}
}

func TestTunnelDeadlines(t *testing.T) {
	t.Parallel()
	conn := open(t, "sh", "-c", "exec sleep 600")
	past := time.Now().Add(-time.Second)
	if err := conn.SetDeadline(past); err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]func([]byte) (int, error){"read": conn.Read, "write": conn.Write} {
		var line net.Error
		if _, err := try(make([]byte, 1)); !errors.As(err, &line) || !line.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A deadline also ends a Read that already waits.
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() {
		_, err := conn.Read(make([]byte, 1))
		result <- err
	}()
	if err := conn.SetReadDeadline(past); err != nil {
		t.Fatal(err)
	}
	if err := <-result; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
}

func TestTunnelCloseEndsRead(t *testing.T) {
	t.Parallel()
	conn := open(t, "sleep", "600")
	result := make(chan error, 1)
	go func() {
		_, err := conn.Read(make([]byte, 1))
		result <- err
	}()
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if err := <-result; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

func TestTunnelLastWords(t *testing.T) {
	t.Parallel()
	conn := open(t, "sh", "-c", "echo '* hello'; echo 'ssh: no route' >&2; echo 'bye' >&2; exit 255")
	got, err := io.ReadAll(conn)
	var line net.Error
	var words *TunnelError
	var exit *exec.ExitError
	if string(got) != "* hello\n" || !errors.As(err, &line) || !errors.As(err, &words) || !errors.As(err, &exit) || exit.ExitCode() != 255 {
		t.Fatalf("%q %v", got, err)
	}
	if want := "exit status 255: ssh: no route; bye"; !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	// Without trouble the end is an end.
	if rest, err := io.ReadAll(open(t, "true")); err != nil || len(rest) != 0 {
		t.Error(rest, err)
	}
}

func TestTunnelWriteAfterEnd(t *testing.T) {
	t.Parallel()
	conn := open(t, "sh", "-c", "echo denied >&2; exit 1")
	<-conn.ended
	if _, err := conn.Write([]byte("x")); err == nil || !strings.Contains(err.Error(), "denied") {
		t.Error(err)
	}
}

func TestTunnelThatIsNot(t *testing.T) {
	t.Parallel()
	_, err := dial(t, Options{TLS: None, Tunnel: []string{"/nonexistent/tunnel"}})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), `connect to tunnel "/nonexistent/tunnel"`) {
		t.Error(err)
	}
}

func TestTunnelOutlivesDial(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	conn, err := (&Options{TLS: None, Tunnel: []string{"cat"}}).Dial(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cancel()
	converse(t, conn)
}

// A child that stays behind with standard error open does not hold up the end.
func TestTunnelLeavesChildBehind(t *testing.T) {
	t.Parallel()
	conn := open(t, "sh", "-c", "sleep 5 & exit 0")
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	gone(t, conn)
}

func TestTailKeepsTheEnd(t *testing.T) {
	var b tail
	for range 100 {
		b.Write([]byte(strings.Repeat("x", 99) + "\n"))
	}
	b.Write([]byte("last\r\n\xff"))
	if s := b.String(); len(s) > 1100 || !strings.HasSuffix(s, "; last; ?") {
		t.Error(s)
	}
}
