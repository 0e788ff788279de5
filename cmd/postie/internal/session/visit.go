package session

import (
	"context"
	"crypto/tls"

	"github.com/emersion/go-sasl"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/credential"
	"postie/cmd/postie/internal/exit"
	"postie/imap"
	"postie/pop3"
)

// Visit is one login, for what it tells: init and login try a secret by it, check reports it.
type Visit struct {
	POP3 *pop3.Session // one of these two is set, after a success
	IMAP *imap.Session

	// What is known also when the login failed.
	Asked     bool                 // the server was ready for a login
	State     *tls.ConnectionState // nil: cleartext
	Offered   []string             // SASL mechanisms
	Mechanism string               // the one that was taken; "": none was
	login     pop3.Login           // the account's own
}

// Visit connects and logs in. The visit is never nil; the caller closes it.
func (o Options) Visit(ctx context.Context, account config.Account, terminal *credential.Terminal) (*Visit, error) {
	v := &Visit{}
	if account.Protocol == config.POP3 {
		s, err := o.POP3(ctx, account, terminal)
		if err == nil {
			v.login, s.Login = s.Login, v
			v.POP3, err = pop3.Connect(ctx, s)
		}
		return v, exit.Cause(ctx, err)
	}
	s, err := o.IMAP(ctx, account, terminal)
	if err == nil {
		v.login, s.Login = s.Login, v
		v.IMAP, err = imap.Connect(ctx, s)
	}
	return v, exit.Cause(ctx, err)
}

// Login stands between protocol and credential, and notes what passes.
func (v *Visit) Login(ctx context.Context, mechanisms []string, stamp string, state *tls.ConnectionState) (sasl.Client, string, string, error) {
	v.Asked, v.Offered, v.State = true, mechanisms, state
	client, user, password, err := v.login.Login(ctx, mechanisms, stamp, state)
	switch {
	case err != nil:
	case client != nil:
		client = &noted{client, v}
	case stamp != "" && state == nil:
		v.Mechanism = "APOP"
	default:
		v.Mechanism = "user and password"
	}
	return client, user, password, err
}

// Another says what the account's own login says.
func (v *Visit) Another(refused error, code, text string) bool {
	a, ok := v.login.(pop3.Another)
	return ok && a.Another(refused, code, text)
}

// noted notes the mechanism that a client begins with.
type noted struct {
	sasl.Client
	visit *Visit
}

func (n *noted) Start() (mechanism string, response []byte, err error) {
	mechanism, response, err = n.Client.Start()
	n.visit.Mechanism = mechanism
	return mechanism, response, err
}

// Finish has the last word, where the client has one.
func (n *noted) Finish(err error) error {
	if last, ok := n.Client.(interface{ Finish(error) error }); ok {
		return last.Finish(err)
	}
	return err
}

// End ends the session politely, so that a POP3 maildrop is free for the next one.
func (v *Visit) End(ctx context.Context) {
	if v.POP3 != nil {
		v.POP3.Quit(ctx)
		v.POP3.Close()
	}
	if v.IMAP != nil {
		v.IMAP.Logout(ctx)
		v.IMAP.Close()
	}
}
