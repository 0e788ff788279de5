package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/demo"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/library"
	"postie/cmd/postie/internal/paths"
	"postie/maildir/index/query"
)

func (a *app) demoCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show fetch and sync at work, against built-in servers with sample mail",
		Long: `demo starts a POP3 and an IMAP server on loopback with sample mail, runs the real fetch and the real sync
against them into folders, and shows what came of it. It needs no account and no network.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				dir = unused(demoDir)
			} else if paths.Exists(dir) || paths.Exists(laptop(dir)) || paths.Exists(phone(dir)) {
				return exit.Usage(fmt.Errorf("%s is there already", dir), "give a folder that is not there yet")
			}
			if err := a.demoFetch(cmd.Context(), dir); err != nil {
				return err
			}
			if err := a.demoSync(cmd.Context(), dir); err != nil {
				return err
			}
			a.ui.Print(fmt.Sprintf(`
Any mail program can read what is here:   mutt -f %s
Your own mail, by POP3, kept on the server for now, or by IMAP:
  postie fetch --keep pop3s://USER@HOST -d ~/Mail/inbox
  postie sync imaps://USER@HOST -d ~/Mail/work
`, dir))
			return nil
		},
	}
	cmd.Flags().StringVarP(&dir, "maildir", "d", "", "store into this `DIR` (default "+demoDir+")")
	return cmd
}

const demoDir = "postie-demo"

// unused is name, or the first of name-2, name-3, … that is not there yet: one demo does not fill another's folder.
func unused(name string) string {
	for n, free := 2, name; ; n++ {
		if !paths.Exists(free) && !paths.Exists(laptop(free)) && !paths.Exists(phone(free)) {
			return free
		}
		free = fmt.Sprintf("%s-%d", name, n)
	}
}

// demoAccount is the one account of a built-in server.
func demoAccount(name, scheme, host string, port int, dir string) (config.Account, error) {
	account, err := config.ParseURL(fmt.Sprintf("%s://%s@%s:%d", scheme, demo.User, host, port), paths.Absolute(dir))
	account.Name = name
	account.Password = config.Password{Literal: demo.Password}
	account.SetTLS(config.None)
	return account, err
}

// demoFetch shows the POP3 workflow.
func (a *app) demoFetch(ctx context.Context, dir string) error {
	server, err := demo.StartPOP3()
	if err != nil {
		return err
	}
	defer server.Close()
	account, err := demoAccount("demo", "pop3", server.Host, server.Port, dir)
	if err != nil {
		return err
	}
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
	return a.demoList(ctx, account, query.ListOptions{}, 12)
}

// demoList prints the newest messages.
func (a *app) demoList(ctx context.Context, account config.Account, o query.ListOptions, most int) error {
	opened := library.NewStores(a.ui, false)
	store, err := opened.Of(ctx, account)
	if err != nil {
		return err
	}
	defer opened.Close()
	list := a.ui.List("")
	n := 0
	for m, err := range query.List(ctx, store.Index, o) {
		if err != nil {
			return err
		}
		if n++; n <= most {
			if err := list.Add(library.Message(account, store, m)); err != nil {
				return err
			}
		}
	}
	if err := list.Close(); err != nil {
		return err
	}
	if n > most {
		a.ui.Print(fmt.Sprintf("… and %d more", n-most))
	}
	return nil
}
