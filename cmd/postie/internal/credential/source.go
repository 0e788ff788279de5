package credential

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Source says where an account's password is to be found. The first way that is set is the only one asked: Password,
// Command, File, Env, Vault. When none is set the systemd credential postie.ACCOUNT, ~/.netrc and the terminal are
// tried in that order. Do not copy it after its first use.
type Source struct {
	Account, User, Host string

	Password Secret        // "password" of the configuration
	Command  []string      // password_command: argv, run without a shell
	File     string        // password_file: its first line
	Env      string        // password_env: name of a variable
	Vault    *Vault        // keyring = true: what `postie login` stored under PasswordKey
	Environ  []string      // of Command; nil: ours
	Timeout  time.Duration // of Command; 0: 60 s
	Terminal *Terminal     // where to ask when there is no other way; nil: nowhere

	flight flight[Secret]
}

// SourceError says which source failed to give a secret, and why.
type SourceError struct {
	Way string // "password_command pass", "password_file /path", …
	Err error
}

func (e *SourceError) Error() string { return e.Way + ": " + e.Err.Error() }
func (e *SourceError) Unwrap() error { return e.Err }

// UnreadableError is a SourceError of a file that cannot be read or a variable that is not set: the configuration is wrong,
// and known to be so before any server is asked.
type UnreadableError struct{ SourceError }

func (e *UnreadableError) Unwrap() error { return &e.SourceError }

// NoSecretError says that nothing gives a password for the account.
type NoSecretError struct{ Account, User, Host string }

func (e *NoSecretError) Error() string {
	return fmt.Sprintf("no password for account %[1]s: set password_command, password_file, password_env, password or "+
		"keyring = true (stored by `postie login %[1]s`) in the configuration, give the systemd credential postie.%[1]s, "+
		"write ‘machine %[2]s login %[3]s password …’ into ~/.netrc, or run postie on a terminal, where it asks",
		e.Account, e.Host, e.User)
}

// Secret returns the password. It is asked for once per run, however many connections want it, and kept; after an error
// the next call asks again. Errors are a *SourceError, a *NoSecretError or the context's.
func (s *Source) Secret(ctx context.Context) (Secret, error) {
	return s.flight.do(ctx, nil, s.ask)
}

// Forget drops the password that is kept, when a server has refused it: the next call asks for it again.
func (s *Source) Forget() { s.flight.drop(nil) }

func (s *Source) ask(ctx context.Context) (Secret, error) {
	switch {
	case !s.Password.IsZero():
		return s.Password, blame("password", validate(s.Password))
	case len(s.Command) > 0:
		defer s.Terminal.hold()()
		secret, err := command(ctx, s.Command, s.Environ, s.Timeout)
		return secret, blame("password_command "+s.Command[0], err)
	case s.File != "":
		secret, err := readPrivate(s.File)
		return secret, unreadable("password_file "+s.File, err)
	case s.Env != "":
		secret, err := environment(s.Env)
		return secret, unreadable("password_env "+s.Env, err)
	case s.Vault != nil:
		return s.stored(ctx)
	}
	return s.find(ctx)
}

// stored asks the vault.
func (s *Source) stored(ctx context.Context) (Secret, error) {
	secret, err := s.Vault.Get(ctx, PasswordKey(s.User, s.Host))
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: store the password with `postie login %s`", err, s.Account)
	}
	return secret, blame("keyring", err)
}

// find tries what needs no configuration; fs.ErrNotExist means: not here, go on.
func (s *Source) find(ctx context.Context) (Secret, error) {
	for _, way := range []struct {
		name string
		ask  func(context.Context) (Secret, error)
	}{
		{"systemd credential postie." + s.Account, s.systemd},
		{"netrc", s.netrc},
		{"terminal", s.prompt},
	} {
		secret, err := way.ask(ctx)
		if !errors.Is(err, fs.ErrNotExist) {
			return secret, blame(way.name, err)
		}
	}
	return Secret{}, &NoSecretError{s.Account, s.User, s.Host}
}

func (s *Source) prompt(ctx context.Context) (Secret, error) {
	if s.Terminal == nil {
		return Secret{}, fs.ErrNotExist
	}
	return s.Terminal.Ask(ctx, fmt.Sprintf("Password of %s at %s: ", s.User, s.Host))
}

func environment(name string) (Secret, error) {
	value, set := os.LookupEnv(name)
	switch {
	case !set:
		return Secret{}, errors.New("the variable is not set")
	case value == "":
		return Secret{}, errors.New("the variable is empty")
	}
	s := NewSecret(value)
	return s, validate(s)
}

// Early asks now for a password that costs nobody anything, so that what is wrong with it is known before a server is.
func (s *Source) Early() error {
	if len(s.Command) > 0 || !s.Password.IsZero() || s.File == "" && s.Env == "" {
		return nil
	}
	_, err := s.Secret(context.Background())
	return err
}

func unreadable(way string, err error) error {
	if err == nil {
		return nil
	}
	return &UnreadableError{SourceError{way, err}}
}

func blame(way string, err error) error {
	if err == nil {
		return nil
	}
	return &SourceError{way, err}
}
