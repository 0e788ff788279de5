package library

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/ui"
	"postie/maildir/index"
)

// room is a mailbox as postie mailbox list shows it.
type room struct {
	Event    string    `json:"event"`
	Account  string    `json:"account"`
	Mailbox  string    `json:"mailbox"`
	Messages int       `json:"messages"`
	Unread   int       `json:"unread"`
	Waiting  int       `json:"waiting"` // messages whose changes are to be pushed
	Pending  ui.OrNull `json:"pending"` // what the next sync does to it on the server: create, rename, delete; null: nothing
	From     ui.OrNull `json:"from"`    // with rename: its name there
}

// ListMailboxes shows the mailboxes of all shelves, and what the next sync does to them on the server.
func (l *Library) ListMailboxes(ctx context.Context) error {
	table := l.UI.Table(ui.Column{Title: "Mailbox"}, ui.Column{Title: "Messages", Right: true}, ui.Column{Title: "Unread", Right: true}, ui.Column{Title: "Next sync"})
	for _, s := range l.Shelves {
		rooms, err := s.rooms(ctx)
		if err != nil {
			return err
		}
		for _, r := range rooms {
			if err := l.UI.Event(r); err != nil {
				return err
			}
			next := string(r.Pending)
			if r.From != "" {
				next = "rename from " + string(r.From)
			}
			table.Row(ui.Plain, r.Account+"/"+r.Mailbox, fmt.Sprint(r.Messages), fmt.Sprint(r.Unread), next)
		}
	}
	return table.Close()
}

// rooms are the mailboxes of a shelf, INBOX first, and at the end those that were deleted here.
func (s *Shelf) rooms(ctx context.Context) (rooms []room, err error) {
	names, err := s.mailboxes(ctx)
	if err != nil {
		return nil, err
	}
	counts, err := s.Counts(ctx)
	if err != nil {
		return nil, err
	}
	pending, err := s.Index.PendingMailboxes(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(names, func(a, b string) int {
		if a == index.Inbox || b == index.Inbox {
			return map[bool]int{true: -1, false: 1}[a == index.Inbox]
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		r := room{Event: "mailbox", Account: s.Accounts[0].Name, Mailbox: name}
		if i := slices.IndexFunc(counts, func(c index.Count) bool { return c.Mailbox == name }); i >= 0 {
			r.Messages, r.Unread, r.Waiting = counts[i].Messages, counts[i].Unread, counts[i].Waiting
		}
		if i := slices.IndexFunc(pending, func(p index.Pending) bool { return p.Called == name }); i >= 0 {
			r.Pending, r.From = "rename", ui.OrNull(pending[i].Name)
		} else if there, err := s.Index.Synced(ctx, name); err != nil {
			return nil, err
		} else if !there && s.Accounts[0].Protocol == config.IMAP && s.Accounts[0].Host != "" && name != index.Inbox {
			r.Pending = "create"
		}
		rooms = append(rooms, r)
	}
	for _, p := range pending {
		if p.Deleted {
			rooms = append(rooms, room{Event: "mailbox", Account: s.Accounts[0].Name, Mailbox: p.Name, Pending: "delete"})
		}
	}
	return rooms, nil
}

// shelf finds the shelf that ACCOUNT/MAILBOX, or MAILBOX where there is one account, is of, and the mailbox.
func (l *Library) shelf(ctx context.Context, text string) (*Shelf, Place, error) {
	for _, s := range l.Shelves {
		if slices.ContainsFunc(s.Names(), func(name string) bool { return strings.HasPrefix(text, name+"/") }) {
			p, err := l.Place(ctx, s, text)
			return s, p, err
		}
	}
	if len(l.Shelves) > 1 || len(l.Fresh) > 0 {
		return nil, Place{}, exit.Usage(fmt.Errorf("%s: of which account?", text), "name it as "+l.accounts()[0]+"/"+index.Inbox+" is named; postie mailbox list shows them")
	}
	p, err := l.Place(ctx, l.Shelves[0], text)
	return l.Shelves[0], p, err
}

// CreateMailbox makes one.
func (l *Library) CreateMailbox(ctx context.Context, text string) error {
	s, p, err := l.shelf(ctx, text)
	if err == nil && p.Known {
		err = exit.Usage(fmt.Errorf("there is a mailbox %s already", p.Name), "")
	}
	if err == nil && l.isAccount(p.Name) {
		err = exit.Usage(fmt.Errorf("%s is an account: a mailbox of that name would be taken for it", p.Name), "take another name")
	}
	if err == nil {
		err = s.canBe(p.Name)
	}
	if err == nil {
		err = pending(s.Index.CreateMailbox(ctx, p.Name, s.Layout()))
	}
	if err != nil {
		return err
	}
	return l.made(s, p.Name)
}

// isAccount says whether an account is called so.
func (l *Library) isAccount(name string) bool {
	return slices.Contains(l.accounts(), name)
}

// pending makes a usage error of a name that waits for the next sync.
func pending(err error) error {
	if errors.Is(err, index.ErrPending) {
		return exit.Usage(err, "postie sync, then try again")
	}
	return err
}

// existing is a mailbox that is there and may be changed.
func (l *Library) existing(ctx context.Context, text, what string) (*Shelf, string, error) {
	s, p, err := l.shelf(ctx, text)
	switch {
	case err != nil:
		return nil, "", err
	case p.Name == index.Inbox:
		return nil, "", exit.Usage(fmt.Errorf("%s cannot be %s", index.Inbox, what), "mail arrives there")
	case !p.Known:
		return nil, "", l.unknown(ctx, s, p.Name, "")
	}
	return s, p.Name, nil
}

// RenameMailbox gives one, with those below it, another name.
func (l *Library) RenameMailbox(ctx context.Context, text, name string) error {
	s, old, err := l.existing(ctx, text, "renamed")
	if err != nil {
		return err
	}
	p, err := l.Place(ctx, s, name)
	switch {
	case err != nil:
		return err
	case p.Known:
		return exit.Usage(fmt.Errorf("there is a mailbox %s already", p.Name), "postie move moves messages into it")
	case strings.HasPrefix(p.Name, old+"/"):
		return exit.Usage(fmt.Errorf("%s would lie in itself", p.Name), "")
	}
	if err := s.canBe(p.Name); err != nil {
		return err
	}
	lock, err := s.Index.Lock(ctx, l.Wait)
	if err != nil {
		return err
	}
	defer lock.Release()
	renamed, err := s.Index.RenameMailbox(ctx, old, p.Name, s.Layout())
	if err != nil {
		return pending(err)
	}
	for _, r := range renamed {
		l.UI.Print(r[0] + " is called " + r[1] + " now")
		if err := l.UI.Event(mailboxEvent{Event: "mailbox_renamed", Account: s.Accounts[0].Name, Mailbox: r[1], From: r[0]}); err != nil {
			return err
		}
	}
	return nil
}

// DeleteMailbox deletes one. That its messages go with it is asked for, unless yes says so.
func (l *Library) DeleteMailbox(ctx context.Context, text string, yes bool) error {
	s, name, err := l.existing(ctx, text, "deleted")
	if err != nil {
		return err
	}
	rooms, err := s.rooms(ctx)
	if err != nil {
		return err
	}
	n := 0
	if i := slices.IndexFunc(rooms, func(r room) bool { return r.Mailbox == name }); i >= 0 {
		n = rooms[i].Messages
	}
	if n > 0 && !yes {
		if !l.UI.Interactive() {
			return exit.Usage(fmt.Errorf("%s has %s; nothing was done", name, ui.Count(n, "message")), "add --yes to delete it with them")
		}
		ok, err := l.UI.Asker(os.Stdin).Confirm(ctx, fmt.Sprintf("%s has %s: delete it with them?", name, ui.Count(n, "message")), false)
		if err != nil || !ok {
			return err
		}
	}
	lock, err := s.Index.Lock(ctx, l.Wait)
	if err != nil {
		return err
	}
	defer lock.Release()
	gone, err := s.Index.DeleteMailbox(ctx, name, s.Layout())
	if err != nil {
		return err
	}
	l.UI.Print("deleted " + name + map[bool]string{true: " with " + ui.Count(len(gone), "message")}[len(gone) > 0])
	if a := s.Accounts[0]; a.Protocol == config.IMAP && len(gone) > 10 && float64(a.MaxDelete) < 1 {
		l.UI.Warn(a.Name, "these are more than max_delete: the next sync leaves them on the server until it is run with --allow-mass-delete")
	}
	return l.UI.Event(mailboxEvent{Event: "mailbox_deleted", Account: s.Accounts[0].Name, Mailbox: name, Deleted: len(gone)})
}
