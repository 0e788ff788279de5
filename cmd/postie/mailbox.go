package main

import (
	"context"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/library"
)

func (a *app) mailboxCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "mailbox",
		Short: "List, make, rename and delete mailboxes",
		Long: `mailbox changes the mailboxes that are here, without asking a server; the next sync does the same there. A mailbox is named
ACCOUNT/MAILBOX, or MAILBOX where there is one account. In the Maildir of a POP3 account mailboxes are Maildir++ subfolders.`,
		Args: cobra.NoArgs,
		RunE: a.onlyHelp,
	}
	cmd.AddCommand(a.mailboxListCommand(), a.mailboxCreateCommand(), a.mailboxRenameCommand(), a.mailboxDeleteCommand())
	return cmd
}

// onMailboxes is a command that does something to mailboxes: to those of the accounts that named picks from its arguments; nil: of all.
func (a *app) onMailboxes(cmd *cobra.Command, named func(args []string) []string, do func(ctx context.Context, l *library.Library, args []string) error) *cobra.Command {
	var flags reading
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		var accounts []string
		if named != nil {
			accounts = named(args)
		}
		l, err := a.library(cmd.Context(), accounts, flags)
		if err != nil {
			return err
		}
		defer l.Closing(&err)
		return do(cmd.Context(), l, args)
	}
	flags.register(cmd.Flags())
	return cmd
}

func (a *app) mailboxListCommand() *cobra.Command {
	all := func(args []string) []string { return args }
	return a.onMailboxes(&cobra.Command{
		Use:     "list [ACCOUNT...]",
		Short:   "Show the mailboxes, and what the next sync does to them on the server",
		Example: "  postie mailbox list\n  postie mailbox list work --json",
	}, all, func(ctx context.Context, l *library.Library, _ []string) error { return l.ListMailboxes(ctx) })
}

func (a *app) mailboxCreateCommand() *cobra.Command {
	return a.onMailboxes(&cobra.Command{
		Use:     "create MAILBOX",
		Short:   "Make a mailbox",
		Example: "  postie mailbox create work/Lists/golang",
		Args:    cobra.ExactArgs(1),
	}, nil, func(ctx context.Context, l *library.Library, args []string) error {
		return l.CreateMailbox(ctx, args[0])
	})
}

func (a *app) mailboxRenameCommand() *cobra.Command {
	return a.onMailboxes(&cobra.Command{
		Use:     "rename MAILBOX NAME",
		Short:   "Give a mailbox, and those below it, another name",
		Long:    "rename gives a mailbox another name, and those below it with it. The next sync renames it on the server too; nothing is sent or fetched again.",
		Example: "  postie mailbox rename work/Lists work/Groups",
		Args:    cobra.ExactArgs(2),
	}, nil, func(ctx context.Context, l *library.Library, args []string) error {
		return l.RenameMailbox(ctx, args[0], args[1])
	})
}

func (a *app) mailboxDeleteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete MAILBOX",
		Short: "Delete a mailbox with the messages in it",
		Long: `delete removes a mailbox and the messages in it, after asking; those below it stay. There is no way back but a backup.
IMAP: the next sync deletes them on the server too, or moves the messages to the trash, as the account says. More than max_delete
allows at once wait for sync --allow-mass-delete.`,
		Example: "  postie mailbox delete work/Lists/old --yes",
		Args:    cobra.ExactArgs(1),
	}
	cmd.Flags().SortFlags = false
	yes := cmd.Flags().Bool("yes", false, "delete the messages in it without asking")
	return a.onMailboxes(cmd, nil, func(ctx context.Context, l *library.Library, args []string) error {
		return l.DeleteMailbox(ctx, args[0], *yes)
	})
}
