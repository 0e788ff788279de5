package main

import (
	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/doctor"
)

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check [ACCOUNT...]",
		Short: "Connect and report what works, what does not, and what to try next",
		Long: `check goes the way of a fetch or sync step by step and prints a line for each: configuration, name lookup, each
address, TLS and certificate, login, capabilities, what lies on the server, Maildir, free space, clock.
It changes nothing, neither there nor here. Without an account all are checked.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := a.load()
			if err != nil {
				return err
			}
			accounts, err := file.Select(args, "")
			if err != nil {
				return err
			}
			return doctor.Check(cmd.Context(), doctor.Options{UI: a.ui, Session: a.session(), Path: file.Path}, accounts)
		},
	}
}
