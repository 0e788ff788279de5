package credential

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/emersion/go-sasl"

	"postie/cmd/postie/internal/answer"
)

// Options says how an account logs in.
type Options struct {
	User      string
	Host      string // as configured; OAUTHBEARER and errors name it
	Port      int    // OAUTHBEARER names it; 0: left out
	Protocol  string // "pop3" or "imap"
	Mechanism string // "auto" or "", or a name as in Mechanisms, in any case

	Secret func(context.Context) (Secret, error) // the password, a Source's Secret; nil: there is none
	Token  func(context.Context) (string, error) // a fresh access token, from OAuth or TokenCommand; nil: there is none
	Forget func()                                // told that the server refused what Secret or Token gave; may be nil

	Secrets *Secrets // learns what is sent to the server, which may repeat it; may be nil

	AllowCleartext    bool // allow_cleartext = true
	Loopback          bool // the line never leaves this machine, or is a tunnel: as good as TLS
	ClientCertificate bool // TLS shows one
}

// Login answers a protocol that wants to log in. It may be used by several connections at once.
type Login struct {
	o Options

	mu   sync.Mutex
	sent Secret // the last password or token that was given out
}

func NewLogin(o Options) *Login { return &Login{o: o} }

// Renewed asks for the password or token once more, and says whether it is another one than the last that was given out. No server is
// asked: one that has refused it would count a try. Errors: what Secret or Token returned.
func (l *Login) Renewed(ctx context.Context) (bool, error) {
	var now Secret
	var err error
	if l.o.Forget != nil {
		l.o.Forget()
	}
	if l.o.Token != nil {
		var text string
		text, err = l.o.Token(ctx)
		now = NewSecret(text)
	} else if l.o.Secret != nil {
		now, err = l.o.Secret(ctx)
	}
	l.o.Secrets.Learn(now)
	l.mu.Lock()
	defer l.mu.Unlock()
	return err == nil && now.Reveal() != l.sent.Reveal(), err
}

// send notes what is given out.
func (l *Login) send(s Secret) {
	l.o.Secrets.Learn(s)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = s
}

// Login picks a mechanism out of those that the server offers and returns a client for it, or a user and password to be
// sent as such: with APOP when there is a stamp and no TLS, else as they are. state is nil without TLS. The client also
// has a method Finish(error) error, to be called with the server's verdict; what it returns is to be believed.
//
// Errors: *CleartextError, *NotOfferedError, or what Secret or Token returned. Neither of the two is asked before a
// mechanism was found.
func (l *Login) Login(ctx context.Context, mechanisms []string, stamp string, state *tls.ConnectionState) (sasl.Client, string, string, error) {
	on, bind := l.line(mechanisms, stamp, state)
	name, err := choose(l.asked(), on, l.held())
	if err != nil {
		var cleartext *CleartextError
		if errors.As(err, &cleartext) {
			cleartext.Host = l.o.Host
		}
		return nil, "", "", err
	}
	switch name {
	case sasl.External:
		return external(l.o.User), "", "", nil
	case xoauth2, sasl.OAuthBearer:
		return l.bearer(ctx, name)
	}
	secret, err := l.o.Secret(ctx)
	l.send(secret)
	switch {
	case err != nil:
		return nil, "", "", err
	case name == userPass, name == apop:
		return nil, l.o.User, secret.Reveal(), nil
	}
	c := l.withPassword(name, secret, bind)
	if l.asked() == "" {
		c.hint = hint(name, on)
	}
	return c, "", "", nil
}

// Another says whether another mechanism is to be tried after one that the server offers and has refused: not when the answer
// is about user, password or token, or will be the same for each mechanism, and not when the user asked for one.
func (l *Login) Another(refused error, code, text string) bool {
	var token *ChallengeError
	if l.asked() != "" || errors.As(refused, &token) {
		return false
	}
	m := answer.Of(code, text).Meaning
	return m != answer.WrongPassword && !m.Passing()
}

// line describes the connection to choose and to SCRAM.
func (l *Login) line(mechanisms []string, stamp string, state *tls.ConnectionState) (line, binding) {
	on := line{
		stamp: stamp, tls: state != nil, private: state != nil || l.o.Loopback,
		open: l.o.AllowCleartext, imap: l.o.Protocol == "imap",
	}
	for _, name := range mechanisms {
		on.offered = append(on.offered, strings.ToUpper(name))
	}
	bind := binding{data: bindingOf(state)}
	bind.offered = slices.ContainsFunc(on.offered, func(name string) bool {
		return strings.HasPrefix(name, "SCRAM-") && strings.HasSuffix(name, "-PLUS")
	})
	on.binding = bind.data.IsSupported()
	return on, bind
}

// asked is the mechanism that the user wants, in upper case; "": any.
func (l *Login) asked() string {
	name := strings.ToUpper(strings.TrimSpace(l.o.Mechanism))
	if name == "AUTO" {
		return ""
	}
	return name
}

// held says what the account could prove itself with.
func (l *Login) held() (p proof) {
	// A server that is reached through a tunnel or on this machine may know the user by other means than a certificate.
	if l.o.ClientCertificate || l.o.Loopback && l.asked() == sasl.External {
		p |= certificate
	}
	if l.o.Token != nil {
		p |= token
	}
	if l.o.Secret != nil {
		p |= password
	}
	return p
}

func (l *Login) bearer(ctx context.Context, name string) (sasl.Client, string, string, error) {
	text, err := l.o.Token(ctx)
	if err != nil {
		return nil, "", "", err
	}
	// A control character would end the message early (RFC 7628 section 3.1).
	if text == "" || strings.ContainsFunc(text, unicode.IsControl) {
		return nil, "", "", errors.New("the access token is empty or has control characters in it")
	}
	l.send(NewSecret(text))
	c := xoauth2Client(l.o.User, NewSecret(text))
	if name == sasl.OAuthBearer {
		c = oauthBearer(l.o.User, l.o.Host, l.o.Port, NewSecret(text))
	}
	tell := c.finish
	c.finish = func(refused error) error {
		if l.o.Forget != nil {
			l.o.Forget() // so that the next connection brings a new one
		}
		return tell(refused)
	}
	return c, "", "", nil
}

func (l *Login) withPassword(name string, secret Secret, bind binding) *client {
	switch name {
	case sasl.Plain:
		return plain(l.o.User, secret)
	case sasl.Login:
		return login(l.o.User, secret)
	case cramMD5:
		return cram(l.o.User, secret)
	}
	return scramClient(name, l.o.User, secret, bind, nil)
}

// hint says what may be behind the refusal of a mechanism that postie picked itself.
func hint(name string, on line) string {
	switch {
	case name == sasl.Plain || name == sasl.Login || !on.private:
		return ""
	case strings.HasSuffix(name, "-PLUS"):
		return fmt.Sprintf("if the password is right, the server has no SCRAM secret for this account, or something on the way "+
			"takes TLS apart: try auth = %q, then auth = %q", strings.ToLower(strings.TrimSuffix(name, "-PLUS")), plainer(on))
	}
	family, _, _ := strings.Cut(name, "-")
	return fmt.Sprintf("if the password is right, the server has no %s secret for this account: set auth = %q", family, plainer(on))
}

// plainer is the simplest way to send the password that the server offers.
func plainer(on line) string {
	for _, name := range []string{sasl.Plain, sasl.Login} {
		if slices.Contains(on.offered, name) {
			return strings.ToLower(name)
		}
	}
	return "user"
}
