package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/demo"
	"postie/maildir/index"
)

func (a *app) demoCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show fetch at work, against a built-in server with sample mail",
		Long: `demo starts a POP3 server on loopback with sample mail, runs the real fetch against it into a folder,
and shows what came. It needs no account and no network.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				dir = unused(demoDir)
			} else if exists(dir) {
				return &usageError{fmt.Errorf("%s is there already", dir), "give a folder that is not there yet"}
			}
			return a.demo(cmd.Context(), dir)
		},
	}
	cmd.Flags().StringVarP(&dir, "maildir", "d", "", "store into this `DIR` (default "+demoDir+")")
	return cmd
}

const demoDir = "postie-demo"

// unused is name, or the first of name-2, name-3, … that is not there yet: one demo does not fill another's folder.
func unused(name string) string {
	for n, free := 2, name; ; n++ {
		if !exists(free) {
			return free
		}
		free = fmt.Sprintf("%s-%d", name, n)
	}
}

func (a *app) demo(ctx context.Context, dir string) error {
	server, err := demo.StartPOP3()
	if err != nil {
		return err
	}
	defer server.Close()
	account, err := config.ParseURL(fmt.Sprintf("pop3://%s@%s:%d", demo.User, server.Host, server.Port), absolute(dir))
	if err != nil {
		return err
	}
	account.Name = "demo"
	account.Password = config.Password{Literal: demo.Password}
	account.SetTLS(config.None)

	a.ui.Print(fmt.Sprintf("A POP3 server on %s:%d holds %d messages. They are fetched into %s and deleted there:\n",
		server.Host, server.Port, server.Messages, dir))
	flags := &fetchFlags{connection: connection{jobs: 1}}
	if err := a.fetchAll(ctx, []config.Account{account}, flags); err != nil {
		return err
	}
	a.ui.Print(fmt.Sprintf("The server holds %d messages now. Once more, as cron would do:\n", server.Left()))
	if err := a.fetchAll(ctx, []config.Account{account}, flags); err != nil {
		return err
	}
	a.ui.Print("\nWhat lies in the Maildir, newest first:\n")
	if err := a.demoList(ctx, account); err != nil {
		return err
	}
	a.ui.Print(fmt.Sprintf(`
Any mail program can read it:   mutt -f %s
Your own mail, kept on the server for now:
  postie fetch --keep pop3s://USER@HOST -d ~/Mail/inbox
`, dir))
	return nil
}

// demoListed is how many messages the demo shows.
const demoListed = 15

func (a *app) demoList(ctx context.Context, account config.Account) error {
	opened := a.newStores(false)
	store, err := opened.of(ctx, account)
	if err != nil {
		return err
	}
	defer opened.close()
	list := a.ui.List()
	n := 0
	for m, err := range store.index.List(ctx, index.ListOptions{}) {
		if err != nil {
			return err
		}
		if n++; n <= demoListed {
			if err := list.Add(message(account, store, m)); err != nil {
				return err
			}
		}
	}
	if err := list.Close(); err != nil {
		return err
	}
	if n > demoListed {
		a.ui.Print(fmt.Sprintf("… and %d more", n-demoListed))
	}
	return nil
}
