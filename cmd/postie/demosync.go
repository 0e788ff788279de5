package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/demo"
	"postie/cmd/postie/internal/library"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/index/query"
)

// laptop and phone are the roots of the two devices, beside the Maildir of the fetch.
func laptop(dir string) string { return dir + "-laptop" }
func phone(dir string) string  { return dir + "-phone" }

// demoSync shows the IMAP workflow: what is done on one device is seen on the other.
func (a *app) demoSync(ctx context.Context, dir string) error {
	server, err := demo.StartIMAP()
	if err != nil {
		return err
	}
	defer server.Close()
	one, err := demoAccount("laptop", "imap", server.Host, server.Port, laptop(dir))
	if err != nil {
		return err
	}
	other, err := demoAccount("phone", "imap", server.Host, server.Port, phone(dir))
	if err != nil {
		return err
	}
	sync := func() error {
		return a.syncAll(ctx, []config.Account{one, other}, &syncFlags{connection: connection{jobs: 1}})
	}
	a.ui.Print(fmt.Sprintf("\nAn IMAP server on %s:%d holds %d messages in two mailboxes. Two devices sync it, into %s and %s:\n",
		server.Host, server.Port, server.Messages, laptop(dir), phone(dir)))
	if err := sync(); err != nil {
		return err
	}
	a.ui.Print("\nOn the laptop a mail program flags one message and deletes another. Each device syncs:\n")
	if err := a.useMail(ctx, one); err != nil {
		return err
	}
	if err := sync(); err != nil {
		return err
	}
	a.ui.Print("\nThe phone has it too (! is flagged):\n")
	return a.demoList(ctx, other, query.ListOptions{Mailboxes: []string{index.Inbox}}, 5)
}

// useMail does what mail programs do, to the two newest messages of the INBOX: those that a list shows.
func (a *app) useMail(ctx context.Context, account config.Account) (err error) {
	opened := library.NewStores(a.ui, false)
	store, err := opened.Of(ctx, account)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	var newest []maildir.Entry
	for m, err := range query.List(ctx, store.Index, query.ListOptions{Mailboxes: []string{index.Inbox}, Limit: 2}) {
		if err != nil {
			return err
		}
		newest = append(newest, m.Entry)
	}
	if len(newest) < 2 {
		return fmt.Errorf("%s: no messages came", account.Maildir)
	}
	inbox := maildir.Dir(filepath.Join(account.Maildir, "INBOX"))
	if _, err := inbox.SetFlags(newest[0], maildir.FlagFlagged|maildir.FlagSeen, ""); err != nil {
		return err
	}
	return inbox.Remove(newest[1])
}
