package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"

	"postie/cmd/postie/internal/config"
)

// hookPatience is how many time limits a hook may take: an indexer may have much to do.
const hookPatience = 5

// newMail runs the user's new_mail hook after an account brought something new. Its output goes to standard error:
// standard output may be JSON. A hook that does not end is ended, with what it started.
func (a *app) newMail(ctx context.Context, account config.Account, count int) error {
	hooks := a.hooks.Load()
	if hooks == nil || len(hooks.NewMail) == 0 {
		return nil
	}
	limit := hookPatience * time.Duration(a.timeout)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it did not end within %v (%d times --timeout)", limit, hookPatience))
	defer cancel()
	cmd := exec.CommandContext(ctx, hooks.NewMail[0], hooks.NewMail[1:]...)
	cmd.Stdout, cmd.Stderr = a.err, a.err
	cmd.Env = append(a.environ(),
		"POSTIE_ACCOUNT="+account.Name, "POSTIE_PROTOCOL="+string(account.Protocol),
		"POSTIE_MAILDIR="+account.Maildir, fmt.Sprint("POSTIE_NEW=", count))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay) && cmd.ProcessState.Success(): // something it left behind holds the output open
		return nil
	case ctx.Err() != nil && cmd.Process != nil:
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		err = context.Cause(ctx)
	}
	return fmt.Errorf("hook new_mail: %s: %w", hooks.NewMail[0], err)
}
