package library

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/near"
	"postie/cmd/postie/internal/paths"
	"postie/imap/naming"
	"postie/maildir"
	"postie/maildir/index"
)

// Layout is how mailboxes lie below the root of a shelf. The Maildir of a POP3 account has Maildir++ subfolders.
func (s *Shelf) Layout() maildir.Layout {
	if a := s.Accounts[0]; a.Protocol == config.IMAP && a.Layout != config.LayoutMaildir {
		return maildir.FS
	}
	return maildir.MaildirPlusPlus
}

// Place is a mailbox that somebody means by its name.
type Place struct {
	Name  string // as the index has it
	Known bool   // it is here, or was when the account was last synced
}

// Place finds the mailbox of a shelf that is meant by MAILBOX or ACCOUNT/MAILBOX, which need not be there yet. The name of an
// account that is not this one, or an account alone, is never taken for a mailbox.
func (l *Library) Place(ctx context.Context, s *Shelf, text string) (Place, error) {
	known, err := s.mailboxes(ctx)
	if err != nil {
		return Place{}, err
	}
	is := func(name string) Place { return Place{name, slices.Contains(known, name) || s.lies(name)} }
	if p := is(inbox(text)); p.Known {
		return p, nil
	}
	for _, own := range s.Names() {
		if rest, ok := strings.CutPrefix(text, own+"/"); ok && rest != "" {
			return is(inbox(rest)), nil
		}
	}
	mine := strings.Join(s.Names(), "+")
	for _, account := range l.accounts() {
		head := text[:min(len(text), len(account))]
		switch rest := text[len(head):]; {
		case !strings.EqualFold(head, account) || rest != "" && rest[0] != '/':
		case slices.Contains(s.Names(), account):
			return Place{}, exit.Usage(fmt.Errorf("%s is an account; which mailbox of it?", account), "name one of its mailboxes, as in "+account+"/"+index.Inbox)
		default:
			return Place{}, exit.Usage(fmt.Errorf("%s is another account than %s, and messages and mailboxes stay in theirs", account, mine),
				"name a mailbox of "+mine+"; postie mailbox list shows them")
		}
	}
	return is(text), nil
}

// accounts are the names of all accounts, also of those of which nothing is here yet.
func (l *Library) accounts() (names []string) {
	for _, s := range l.Shelves {
		names = append(names, s.Names()...)
	}
	for _, a := range l.Fresh {
		names = append(names, a.Name)
	}
	return names
}

func inbox(name string) string {
	if strings.EqualFold(name, index.Inbox) {
		return index.Inbox
	}
	return name
}

// mailboxes are the names that the index knows, and INBOX.
func (s *Shelf) mailboxes(ctx context.Context) ([]string, error) {
	known, err := s.Index.Mailboxes(ctx)
	if !slices.Contains(known, index.Inbox) {
		known = append(known, index.Inbox)
	}
	return known, err
}

// lies says whether the Maildir of a mailbox is where the layout puts it.
func (s *Shelf) lies(name string) bool {
	return paths.Exists(filepath.Join(string(s.Dir), s.Layout().Folder(strings.Split(name, "/")), "cur"))
}

// Missing is what is to be done where a mailbox is not there: it is made if that was asked for, or is confirmed on a terminal; else
// it is an error that names what may have been meant.
func (l *Library) Missing(ctx context.Context, s *Shelf, name string, create bool) error {
	if err := s.canBe(name); err != nil {
		return err
	}
	where := strings.Join(s.Names(), "+")
	if !create && l.UI.Interactive() {
		ok, err := l.UI.Asker(os.Stdin).Confirm(ctx, fmt.Sprintf("There is no mailbox %s in %s. Make it?", name, where), false)
		if err != nil || ok {
			return err
		}
	}
	if create {
		return nil
	}
	return l.unknown(ctx, s, name, "--create makes it")
}

// unknown is the error of a mailbox that is not there, with what may have been meant.
func (l *Library) unknown(ctx context.Context, s *Shelf, name, hint string) error {
	known, err := s.mailboxes(ctx)
	if err != nil {
		return err
	}
	if best := near.Word(name, known); best != "" {
		hint = strings.TrimSuffix("did you mean "+best+"? "+hint, " ")
	}
	return exit.Usage(fmt.Errorf("there is no mailbox %s in %s; nothing was done", name, strings.Join(s.Names(), "+")), hint)
}

// canBe says why no mailbox of that name can be made here.
func (s *Shelf) canBe(name string) error {
	parts, layout, account := strings.Split(name, "/"), s.Layout(), s.Accounts[0]
	if err := index.CheckName(name); err != nil {
		return err
	}
	if slices.Contains(parts, ".") || slices.Contains(parts, "..") {
		return exit.Usage(fmt.Errorf("%s: a mailbox cannot be called . or .. in its name", name), "write the whole name: Lists/golang")
	}
	if back, ok := layout.Mailbox(layout.Folder(parts)); !ok || !slices.Equal(back, parts) {
		return exit.Usage(fmt.Errorf("%s is too long for the name of a folder", name), "take a shorter one")
	}
	if account.Protocol != config.IMAP || account.Host == "" {
		return nil
	}
	if !naming.Patterns(account.Mailboxes).Match(name) {
		return exit.Usage(fmt.Errorf("%s is none of the mailboxes that %s synchronises", name, account.Name), "the key mailboxes of the account says which they are")
	}
	if account.Create == config.CreateLocal || account.Create == config.CreateNone {
		return exit.Usage(fmt.Errorf("%s could not be made on the server: create = %q", name, account.Create), "make it there first")
	}
	return nil
}

// made tells of a mailbox that was made.
func (l *Library) made(s *Shelf, name string) error {
	l.UI.Print("made " + name)
	return l.UI.Event(mailboxEvent{Event: "mailbox_created", Account: s.Accounts[0].Name, Mailbox: name})
}

// mailboxEvent is what was done to a mailbox.
type mailboxEvent struct {
	Event   string `json:"event"`
	Account string `json:"account"`
	Mailbox string `json:"mailbox"`
	From    string `json:"from,omitempty"`    // its name before
	Deleted int    `json:"deleted,omitempty"` // messages that went with it
}

// Move moves messages into a mailbox of their account.
func (l *Library) Move(ctx context.Context, w Which, mailbox string, create bool) error {
	if _, err := l.Find(ctx, mailbox); err == nil {
		return exit.Usage(fmt.Errorf("%s is a message; the last argument is the mailbox to move to", mailbox), "")
	}
	to := map[*Shelf]Place{}
	w.ready = func(ctx context.Context, s *Shelf) error {
		p, err := l.Place(ctx, s, mailbox)
		if err == nil && !p.Known {
			err = l.Missing(ctx, s, p.Name, create)
		}
		to[s] = p
		return err
	}
	return l.Act(ctx, w, "move", "moved", func(ctx context.Context, s *Shelf, ms []index.Message) ([]index.Message, error) {
		p := to[s]
		done, err := s.Index.Move(ctx, ms, p.Name, s.Layout())
		if !p.Known && len(done) > 0 {
			err = errors.Join(err, l.made(s, p.Name))
		}
		return done, err
	})
}
