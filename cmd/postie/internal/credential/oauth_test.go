package credential

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
)

// authority is a small authorization server. It checks what a real one would, and remembers what it was asked.
type authority struct {
	mu       sync.Mutex
	page     url.Values // the last request for the authorization page
	refresh  int        // number of the refresh token that is valid
	rotate   bool       // each use of a refresh token makes a new one
	barren   bool       // gives no refresh token
	expires  int        // seconds; 0: not said
	answers  []string   // of the token address instead of its own: JSON, status 400
	access   int        // access tokens given
	requests []string   // grant types asked for
	t        *testing.T
}

const clientSecret = "Client-Secret-42"

func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r.ParseForm()
	switch r.URL.Path {
	case "/auth":
		a.page = r.Form
		back := r.Form.Get("redirect_uri")
		answer := url.Values{"state": {r.Form.Get("state")}, "code": {"The-Code-" + word}}
		if r.Form.Get("login_hint") == "mallory" {
			answer = url.Values{"state": answer["state"], "error": {"access_denied"}, "error_description": {"not\x1b you"}}
		}
		http.Redirect(w, r, back+"?"+answer.Encode(), http.StatusFound)
	case "/device":
		fmt.Fprint(w, `{"device_code":"Device-`+word+`","user_code":"ABCD-EFGH","verification_uri":"https://a.test/device","verification_uri_complete":"https://a.test/device?c=ABCD-EFGH","expires_in":600}`)
	case "/token":
		a.token(w, r.PostForm)
	default:
		http.NotFound(w, r)
	}
}

func (a *authority) token(w http.ResponseWriter, form url.Values) {
	grant := form.Get("grant_type")
	a.requests = append(a.requests, grant)
	if len(a.answers) > 0 {
		answer := a.answers[0]
		if a.answers = a.answers[1:]; answer != "" {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, strings.ReplaceAll(answer, "REFRESH", form.Get("refresh_token")))
			return
		}
	}
	valid := map[string]func() bool{
		"authorization_code": func() bool {
			return form.Get("code") == "The-Code-"+word && form.Get("redirect_uri") == a.page.Get("redirect_uri") &&
				a.page.Get("code_challenge_method") == "S256" && a.page.Get("response_type") == "code" &&
				oauth2.S256ChallengeFromVerifier(form.Get("code_verifier")) == a.page.Get("code_challenge")
		},
		"refresh_token": func() bool { return form.Get("refresh_token") == a.refreshToken() },
		"urn:ietf:params:oauth:grant-type:device_code": func() bool { return form.Get("device_code") == "Device-"+word },
	}[grant]
	if valid == nil || !valid() || form.Get("client_id") != "our-client" || form.Get("client_secret") != clientSecret {
		a.t.Errorf("token request: %v", form)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	a.access++
	reply := map[string]any{"access_token": fmt.Sprintf("Access-%s-%d", word, a.access), "token_type": "Bearer"}
	if a.expires != 0 {
		reply["expires_in"] = a.expires
	}
	if a.rotate {
		a.refresh++
	}
	if !a.barren && (a.rotate || grant != "refresh_token") {
		reply["refresh_token"] = a.refreshToken()
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(reply)
}

func (a *authority) refreshToken() string { return fmt.Sprintf("Refresh-%s-%d", word, a.refresh) }

func (a *authority) asked() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.requests)
}

// account is one that logs in at base, with its tokens in a folder.
func (a *authority) account(t *testing.T, base string) *OAuth {
	a.t = t
	return &OAuth{
		Account: "work", User: "bob@h.test", Host: "imap.h.test",
		Provider: Provider{
			AuthURL: base + "/auth", TokenURL: base + "/token", DeviceURL: base + "/device",
			Scopes: []string{"mail", "offline"}, style: oauth2.AuthStyleInParams,
		},
		ClientID: "our-client", ClientSecret: NewSecret(clientSecret), Vault: Vault{Dir: filepath.Join(t.TempDir(), "state")},
	}
}

// inside serves requests without a network, so that time can be synthetic.
type inside struct{ http.Handler }

func (i inside) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	i.ServeHTTP(w, r)
	return w.Result(), nil
}

func (o *OAuth) stored(t *testing.T) string {
	t.Helper()
	s, err := o.Vault.Get(t.Context(), TokenKey(o.User, o.Host))
	if err != nil {
		t.Error(err)
	}
	return s.Reveal()
}

// browse opens a page as a browser does, redirects and all.
func browse(t *testing.T, address string) (status int, page string) {
	t.Helper()
	r, err := http.Get(address)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	return r.StatusCode, string(body)
}

func TestAuthorize(t *testing.T) {
	for _, redirect := range []string{"", "http://localhost", "http://127.0.0.1/answer/here"} {
		t.Run(redirect, func(t *testing.T) {
			a := &authority{expires: 3600}
			server := httptest.NewServer(a)
			defer server.Close()
			o := a.account(t, server.URL)
			o.Provider.Redirect = redirect
			o.Provider.params = map[string]string{"access_type": "offline"}
			var browser sync.WaitGroup
			place, err := o.Authorize(t.Context(), func(address string) {
				browser.Go(func() {
					u, _ := url.Parse(address)
					back, err := url.Parse(u.Query().Get("redirect_uri"))
					want, _ := url.Parse(redirect)
					if err != nil || back.Port() == "" || back.Path != want.Path || redirect != "" && back.Hostname() != want.Hostname() {
						t.Errorf("redirect to %v, %v", back, err)
					}
					// Another page guesses: it is turned away and disturbs nothing.
					for _, guess := range []string{"?code=evil&state=guess", "?code=evil", "/favicon.ico", "?error=x&state="} {
						if status, _ := browse(t, back.String()+guess); status != http.StatusBadRequest {
							t.Errorf("%s: %d", guess, status)
						}
					}
					if status, page := browse(t, address); status != http.StatusOK || !strings.Contains(page, "close this page") {
						t.Errorf("%d %s", status, page)
					}
				})
			})
			browser.Wait()
			if err != nil || place != o.Vault.Path(TokenKey(o.User, o.Host)) {
				t.Fatalf("%s, %v", place, err)
			}
			if got := a.page; got.Get("scope") != "mail offline" || got.Get("login_hint") != "bob@h.test" || got.Get("access_type") != "offline" {
				t.Errorf("asked for %v", got)
			}
			if o.stored(t) != a.refreshToken() {
				t.Errorf("stored %s", o.stored(t))
			}
			// The access token that came along is used first.
			if token, err := o.Token(t.Context()); token != "Access-"+word+"-1" || err != nil || a.asked() != 1 {
				t.Errorf("%s, %v, asked %v", token, err, a.requests)
			}
			conceal(t, "OAuth", show(o), word)
			conceal(t, "OAuth", show(o), clientSecret)
			o.Forget()
			if err := o.Vault.Delete(t.Context(), TokenKey(o.User, o.Host)); err != nil {
				t.Error(err)
			}
			if _, err := o.Token(t.Context()); err == nil || err.Error() != "no OAuth2 login is stored: run `postie login work`" {
				t.Errorf("after it was forgotten: %v", err)
			}
		})
	}
}

func TestAuthorizeFails(t *testing.T) {
	a := &authority{}
	server := httptest.NewServer(a)
	defer server.Close()
	enough := errors.New("enough")
	for _, c := range []struct {
		name   string
		change func(*OAuth)
		want   string
	}{
		{"denied", func(o *OAuth) { o.User = "mallory" }, "the authorization server refuses: access_denied: not you"},
		{"nothing to renew with", func(*OAuth) { a.barren = true }, "the provider gave no refresh token"},
		{"code refused", func(*OAuth) {
			a.answers = []string{`{"error":"invalid_client","error_description":"no The-Code-` + word + ` for ` + clientSecret + `"}`}
		}, "the authorization server refuses: invalid_client (HTTP 400): no *** for ***"},
		{"no client", func(o *OAuth) { o.ClientID = "" }, "client_id is missing"},
		{"no page", func(o *OAuth) { o.Provider.AuthURL = "" }, "authorization address is missing"},
		{"no token address", func(o *OAuth) { o.Provider.TokenURL = "" }, "token address is missing"},
		{"cleartext", func(o *OAuth) { o.Provider.TokenURL = "http://a.test/token" }, "OAuth2 address http://a.test/token: it must begin with https://"},
		{"foreign redirect", func(o *OAuth) { o.Provider.Redirect = "http://a.test/" }, "it must be http:// on 127.0.0.1"},
		{"nobody comes", func(o *OAuth) { o.User = "nobody" }, "enough"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := a.account(t, server.URL)
			c.change(o)
			ctx, cancel := context.WithCancelCause(t.Context())
			var browser sync.WaitGroup
			_, err := o.Authorize(ctx, func(address string) {
				if o.User == "nobody" {
					cancel(enough)
					return
				}
				browser.Go(func() { browse(t, address) })
			})
			browser.Wait()
			cancel(nil)
			if err == nil || !strings.Contains(anywhere(err, o), c.want) {
				t.Fatalf("%v, not %s", err, c.want)
			}
			conceal(t, "the error", show(err)+err.Error(), word)
			conceal(t, "the error", show(err)+err.Error(), clientSecret)
			if entries, _ := os.ReadDir(o.Vault.Dir); len(entries) != 0 {
				t.Errorf("stored %v", entries)
			}
		})
	}
}

// loggedIn is an account with a stored refresh token, served without a network.
func loggedIn(t *testing.T, a *authority) *OAuth {
	o := a.account(t, "https://a.test")
	o.HTTP = &http.Client{Transport: inside{a}}
	if _, err := o.Vault.Set(t.Context(), TokenKey(o.User, o.Host), NewSecret(a.refreshToken())); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestTokenIsRenewedInTime(t *testing.T) {
	a := &authority{expires: 3600, rotate: true}
	o := loggedIn(t, a)
	synctest.Test(t, func(t *testing.T) {
		expect := func(n int) {
			t.Helper()
			if got, err := o.Token(t.Context()); err != nil || got != fmt.Sprintf("Access-%s-%d", word, n) {
				t.Errorf("%s, %v; want number %d", got, err, n)
			}
			if o.stored(t) != a.refreshToken() {
				t.Errorf("stored %s, valid is %s", o.stored(t), a.refreshToken())
			}
		}
		expect(1)
		time.Sleep(59*time.Minute - time.Second)
		expect(1)
		time.Sleep(time.Second) // a minute before its end
		expect(2)
		o.Forget()
		expect(3)
	})
}

func TestTokenIsAskedOnce(t *testing.T) {
	a := &authority{}
	o := loggedIn(t, a)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if got, err := o.Token(t.Context()); got != "Access-"+word+"-1" || err != nil {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
	all.Wait()
	if a.asked() != 1 {
		t.Errorf("asked %v", a.requests)
	}
}

// anywhere is the text of an error without the authorization server's name.
func anywhere(err error, o *OAuth) string {
	return strings.Replace(err.Error(), " "+o.Provider.host(), "", 1)
}

// An endpoint that says nothing, or an octet now and then, is left after the time limit.
func TestTokenTakesForEver(t *testing.T) {
	for name, header := range map[string]int{"silence": 0, "an octet now and then": http.StatusOK} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body) // before that the server does not see that the client has gone
				for i := 0; r.Context().Err() == nil; i++ {
					if header != 0 {
						w.Header().Set("Content-Type", "application/json")
						io.WriteString(w, " ")
						w.(http.Flusher).Flush()
					}
					select {
					case <-r.Context().Done():
					case <-time.After(5 * time.Millisecond):
					}
				}
			}))
			defer server.Close()
			o := loggedIn(t, &authority{})
			o.HTTP, o.Provider.TokenURL, o.Timeout = nil, server.URL, 50*time.Millisecond
			if _, err := o.Token(t.Context()); !errors.As(err, new(*EndpointError)) || !strings.Contains(err.Error(), o.Provider.host()) {
				t.Errorf("%T %v", err, err)
			}
		})
	}
}

func TestTokenFails(t *testing.T) {
	for _, c := range []struct{ answer, want string }{
		{`{"error":"invalid_grant","error_description":"Token\r\nREFRESH has been expired or revoked."}`,
			"the OAuth2 login has ended: the authorization server refuses: invalid_grant (HTTP 400): Token *** has been expired or revoked.: run `postie login work`"},
		{`{"error":"unauthorized_client"}`, "the authorization server refuses: unauthorized_client (HTTP 400)"},
		{`<html>your REFRESH is odd</html>`, "the authorization server refuses (HTTP 400)"},
	} {
		a := &authority{answers: []string{c.answer}}
		o := loggedIn(t, a)
		_, err := o.Token(t.Context())
		if err == nil || anywhere(err, o) != c.want || !errors.As(err, new(*TokenError)) {
			t.Errorf("%v, not %s", err, c.want)
		}
		conceal(t, "the error", show(err), word)
		if got, err := o.Token(t.Context()); got == "" || err != nil {
			t.Errorf("the next try: %v", err) // an error is not kept
		}
	}

	a := &authority{}
	o := loggedIn(t, a)
	server := httptest.NewServer(a)
	server.Close()
	o.HTTP, o.Provider.TokenURL = nil, server.URL
	if _, err := o.Token(t.Context()); !errors.As(err, new(net.Error)) {
		t.Errorf("a server that is not there: %T %v", err, err)
	}
	o.Vault.Dir = write(t, filepath.Join(t.TempDir(), "file"), "", 0o600)
	if _, err := o.Token(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "read the OAuth2 login: ") {
		t.Errorf("a vault that cannot be read: %v", err)
	}
}

// TestTokenRequestIsNotRedirected: a refresh token goes to the address that was configured and to no other.
func TestTokenRequestIsNotRedirected(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		t.Errorf("got %s", body)
	}))
	defer elsewhere.Close()
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	o := loggedIn(t, &authority{})
	o.HTTP, o.Provider.TokenURL = server.Client(), server.URL
	if _, err := o.Token(t.Context()); err == nil || anywhere(err, o) != "the authorization server refuses (HTTP 307)" {
		t.Errorf("%v", err)
	}
}

func TestAuthorizeDevice(t *testing.T) {
	const pending, slower = `{"error":"authorization_pending"}`, `{"error":"slow_down"}`
	for _, c := range []struct {
		name    string
		answers []string
		took    time.Duration
		fails   string
	}{
		{"at once", nil, 5 * time.Second, ""},
		{"slowly", []string{pending, slower, pending, ""}, (5 + 5 + 10 + 10) * time.Second, ""},
		{"denied", []string{pending, `{"error":"access_denied"}`}, 10 * time.Second, "the authorization server refuses: access_denied (HTTP 400)"},
		{"expired", []string{`{"error":"expired_token"}`}, 5 * time.Second, "the authorization server refuses: expired_token (HTTP 400)"},
		{"never", strings.Split(strings.Repeat(pending+"\n", 200), "\n"), 600 * time.Second, "the code ABCD-EFGH has expired"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &authority{answers: c.answers}
			o := a.account(t, "https://a.test")
			o.HTTP = &http.Client{Transport: inside{a}}
			synctest.Test(t, func(t *testing.T) {
				start, shown := time.Now(), Device{}
				_, err := o.AuthorizeDevice(t.Context(), func(d Device) { shown = d })
				if took := time.Since(start).Round(time.Second); took != c.took {
					t.Errorf("took %v", took)
				}
				if shown != (Device{"https://a.test/device", "https://a.test/device?c=ABCD-EFGH", "ABCD-EFGH", shown.Expires}) ||
					!shown.Expires.Equal(start.Add(10*time.Minute)) {
					t.Errorf("shown %+v", shown)
				}
				switch {
				case c.fails == "" && (err != nil || o.stored(t) != a.refreshToken()):
					t.Errorf("%v", err)
				case c.fails != "" && (err == nil || anywhere(err, o) != c.fails):
					t.Errorf("%v, not %s", err, c.fails)
				}
			})
		})
	}
	google, _ := ProviderOf("google", "imap")
	o := &OAuth{ClientID: "x", Provider: google}
	if _, err := o.AuthorizeDevice(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "without --device") {
		t.Errorf("%v", err)
	}
}

func TestDeviceIsInterrupted(t *testing.T) {
	a := &authority{answers: []string{`{"error":"authorization_pending"}`}}
	o := a.account(t, "https://a.test")
	o.HTTP = &http.Client{Transport: inside{a}}
	synctest.Test(t, func(t *testing.T) {
		enough := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(7*time.Second, func() { cancel(enough) })
		if _, err := o.AuthorizeDevice(ctx, func(Device) {}); err != enough {
			t.Errorf("%v", err)
		}
	})
}

func TestProviders(t *testing.T) {
	for _, c := range []struct{ name, protocol, auth, token, device, scopes string }{
		{"google", "imap", "https://accounts.google.com/o/oauth2/auth", "https://oauth2.googleapis.com/token", "", "https://mail.google.com/"},
		{"Google", "pop3", "https://accounts.google.com/o/oauth2/auth", "https://oauth2.googleapis.com/token", "", "https://mail.google.com/"},
		{"microsoft", "imap", "https://login.microsoftonline.com/common/oauth2/v2.0/authorize", "https://login.microsoftonline.com/common/oauth2/v2.0/token",
			"https://login.microsoftonline.com/common/oauth2/v2.0/devicecode", "https://outlook.office.com/IMAP.AccessAsUser.All offline_access"},
		{"microsoft/contoso.com", "pop3", "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/authorize", "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token",
			"https://login.microsoftonline.com/contoso.com/oauth2/v2.0/devicecode", "https://outlook.office.com/POP.AccessAsUser.All offline_access"},
	} {
		p, err := ProviderOf(c.name, c.protocol)
		if err != nil || p.check() != nil || p.AuthURL != c.auth || p.TokenURL != c.token || p.DeviceURL != c.device || strings.Join(p.Scopes, " ") != c.scopes {
			t.Errorf("%s: %+v, %v", c.name, p, err)
		}
	}
	if _, err := ProviderOf("aol", "imap"); err == nil || !strings.Contains(err.Error(), `unknown OAuth2 provider "aol"`) {
		t.Errorf("%v", err)
	}
}

func TestOpenBrowser(t *testing.T) {
	dir := t.TempDir()
	for _, program := range []string{"xdg-open", "open"} {
		write(t, filepath.Join(dir, program), "#!/bin/sh\necho \"$1\" >"+dir+"/new && mv "+dir+"/new "+dir+"/opened\n", 0o700)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("DISPLAY", ":0")
	const address = "https://a.test/auth?a=1&b=$HOME;x"
	if err := OpenBrowser(address); err != nil {
		t.Fatal(err)
	}
	for {
		if got, err := os.ReadFile(filepath.Join(dir, "opened")); err == nil {
			if string(got) != address+"\n" {
				t.Errorf("%s", got)
			}
			break
		}
		time.Sleep(time.Millisecond)
	}
	t.Setenv("PATH", t.TempDir())
	if err := OpenBrowser(address); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("without a program: %v", err)
	}
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	if err := OpenBrowser(address); runtime.GOOS != "darwin" && (err == nil || err.Error() != "there is no graphical session") {
		t.Errorf("without a screen: %v", err)
	}
}
