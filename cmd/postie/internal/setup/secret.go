package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/credential"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/paths"
	"postie/imap"
	"postie/imap/mirror"
)

// askSecret settles where the secret comes from.
func (s *setup) askSecret(ctx context.Context) error {
	f, a := s.flags, &s.account
	n := 0
	for _, given := range []string{f.PasswordCommand, f.PasswordFile, f.PasswordEnv, f.TokenCommand, f.ClientID} {
		if given != "" {
			n++
		}
	}
	if f.Keyring {
		n++
	}
	switch {
	case n > 1:
		return exit.Usagef("only one of --password-command, --password-file, --password-env, --keyring, --token-command and --client-id can be given")
	case f.ClientID != "" && s.preset == "":
		return exit.Usage(errors.New("--client-id: no OAuth2 addresses are known for this provider"), "write oauth2 = { … } with its addresses by postie config edit, or use --token-command")
	case f.ClientID != "":
		a.OAuth2 = &config.OAuth2{Provider: s.preset, ClientID: f.ClientID}
	case n == 1:
		a.Password = config.Password{Command: argv(f.PasswordCommand), File: paths.Folder(f.PasswordFile), Env: f.PasswordEnv, Keyring: f.Keyring}
		a.TokenCommand = argv(f.TokenCommand)
		if f.Keyring {
			return s.readSecret(ctx)
		}
	case s.asker != nil:
		return s.chooseSecret(ctx)
	case s.only:
		return exit.Usage(errors.New("this provider takes OAuth2 only"), "give --client-id ID (of an application of your own) or --token-command")
	}
	return nil
}

// argv splits a command at blanks; one that needs a shell gets it.
func argv(command string) []string {
	if strings.ContainsAny(command, "\"'\\$`|&;<>()*?[]#~{}!\n") {
		return []string{"sh", "-c", command}
	}
	return strings.Fields(command)
}

// readSecret asks for the password, so that it can be tried and kept.
func (s *setup) readSecret(ctx context.Context) (err error) {
	s.secret, err = askSecret(ctx, s.account, s.asker == nil)
	return err
}

// way is one place to keep a secret.
type way struct {
	text string
	take func(context.Context) error
}

func (s *setup) chooseSecret(ctx context.Context) error {
	var ways []way
	if !s.only {
		ways = s.passwordWays()
	}
	if s.preset != "" {
		ways = append(ways, way{"OAuth2: log in by the browser, with the client id of an application of your own", s.askClientID})
	}
	if s.preset != "" || s.only {
		ways = append(ways, way{"OAuth2: a command that prints a token (oama, pizauth, …)", s.askCommand(&s.account.TokenCommand)})
	}
	var texts []string
	for _, w := range ways {
		texts = append(texts, w.text)
	}
	n, err := s.asker.Choose(ctx, "Where is the password to be kept?", 0, texts...)
	if err != nil {
		return err
	}
	return ways[n].take(ctx)
}

func (s *setup) passwordWays() []way {
	return []way{
		{"the keyring of your desktop, or without one a file that only you can read", func(ctx context.Context) error {
			s.account.Password.Keyring = true
			return s.readSecret(ctx)
		}},
		{"a command that prints it (pass, secret-tool, op, …)", s.askCommand(&s.account.Password.Command)},
		{"a file that only you can read", s.askFile},
		{"nowhere: it is asked for each time", s.readSecret},
	}
}

func (s *setup) askCommand(to *[]string) func(context.Context) error {
	return func(ctx context.Context) error {
		command, err := s.asker.Ask(ctx, "Command", "", notEmpty)
		*to = argv(command)
		return err
	}
}

func notEmpty(text string) error {
	if text == "" {
		return errors.New("something, please")
	}
	return nil
}

func (s *setup) askClientID(ctx context.Context) error {
	id, err := s.asker.Ask(ctx, "Client id", "", notEmpty)
	s.account.OAuth2 = &config.OAuth2{Provider: s.preset, ClientID: id}
	return err
}

func (s *setup) askFile(ctx context.Context) error {
	path, err := s.asker.Ask(ctx, "File", filepath.Join(filepath.Dir(s.Path), s.account.Name+".password"), nil)
	if err != nil {
		return err
	}
	s.account.Password.File = paths.Folder(path)
	account, err := s.parse(s.account)
	if err != nil || paths.Exists(account.Password.File) {
		return err
	}
	return s.readSecret(ctx)
}

// tryLogin logs in as the account will. With somebody to ask, a refusal leads to another try.
func (s *setup) tryLogin(ctx context.Context) error {
	for {
		err := s.tryOnce(ctx)
		if err == nil {
			return nil
		}
		if s.asker == nil || ctx.Err() != nil {
			return fmt.Errorf("nothing was written: %w", err)
		}
		s.tell(err, exit.Remedy(err, s.account))
		done, err := s.again(ctx, err)
		if done || err != nil {
			return err
		}
	}
}

func (s *setup) tryOnce(ctx context.Context) error {
	account, err := s.parse(s.account)
	if err != nil {
		return err
	}
	if account.OAuth2 != nil {
		if err := s.authorize(ctx, account, false); err != nil {
			return err
		}
	}
	try := func(user string) error {
		account.User = user
		if !s.secret.IsZero() {
			account.Password = config.Password{Literal: config.Secret(s.secret.Reveal())}
		}
		v, err := s.Session.Visit(ctx, account, nil)
		defer v.End(ctx)
		if err == nil && v.IMAP != nil {
			s.trash(ctx, v.IMAP)
		}
		return err
	}
	err = try(account.User)
	if exit.Code(err) == exit.Login && s.local != "" {
		if try(s.local) == nil {
			s.account.User, err = s.local, nil
		}
	}
	if err == nil {
		s.UI.Print(fmt.Sprintf("logged in to %s as %s", account.Host, s.account.User))
	}
	return err
}

// trash notes what the server calls its trash, for an account that is to have one. That it cannot be found out is no matter.
func (s *setup) trash(ctx context.Context, session *imap.Session) {
	if name, err := mirror.Trash(ctx, session); err == nil && name != "" {
		s.about = append(s.about, fmt.Sprintf("A deletion deletes. With trash = %q it moves the message there.", name))
	}
}

// keepSecret puts the password where the account will look for it.
func (s *setup) keepSecret(ctx context.Context, account config.Account) error {
	switch {
	case s.secret.IsZero():
		return nil
	case account.Password.Keyring:
		return s.store(ctx, account, s.secret)
	case account.Password.File != "":
		return writeSecret(account.Password.File, s.secret)
	}
	return nil
}

// writeSecret makes a file that only its owner can read; one that is there already is left alone.
func writeSecret(path string, secret credential.Secret) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	} else if err != nil {
		return err
	}
	_, err = io.WriteString(file, secret.Reveal()+"\n")
	return errors.Join(err, file.Sync(), file.Close())
}
