package main

import (
	"context"
	"fmt"
	"path/filepath"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/demo"
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
	if err := useMail(maildir.Dir(filepath.Join(laptop(dir), "INBOX"))); err != nil {
		return err
	}
	if err := sync(); err != nil {
		return err
	}
	a.ui.Print("\nThe phone has it too (! is flagged):\n")
	return a.demoList(ctx, other, query.ListOptions{Mailboxes: []string{index.Inbox}}, 5)
}

// useMail does what mail programs do to the first two messages of a Maildir.
func useMail(dir maildir.Dir) error {
	var first []maildir.Entry
	for e, err := range dir.Scan() {
		if err != nil {
			return err
		}
		if first = append(first, e); len(first) == 2 {
			break
		}
	}
	if len(first) < 2 {
		return fmt.Errorf("%s: no messages came", dir)
	}
	if _, err := dir.SetFlags(first[0], maildir.FlagFlagged|maildir.FlagSeen, ""); err != nil {
		return err
	}
	return dir.Remove(first[1])
}
