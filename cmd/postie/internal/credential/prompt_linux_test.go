package credential

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// pty opens a terminal: what is written to master is typed, what is read from it is shown.
func pty(t *testing.T) (master *os.File, path string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	number := 0
	_, err = termios(master, func(fd int) (_ *unix.Termios, err error) {
		number, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		return nil, errors.Join(err, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	})
	if err != nil {
		t.Fatal(err)
	}
	return master, fmt.Sprintf("/dev/pts/%d", number)
}

// until reads what the terminal shows up to a text.
func until(t *testing.T, master io.Reader, text string) string {
	t.Helper()
	var seen strings.Builder
	for b := make([]byte, 1); !strings.HasSuffix(seen.String(), text); {
		if _, err := master.Read(b); err != nil {
			t.Fatalf("%v after %q", err, seen.String())
		}
		seen.Write(b)
	}
	return seen.String()
}

func echoes(t *testing.T, path string) bool {
	t.Helper()
	tty, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	mode, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return mode.Lflag&unix.ECHO != 0
}

func TestPrompt(t *testing.T) {
	alone(t)
	master, path := pty(t)
	hold, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0) // so that the terminal outlives each question
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Close()
	terminal := NewTerminal(path)
	var held atomic.Int32
	terminal.Hold = func() func() { held.Add(1); return func() { held.Add(-1) } }
	type result struct {
		secret Secret
		err    error
	}
	results := make(chan result, 1)
	ask := func(ctx context.Context) {
		s := &Source{Account: "home", User: "al\x1b[1mice", Host: "h.test", Terminal: terminal}
		go func() { secret, err := s.Secret(ctx); results <- result{secret, err} }()
		if got := until(t, master, ": "); !strings.HasSuffix(got, "Password of al[1mice at h.test: ") {
			t.Errorf("asked %q", got)
		}
		if echoes(t, path) {
			t.Error("the answer would be shown")
		}
		if held.Load() != 1 {
			t.Error("nobody was told to step back")
		}
	}

	ask(t.Context())
	io.WriteString(master, word+"\n")
	if r := <-results; r.err != nil || r.secret.Reveal() != word || held.Load() != 0 {
		t.Errorf("%v", r.err)
	}
	if got := until(t, master, "\n"); strings.Contains(got, word) || !echoes(t, path) {
		t.Errorf("shown %q, echo %v", got, echoes(t, path))
	}

	ask(t.Context())
	io.WriteString(master, "\n")
	if r := <-results; r.err == nil || r.err.Error() != "terminal: gave nothing" {
		t.Errorf("%v", r.err)
	}

	ctx, cancel := context.WithCancelCause(t.Context())
	ask(ctx)
	io.WriteString(master, "half a pass")
	why := errors.New("enough")
	cancel(why)
	if r := <-results; !errors.Is(r.err, why) {
		t.Errorf("%v", r.err)
	}
	if !echoes(t, path) {
		t.Error("the terminal was left without echo")
	}

	// One question at a time, and who waits for the terminal may leave.
	ask(t.Context())
	if _, err := terminal.Ask(ctx, "?"); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
	io.WriteString(master, word+"\n")
	if r := <-results; r.err != nil || r.secret.Reveal() != word {
		t.Errorf("%v", r.err)
	}
}

func TestPromptWithoutTerminal(t *testing.T) {
	if _, err := NewTerminal(os.DevNull).Ask(t.Context(), "?"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
