package credential

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
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

// UnreadableError is a SourceError that is known before any server is asked: a command that is not there, a file that cannot be
// read, a variable that is not set, a keyring that holds nothing for the account. The configuration is wrong.
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
		if notStarted(err) {
			return secret, unreadable("password_command "+s.Command[0], err)
		}
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
		return secret, unreadable("keyring", fmt.Errorf("%w: store the password with `postie login %s`", err, s.Account))
	}
	return secret, blame("keyring", err)
}

// find tries what needs no configuration.
func (s *Source) find(ctx context.Context) (Secret, error) {
	secret, err := s.lying(ctx)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	if secret, err = s.prompt(ctx); errors.Is(err, fs.ErrNotExist) {
		return secret, &NoSecretError{s.Account, s.User, s.Host}
	}
	return secret, blame("terminal", err)
}

// lying looks where a password may lie without the configuration saying so; fs.ErrNotExist: it lies nowhere.
func (s *Source) lying(ctx context.Context) (Secret, error) {
	secret, err := s.systemd(ctx)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, blame("systemd credential postie."+s.Account, err)
	}
	if secret, err = s.netrc(ctx); !errors.Is(err, fs.ErrNotExist) {
		return secret, blame("netrc", err)
	}
	return Secret{}, err
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

// Early says, before any server is asked, what is wrong with the place where the password is to be found: an *UnreadableError, a
// *NoSecretError, or a *SourceError of what is found and cannot be used. A command is not run and nobody is asked on the terminal;
// that the command is there and may be run, and that there is a terminal, is looked at. ctx ends the wait for a keyring.
func (s *Source) Early(ctx context.Context) error {
	switch {
	case s.Password.IsZero() && len(s.Command) > 0:
		return Executable("password_command", s.Command)
	case s.Password.IsZero() && s.File == "" && s.Env == "" && s.Vault == nil:
		_, err := s.lying(ctx)
		if errors.Is(err, fs.ErrNotExist) && !s.Terminal.there() {
			return &NoSecretError{s.Account, s.User, s.Host}
		} else if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	_, err := s.Secret(ctx)
	return err
}

// Executable says whether a command of the configuration could be run: its key and argv. The error is an *UnreadableError.
func Executable(key string, argv []string) error {
	_, err := exec.LookPath(argv[0])
	if err == nil && len(argv) > 2 && argv[0] == "sh" && argv[1] == "-c" {
		name, err := shellHas(argv[2])
		return unreadable(key+" "+name, err)
	}
	return unreadable(key+" "+argv[0], err)
}

// shellHas asks the shell whether it has the command that a line begins with. What is not plainly a command's name (an assignment, a
// parenthesis, a variable) is left to the run.
func shellHas(line string) (name string, err error) {
	name, _, _ = strings.Cut(strings.TrimSpace(line), " ")
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./") != "" {
		return name, nil
	}
	if !strings.Contains(name, "/") && exec.Command("sh", "-c", `command -v -- "$1"`, "sh", name).Run() == nil {
		return name, nil
	}
	_, err = exec.LookPath(name)
	return name, err
}

// notStarted says whether a command failed before it ran: it is missing, or it or its interpreter may not be run.
func notStarted(err error) bool {
	return errors.As(err, new(*exec.Error)) || errors.As(err, new(*fs.PathError))
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
