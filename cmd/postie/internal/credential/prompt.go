package credential

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Terminal asks questions on the terminal that postie was started from, one at a time: give the same one to the sources
// of all accounts.
type Terminal struct {
	// Hold, if not nil, is called before the terminal is used, here or by a password command (pinentry), and resume after:
	// whoever draws on it steps back in between.
	Hold func() (resume func())

	path string
	turn chan struct{}
}

// NewTerminal returns the terminal at path; "": /dev/tty.
func NewTerminal(path string) *Terminal {
	return &Terminal{path: cmp.Or(path, "/dev/tty"), turn: make(chan struct{}, 1)}
}

// hold is Hold where there is one; t may be nil.
func (t *Terminal) hold() (resume func()) {
	if t == nil || t.Hold == nil {
		return func() {}
	}
	return t.Hold()
}

// there says whether somebody can be asked; t may be nil.
func (t *Terminal) there() bool {
	if t == nil {
		return false
	}
	tty, err := os.OpenFile(t.path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	defer tty.Close()
	return term.IsTerminal(int(tty.Fd()))
}

// Ask writes the question and reads a line without echo. When ctx ends the terminal is as it was before. The error is
// fs.ErrNotExist when there is no terminal.
func (t *Terminal) Ask(ctx context.Context, question string) (Secret, error) {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return Secret{}, context.Cause(ctx)
	}
	tty, err := os.OpenFile(t.path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return Secret{}, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	defer tty.Close() // ends a read that is still waiting, too
	defer t.hold()()
	restore, err := hush(tty)
	if err != nil {
		return Secret{}, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	defer restore()
	if _, err := io.WriteString(tty, clean(question)+" "); err != nil {
		return Secret{}, err
	}
	defer io.WriteString(tty, "\n")
	line, err := await(ctx, func() (string, error) { return bufio.NewReader(tty).ReadString('\n') })
	if err != nil && err != io.EOF { // Ctrl-D ends a line, an empty one is refused below
		return Secret{}, err
	}
	return firstLine(line)
}

// hush turns the echo off. It is done here and not by term.ReadPassword, which sets the mode in the call that then
// blocks: a context that ends just before would have restored the terminal too early.
func hush(tty *os.File) (restore func(), err error) {
	before, err := termios(tty, func(fd int) (*unix.Termios, error) { return unix.IoctlGetTermios(fd, getTermios) })
	if err != nil {
		return nil, err
	}
	set := func(mode *unix.Termios) error {
		_, err := termios(tty, func(fd int) (*unix.Termios, error) {
			return nil, unix.IoctlSetTermios(fd, setTermios, mode)
		})
		return err
	}
	quiet := *before
	quiet.Lflag &^= unix.ECHO
	quiet.Lflag |= unix.ICANON | unix.ISIG
	quiet.Iflag |= unix.ICRNL
	return func() { set(before) }, set(&quiet)
}

// termios runs an ioctl by way of SyscallConn, because File.Fd would make the file blocking, and Close no longer end a
// read.
func termios(tty *os.File, ioctl func(fd int) (*unix.Termios, error)) (mode *unix.Termios, err error) {
	raw, err := tty.SyscallConn()
	if err != nil {
		return nil, err
	}
	if lost := raw.Control(func(fd uintptr) { mode, err = ioctl(int(fd)) }); lost != nil {
		return nil, lost
	}
	return mode, err
}
