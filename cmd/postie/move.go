package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/library"
	"postie/maildir"
	"postie/maildir/index"
)

func (a *app) moveCommand() *cobra.Command {
	var flags acting
	cmd := &cobra.Command{
		Use:   "move ID... MAILBOX",
		Short: "Move messages to another mailbox of their account",
		Long: `move renames files into another mailbox, which is made if it is missing, without asking a server. The next sync pushes the
change; a message without a body here shows in its new mailbox from then on. In the Maildir of a POP3 account move makes a
Maildir++ subfolder. The NUMBER of a message stays.`,
		Example: `  postie move home/INBOX/17 home/INBOX/18 Archive/2026
  postie move --search 'in:INBOX until:1y' Archive --yes`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, mailbox := args[:len(args)-1], args[len(args)-1]
			if err := flags.check(ids, cmd.Flags()); err != nil {
				return err
			}
			return a.move(cmd.Context(), ids, mailbox, &flags)
		},
	}
	cmd.Flags().SortFlags = false
	flags.register(cmd.Flags())
	return cmd
}

func (a *app) move(ctx context.Context, ids []string, mailbox string, f *acting) (err error) {
	l, err := a.library(ctx, nil, f.reading)
	if err != nil {
		return err
	}
	defer l.Closing(&err)
	if _, err := l.Find(ctx, mailbox); err == nil {
		return exit.Usage(fmt.Errorf("%s is a message; the last argument is the mailbox to move to", mailbox), "")
	}
	return l.Act(ctx, f.which(ids), "move", "moved", func(ctx context.Context, s *library.Shelf, ms []index.Message) ([]index.Message, error) {
		to, err := s.Destination(ctx, mailbox)
		if err != nil {
			return nil, err
		}
		layout := maildir.MaildirPlusPlus
		if s.Accounts[0].Protocol == config.IMAP && s.Accounts[0].Layout != config.LayoutMaildir {
			layout = maildir.FS
		}
		return s.Index.Move(ctx, ms, to, layout)
	})
}
