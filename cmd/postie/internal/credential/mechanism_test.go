package credential

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/xdg-go/scram"
)

// step is one answer that is expected of a client: to a challenge, or, first, the initial response.
type step struct {
	challenge string
	response  string
	fails     string
}

// exchange plays challenges to a client and compares what it says.
func exchange(t *testing.T, c sasl.Client, name string, initial any, steps ...step) {
	t.Helper()
	mechanism, ir, err := c.Start()
	if mechanism != name || err != nil {
		t.Errorf("Start: %s, %v", mechanism, err)
	}
	switch want, ok := initial.(string); {
	case ok && (ir == nil || string(ir) != want):
		t.Errorf("initial response %q, not %q", ir, want)
	case !ok && ir != nil:
		t.Errorf("initial response %q, not none", ir)
	}
	for _, s := range steps {
		response, err := c.Next([]byte(s.challenge))
		switch {
		case s.fails == "" && (err != nil || response == nil || string(response) != s.response):
			t.Errorf("to %q: %q, %v; not %q", s.challenge, response, err, s.response)
		case s.fails != "" && (err == nil || !strings.Contains(err.Error(), s.fails)):
			t.Errorf("to %q: %q, %v; not the error %q", s.challenge, response, err, s.fails)
		}
	}
}

func unbase64(t *testing.T, text string) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const unexpected = "unexpected server challenge"

func TestExchanges(t *testing.T) {
	secret := NewSecret("tanstaaftanstaaf")
	t.Run("PLAIN", func(t *testing.T) { // RFC 4616 section 4
		exchange(t, plain("tim", secret), "PLAIN", "\x00tim\x00tanstaaftanstaaf", step{"", "", unexpected})
	})
	t.Run("EXTERNAL", func(t *testing.T) {
		exchange(t, external("tim"), "EXTERNAL", "tim", step{"", "", unexpected})
		exchange(t, external(""), "EXTERNAL", "")
	})
	for _, prompts := range [][2]string{{"Username:", "Password:"}, {"User Name\x00", "Password\x00"}, {"", ""}, {"Benutzer", "Kennwort"}} {
		t.Run("LOGIN "+prompts[0], func(t *testing.T) {
			exchange(t, login("tim", secret), "LOGIN", nil, step{prompts[0], "tim", ""},
				step{prompts[1], "tanstaaftanstaaf", ""}, step{"more?", "", unexpected})
		})
	}
	t.Run("CRAM-MD5", func(t *testing.T) { // RFC 2195 section 2
		exchange(t, cram("tim", secret), "CRAM-MD5", nil,
			step{"<1896.697170952@postoffice.reston.mci.net>", "tim b913a602c7eda7a495b4e6e7334d3890", ""},
			step{"<again@x>", "", unexpected})
		exchange(t, cram("tim", secret), "CRAM-MD5", nil, step{"", "", unexpected}, step{"<later@x>", "", unexpected})
	})
	t.Run("OAUTHBEARER", func(t *testing.T) { // RFC 7628 sections 4.1 and 4.3
		initial := unbase64(t, "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2c9PQEB")
		failure := unbase64(t, "eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJleGFtcGxlX3Njb3BlIiwib3BlbmlkLWNvbmZpZ3VyYXRpb24iOiJodHRwczovL2V4YW1wbGUuY29tLy53ZWxsLWtub3duL29wZW5pZC1jb25maWd1cmF0aW9uIn0=")
		c := oauthBearer("user@example.com", "server.example.com", 143, NewSecret("vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg=="))
		exchange(t, c, "OAUTHBEARER", initial, step{failure, "\x01", ""}, step{failure, "", unexpected})
		var told *ChallengeError
		if err := c.Finish(errTest); !errors.As(err, &told) || !errors.Is(err, errTest) || told.Status != "invalid_token" ||
			err.Error() != "the server refuses the access token as expired, revoked or issued for something else than mail (status invalid_token example_scope): -ERR authentication failed" {
			t.Errorf("%v", err)
		}
		exchange(t, oauthBearer("a=b,c", "h", 0, NewSecret("T")), "OAUTHBEARER", "n,a=a=3Db=2Cc,\x01host=h\x01auth=Bearer T\x01\x01")
	})
	t.Run("XOAUTH2", func(t *testing.T) { // developers.google.com/gmail/imap/xoauth2-protocol
		initial := unbase64(t, "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==")
		failure := unbase64(t, "eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIG1hYyIsInNjb3BlIjoiaHR0cHM6Ly9tYWlsLmdvb2dsZS5jb20vIn0K")
		c := xoauth2Client("someuser@example.com", NewSecret("ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"))
		exchange(t, c, "XOAUTH2", initial, step{failure, "", ""})
		if err := c.Finish(errTest); err == nil || !strings.HasSuffix(err.Error(), "(status 401 https://mail.google.com/): -ERR authentication failed") {
			t.Errorf("%v", err)
		}
		if err := xoauth2Client("u", NewSecret("t")).Finish(errTest); err != errTest { // Microsoft sends no challenge
			t.Errorf("%v", err)
		}
	})
}

func TestChallengeSentences(t *testing.T) {
	for challenge, want := range map[string]string{
		`{"status":401}`: "the server refuses the access token as expired, revoked or issued for something else than mail (status 401)",
		`{"status":"insufficient_scope","scope":"mail"}`: "the access token does not cover mail access (status insufficient_scope): it needs the scope mail",
		`{"status":"400","schemes":"Bearer"}`:            "the server takes the token for malformed or for another user’s (status 400)",
		`{"status":"temporary\u001b[2J"}`:                "the server refuses the access token (status temporary[2J)",
		"no\x1b JSON\r\n":                                "the server refuses the access token: no JSON",
		`{}`:                                             "the server refuses the access token: {}",
	} {
		if got := parseChallenge("XOAUTH2", []byte(challenge)).Error(); got != want {
			t.Errorf("%s: %s", challenge, got)
		}
	}
}

func TestScramVectors(t *testing.T) {
	for _, c := range []struct{ name, first, challenge, final, verdict string }{
		{"SCRAM-SHA-1", "fyko+d2lbbFgONRv9qkxdawL", // RFC 5802 section 5
			"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
			"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
		{"SCRAM-SHA-256", "rOprNGfwEbeRWgbNEkqO", // RFC 7677 section 3
			"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
			"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
			"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
	} {
		fresh := func() *client {
			return scramClient(c.name, "user", NewSecret("pencil"), binding{}, func() string { return c.first })
		}
		initial, answer := "n,,n=user,r="+c.first, step{c.challenge, c.final, ""}
		lie := "v=" + base64.StdEncoding.EncodeToString(make([]byte, 32))
		for name, rest := range map[string]struct {
			steps  []step
			finish string // error of Finish(nil); "": none
		}{
			"proved":                {[]step{answer, {c.verdict, "", ""}}, ""},
			"proved and more":       {[]step{answer, {c.verdict, "", ""}, {c.verdict, "", unexpected}}, unexpected},
			"no proof":              {[]step{answer}, ErrUnproved.Error()},
			"no exchange":           {nil, ErrUnproved.Error()},
			"empty proof":           {[]step{answer, {"v=", "", "validation failed"}}, "validation failed"},
			"lie":                   {[]step{answer, {lie, "", "validation failed"}}, "validation failed"},
			"lie, then the truth":   {[]step{answer, {lie, "", "validation failed"}, {c.verdict, "", "validation failed"}}, "validation failed"},
			"nothing instead":       {[]step{answer, {"", "", "error parsing"}}, "error parsing"},
			"nonce of another":      {[]step{{"r=xyz,s=QSXCR+Q6sek8bf92,i=4096", "", "nonce"}, {"v=", "", "nonce"}}, "nonce"},
			"too few rounds":        {[]step{{strings.Replace(c.challenge, "4096", "1", 1), "", "too few iterations"}}, "too few"},
			"rounds without end":    {[]step{{strings.Replace(c.challenge, "4096", "2147483647", 1), "", "more than 10000000"}}, "more than"},
			"rounds beyond numbers": {[]step{{strings.Replace(c.challenge, "4096", "99999999999999999999", 1), "", "more than 10000000"}}, "more than"},
			"server error":          {[]step{answer, {"e=unknown-user", "", "the server ends the exchange: unknown-user"}}, "unknown-user"},
		} {
			t.Run(c.name+" "+name, func(t *testing.T) {
				client := fresh()
				exchange(t, client, c.name, initial, rest.steps...)
				switch err := client.Finish(nil); {
				case rest.finish == "" && err != nil, rest.finish != "" && (err == nil || !strings.Contains(err.Error(), rest.finish)):
					t.Errorf("Finish: %v, not %q", err, rest.finish)
				}
				if err := client.Finish(errTest); err != errTest {
					t.Errorf("a refusal: %v", err)
				}
			})
		}
	}
}

// scramServer answers for user/secret; cb as the server sees its side of TLS.
func scramServer(t *testing.T, hash scram.HashGeneratorFcn, secret string, cb scram.ChannelBinding) *scram.ServerConversation {
	t.Helper()
	server, err := hash.NewServer(func(user string) (scram.StoredCredentials, error) {
		c, err := hash.NewClientUnprepped(user, secret, "")
		if err != nil {
			return scram.StoredCredentials{}, err
		}
		return c.GetStoredCredentialsWithError(scram.KeyFactors{Salt: "salt", Iters: 4096})
	})
	if err != nil {
		t.Fatal(err)
	}
	if cb.IsSupported() {
		return server.NewConversationWithChannelBinding(cb)
	}
	return server.NewConversation()
}

// converse runs a client against a SCRAM server and returns what Finish says of its success.
func converse(t *testing.T, c sasl.Client, server *scram.ServerConversation) (initial string, err error) {
	t.Helper()
	_, ir, err := c.Start()
	if err != nil {
		t.Fatal(err)
	}
	message := ir
	for range 2 {
		said, err := server.Step(string(message))
		if err != nil {
			return string(ir), err
		}
		if message, err = c.Next([]byte(said)); err != nil {
			return string(ir), err
		}
	}
	if len(message) != 0 {
		t.Errorf("answers the proof with %q", message)
	}
	return string(ir), c.(interface{ Finish(error) error }).Finish(nil)
}

func TestScramOverTLS(t *testing.T) {
	client13, server13 := tlsPair(t, tls.VersionTLS13)
	_, other13 := tlsPair(t, tls.VersionTLS13)
	client12, server12 := tlsPair(t, tls.VersionTLS12)
	none := scram.ChannelBinding{}
	for _, c := range []struct {
		name     string
		offered  []string
		asked    string
		ours     *tls.ConnectionState
		theirs   scram.ChannelBinding // what the server binds to
		begins   string
		fails    string
		hash     scram.HashGeneratorFcn
		password string
	}{
		{"bound", []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN"}, "", client13, bindingOf(server13), "p=tls-exporter,,n=", "", scram.SHA256, "pencil"},
		{"bound, SHA-1", []string{"SCRAM-SHA-1-PLUS", "PLAIN"}, "", client13, bindingOf(server13), "p=tls-exporter,,n=", "", scram.SHA1, "pencil"},
		{"man in the middle", []string{"SCRAM-SHA-256-PLUS", "PLAIN"}, "", client13, bindingOf(other13), "p=tls-exporter,,n=", "channel binding mismatch", scram.SHA256, "pencil"},
		{"PLUS cut out of the list", []string{"scram-sha-256", "PLAIN"}, "", client13, bindingOf(server13), "y,,n=", "downgrade", scram.SHA256, "pencil"},
		{"server without PLUS", []string{"SCRAM-SHA-256", "PLAIN"}, "", client13, none, "y,,n=", "", scram.SHA256, "pencil"},
		{"PLUS declined by the user", []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"}, "scram-sha-256", client13, bindingOf(server13), "n,,n=", "", scram.SHA256, "pencil"},
		{"TLS 1.2", []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN"}, "", client12, bindingOf(server12), "n,,n=", "", scram.SHA256, "pencil"},
		{"no TLS", []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN"}, "", nil, none, "n,,n=", "", scram.SHA256, "pencil"},
		{"a password that SASLprep refuses", []string{"SCRAM-SHA-256"}, "", client13, none, "y,,n=", "", scram.SHA256, "pass\u0007🐌"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := NewLogin(Options{User: "alice", Mechanism: c.asked, Secret: fixed(c.password)})
			client, _, _, err := l.Login(t.Context(), c.offered, "", c.ours)
			if err != nil {
				t.Fatal(err)
			}
			initial, err := converse(t, client, scramServer(t, c.hash, c.password, c.theirs))
			if !strings.HasPrefix(initial, c.begins) {
				t.Errorf("begins %q", initial)
			}
			if c.fails == "" && err != nil || c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
				t.Errorf("%v, not %q", err, c.fails)
			}
		})
	}
	if data := bindingOf(client13).Data; len(data) != 32 { // RFC 9266 section 2
		t.Errorf("binding of %d octets", len(data))
	}
}

func TestPlainAgainstServer(t *testing.T) {
	var got [3]string
	server := sasl.NewPlainServer(func(identity, user, password string) error {
		got = [3]string{identity, user, password}
		return nil
	})
	_, ir, _ := plain("alice", NewSecret(word)).Start()
	if _, done, err := server.Next(ir); !done || err != nil || got != [3]string{"", "alice", word} {
		t.Errorf("%v, %v, %q", done, err, got)
	}
}

func fixed(text string) func(context.Context) (Secret, error) {
	return func(context.Context) (Secret, error) { return NewSecret(text), nil }
}

func FuzzScram(f *testing.F) {
	f.Add("r=abcdef,s=QSXCR+Q6sek8bf92,i=4096", "v=")
	f.Add("e=no", "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=")
	f.Add("r=abc,s=,i=-1,m=x", "")
	f.Fuzz(func(t *testing.T, first, final string) {
		first = strings.ReplaceAll(first, "i=", "i=0") // also a leading zero
		c := scramClient(scramSHA256, "user", NewSecret(word), binding{}, func() string { return "abc" })
		c.Start()
		for _, challenge := range []string{first, final} {
			if _, err := c.Next([]byte(challenge)); err != nil && strings.Contains(err.Error(), word) {
				t.Error(err)
			}
		}
		if c.Finish(nil) == nil {
			t.Errorf("believed after %q, %q", first, final)
		}
	})
}

func FuzzChallenge(f *testing.F) {
	f.Add([]byte(`{"status":"401","scope":"x"}`))
	f.Add([]byte(`{"status":[1,{"a":null}]}`))
	f.Fuzz(func(t *testing.T, challenge []byte) {
		text := parseChallenge(xoauth2, challenge).Error()
		if strings.ContainsAny(text, "\x00\x1b\r\n") {
			t.Errorf("%q", text)
		}
	})
}
