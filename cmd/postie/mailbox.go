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

// mailboxes does something to the mailboxes of accounts.
func (a *app) mailboxes(ctx context.Context, names []string, r reading, do func(*library.Library) error) (err error) {
	l, err := a.library(ctx, names, r)
	if err != nil {
		return err
	}
	defer l.Closing(&err)
	return do(l)
}

func (a *app) mailboxListCommand() *cobra.Command {
	var flags reading
	cmd := &cobra.Command{
		Use:     "list [ACCOUNT...]",
		Short:   "Show the mailboxes, and what the next sync does to them on the server",
		Example: "  postie mailbox list\n  postie mailbox list work --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.mailboxes(cmd.Context(), args, flags, func(l *library.Library) error { return l.ListMailboxes(cmd.Context()) })
		},
	}
	flags.register(cmd.Flags())
	return cmd
}

func (a *app) mailboxCreateCommand() *cobra.Command {
	var flags reading
	cmd := &cobra.Command{
		Use:     "create MAILBOX",
		Short:   "Make a mailbox",
		Example: "  postie mailbox create work/Lists/golang",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.mailboxes(cmd.Context(), nil, flags, func(l *library.Library) error { return l.CreateMailbox(cmd.Context(), args[0]) })
		},
	}
	flags.register(cmd.Flags())
	return cmd
}

func (a *app) mailboxRenameCommand() *cobra.Command {
	var flags reading
	cmd := &cobra.Command{
		Use:     "rename MAILBOX NAME",
		Short:   "Give a mailbox, and those below it, another name",
		Long:    "rename gives a mailbox another name, and those below it with it. The next sync renames it on the server too; nothing is sent or fetched again.",
		Example: "  postie mailbox rename work/Lists work/Groups",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.mailboxes(cmd.Context(), nil, flags, func(l *library.Library) error { return l.RenameMailbox(cmd.Context(), args[0], args[1]) })
		},
	}
	flags.register(cmd.Flags())
	return cmd
}

func (a *app) mailboxDeleteCommand() *cobra.Command {
	var flags reading
	var yes bool
	cmd := &cobra.Command{
		Use:   "delete MAILBOX",
		Short: "Delete a mailbox with the messages in it",
		Long: `delete removes a mailbox and the messages in it, after asking; those below it stay. There is no way back but a backup.
IMAP: the next sync deletes them on the server too, or moves the messages to the trash, as the account says. More than max_delete
allows at once wait for sync --allow-mass-delete.`,
		Example: "  postie mailbox delete work/Lists/old --yes",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.mailboxes(cmd.Context(), nil, flags, func(l *library.Library) error { return l.DeleteMailbox(cmd.Context(), args[0], yes) })
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().BoolVar(&yes, "yes", false, "delete the messages in it without asking")
	flags.register(cmd.Flags())
	return cmd
}
