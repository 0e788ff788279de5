package hook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Runner runs hooks.
type Runner struct {
	Environ []string      // of every command, without what is secret
	Out     io.Writer     // gets what the commands print
	Limit   time.Duration // of each
	Why     string        // the limit in words: "5 times --timeout"
}

// Do runs commands one after the other, each with input as its standard input; all of them, also if one fails. A command that does not end
// in time is ended, with what it started. What ctx ended is no failure of the hook, and gives ctx's cause.
func (r Runner) Do(ctx context.Context, due []Command, input string) error {
	var failed []error
	for _, c := range due {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := r.one(ctx, c, input); err != nil {
			failed = append(failed, fmt.Errorf("%s: %s: %w", c.Name, c.Argv[0], err))
		}
	}
	return errors.Join(failed...)
}

func (r Runner) one(ctx context.Context, c Command, input string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.Limit, fmt.Errorf("it did not end within %v (%s)", r.Limit, r.Why))
	defer cancel()
	cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...)
	cmd.Stdin = strings.NewReader(input)
	cmd.Stdout, cmd.Stderr = r.Out, r.Out
	cmd.Env = append(r.Environ[:len(r.Environ):len(r.Environ)], c.Vars...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay) && cmd.ProcessState.Success(): // something it left behind holds the output open
		return nil
	case ctx.Err() != nil && cmd.Process != nil:
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		return context.Cause(ctx)
	}
	return err
}
