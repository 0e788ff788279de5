package credential

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-sasl"
)

// Two mechanisms that are no SASL: the user and password pair, sent as they are (USER and PASS, IMAP's LOGIN) or hashed
// with the greeting's stamp (APOP). Both are ‘the pair’ to the protocol, which uses APOP when there is a stamp and no TLS.
const (
	userPass = "USER"
	apop     = "APOP"
)

// proof is what a mechanism proves the user with.
type proof uint8

const (
	certificate proof = 1 << iota
	token
	password
)

// mechanism is a row of the table that choose goes by.
type mechanism struct {
	name  string
	needs proof
	open  bool // who reads the line has the credential itself
	bound bool // needs channel binding
}

// mechanisms, strongest first, for a line that others cannot read: TLS, or loopback.
//
// SCRAM goes before PLAIN, because it tells a lying server nothing and makes it prove itself. CRAM-MD5 comes after PLAIN:
// under TLS it adds little, and many servers offer it for accounts of which they hold no suitable secret; it is taken only
// from a server that offers no better SASL. The pair is last: not every IMAP server with SASL still takes it.
func mechanisms() []mechanism {
	return []mechanism{
		{sasl.External, certificate, false, false},
		{sasl.OAuthBearer, token, true, false},
		{xoauth2, token, true, false},
		{scramSHA256Plus, password, false, true},
		{scramSHA256, password, false, false},
		{scramSHA1Plus, password, false, true},
		{scramSHA1, password, false, false},
		{sasl.Plain, password, true, false},
		{sasl.Login, password, true, false},
		{cramMD5, password, false, false},
		{apop, password, false, false},
		{userPass, password, true, false},
	}
}

// rank orders the table for a line: where it can be read, those that give nothing away go before those that do.
func rank(secure bool) []mechanism {
	ms := mechanisms()
	if !secure {
		slices.SortStableFunc(ms, func(a, b mechanism) int {
			switch {
			case a.open == b.open:
				return 0
			case b.open:
				return -1
			}
			return 1
		})
	}
	return ms
}

// Mechanisms returns the names that Options.Mechanism takes, in lower case, "auto" first.
func Mechanisms() []string {
	names := []string{"auto"}
	for _, m := range mechanisms() {
		names = append(names, strings.ToLower(m.name))
	}
	return names
}

// line is what choose knows about one connection.
type line struct {
	offered []string // SASL mechanisms, upper case
	stamp   string   // APOP
	tls     bool
	binding bool // TLS with channel binding
	private bool // nobody else can read it: TLS, loopback or a tunnel
	open    bool // the user allows credentials on a line that others can read
	imap    bool
}

// CleartextError says that a password or token would have gone over a line that others can read.
type CleartextError struct {
	Host      string
	Mechanism string   // the one asked for; "": any
	Offered   []string // what the server offers there
}

func (e *CleartextError) Error() string {
	return fmt.Sprintf("%s is reached without TLS and offers %s: to log in would show the password or token to everyone on the way; "+
		"set tls = \"implicit\" or \"starttls\" (or allow_cleartext = true, if that is meant)", e.Host, list(e.Offered))
}

// NotOfferedError says that the server offers no mechanism that can be used.
type NotOfferedError struct {
	Mechanism string   // the one asked for; "": any
	Offered   []string // what the server offers
	Held      string   // what the account has: "a password", …
}

func (e *NotOfferedError) Error() string {
	if e.Mechanism == "" {
		return fmt.Sprintf("the server offers %s, none of which works with %s", list(e.Offered), e.Held)
	}
	return fmt.Sprintf("the server offers %s, not %s as auth = %q asks", list(e.Offered), e.Mechanism, strings.ToLower(e.Mechanism))
}

// choose picks the mechanism: the one asked for ("": the strongest that the line and the credentials held allow).
func choose(asked string, l line, held proof) (string, error) {
	if held == 0 {
		return "", errors.New("no password, token or client certificate is configured")
	}
	if asked != "" {
		return choiceOf(asked, l, held)
	}
	cleartext := false
	for _, m := range rank(l.private) {
		if m.name == sasl.External && held != certificate {
			continue // a certificate may be there for TLS alone
		}
		switch err := m.fits(l, held); {
		case err == nil:
			return m.name, nil
		case errors.As(err, new(*CleartextError)):
			cleartext = true
		}
	}
	if cleartext {
		return "", &CleartextError{Offered: l.offered}
	}
	return "", &NotOfferedError{Offered: l.offered, Held: held.String()}
}

// choiceOf checks a mechanism that was asked for by name.
func choiceOf(asked string, l line, held proof) (string, error) {
	ms := mechanisms()
	i := slices.IndexFunc(ms, func(m mechanism) bool { return m.name == asked })
	if i < 0 {
		return "", fmt.Errorf("auth = %q is not a mechanism that postie knows: use one of %s",
			strings.ToLower(asked), strings.Join(Mechanisms(), ", "))
	}
	m := ms[i]
	if m.name == sasl.Login && l.imap && !slices.Contains(l.offered, sasl.Login) {
		m = ms[len(ms)-1] // what other clients call LOGIN is IMAP's LOGIN command, which needs no AUTH=LOGIN
	}
	return m.name, m.fits(l, held)
}

// fits says why m cannot be used on l with what is held; nil: it can.
func (m mechanism) fits(l line, held proof) error {
	switch {
	case m.name == apop && l.tls:
		return errors.New("APOP is used without TLS only: set auth = \"auto\"")
	case m.name == apop && !l.hashes(),
		m.name != apop && m.name != userPass && !slices.Contains(l.offered, m.name):
		return &NotOfferedError{m.name, l.offered, held.String()}
	case held&m.needs == 0:
		return fmt.Errorf("%s needs %v, and the account has %v", m.name, m.needs, held)
	case m.needs == certificate && !l.private:
		return fmt.Errorf("%s needs TLS with a client certificate", m.name)
	case m.bound && !l.binding:
		return fmt.Errorf("%s needs TLS 1.3", m.name)
	case m.name == userPass && l.hashes(): // the protocol makes it APOP
	case m.open && !l.private && !l.open:
		return &CleartextError{Mechanism: m.name, Offered: l.offered}
	}
	return nil
}

// hashes says whether the protocol makes APOP of the pair. A stamp that is no msg-id (RFC 1939 section 7) is none: bytes
// outside ASCII are how the MD5 collisions of CVE-2007-1558 draw the password out.
func (l line) hashes() bool {
	s := l.stamp
	return !l.tls && len(s) > 2 && s[0] == '<' && s[len(s)-1] == '>' &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

func (p proof) String() string {
	var names []string
	for i, name := range []string{"a client certificate", "an access token", "a password"} {
		if p&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " and ")
}

func list(offered []string) string {
	if len(offered) == 0 {
		return "no SASL mechanism"
	}
	return clean(strings.Join(offered, ", "))
}
