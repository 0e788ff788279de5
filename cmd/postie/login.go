package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/credential"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/paths"
	"postie/cmd/postie/internal/session"
)

// loginFlags are those of login alone.
type loginFlags struct {
	device bool
	stdin  bool
	forget bool
}

func (a *app) loginCommand() *cobra.Command {
	var flags loginFlags
	cmd := &cobra.Command{
		Use:   "login ACCOUNT",
		Short: "Store a password in the keyring, or log in by OAuth2",
		Long: `login stores the secret of an account. With keyring = true it asks for the password, tries it, and puts it into the
desktop's keyring, or where there is none into a file that only you can read. With oauth2 = { … } it opens your browser
at the provider's page, or with --device shows a code for a browser on another machine.`,
		Example: `  postie login work               asks for the password, or opens the browser
  postie login work --device      on a machine without a browser
  pass show mail/work | postie login work --stdin
  postie login work --forget`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := a.load()
			if err != nil {
				return err
			}
			accounts, err := file.Select(args, "")
			if err != nil {
				return err
			}
			return a.loginOne(cmd.Context(), accounts[0], flags)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&flags.device, "device", false, "OAuth2: show a code to be typed in a browser elsewhere")
	f.BoolVar(&flags.stdin, "stdin", false, "read the password from standard input, its first line")
	f.BoolVar(&flags.forget, "forget", false, "remove what is stored")
	return cmd
}

func (a *app) loginOne(ctx context.Context, account config.Account, flags loginFlags) error {
	switch {
	case len(account.TokenCommand) > 0:
		return exit.Usage(fmt.Errorf("account %s gets its tokens from token_command: there is nothing to store", account.Name), "postie check "+account.Name)
	case account.OAuth2 == nil && !account.Password.Keyring:
		return exit.Usage(fmt.Errorf("account %s does not take its password from the keyring: %s", account.Name, account.SecretFrom()),
			"write keyring = true into [account."+account.Name+"] in place of that, then run it again")
	case flags.device && account.OAuth2 == nil:
		return exit.Usagef("--device is for OAuth2, and account %s has a password", account.Name)
	case flags.stdin && account.OAuth2 != nil:
		return exit.Usagef("--stdin is for passwords, and account %s logs in by OAuth2", account.Name)
	case flags.forget:
		return a.forget(ctx, account)
	case account.OAuth2 != nil:
		return a.authorize(ctx, account, flags.device)
	}
	secret, err := askSecret(ctx, account, flags.stdin)
	if err != nil {
		return err
	}
	if err := a.try(ctx, account, secret); err != nil && exit.Code(err) != exit.Connection {
		return fmt.Errorf("nothing was stored: %w", err)
	} else if err != nil {
		a.ui.Notice(account.Name, "the password could not be tried: "+err.Error())
	}
	return a.store(ctx, account, secret)
}

// askSecret asks for the password of an account on the terminal, or reads it from standard input.
func askSecret(ctx context.Context, account config.Account, stdin bool) (credential.Secret, error) {
	if !stdin {
		secret, err := credential.NewTerminal("").Ask(ctx, fmt.Sprintf("Password of %s at %s:", account.User, account.Host))
		if errors.Is(err, fs.ErrNotExist) {
			return secret, exit.Usage(errors.New("there is no terminal to ask for the password"), "give it on standard input with --stdin")
		}
		return secret, err
	}
	line, err := bufio.NewReader(io.LimitReader(os.Stdin, 64<<10)).ReadString('\n')
	if err != nil && err != io.EOF {
		return credential.Secret{}, err
	}
	secret := credential.NewSecret(strings.TrimRight(line, "\r\n"))
	if secret.IsZero() {
		return secret, exit.Usagef("standard input gave no password")
	}
	return secret, nil
}

// try logs in with a secret that is not stored yet.
func (a *app) try(ctx context.Context, account config.Account, secret credential.Secret) error {
	account.Password = config.Password{Literal: config.Secret(secret.Reveal())}
	v, err := a.session().Visit(ctx, account, nil)
	v.End(ctx)
	return err
}

func (a *app) store(ctx context.Context, account config.Account, secret credential.Secret) error {
	v, err := session.Vault()
	if err != nil {
		return err
	}
	place, err := v.Set(ctx, credential.PasswordKey(account.User, account.Host), secret)
	if err != nil {
		return fmt.Errorf("store the password: %w", err)
	}
	a.ui.Print(fmt.Sprintf("%s: the password is kept in %s", account.Name, place))
	return nil
}

func (a *app) forget(ctx context.Context, account config.Account) error {
	v, err := session.Vault()
	if err != nil {
		return err
	}
	key := credential.PasswordKey(account.User, account.Host)
	if account.OAuth2 != nil {
		key = credential.TokenKey(account.User, account.Host)
	}
	err = v.Delete(ctx, key)
	if _, left := v.Get(ctx, key); errors.Is(left, fs.ErrNotExist) {
		err = nil
	} else if err != nil && !paths.Exists(v.Path(key)) {
		// Without a keyring nothing can be in it.
		a.ui.Notice(account.Name, "the keyring was not reached: "+err.Error())
		err = nil
	}
	if err == nil {
		a.ui.Print(account.Name + ": nothing is stored any more")
	}
	return err
}

// authorize logs in by OAuth2 and stores the refresh token.
func (a *app) authorize(ctx context.Context, account config.Account, device bool) error {
	o, err := session.OAuth(account)
	if err != nil {
		return err
	}
	var place string
	if device {
		place, err = o.AuthorizeDevice(ctx, func(d credential.Device) {
			text := fmt.Sprintf("Open %s in any browser and type the code %s", cmp.Or(d.Address, d.Complete), d.Code)
			if !d.Expires.IsZero() {
				text += fmt.Sprintf(" (it holds for %s)", time.Until(d.Expires).Round(time.Minute))
			}
			a.say(text)
		})
	} else {
		place, err = o.Authorize(ctx, func(address string) {
			a.say("Log in on this page; if no browser opens, open it yourself:\n" + address)
			if err := credential.OpenBrowser(address); err != nil {
				a.ui.Verbose(1, account.Name, "open the browser: "+err.Error())
			}
		})
	}
	if err != nil {
		return exit.Cause(ctx, err)
	}
	a.ui.Print(fmt.Sprintf("%s: the login is kept in %s", account.Name, place))
	return nil
}

// say tells the user what to do now, on standard error, also when quiet: without it nothing goes on.
func (a *app) say(text string) { a.ui.Asker(nil).Say(text) }
