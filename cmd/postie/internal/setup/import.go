package setup

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/foreign"
	"postie/cmd/postie/internal/ui"
)

// importFile translates the accounts of another program's file and appends them.
func (s *setup) importFile(ctx context.Context) error {
	path := s.flags.Import
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return err
	}
	found, err := foreign.Read(path, data, home)
	if err != nil {
		return exit.Usage(err, "")
	}
	text, names, skipped := s.translate(found)
	for _, refused := range found.Refused {
		s.UI.Error(ui.Failure{Account: refused.Account, Err: fmt.Errorf("not translated: %s", refused), Exit: exit.Partial})
		skipped++
	}
	if len(names) == 0 {
		s.tellNotes(found)
		return exit.Usagef("%s: no account could be translated", path)
	}
	s.UI.Print(text)
	s.tellNotes(found)
	if s.asker != nil {
		if yes, err := s.asker.Confirm(ctx, fmt.Sprintf("Append this to %s", s.Path), true); err != nil || !yes {
			return err
		}
	}
	if _, err := config.Replace(s.Path, s.old, appended(s.old, text)); err != nil {
		return err
	}
	for _, name := range names {
		s.UI.Event(struct {
			Event   string `json:"event"`
			Account string `json:"account"`
			Config  string `json:"config"`
		}{"account", name, s.Path})
	}
	s.UI.Print(fmt.Sprintf("added to %s: %s of %s\nnext: postie check", s.Path, ui.Count(len(names), "account"), found.Program))
	if skipped > 0 {
		return exit.Reported(exit.Partial)
	}
	return nil
}

func (s *setup) tellNotes(found *foreign.Result) {
	for _, note := range found.Notes {
		s.UI.Notice("", note.String())
	}
}

// translate gives the blocks of those accounts that stand together with what is in the file; the others are told.
func (s *setup) translate(found *foreign.Result) (text string, names []string, skipped int) {
	taken := func(name string) bool {
		return slices.Contains(names, name) || slices.ContainsFunc(s.file.Accounts, func(a config.Account) bool { return a.Name == name })
	}
	for _, f := range found.Accounts {
		a := s.account
		a.Name = unusedName(defaultName("@"+f.Name), taken)
		about := fmt.Sprintf("%s of %s, added by postie init --import.", f.Name, found.Program)
		block := translated(a.Name, f).Entry(about)
		if text != "" {
			block = "\n" + block
		}
		if _, err := config.Parse(s.Path, appended(s.old, text+block)); err != nil {
			s.UI.Error(ui.Failure{Account: f.Name, Err: fmt.Errorf("not translated: %w", err), Exit: exit.Partial})
			skipped++
			continue
		}
		text, names = text+block, append(names, a.Name)
		if f.HasPassword {
			s.UI.Notice(a.Name, "store the password: postie login "+a.Name)
		}
	}
	return text, names, skipped
}

// translated is an account of ours.
func translated(name string, f foreign.Account) *config.Account {
	a := &config.Account{Name: name, Protocol: config.Protocol(f.Protocol), Host: f.Host, Port: f.Port, TLS: config.TLS(f.TLS), TLSCA: f.TLSCA,
		TLSFingerprint: f.Fingerprint, User: f.User, Password: config.Password{Command: f.PasswordCommand}, Auth: f.Auth, Tunnel: f.Tunnel,
		Maildir: f.Maildir, Layout: config.Layout(f.Layout), Mailboxes: f.Mailboxes, TokenCommand: f.TokenCommand, Create: config.Create(f.Create),
		Expunge: !f.MarkOnly, Trash: f.Trash, Terms: config.Terms{Bodies: config.Bodies{MaxSize: config.Size(f.MaxSize)}, Direction: config.Direction(f.Direction)}}
	// A secret in a file is not made to lie in another one.
	a.Password.Keyring = f.HasPassword && len(f.PasswordCommand) == 0
	if a.Maildir == "" {
		a.Maildir = "~/Mail/" + name
	}
	switch {
	case a.Protocol != config.POP3:
	case f.Keep && f.KeepFor == 0:
		a.Keep = config.Keep{Mode: config.KeepForever}
	case f.KeepFor > 0:
		a.Keep = config.Keep{Mode: config.KeepFor, For: time.Duration(f.KeepFor) * 24 * time.Hour}
	}
	return a
}
