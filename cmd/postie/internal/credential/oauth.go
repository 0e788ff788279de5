package credential

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
)

// early is how long before its end an access token is renewed.
const early = time.Minute

// OAuth gives access tokens for one account, from the refresh token that a login has stored in the Vault under TokenKey.
// Do not copy it after its first use.
type OAuth struct {
	Account, User, Host string

	Provider     Provider
	ClientID     string // the user's own, as registered with the provider
	ClientSecret Secret // zero for a public client
	Vault        Vault
	Timeout      time.Duration // of one request to the provider, its answer included; 0: 30 s
	HTTP         *http.Client  // nil: one with that limit

	Secrets *Secrets // learns the tokens and the client's secret; may be nil

	flight flight[access]
}

// access is an access token and its end; the zero time when the server names none.
type access struct {
	token Secret
	until time.Time
}

func (a access) fresh() bool { return a.until.IsZero() || time.Until(a.until) > early }

// EndpointError says that the authorization server was not reached, did not answer in time, or not in a way that is known.
type EndpointError struct {
	Host string
	Err  error
}

func (e *EndpointError) Error() string {
	return fmt.Sprintf("ask the authorization server %s for a token: %v", e.Host, e.Err)
}

func (e *EndpointError) Unwrap() error { return e.Err }

// TokenError is a refusal by the authorization server (RFC 6749 section 5.2).
type TokenError struct {
	Host        string // of the authorization server; "": not known
	Code        string // "invalid_grant", "access_denied", …; "": none was given
	Description string // the server's words, cleaned
	Status      int    // HTTP
}

func (e *TokenError) Error() string {
	text := "the authorization server refuses"
	if e.Host != "" {
		text = "the authorization server " + e.Host + " refuses"
	}
	if e.Code != "" {
		text += ": " + e.Code
	}
	if e.Status != 0 && e.Status != http.StatusOK {
		text += fmt.Sprintf(" (HTTP %d)", e.Status)
	}
	if e.Description != "" {
		text += ": " + e.Description
	}
	return text
}

// NeedLoginError says that the user must log in with `postie login`.
type NeedLoginError struct {
	Account string
	Err     error // why; nil: there was no login yet
}

func (e *NeedLoginError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("no OAuth2 login is stored: run `postie login %s`", e.Account)
	}
	return fmt.Sprintf("the OAuth2 login has ended: %v: run `postie login %s`", e.Err, e.Account)
}

func (e *NeedLoginError) Unwrap() error { return e.Err }

// Token returns an access token that is good for at least a minute, to be used as Options.Token. It is kept between
// calls and renewed when it nears its end. Errors: *NeedLoginError, *TokenError, the network's.
func (o *OAuth) Token(ctx context.Context) (string, error) {
	a, err := o.flight.do(ctx, access.fresh, o.renew)
	return a.token.Reveal(), err
}

// Forget drops the access token that is kept, when a server has refused it; to be used as Options.Forget.
func (o *OAuth) Forget() { o.flight.drop(nil) }

// renew turns the stored refresh token into an access token. It is read each time: another postie may have exchanged it.
func (o *OAuth) renew(ctx context.Context) (access, error) {
	config, err := o.config("")
	if err != nil {
		return access{}, err
	}
	refresh, err := o.Vault.Get(ctx, TokenKey(o.User, o.Host))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return access{}, &NeedLoginError{Account: o.Account}
	case err != nil:
		return access{}, fmt.Errorf("read the OAuth2 login: %w", err)
	}
	o.Secrets.Learn(refresh, o.ClientSecret)
	t, err := config.TokenSource(o.client(ctx), &oauth2.Token{RefreshToken: refresh.Reveal()}).Token()
	if err != nil {
		return access{}, o.explain(err, refresh)
	}
	if t.RefreshToken != refresh.Reveal() {
		// RFC 6749 section 6: the old one may be void from now on.
		_, err = o.Vault.Set(ctx, TokenKey(o.User, o.Host), NewSecret(t.RefreshToken))
	}
	if err != nil {
		return access{}, fmt.Errorf("store the renewed OAuth2 login: %w", err)
	}
	o.Secrets.Learn(NewSecret(t.AccessToken), NewSecret(t.RefreshToken))
	return access{NewSecret(t.AccessToken), t.Expiry}, nil
}

// keep stores what a login brought and says where.
func (o *OAuth) keep(ctx context.Context, t *oauth2.Token) (place string, err error) {
	if t.RefreshToken == "" {
		return "", errors.New("the provider gave no refresh token, so postie could not log in again in an hour: " +
			"does the scope ask for offline access?")
	}
	place, err = o.Vault.Set(ctx, TokenKey(o.User, o.Host), NewSecret(t.RefreshToken))
	if err != nil {
		return "", fmt.Errorf("store the OAuth2 login: %w", err)
	}
	o.flight.keep(access{NewSecret(t.AccessToken), t.Expiry})
	return place, nil
}

func (o *OAuth) config(redirect string) (*oauth2.Config, error) {
	if o.ClientID == "" {
		return nil, errors.New("the OAuth2 client_id is missing")
	}
	if err := o.Provider.check(); err != nil {
		return nil, err
	}
	style := o.Provider.style
	if o.ClientSecret.IsZero() {
		style = oauth2.AuthStyleInParams // RFC 6749 section 3.2.1: a public client names itself in the body
	}
	return &oauth2.Config{
		ClientID:     o.ClientID,
		ClientSecret: o.ClientSecret.Reveal(),
		Scopes:       o.Provider.Scopes,
		RedirectURL:  redirect,
		Endpoint: oauth2.Endpoint{
			AuthURL: o.Provider.AuthURL, TokenURL: o.Provider.TokenURL, DeviceAuthURL: o.Provider.DeviceURL, AuthStyle: style,
		},
	}, nil
}

// client gives the oauth2 package its HTTP client. Redirects are not followed: a token request carries secrets.
func (o *OAuth) client(ctx context.Context) context.Context {
	c := http.Client{Timeout: cmp.Or(o.Timeout, 30*time.Second)}
	if o.HTTP != nil {
		c = *o.HTTP
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return context.WithValue(ctx, oauth2.HTTPClient, &c)
}

// explain takes what matters out of the oauth2 package's error, which otherwise quotes whole answers.
func (o *OAuth) explain(err error, secrets ...Secret) error {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		var asked *url.Error
		if errors.As(err, &asked) {
			err = asked.Err // its text repeats the address
		}
		return &EndpointError{o.Provider.host(), err}
	}
	e := &TokenError{
		Host:        o.Provider.host(),
		Code:        clean(redact(refused.ErrorCode, secrets...)),
		Description: clean(redact(refused.ErrorDescription, append(secrets, o.ClientSecret)...)),
	}
	if refused.Response != nil {
		e.Status = refused.Response.StatusCode
	}
	switch e.Code {
	case "invalid_grant", "interaction_required", "login_required", "consent_required": // the last three: OpenID Connect
		return &NeedLoginError{o.Account, e}
	}
	return e
}
