package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/credential"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/ui"
	"postie/imap/mirror"
	mail "postie/maildir/message"
)

// body opens the body of a message, and fetches it first where only the summary is here. i is the message as it is then.
// Beside an error people are shown the summary.
func (a *app) body(ctx context.Context, i *item, f *showFlags) (*os.File, error) {
	file, err := i.open()
	if !errors.Is(err, fs.ErrNotExist) || i.accounts[0].Protocol != config.IMAP {
		return file, err
	}
	if err = a.onDemand(ctx, i); err == nil {
		return i.open()
	}
	err = exit.Cause(ctx, err)
	if !a.json && !f.raw && f.part == 0 {
		if err := a.ui.Letter(ui.Letter{Message: i.show(), Headers: a.fields(*i, summaryFields(i)), Text: "(only the summary is here)"}); err != nil {
			return nil, err
		}
	}
	account, code := i.accounts[0], exit.Code(err)
	a.ui.Error(ui.Failure{Account: account.Name, Host: account.Host, Err: fmt.Errorf("the body of %s: %w", i.show().ID, err), Hint: exit.Hint(err, account.Name), Exit: code})
	return nil, exit.Reported(code)
}

// onDemand fetches the body of a message.
func (a *app) onDemand(ctx context.Context, i *item) error {
	account := i.accounts[0]
	if account.Host == "" {
		return exit.Usage(errors.New("nothing says which server has it"), "leave out -d, or postie sync URL -d "+account.Maildir+" --bodies all")
	}
	terminal := credential.NewTerminal("")
	terminal.Hold = a.ui.Hold
	o, err := a.mirrorOptions(account, i.store, terminal)
	if err != nil {
		return err
	}
	task := a.ui.Task(account.Name)
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
	m, ok, err := i.index.ByID(ctx, i.ID)
	if err == nil && !ok {
		err = mirror.ErrGone
	}
	if err == nil {
		i.Message = m
	}
	return err
}

// summaryFields is what a summary tells of a header.
func summaryFields(i *item) (fields []mail.Field) {
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
