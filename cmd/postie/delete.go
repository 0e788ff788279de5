package main

import (
	"context"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/library"
	"postie/maildir/index"
)

func (a *app) deleteCommand() *cobra.Command {
	var flags acting
	cmd := &cobra.Command{
		Use:   "delete ID...",
		Short: "Delete messages",
		Long: `delete removes messages from the Maildir, without asking a server. There is no way back but a backup.
IMAP: the next sync deletes them on the server too, or moves them to the trash, as the account says.
POP3: this is the local copy. What the server still has is deleted there only with keep = "until-deleted".`,
		Example: `  postie delete home/INBOX/17
  postie delete --search 'in:Junk until:30d' --yes`,
		RunE: func(cmd *cobra.Command, ids []string) error {
			if err := flags.check(ids, cmd.Flags()); err != nil {
				return err
			}
			return a.act(cmd.Context(), ids, &flags, "delete", "deleted", func(ctx context.Context, s *library.Shelf, ms []index.Message) ([]index.Message, error) {
				return s.Index.Remove(ctx, ms)
			})
		},
	}
	cmd.Flags().SortFlags = false
	flags.register(cmd.Flags())
	return cmd
}
