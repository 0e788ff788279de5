// Package session turns an account of the configuration into what connects and logs in: the one place where the words
// of the configuration become options of connect, credential, pop3 and imap.
package session

import (
	"cmp"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-sasl"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/connect"
	"postie/cmd/postie/internal/credential"
	"postie/imap"
	"postie/pop3"
)

// Options are what the command line says about all connections.
type Options struct {
	Timeout time.Duration // no progress for that long ends a connection
	Version string        // told to IMAP servers (RFC 2971)

	Secrets *credential.Secrets // learns what is sent to servers; nil: nobody wants to know
	Environ []string            // of the commands that give passwords and tokens, and of tunnels; nil: ours

	// Within keeps an account's way to its server within what the host permits; nil: it permits everything.
	Within func(account config.Account, dial Dialer) Dialer

	// Alert is given what a server wants its user to see; nil: nobody wants it.
	Alert func(account, text string)

	// Trace is given each line of the dialogue, without credentials; nil: nobody wants it. dir is '<' or '>'.
	Trace func(account string, dir byte, text string)
}

// Dialer makes a connection to a server.
type Dialer = func(context.Context) (net.Conn, error)

// dial is how to reach an account's server.
func (o Options) dial(a config.Account, line *connect.Options) Dialer {
	if o.Within == nil {
		return line.Dial
	}
	return o.Within(a, line.Dial)
}

// connecting turns an account into what dials.
func (o Options) connecting(a config.Account) *connect.Options {
	return &connect.Options{
		Host: a.Host, Port: a.Port, Protocol: strings.ToUpper(string(a.Protocol)),
		TLS:    map[config.TLS]connect.Mode{config.Implicit: connect.Implicit, config.StartTLS: connect.StartTLS, config.None: connect.None}[a.TLS],
		CAFile: a.TLSCA, Fingerprint: a.TLSFingerprint, ClientCert: a.ClientCert, ClientKey: a.ClientKey,
		Tunnel: a.Tunnel, Environ: o.Environ, Proxy: a.Proxy.URL(), Timeout: o.Timeout,
	}
}

// login turns an account into what answers a server's question who we are. What is known to be wrong with the account's tunnel or
// secret before any server is asked is the error. ctx ends the wait for a keyring.
func (s Options) login(ctx context.Context, a config.Account, terminal *credential.Terminal) (*credential.Login, error) {
	if len(a.Tunnel) > 0 {
		if err := credential.Executable("tunnel", a.Tunnel); err != nil {
			return nil, err
		}
	}
	o := credential.Options{
		User: a.User, Host: a.Host, Port: a.Port, Protocol: string(a.Protocol), Mechanism: a.Auth,
		AllowCleartext: a.AllowCleartext, Loopback: a.Loopback() || len(a.Tunnel) > 0, ClientCertificate: a.ClientCert != "",
		Secrets: s.Secrets,
	}
	switch {
	case len(a.TokenCommand) > 0:
		if err := credential.Executable("token_command", a.TokenCommand); err != nil {
			return nil, err
		}
		o.Token = credential.TokenCommand(a.TokenCommand, s.Environ, 0)
	case a.OAuth2 != nil:
		oauth, err := OAuth(a)
		if err != nil {
			return nil, err
		}
		oauth.Timeout, oauth.Secrets = s.Timeout, s.Secrets
		o.Token, o.Forget = oauth.Token, oauth.Forget
	default:
		source := &credential.Source{Account: a.Name, User: a.User, Host: a.Host,
			Password: credential.NewSecret(string(a.Password.Literal)), Command: a.Password.Command,
			File: a.Password.File, Env: a.Password.Env, Environ: s.Environ, Terminal: terminal}
		if a.Password.Keyring {
			v, err := Vault()
			if err != nil {
				return nil, err
			}
			source.Vault = &v
		}
		if err := source.Early(ctx); err != nil && !(proved(a) && errors.As(err, new(*credential.NoSecretError))) {
			return nil, err
		}
		o.Secret, o.Forget = source.Secret, source.Forget
	}
	return credential.NewLogin(o), nil
}

// proved says whether the server may know the user without a password: by a certificate, or by who ran the tunnel (PREAUTH). That
// there is none is then known only when it asks.
func proved(a config.Account) bool {
	return a.ClientCert != "" || len(a.Tunnel) > 0 || strings.EqualFold(a.Auth, sasl.External)
}

// Vault is where postie keeps secrets.
func Vault() (credential.Vault, error) {
	dir, err := credential.StateDir()
	return credential.Vault{Keyring: true, Dir: dir}, err
}

// OAuth turns an account's oauth2 into what gives tokens.
func OAuth(a config.Account) (*credential.OAuth, error) {
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
	v, err := Vault()
	return &credential.OAuth{Account: a.Name, User: a.User, Host: a.Host, Provider: provider, ClientID: o.ClientID,
		ClientSecret: credential.NewSecret(string(o.ClientSecret)), Vault: v}, err
}

// POP3 turns an account into a session's options. ctx ends the wait for a keyring.
func (o Options) POP3(ctx context.Context, account config.Account, terminal *credential.Terminal) (pop3.Options, error) {
	line := o.connecting(account)
	auth, err := o.login(ctx, account, terminal)
	if err != nil {
		return pop3.Options{}, err
	}
	s := pop3.Options{Dial: o.dial(account, line), Login: auth, Idle: o.Timeout}
	if account.TLS == config.StartTLS {
		if s.TLS, err = line.TLSConfig(); err != nil {
			return s, err
		}
	}
	if o.Trace != nil {
		s.Trace = func(dir byte, text string) { o.Trace(account.Name, dir, text) }
	}
	return s, nil
}

// alerts passes alerts on, each once and not without end.
func (o Options) alerts(account string) func(imap.Event) {
	const most = 10
	var mu sync.Mutex // a run may have several connections
	seen := map[imap.Alert]bool{}
	return func(e imap.Event) {
		text, ok := e.(imap.Alert)
		mu.Lock()
		defer mu.Unlock()
		if !ok || o.Alert == nil || seen[text] || len(seen) == most {
			return
		}
		seen[text] = true
		o.Alert(account, "the server wants you to know: "+string(text[:min(len(text), 1000)]))
	}
}

// IMAP turns an account into a session's options. ctx ends the wait for a keyring.
func (o Options) IMAP(ctx context.Context, account config.Account, terminal *credential.Terminal) (imap.Options, error) {
	line := o.connecting(account)
	auth, err := o.login(ctx, account, terminal)
	if err != nil {
		return imap.Options{}, err
	}
	s := imap.Options{Dial: o.dial(account, line), Login: auth, Idle: o.Timeout, Event: o.alerts(account.Name), Compress: !account.Loopback(),
		ID: map[string]string{"name": "postie", "version": o.Version}}
	for _, c := range account.Without {
		s.Without = append(s.Without, goimap.Cap(c))
	}
	if account.TLS == config.StartTLS {
		if s.TLS, err = line.TLSConfig(); err != nil {
			return s, err
		}
	}
	if o.Trace != nil {
		s.Trace = func(dir byte, text string) { o.Trace(account.Name, dir, text) }
	}
	return s, nil
}
