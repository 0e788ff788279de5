package setup

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

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/credential"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/paths"
	"postie/cmd/postie/internal/session"
)

// LoginOptions say how a secret is got, or that it is removed.
type LoginOptions struct {
	Device bool // OAuth2: show a code to be typed in a browser elsewhere
	Stdin  bool // read the password from standard input, its first line
	Forget bool // remove what is stored
}

// Login stores the secret of an account.
func Login(ctx context.Context, o Options, account config.Account, how LoginOptions) error {
	switch {
	case len(account.TokenCommand) > 0:
		return exit.Usage(fmt.Errorf("account %s gets its tokens from token_command: there is nothing to store", account.Name), "postie check "+account.Name)
	case account.OAuth2 == nil && !account.Password.Keyring:
		return exit.Usage(fmt.Errorf("account %s does not take its password from the keyring: %s", account.Name, account.SecretFrom()),
			"write keyring = true into [account."+account.Name+"] in place of that, then run it again")
	case how.Device && account.OAuth2 == nil:
		return exit.Usagef("--device is for OAuth2, and account %s has a password", account.Name)
	case how.Stdin && account.OAuth2 != nil:
		return exit.Usagef("--stdin is for passwords, and account %s logs in by OAuth2", account.Name)
	case how.Forget:
		return o.forget(ctx, account)
	case account.OAuth2 != nil:
		return o.authorize(ctx, account, how.Device)
	}
	secret, err := askSecret(ctx, account, how.Stdin)
	if err != nil {
		return err
	}
	if err := o.try(ctx, account, secret); err != nil && exit.Code(err) != exit.Connection {
		return fmt.Errorf("nothing was stored: %w", err)
	} else if err != nil {
		o.UI.Notice(account.Name, "the password could not be tried: "+err.Error())
	}
	return o.store(ctx, account, secret)
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
func (o Options) try(ctx context.Context, account config.Account, secret credential.Secret) error {
	account.Password = config.Password{Literal: config.Secret(secret.Reveal())}
	v, err := o.Session.Visit(ctx, account, nil)
	v.End(ctx)
	return err
}

func (o Options) store(ctx context.Context, account config.Account, secret credential.Secret) error {
	v, err := session.Vault()
	if err != nil {
		return err
	}
	place, err := v.Set(ctx, credential.PasswordKey(account.User, account.Host), secret)
	if err != nil {
		return fmt.Errorf("store the password: %w", err)
	}
	o.UI.Print(fmt.Sprintf("%s: the password is kept in %s", account.Name, place))
	return nil
}

func (o Options) forget(ctx context.Context, account config.Account) error {
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
		o.UI.Notice(account.Name, "the keyring was not reached: "+err.Error())
		err = nil
	}
	if err == nil {
		o.UI.Print(account.Name + ": nothing is stored any more")
	}
	return err
}

// authorize logs in by OAuth2 and stores the refresh token.
func (o Options) authorize(ctx context.Context, account config.Account, device bool) error {
	auth, err := session.OAuth(account)
	if err != nil {
		return err
	}
	var place string
	if device {
		place, err = auth.AuthorizeDevice(ctx, func(d credential.Device) {
			text := fmt.Sprintf("Open %s in any browser and type the code %s", cmp.Or(d.Address, d.Complete), d.Code)
			if !d.Expires.IsZero() {
				text += fmt.Sprintf(" (it holds for %s)", time.Until(d.Expires).Round(time.Minute))
			}
			o.say(text)
		})
	} else {
		place, err = auth.Authorize(ctx, func(address string) {
			o.say("Log in on this page; if no browser opens, open it yourself:\n" + address)
			if err := credential.OpenBrowser(address); err != nil {
				o.UI.Verbose(1, account.Name, "open the browser: "+err.Error())
			}
		})
	}
	if err != nil {
		return exit.Cause(ctx, err)
	}
	o.UI.Print(fmt.Sprintf("%s: the login is kept in %s", account.Name, place))
	return nil
}

// say tells the user what to do now, on standard error, also when quiet: without it nothing goes on.
func (o Options) say(text string) { o.UI.Asker(nil).Say(text) }
