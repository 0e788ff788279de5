package credential

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"
)

// command runs argv and returns the first line of its output. environ: nil is ours. limit: 0 is 60 s.
//
// The child stays in our process group and session, so that a pinentry reaches the terminal; its standard input is ours
// only when that is a terminal, so that it cannot eat a message or a list that is piped into postie.
func command(ctx context.Context, argv, environ []string, limit time.Duration) (Secret, error) {
	limit = cmp.Or(limit, time.Minute)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %v", limit))
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	output, complaint := capped{room: 64 << 10}, capped{room: 2 << 10}
	cmd.Env = environ
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminalInput(), &output, &complaint
	// SIGTERM lets a pinentry restore the terminal; what does not end then is killed, and a grandchild that still holds
	// the pipe is not waited for.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 2 * time.Second

	err := cmd.Run()
	secret, empty := firstLine(string(output.kept))
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay) && cmd.ProcessState.Success():
		return secret, empty
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	if said := clean(redact(string(complaint.kept), lines(string(output.kept))...)); said != "" {
		err = fmt.Errorf("%w: %s", err, said)
	}
	return Secret{}, err
}

// lines are the lines of what a command gave: which of them it meant to be the secret it does not say when it fails.
func lines(output string) (all []Secret) {
	for line := range strings.Lines(output) {
		if line = strings.TrimSpace(line); len(line) >= shortest {
			all = append(all, NewSecret(line))
		}
	}
	return all
}

// TokenCommand returns a source of access tokens, to be used as Options.Token: token_command is run for each login, once
// for logins at the same time. environ: nil is ours. limit: 0 is 60 s.
func TokenCommand(argv, environ []string, limit time.Duration) func(context.Context) (string, error) {
	var f flight[Secret]
	return func(ctx context.Context) (string, error) {
		s, err := f.do(ctx, func(Secret) bool { return false }, func(ctx context.Context) (Secret, error) {
			return command(ctx, argv, environ, limit)
		})
		if notStarted(err) {
			return "", unreadable("token_command "+argv[0], err)
		} else if err != nil {
			return "", blame("token_command "+argv[0], err)
		}
		return s.Reveal(), nil
	}
}

func terminalInput() io.Reader {
	if term.IsTerminal(int(os.Stdin.Fd())) {
		return os.Stdin
	}
	return nil // exec makes that /dev/null
}

// capped keeps the first room bytes written to it and swallows the rest.
type capped struct {
	kept []byte
	room int
}

func (c *capped) Write(p []byte) (int, error) {
	c.kept = append(c.kept, p[:min(len(p), c.room-len(c.kept))]...)
	return len(p), nil
}
