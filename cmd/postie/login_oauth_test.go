package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/zalando/go-keyring"
)

// provider is an authorization server on loopback that lets everybody in.
func provider(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/auth", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		back := q.Get("redirect_uri") + "?" + url.Values{"code": {"the-code"}, "state": {q.Get("state")}}.Encode()
		http.Redirect(w, r, back, http.StatusFound)
	})
	mux.HandleFunc("/device", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"device_code":"d","user_code":"ABCD-EFGH","verification_uri":"https://provider.test/device","expires_in":600,"interval":1}`)
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"Access-Secret","refresh_token":"Refresh-Secret","token_type":"Bearer","expires_in":3600}`)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// browser is standard error, read by somebody who opens the page that is shown there.
type browser struct {
	t    *testing.T
	mu   sync.Mutex
	seen strings.Builder
}

func (b *browser) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seen.String()
}

func (b *browser) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, address, ok := strings.Cut(string(p), "\nhttp"); ok {
		go func() {
			response, err := http.Get("http" + strings.TrimSpace(address))
			if err != nil {
				b.t.Error(err)
				return
			}
			response.Body.Close()
		}()
	}
	return b.seen.Write(p)
}

func TestLoginOAuth(t *testing.T) {
	keyring.MockInit()
	server := provider(t)
	t.Setenv("PATH", "") // there is no browser to open
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	path := filepath.Join(t.TempDir(), "c.toml")
	writeFile(t, path, fmt.Sprintf(`[account.work]
protocol = "imap"
host = "127.0.0.1"
user = "alice"
maildir = "m"
oauth2 = { client_id = "me", auth_url = "%[1]s/auth", token_url = "%[1]s/token", device_url = "%[1]s/device" }
`, server.URL))
	for _, args := range [][]string{{"login", "work"}, {"login", "work", "--device"}} {
		errOut := &browser{t: t}
		var out strings.Builder
		if code := run(append(args, "-c", path), &out, errOut); code != 0 || out.String() != "work: the login is kept in the keyring\n" {
			t.Errorf("%v: exit %d\n%s\n%s", args, code, out.String(), errOut.String())
		}
		if strings.Contains(out.String()+errOut.String(), "Secret") {
			t.Errorf("a token was shown:\n%s", errOut.String())
		}
		if device := len(args) == 3; device != strings.Contains(errOut.String(), "Open https://provider.test/device in any browser and type the code ABCD-EFGH (it holds for 10m0s)") {
			t.Errorf("%s", errOut.String())
		}
		if kept, err := keyring.Get("postie", "oauth2:alice@127.0.0.1"); err != nil || kept != "Refresh-Secret" {
			t.Errorf("%q %v", kept, err)
		}
		var told strings.Builder
		if code := run([]string{"login", "work", "--forget", "-c", path}, &out, &told); code != 0 {
			t.Errorf("--forget: exit %d %s", code, told.String())
		}
		if _, err := keyring.Get("postie", "oauth2:alice@127.0.0.1"); err == nil {
			t.Error("the login is still there")
		}
	}
}
