package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/connect"
	"postie/cmd/postie/internal/credential"
	"postie/cmd/postie/internal/exit"
	"postie/imap"
	"postie/pop3"
)

// accounts are those that the arguments name: accounts of the configuration, URLs, or without any all of a protocol.
func (a *app) accounts(args []string, p config.Protocol, c *connection) ([]config.Account, error) {
	var names []string
	var picked []config.Account
	for _, arg := range args {
		if !strings.Contains(arg, "://") {
			names = append(names, arg)
			continue
		}
		account, err := fromURL(arg, p, c.maildir)
		if err != nil {
			return nil, err
		}
		picked = append(picked, account)
	}
	if len(picked) == 0 || len(names) > 0 {
		file, err := a.load()
		if err != nil {
			return nil, err
		}
		a.hooks = file.Hooks
		named, err := file.Select(names, p)
		if err != nil {
			return nil, err
		}
		picked = append(named, picked...)
	}
	for i := range picked {
		if err := c.override(&picked[i]); err != nil {
			return nil, err
		}
	}
	return picked, distinct(picked)
}

// distinct refuses what would wait for itself: one user on one host twice, into one Maildir.
func distinct(accounts []config.Account) error {
	seen := map[[3]string]string{}
	for _, a := range accounts {
		id := [3]string{a.User, strings.ToLower(a.Host), a.Maildir}
		if other, twice := seen[id]; twice {
			return exit.Usagef("%s and %s are one account: %s on %s, into %s", other, a.Name, a.User, a.Host, a.Maildir)
		}
		seen[id] = a.Name
	}
	return nil
}

func fromURL(raw string, p config.Protocol, maildir string) (config.Account, error) {
	if maildir == "" {
		return config.Account{}, exit.Usage(fmt.Errorf("a URL does not say where to store"), "add -d DIR")
	}
	account, err := config.ParseURL(raw, maildir)
	if err == nil && account.Protocol != p {
		err = exit.Usagef("%s is for %s", raw, map[config.Protocol]string{config.POP3: "postie fetch", config.IMAP: "postie sync"}[account.Protocol])
	}
	return account, err
}

// connecting turns an account into what dials.
func connecting(a config.Account, timeout time.Duration) *connect.Options {
	return &connect.Options{
		Host: a.Host, Port: a.Port,
		TLS:    map[config.TLS]connect.Mode{config.Implicit: connect.Implicit, config.StartTLS: connect.StartTLS, config.None: connect.None}[a.TLS],
		CAFile: a.TLSCA, Fingerprint: a.TLSFingerprint, ClientCert: a.ClientCert, ClientKey: a.ClientKey,
		Tunnel: a.Tunnel, Proxy: a.Proxy.URL(), Timeout: timeout,
	}
}

// login turns an account into what answers a server's question who we are.
func login(a config.Account, terminal *credential.Terminal) (*credential.Login, error) {
	o := credential.Options{
		User: a.User, Host: a.Host, Port: a.Port, Protocol: string(a.Protocol), Mechanism: a.Auth,
		AllowCleartext: a.AllowCleartext, Loopback: a.Loopback() || len(a.Tunnel) > 0, ClientCertificate: a.ClientCert != "",
	}
	switch {
	case len(a.TokenCommand) > 0:
		o.Token = credential.TokenCommand(a.TokenCommand, 0)
	case a.OAuth2 != nil:
		oauth, err := oauth(a)
		if err != nil {
			return nil, err
		}
		o.Token, o.Forget = oauth.Token, oauth.Forget
	default:
		source := &credential.Source{Account: a.Name, User: a.User, Host: a.Host,
			Password: credential.NewSecret(string(a.Password.Literal)), Command: a.Password.Command,
			File: a.Password.File, Env: a.Password.Env, Terminal: terminal}
		if a.Password.Keyring {
			v, err := vault()
			if err != nil {
				return nil, err
			}
			source.Vault = &v
		}
		o.Secret = source.Secret
	}
	return credential.NewLogin(o), nil
}

// vault is where postie keeps secrets.
func vault() (credential.Vault, error) {
	dir, err := credential.StateDir()
	return credential.Vault{Keyring: true, Dir: dir}, err
}

// oauth turns an account's oauth2 into what gives tokens.
func oauth(a config.Account) (*credential.OAuth, error) {
	o := a.OAuth2
	provider := credential.Provider{AuthURL: o.AuthURL, TokenURL: o.TokenURL, DeviceURL: o.DeviceURL, Scopes: o.Scopes, Redirect: o.RedirectURL}
	if o.TokenURL == "" {
		var err error
		if provider, err = credential.ProviderOf(o.Provider, string(a.Protocol)); err != nil {
			return nil, err
		}
		provider.Redirect = cmp.Or(o.RedirectURL, provider.Redirect)
		if len(o.Scopes) > 0 {
			provider.Scopes = o.Scopes
		}
	}
	v, err := vault()
	return &credential.OAuth{Account: a.Name, User: a.User, Host: a.Host, Provider: provider, ClientID: o.ClientID,
		ClientSecret: credential.NewSecret(string(o.ClientSecret)), Vault: v}, err
}

// pop3Options turns an account into a session's options.
func (a *app) pop3Options(account config.Account, terminal *credential.Terminal) (pop3.Options, error) {
	line := connecting(account, time.Duration(a.timeout))
	auth, err := login(account, terminal)
	if err != nil {
		return pop3.Options{}, err
	}
	o := pop3.Options{Dial: line.Dial, Login: auth, Idle: time.Duration(a.timeout)}
	if account.TLS == config.StartTLS {
		if o.TLS, err = line.TLSConfig(); err != nil {
			return o, err
		}
	}
	if a.verbose > 1 {
		o.Trace = func(dir byte, text string) { a.ui.Trace(account.Name, dir, text) }
	}
	return o, nil
}

// imapOptions turns an account into a session's options.
func (a *app) imapOptions(account config.Account, terminal *credential.Terminal) (imap.Options, error) {
	line := connecting(account, time.Duration(a.timeout))
	auth, err := login(account, terminal)
	if err != nil {
		return imap.Options{}, err
	}
	o := imap.Options{Dial: line.Dial, Login: auth, Idle: time.Duration(a.timeout), Compress: !account.Loopback(),
		ID: map[string]string{"name": "postie", "version": versionText()}}
	if account.TLS == config.StartTLS {
		if o.TLS, err = line.TLSConfig(); err != nil {
			return o, err
		}
	}
	if a.verbose > 1 {
		o.Trace = func(dir byte, text string) { a.ui.Trace(account.Name, dir, text) }
	}
	return o, nil
}

func count(values ...string) (n int) {
	for _, v := range values {
		if v != "" {
			n++
		}
	}
	return n
}
