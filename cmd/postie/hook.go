package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"postie/cmd/postie/internal/config"
)

// newMail runs the user's new_mail hook after an account brought something new. Its output goes to standard error:
// standard output may be JSON.
func (a *app) newMail(ctx context.Context, account config.Account, count int) error {
	if len(a.hooks.NewMail) == 0 {
		return nil
	}
	cmd := exec.CommandContext(ctx, a.hooks.NewMail[0], a.hooks.NewMail[1:]...)
	cmd.Stdout, cmd.Stderr = a.err, a.err
	cmd.Env = append(os.Environ(),
		"POSTIE_ACCOUNT="+account.Name, "POSTIE_PROTOCOL="+string(account.Protocol),
		"POSTIE_MAILDIR="+account.Maildir, fmt.Sprint("POSTIE_NEW=", count))
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("hook new_mail: %s: %w", a.hooks.NewMail[0], err)
	}
	return nil
}
