package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestCall(t *testing.T) {
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.RequestURI())
		if r.Referer() != "" {
			t.Errorf("%s is told %s", r.URL, r.Referer())
		}
		switch {
		case strings.HasPrefix(r.URL.Path, "/secret/404"):
			http.NotFound(w, r)
		case strings.HasPrefix(r.URL.Path, "/secret/round"):
			http.Redirect(w, r, r.URL.Path+"1", http.StatusFound)
		case strings.HasPrefix(r.URL.Path, "/secret/moved"):
			http.Redirect(w, r, "/secret/ok", http.StatusFound)
		}
	}))
	defer s.Close()
	for _, tt := range []struct {
		path   string
		failed bool
		asked  string
		want   string // of the error
	}{
		{"/secret/ok", false, "GET /secret/ok", ""},
		{"/secret/ok", true, "GET /secret/ok/fail", ""},
		{"/secret/ok/", true, "GET /secret/ok/fail", ""},
		{"/secret/ok?rid=1", true, "GET /secret/ok/fail?rid=1", ""},
		{"/secret/moved", false, "GET /secret/moved GET /secret/ok", ""},
		{"/secret/404", false, "GET /secret/404", "it answered 404 Not Found"},
		{"/secret/round", false, "GET /secret/round", "it leads from one address to the next"},
	} {
		asked = nil
		err := Call(t.Context(), s.URL+tt.path, tt.failed, nil)
		if got := strings.Join(asked, " "); !strings.HasPrefix(got, tt.asked) {
			t.Errorf("%s: asked %s, want %s", tt.path, got, tt.asked)
		}
		if fmt.Sprint(err) != "<nil>" != (tt.want != "") || err != nil && (!strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: %v, want %s", tt.path, err, tt.want)
		}
	}
}

// A certificate that nobody vouches for is refused, and nothing leads away from HTTPS. No error tells the address.
func TestCallIsSafe(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	s.Config.ErrorLog = nil
	defer s.Close()
	err := Call(t.Context(), s.URL+"/secret", false, nil)
	if err == nil || !strings.Contains(err.Error(), "certificate") || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
	for _, address := range []string{"http://127.0.0.1:1/secret", "http://[::1/secret", "https://x\x00/secret"} {
		if err := Call(t.Context(), address, false, nil); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// A server that takes the call and says nothing is given up.
func TestCallEnds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		if c, err := l.Accept(); err == nil {
			defer c.Close()
			c.Read(make([]byte, 1))
			cancel(stop)
			<-t.Context().Done()
		}
	}()
	if err := Call(ctx, "http://"+l.Addr().String(), false, nil); !errors.Is(err, stop) {
		t.Error(err)
	}
	synctest.Test(t, func(t *testing.T) { // by its own limit
		began := time.Now()
		dial := func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go io.Copy(io.Discard, far)
			return near, nil
		}
		err := get(t.Context(), &url.URL{Scheme: "http", Host: "x"}, nil, dial)
		if err == nil || !strings.Contains(err.Error(), "no answer within 10s") || time.Since(began) != Limit {
			t.Error(err, time.Since(began))
		}
	})
}
