package credential

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/endpoints"
)

// Provider is an OAuth2 authorization server as a mail client sees it.
type Provider struct {
	AuthURL, TokenURL string
	DeviceURL         string   // device flow (RFC 8628); "": there is none for mail
	Scopes            []string // with what makes the server give a refresh token
	Redirect          string   // loopback address as registered there; no port: any free one; "": http://127.0.0.1

	params map[string]string // what its authorization page wants beyond RFC 6749
	style  oauth2.AuthStyle
}

// ProviderOf returns the preset of that name for a protocol ("imap" or "pop3"): "google", "microsoft", or
// "microsoft/TENANT" for an application that is registered in one organisation only. The client id is the user's own.
func ProviderOf(name, protocol string) (Provider, error) {
	name, tenant, _ := strings.Cut(strings.ToLower(name), "/")
	switch name {
	case "google":
		return Provider{
			AuthURL: endpoints.Google.AuthURL, TokenURL: endpoints.Google.TokenURL,
			// No DeviceURL: Google's device flow does not give out mail scopes.
			Scopes: []string{"https://mail.google.com/"}, // IMAP and POP alike
			// Without these a second login brings no refresh token.
			params: map[string]string{"access_type": "offline", "prompt": "consent"},
			style:  oauth2.AuthStyleInParams,
		}, nil
	case "microsoft":
		at := endpoints.AzureAD(tenant)
		scope := map[string]string{"imap": "IMAP.AccessAsUser.All", "pop3": "POP.AccessAsUser.All"}[protocol]
		return Provider{
			AuthURL: at.AuthURL, TokenURL: at.TokenURL, DeviceURL: at.DeviceAuthURL,
			Scopes: []string{"https://outlook.office.com/" + scope, "offline_access"},
			// Microsoft ignores the port of ‘localhost’ only; its portal does not take 127.0.0.1.
			Redirect: "http://localhost",
			style:    oauth2.AuthStyleInParams,
		}, nil
	}
	return Provider{}, fmt.Errorf("unknown OAuth2 provider %q: use google, microsoft, or give its addresses", name)
}

// check refuses addresses over which a token would travel in the clear.
func (p Provider) check() error {
	for _, text := range []string{p.AuthURL, p.TokenURL, p.DeviceURL} {
		if text == "" {
			continue
		}
		u, err := url.Parse(text)
		if err != nil {
			return err
		}
		if u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
			return fmt.Errorf("OAuth2 address %s: it must begin with https://", clean(text))
		}
	}
	if p.TokenURL == "" {
		return fmt.Errorf("the OAuth2 token address is missing")
	}
	return nil
}

// host is where tokens are asked for.
func (p Provider) host() string {
	u, err := url.Parse(p.TokenURL)
	if err != nil {
		return ""
	}
	return clean(u.Host)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
