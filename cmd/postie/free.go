package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/library"
	"postie/imap/base"
	"postie/maildir/index"
)

func (a *app) freeCommand() *cobra.Command {
	var flags acting
	cmd := &cobra.Command{
		Use:   "free ID...",
		Short: "Drop local bodies of IMAP messages, keep their summaries",
		Long: `free removes the local copy of messages that their IMAP server has, to gain room; nothing is deleted on the server. They stay
listed and are found by search, and postie show brings one back. postie sync leaves them alone; with --bodies all it fetches them again.
The copy of a POP3 account may be the only one, and is never freed.`,
		Example: `  postie free --search 'account:work larger:5MB until:1y' --yes`,
		RunE: func(cmd *cobra.Command, ids []string) error {
			if err := flags.check(ids, cmd.Flags()); err != nil {
				return err
			}
			return a.act(cmd.Context(), ids, &flags, "free", "freed", func(ctx context.Context, s *library.Shelf, ms []index.Message) ([]index.Message, error) {
				if s.Accounts[0].Protocol == config.POP3 {
					return nil, exit.Usage(fmt.Errorf("%s is a POP3 account: its Maildir may hold the only copy", s.Accounts[0].Name), "postie delete, if they are not wanted any more")
				}
				lock, err := s.Index.Lock(ctx, time.Duration(a.wait))
				if err != nil {
					return nil, err
				}
				done, err := base.Free(ctx, s.Index, ms, nil)
				return done, errors.Join(err, lock.Release())
			})
		},
	}
	cmd.Flags().SortFlags = false
	flags.register(cmd.Flags())
	return cmd
}
