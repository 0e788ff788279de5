package main

import (
	"context"

	"github.com/spf13/cobra"
)

func (a *app) moveCommand() *cobra.Command {
	var flags acting
	var create bool
	cmd := &cobra.Command{
		Use:   "move ID... MAILBOX",
		Short: "Move messages to another mailbox of their account",
		Long: `move renames files into another mailbox, without asking a server. The next sync pushes the change. A mailbox that is not there
is asked for on a terminal, and made with --create; postie mailbox list shows those that are. Messages stay in their account. A message without a body here shows in its new mailbox from then on. In the Maildir of a POP3 account move makes a
Maildir++ subfolder. The NUMBER of a message stays.`,
		Example: `  postie move home/INBOX/17 home/INBOX/18 Archive/2026 --create
  postie move --search 'in:INBOX until:1y' Archive --yes`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, mailbox := args[:len(args)-1], args[len(args)-1]
			if err := flags.check(ids, cmd.Flags()); err != nil {
				return err
			}
			return a.move(cmd.Context(), ids, mailbox, create, &flags)
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().BoolVar(&create, "create", false, "make the mailbox if it is not there")
	flags.register(cmd.Flags())
	return cmd
}

func (a *app) move(ctx context.Context, ids []string, mailbox string, create bool, f *acting) (err error) {
	l, err := a.library(ctx, nil, f.reading)
	if err != nil {
		return err
	}
	defer l.Closing(&err)
	return l.Move(ctx, f.which(ids), mailbox, create)
}
