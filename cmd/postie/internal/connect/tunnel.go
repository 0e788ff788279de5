package connect

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// How long a tunnel command may take to end when it is asked to, and when it is bound to.
const (
	patience = time.Second
	certain  = 10 * time.Second
)

// tunnel is a running command as a net.Conn. Pipes and not a socket: some shells take a socket for rsh and read other
// start files. The command stays in the terminal's foreground group, so that ssh may ask for a passphrase there.
type tunnel struct {
	name   string
	in     *os.File // to its standard input
	out    *os.File // from its standard output
	stderr tail
	cmd    *exec.Cmd
	ended  chan struct{} // closed when it was reaped
	status error         // how it ended; read it after ended
	close  func() error
}

// TunnelError is a tunnel command that ended before the dialogue did.
type TunnelError struct {
	Status error  // *exec.ExitError, or nil
	Stderr string // the end of what it wrote there, lines joined by "; "
}

func (e *TunnelError) Error() string {
	text := "the command ended"
	if e.Status != nil {
		text += " with " + e.Status.Error()
	}
	if e.Stderr != "" {
		text += ": " + e.Stderr
	}
	return text
}

func (e *TunnelError) Unwrap() error { return e.Status }

// openTunnel starts argv. environ: nil is ours.
func openTunnel(argv, environ []string) (net.Conn, error) {
	childIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer childIn.Close()
	out, childOut, err := os.Pipe()
	if err != nil {
		in.Close()
		return nil, err
	}
	defer childOut.Close()

	t := &tunnel{name: strings.Join(argv, " "), in: in, out: out, cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{})}
	t.cmd.Env = environ
	t.close = sync.OnceValue(t.end)
	t.cmd.Stdin, t.cmd.Stdout, t.cmd.Stderr = childIn, childOut, &t.stderr
	t.cmd.WaitDelay = patience // a master connection that ssh leaves behind holds standard error open
	if err := t.cmd.Start(); err != nil {
		in.Close()
		out.Close()
		return nil, err
	}
	go func() {
		if t.status = t.cmd.Wait(); errors.Is(t.status, exec.ErrWaitDelay) {
			t.status = nil
		}
		close(t.ended)
	}()
	return t, nil
}

func (t *tunnel) Read(p []byte) (int, error) {
	n, err := t.out.Read(p)
	return n, t.explain("read", err)
}

func (t *tunnel) Write(p []byte) (int, error) {
	n, err := t.in.Write(p)
	return n, t.explain("write", err)
}

// explain turns a pipe's error into a connection's, with the last words of a command that ended.
func (t *tunnel) explain(op string, err error) error {
	path, isPath := errors.AsType[*fs.PathError](err)
	gone := errors.Is(err, io.EOF) || errors.Is(err, syscall.EPIPE)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrClosed):
		err = net.ErrClosed
	case gone && t.wait(certain) && (t.status != nil || t.stderr.String() != ""):
		err = &TunnelError{t.status, t.stderr.String()}
	case errors.Is(err, io.EOF):
		return io.EOF
	case isPath:
		err = path.Err
	}
	return &net.OpError{Op: op, Net: "tunnel", Addr: t.RemoteAddr(), Err: err}
}

// wait reports whether the command ended within d.
func (t *tunnel) wait(d time.Duration) bool {
	select {
	case <-t.ended:
		return true
	case <-time.After(d):
		return false
	}
}

// Close ends the command: end of input, then SIGTERM, then SIGKILL, a second between.
func (t *tunnel) Close() error { return t.close() }

func (t *tunnel) end() error {
	err := errors.Join(t.in.Close(), t.out.Close())
	for _, step := range []struct {
		signal os.Signal
		wait   time.Duration
	}{{nil, patience}, {syscall.SIGTERM, patience}, {syscall.SIGKILL, certain}} {
		if step.signal != nil {
			err = errors.Join(err, t.signal(step.signal))
		}
		if t.wait(step.wait) {
			return err
		}
	}
	return errors.Join(err, fmt.Errorf("%s does not end", t.name))
}

func (t *tunnel) signal(s os.Signal) error {
	if err := t.cmd.Process.Signal(s); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

func (t *tunnel) SetDeadline(at time.Time) error {
	return errors.Join(t.SetReadDeadline(at), t.SetWriteDeadline(at))
}
func (t *tunnel) SetReadDeadline(at time.Time) error  { return t.out.SetReadDeadline(at) }
func (t *tunnel) SetWriteDeadline(at time.Time) error { return t.in.SetWriteDeadline(at) }
func (t *tunnel) LocalAddr() net.Addr                 { return command("postie") }
func (t *tunnel) RemoteAddr() net.Addr                { return command(t.name) }

// command is a net.Addr.
type command string

func (command) Network() string  { return "tunnel" }
func (c command) String() string { return string(c) }

// tail keeps the end of what was written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

func (t *tail) Write(p []byte) (int, error) {
	const most = 1024
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	t.kept = append([]byte(nil), t.kept[max(0, len(t.kept)-most):]...)
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.FieldsFunc(string(t.kept), func(r rune) bool { return r == '\r' || r == '\n' })
	return strings.ToValidUTF8(strings.Join(lines, "; "), "?")
}
