package credential

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"
)

// tlsPair returns both sides' view of one TLS connection.
func tlsPair(t *testing.T, version uint16) (client, server *tls.ConnectionState) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"h.test"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	far := tls.Server(b, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, SessionTicketsDisabled: true})
	near := tls.Client(a, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
	done := make(chan error, 1)
	go func() { done <- far.Handshake() }()
	if err := errors.Join(near.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	ours, theirs := near.ConnectionState(), far.ConnectionState()
	return &ours, &theirs
}

func TestChoose(t *testing.T) {
	const (
		all   = "PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-256-PLUS XOAUTH2 OAUTHBEARER EXTERNAL GSSAPI"
		stamp = "<1896.697170952@h.test>"
		no    = "cleartext" // a *CleartextError
	)
	tls13 := line{tls: true, private: true, binding: true}
	tls12 := line{tls: true, private: true}
	loopback := line{private: true}
	clear := line{}
	allowed := line{open: true}
	with := func(l line, stamp string) line { l.stamp = stamp; return l }
	imap := func(l line) line { l.imap = true; return l }
	for _, c := range []struct {
		offered string
		asked   string
		on      line
		held    proof
		want    string // a mechanism, or part of an error
	}{
		// TLS, password
		{all, "", tls13, password, "SCRAM-SHA-256-PLUS"},
		{all, "", tls12, password, "SCRAM-SHA-256"},
		{"PLAIN SCRAM-SHA-1 SCRAM-SHA-1-PLUS", "", tls13, password, "SCRAM-SHA-1-PLUS"},
		{"PLAIN SCRAM-SHA-1", "", tls13, password, "SCRAM-SHA-1"},
		{"PLAIN SCRAM-SHA-256-PLUS", "", tls12, password, "PLAIN"},
		{"CRAM-MD5 LOGIN PLAIN", "", tls13, password, "PLAIN"},
		{"CRAM-MD5 LOGIN", "", tls13, password, "LOGIN"},
		{"CRAM-MD5", "", tls13, password, "CRAM-MD5"},
		{"XOAUTH2 GSSAPI", "", tls13, password, "USER"},
		{"", "", tls13, password, "USER"},
		{"", "", with(tls13, stamp), password, "USER"},
		// TLS, others
		{all, "", tls13, token, "OAUTHBEARER"},
		{"PLAIN XOAUTH2", "", tls12, token, "XOAUTH2"},
		{"PLAIN XOAUTH2", "", tls12, token | password, "XOAUTH2"},
		{"PLAIN", "", tls12, token | password, "PLAIN"},
		{"PLAIN LOGIN", "", tls12, token, "the server offers PLAIN, LOGIN, none of which works with an access token"},
		{"", "", tls12, token, "the server offers no SASL mechanism, none of which works with an access token"},
		{all, "", tls13, certificate, "EXTERNAL"},
		{all, "", tls13, certificate | password, "SCRAM-SHA-256-PLUS"},
		{all, "", tls13, certificate | token, "OAUTHBEARER"},
		{"PLAIN", "", tls13, certificate, "none of which works with a client certificate"},
		{all, "", tls13, 0, "no password, token or client certificate is configured"},
		// loopback: as under TLS, without binding
		{all, "", loopback, password, "SCRAM-SHA-256"},
		{"CRAM-MD5 PLAIN", "", with(loopback, stamp), password, "PLAIN"},
		{"", "", with(loopback, stamp), password, "APOP"},
		{"", "", loopback, password, "USER"},
		{"XOAUTH2", "", loopback, token, "XOAUTH2"},
		// cleartext
		{all, "", clear, password, "SCRAM-SHA-256"},
		{"PLAIN LOGIN SCRAM-SHA-1", "", clear, password, "SCRAM-SHA-1"},
		{"PLAIN LOGIN CRAM-MD5", "", with(clear, stamp), password, "CRAM-MD5"},
		{"PLAIN LOGIN", "", with(clear, stamp), password, "APOP"},
		{"PLAIN LOGIN", "", with(clear, "<ab\xff@h.test>"), password, no},
		{"PLAIN LOGIN", "", with(clear, "1896.697170952@h.test"), password, no},
		{"PLAIN LOGIN", "", clear, password, no},
		{"", "", clear, password, no},
		{"OAUTHBEARER XOAUTH2", "", clear, token, no},
		{"OAUTHBEARER XOAUTH2 CRAM-MD5", "", clear, token | password, "CRAM-MD5"},
		{"PLAIN", "", clear, token, "none of which works with an access token"},
		// allow_cleartext
		{"PLAIN LOGIN CRAM-MD5", "", allowed, password, "CRAM-MD5"},
		{"PLAIN LOGIN", "", with(allowed, stamp), password, "APOP"},
		{"LOGIN PLAIN", "", allowed, password, "PLAIN"},
		{"", "", allowed, password, "USER"},
		{"XOAUTH2", "", allowed, token, "XOAUTH2"},
		// by name
		{all, "PLAIN", tls13, password, "PLAIN"},
		{all, "PLAIN", clear, password, no},
		{all, "PLAIN", allowed, password, "PLAIN"},
		{all, "LOGIN", loopback, password, "LOGIN"},
		{all, "CRAM-MD5", tls13, password, "CRAM-MD5"},
		{all, "SCRAM-SHA-256", tls13, password, "SCRAM-SHA-256"},
		{all, "SCRAM-SHA-256-PLUS", tls12, password, "SCRAM-SHA-256-PLUS needs TLS 1.3"},
		{all, "EXTERNAL", tls13, certificate | password, "EXTERNAL"},
		{all, "EXTERNAL", tls13, password, "EXTERNAL needs a client certificate, and the account has a password"},
		{all, "EXTERNAL", loopback, certificate | password, "EXTERNAL"},
		{all, "EXTERNAL", clear, certificate, "EXTERNAL needs TLS"},
		{all, "", clear, certificate, "none of which works with a client certificate"},
		{all, "XOAUTH2", tls13, token, "XOAUTH2"},
		{all, "XOAUTH2", clear, token, no},
		{all, "XOAUTH2", tls13, password, "XOAUTH2 needs an access token, and the account has a password"},
		{all, "PLAIN", tls13, token, "PLAIN needs a password, and the account has an access token"},
		{"PLAIN LOGIN", "SCRAM-SHA-256", tls13, password, `the server offers PLAIN, LOGIN, not SCRAM-SHA-256 as auth = "scram-sha-256" asks`},
		{"", "PLAIN", tls13, password, `the server offers no SASL mechanism, not PLAIN as auth = "plain" asks`},
		{all, "GSSAPI", tls13, password, `auth = "gssapi" is not a mechanism that postie knows: use one of auto, external, oauthbearer`},
		{"", "USER", tls13, password, "USER"},
		{"PLAIN", "USER", clear, password, no},
		{"PLAIN", "USER", with(clear, stamp), password, "USER"},
		{"PLAIN", "APOP", with(clear, stamp), password, "APOP"},
		{"PLAIN", "USER", with(clear, stamp), token, "USER needs a password, and the account has an access token"},
		{"PLAIN", "APOP", with(clear, stamp), token, "APOP needs a password, and the account has an access token"},
		{"PLAIN", "APOP", loopback, password, "not APOP"},
		{"PLAIN", "APOP", tls13, password, "APOP is used without TLS only"},
		{"PLAIN", "LOGIN", tls13, password, "not LOGIN"},
		{"PLAIN", "LOGIN", imap(tls13), password, "USER"},
		{"PLAIN", "LOGIN", imap(clear), password, no},
	} {
		c.on.offered = strings.Fields(c.offered)
		got, err := choose(c.asked, c.on, c.held)
		switch {
		case c.want == no && !errors.As(err, new(*CleartextError)),
			c.want != no && err == nil && got != c.want,
			c.want != no && err != nil && !strings.Contains(err.Error(), c.want):
			t.Errorf("%+v asked %q with %v: %q, %v; not %s", c.on, c.asked, c.held, got, err, c.want)
		}
	}
}

// TestCleartextNeverChosen goes through every list a man in the middle could offer.
func TestCleartextNeverChosen(t *testing.T) {
	ms := mechanisms()
	for bits := range 1 << len(ms) {
		on := line{}
		for i, m := range ms {
			if bits&(1<<i) != 0 {
				on.offered = append(on.offered, m.name)
			}
		}
		for held := certificate; held <= certificate|token|password; held++ {
			name, err := choose("", on, held)
			if err == nil && ms[slices.IndexFunc(ms, func(m mechanism) bool { return m.name == name })].open {
				t.Fatalf("%v with %v: %s", on.offered, held, name)
			}
		}
	}
}

func TestLogin(t *testing.T) {
	state, _ := tlsPair(t, tls.VersionTLS12)
	plainOnly := []string{"PLAIN"}
	token := func(text string) func(context.Context) (string, error) {
		return func(context.Context) (string, error) { return text, nil }
	}
	for _, c := range []struct {
		name    string
		o       Options
		offered []string
		stamp   string
		state   *tls.ConnectionState
		want    string // mechanism, "pair", or part of an error
	}{
		{"plain", Options{Mechanism: " Auto ", Secret: fixed(word)}, []string{"plain"}, "", state, "PLAIN"},
		{"login", Options{Mechanism: "Login", Secret: fixed(word)}, []string{"LOGIN"}, "", state, "LOGIN"},
		{"cram", Options{Secret: fixed(word)}, []string{"CRAM-MD5"}, "", nil, "CRAM-MD5"},
		{"pair", Options{Secret: fixed(word)}, nil, "", state, "pair"},
		{"apop", Options{Secret: fixed(word)}, plainOnly, "<1@h>", nil, "pair"},
		{"loopback", Options{Secret: fixed(word), Loopback: true}, nil, "", nil, "pair"},
		{"imap's LOGIN", Options{Secret: fixed(word), Mechanism: "login", Protocol: "imap"}, plainOnly, "", state, "pair"},
		{"certificate", Options{ClientCertificate: true}, []string{"EXTERNAL"}, "", state, "EXTERNAL"},
		{"tunnel", Options{Mechanism: "external", Loopback: true}, []string{"EXTERNAL"}, "", nil, "EXTERNAL"},
		{"no tunnel", Options{Mechanism: "external"}, []string{"EXTERNAL"}, "", state, "no password, token or client certificate"},
		{"token", Options{Token: token(word)}, []string{"XOAUTH2", "OAUTHBEARER"}, "", state, "OAUTHBEARER"},
		{"token, Microsoft", Options{Token: token(word)}, []string{"PLAIN", "XOAUTH2"}, "", state, "XOAUTH2"},
		{"bad token", Options{Token: token(word + "\x01")}, []string{"XOAUTH2"}, "", state, "the access token is empty or has control characters in it"},
		{"no token", Options{Token: token("")}, []string{"XOAUTH2"}, "", state, "the access token is empty"},
		{"cleartext", Options{Secret: fixed(word), Host: "h.test"}, plainOnly, "", nil,
			`h.test is reached without TLS and offers PLAIN: to log in would show the password or token to everyone on the way; set tls = "implicit" or "starttls"`},
		{"failing source", Options{Secret: (&Source{Env: "POSTIE_NO_SUCH"}).Secret}, plainOnly, "", state, "password_env POSTIE_NO_SUCH: the variable is not set"},
		{"failing token", Options{Token: TokenCommand([]string{"false"}, nil, 0)}, []string{"XOAUTH2"}, "", state, "token_command false: exit status 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.User = "alice"
			l := NewLogin(c.o)
			client, user, password, err := l.Login(t.Context(), c.offered, c.stamp, c.state)
			conceal(t, "Login", show(l), word)
			if err != nil {
				conceal(t, "the error", show(err)+err.Error(), word)
				if client != nil || user != "" || password != "" || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, not %s", err, c.want)
				}
				return
			}
			if client == nil {
				if c.want != "pair" || user != "alice" || password != word {
					t.Errorf("a pair, not %s", c.want)
				}
				return
			}
			name, _, _ := client.Start()
			if name != c.want {
				t.Errorf("%s, not %s", name, c.want)
			}
			client.Next([]byte("<challenge@h>"))
			conceal(t, name, show(client), word)
		})
	}
}

// TestSecretIsNotAskedInVain: a list that was tampered with must not even lead to a question.
func TestSecretIsNotAskedInVain(t *testing.T) {
	l := NewLogin(Options{User: "alice", Host: "h.test", Secret: func(context.Context) (Secret, error) {
		t.Error("asked for the password")
		return NewSecret(word), nil
	}})
	_, _, _, err := l.Login(t.Context(), []string{"PLAIN", "LOGIN"}, "", nil)
	var cleartext *CleartextError
	if !errors.As(err, &cleartext) || cleartext.Host != "h.test" {
		t.Errorf("%v", err)
	}
}

func TestHints(t *testing.T) {
	state, _ := tlsPair(t, tls.VersionTLS13)
	finish := func(o Options, state *tls.ConnectionState, offered ...string) string {
		o.User, o.Secret = "alice", fixed(word)
		client, _, _, err := NewLogin(o).Login(t.Context(), offered, "", state)
		if err != nil {
			t.Fatal(err)
		}
		err = client.(interface{ Finish(error) error }).Finish(errTest)
		if !errors.Is(err, errTest) {
			t.Errorf("%v hides the server's answer", err)
		}
		return strings.TrimPrefix(err.Error(), errTest.Error())
	}
	for _, c := range []struct {
		got, want string
	}{
		{finish(Options{}, state, "SCRAM-SHA-256", "PLAIN"), ` (if the password is right, the server has no SCRAM secret for this account: set auth = "plain")`},
		{finish(Options{}, state, "SCRAM-SHA-1", "LOGIN"), ` (if the password is right, the server has no SCRAM secret for this account: set auth = "login")`},
		{finish(Options{}, state, "CRAM-MD5"), ` (if the password is right, the server has no CRAM secret for this account: set auth = "user")`},
		{finish(Options{}, state, "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN"), ` (if the password is right, the server has no SCRAM secret for this account, or something on the way takes TLS apart: try auth = "scram-sha-256", then auth = "plain")`},
		{finish(Options{Mechanism: "scram-sha-256"}, state, "SCRAM-SHA-256", "PLAIN"), ""},
		{finish(Options{}, state, "PLAIN"), ""},
		{finish(Options{}, nil, "SCRAM-SHA-256", "PLAIN"), ""}, // there is no other way in cleartext
	} {
		if c.got != c.want {
			t.Errorf("%q, not %q", c.got, c.want)
		}
	}
	client, _, _, _ := NewLogin(Options{Secret: fixed(word)}).Login(t.Context(), []string{"SCRAM-SHA-256", "PLAIN"}, "", state)
	if _, err := client.Next([]byte("e=other-error")); err == nil || !strings.Contains(err.Error(), `other-error (if the password is right`) {
		t.Errorf("%v", err)
	}
}

func TestRefusedTokenIsForgotten(t *testing.T) {
	state, _ := tlsPair(t, tls.VersionTLS12)
	forgotten := 0
	l := NewLogin(Options{
		User: "alice", Forget: func() { forgotten++ },
		Token: func(context.Context) (string, error) { return word, nil },
	})
	for _, verdict := range []error{nil, errTest} {
		var c sasl.Client
		c, _, _, err := l.Login(t.Context(), []string{"XOAUTH2"}, "", state)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.(interface{ Finish(error) error }).Finish(verdict); err != verdict {
			t.Errorf("%v", err)
		}
	}
	if forgotten != 1 {
		t.Errorf("forgotten %d times", forgotten)
	}
}
