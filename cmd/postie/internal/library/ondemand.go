package library

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/credential"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/session"
	"postie/cmd/postie/internal/ui"
	"postie/imap/mirror"
	"postie/maildir"
	"postie/maildir/index"
	mail "postie/maildir/message"
)

// Body opens the body of a message, and fetches it first where only the summary is here. i is the message as it is then.
// Beside an error people are shown the summary, if they are to read.
func (l *Library) Body(ctx context.Context, i *Item, toRead bool) (*os.File, error) {
	file, err := i.Open()
	if !errors.Is(err, fs.ErrNotExist) || i.Accounts[0].Protocol != config.IMAP {
		return file, err
	}
	if err = l.fetch(ctx, i); err == nil {
		return i.Open()
	}
	err = exit.Cause(ctx, err)
	if toRead && !l.UI.JSON() {
		if err := l.UI.Letter(ui.Letter{Message: i.Show(), Headers: Fields(l.UI, *i, summaryFields(i)), Text: "(only the summary is here)"}); err != nil {
			return nil, err
		}
	}
	account, code := i.Accounts[0], exit.Code(err)
	l.UI.Error(ui.Failure{Account: account.Name, Host: account.Host, Err: fmt.Errorf("the body of %s: %w", i.Show().ID, err), Hint: exit.Hint(err, account.Name), Exit: code})
	return nil, exit.Reported(code)
}

// fetch fetches the body of a message.
func (l *Library) fetch(ctx context.Context, i *Item) error {
	account := i.Accounts[0]
	if account.Host == "" {
		return exit.Usage(errors.New("nothing says which server has it"), "leave out -d, or postie sync URL -d "+account.Maildir+" --bodies all")
	}
	terminal := credential.NewTerminal("")
	terminal.Hold = l.UI.Hold
	o, err := MirrorOptions(ctx, account, i.Store, l.Session, terminal)
	if err != nil {
		return err
	}
	o.Wait, o.Log = l.Wait, l.UI.Logger().With("account", account.Name)
	task := l.UI.Task(account.Name)
	defer task.Done()
	task.Phase("fetching", ui.Amount{Messages: 1, Bytes: i.Wire.Size})
	o.Progress = func(e mirror.Event) {
		switch e := e.(type) {
		case mirror.Received:
			task.Add(ui.Amount{Bytes: int64(e.Bytes)})
		case mirror.Done:
			task.Add(ui.Amount{Messages: 1})
		}
	}
	if _, err := mirror.Fetch(ctx, o, i.ID); err != nil {
		return err
	}
	m, ok, err := i.Index.ByID(ctx, i.ID)
	if err == nil && !ok {
		err = mirror.ErrGone
	}
	if err == nil {
		i.Message = m
	}
	return err
}

// summaryFields is what a summary tells of a header.
func summaryFields(i *Item) (fields []mail.Field) {
	s := i.Summary
	if s.Date.IsZero() {
		s.Date = i.Date
	}
	for _, f := range []mail.Field{{Name: "From", Value: s.From}, {Name: "To", Value: s.To}, {Name: "Date", Value: s.Date.String()}, {Name: "Subject", Value: s.Subject}} {
		if f.Value != "" {
			fields = append(fields, f)
		}
	}
	return fields
}

// Fields are header fields as people read them.
func Fields(u *ui.UI, i Item, all []mail.Field) []ui.Field {
	fields := []ui.Field{}
	for _, f := range all {
		if f.Name == "Date" && !i.Summary.Date.IsZero() {
			f.Value = u.LocalDate(i.Summary.Date)
		}
		fields = append(fields, ui.Field(f))
	}
	return fields
}

// MirrorOptions turns an account and its index into the options of a run. Who waits for a lock and who logs is left to the
// caller.
func MirrorOptions(ctx context.Context, account config.Account, s *Store, line session.Options, terminal *credential.Terminal) (mirror.Options, error) {
	o := Mirror(account, s)
	var err error
	o.IMAP, err = line.IMAP(ctx, account, terminal)
	return o, err
}

// Mirror is MirrorOptions, and how to connect is left to the caller too.
func Mirror(account config.Account, s *Store) mirror.Options {
	return mirror.Options{
		Account: index.Login{User: account.User, Host: account.Host},
		Store:   s.Index,
		Root:    string(s.Dir),
		Layout:  map[config.Layout]maildir.Layout{config.LayoutFS: maildir.FS, config.LayoutMaildir: maildir.MaildirPlusPlus}[account.Layout],
	}
}
