package credential

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"time"

	"golang.org/x/oauth2"
)

// Authorize logs the user in with a browser: authorization code with PKCE, the answer coming to a loopback address
// (RFC 8252). show is given the address of the provider's page, to print it and to open it (OpenBrowser). It returns
// where the refresh token is kept: "the keyring" or a path. Only ctx bounds the wait for the user.
func (o *OAuth) Authorize(ctx context.Context, show func(address string)) (place string, err error) {
	listener, redirect, err := listen(o.Provider.Redirect)
	if err != nil {
		return "", fmt.Errorf("listen for the provider's answer: %w", err)
	}
	defer listener.Close()
	config, err := o.config(redirect.String())
	if err == nil && config.Endpoint.AuthURL == "" {
		err = errors.New("the OAuth2 authorization address is missing")
	}
	if err != nil {
		return "", err
	}
	verifier, state := oauth2.GenerateVerifier(), rand.Text()
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("login_hint", o.User)}
	for name, value := range o.Provider.params {
		options = append(options, oauth2.SetAuthURLParam(name, value))
	}
	show(config.AuthCodeURL(state, options...))
	code, err := receive(ctx, listener, cmp.Or(redirect.Path, "/"), state)
	if err != nil {
		return "", err
	}
	t, err := config.Exchange(o.client(ctx), code.Reveal(), oauth2.VerifierOption(verifier))
	if err != nil {
		return "", o.explain(err, code, NewSecret(verifier))
	}
	return o.keep(ctx, t)
}

// listen opens the loopback address for the redirect; without a port in it, on a free one.
func listen(redirect string) (net.Listener, *url.URL, error) {
	u, err := url.Parse(cmp.Or(redirect, "http://127.0.0.1"))
	if err != nil {
		return nil, nil, err
	}
	if u.Scheme != "http" || !loopback(u.Hostname()) {
		return nil, nil, fmt.Errorf("redirect address %s: it must be http:// on 127.0.0.1, [::1] or localhost", clean(redirect))
	}
	host := u.Hostname()
	if host == "localhost" {
		host = "127.0.0.1" // RFC 8252 section 8.3: listen on the loopback interface only
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, cmp.Or(u.Port(), "0")))
	if err != nil {
		return nil, nil, err
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	u.Host = net.JoinHostPort(u.Hostname(), port)
	return listener, u, err
}

type redirected struct {
	code Secret
	err  error
}

// receive serves one path until the answer with the right state comes. Any other request is turned away without ending
// the login: every page that the browser has open can send one.
func receive(ctx context.Context, listener net.Listener, path, state string) (Secret, error) {
	answers := make(chan redirected, 1)
	server := http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: redirectHandler(path, state, answers)}
	go server.Serve(listener)
	defer func() { // lets the browser have its page
		brief, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		server.Shutdown(brief)
		server.Close()
	}()
	select {
	case a := <-answers:
		return a.code, a.err
	case <-ctx.Done():
		return Secret{}, context.Cause(ctx)
	}
}

func redirectHandler(path, state string, answers chan<- redirected) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		// RFC 6749 section 10.12: the state proves that the answer belongs to our question.
		if r.URL.Path != path || subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(state)) != 1 {
			http.Error(w, "This is not the answer that postie waits for.", http.StatusBadRequest)
			return
		}
		a := redirected{code: NewSecret(q.Get("code"))}
		page := "postie has got the answer. You can close this page and go back to the terminal.\n"
		if a.code.IsZero() {
			a.err = &TokenError{Code: clean(q.Get("error")), Description: clean(q.Get("error_description"))}
			page = "The login was refused. See the terminal.\n"
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Connection", "close")
		io.WriteString(w, page)
		select {
		case answers <- a:
		default: // a reload of the page
		}
	}
}

// OpenBrowser shows an address in the user's browser. The error says why it could not be tried; show the address anyway.
func OpenBrowser(address string) error {
	program := "xdg-open"
	if runtime.GOOS == "darwin" {
		program = "open"
	} else if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		// xdg-open would start a text browser in our terminal.
		return errors.New("there is no graphical session")
	}
	cmd := exec.Command(program, address)
	if err := cmd.Start(); err != nil {
		return err
	}
	go cmd.Wait()
	return nil
}
