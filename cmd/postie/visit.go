package main

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

// visit is one login, for what it tells: init and login try a secret by it, check reports it.
type visit struct {
	pop3 *pop3.Session // one of these two is set, after a success
	imap *imap.Session

	// What is known also when the login failed.
	asked     bool                 // the server was ready for a login
	state     *tls.ConnectionState // nil: cleartext
	offered   []string             // SASL mechanisms
	mechanism string               // the one that was taken; "": none was
	login     pop3.Login           // the account's own
}

// visit connects and logs in. The visit is never nil; the caller closes it.
func (a *app) visit(ctx context.Context, account config.Account, terminal *credential.Terminal) (*visit, error) {
	v := &visit{}
	if account.Protocol == config.POP3 {
		o, err := a.pop3Options(account, terminal)
		if err == nil {
			v.login, o.Login = o.Login, v
			v.pop3, err = pop3.Connect(ctx, o)
		}
		return v, exit.Cause(ctx, err)
	}
	o, err := a.imapOptions(account, terminal)
	if err == nil {
		v.login, o.Login = o.Login, v
		v.imap, err = imap.Connect(ctx, o)
	}
	return v, exit.Cause(ctx, err)
}

// Login stands between protocol and credential, and notes what passes.
func (v *visit) Login(ctx context.Context, mechanisms []string, stamp string, state *tls.ConnectionState) (sasl.Client, string, string, error) {
	v.asked, v.offered, v.state = true, mechanisms, state
	client, user, password, err := v.login.Login(ctx, mechanisms, stamp, state)
	switch {
	case err != nil:
	case client != nil:
		client = &noted{client, v}
	case stamp != "" && state == nil:
		v.mechanism = "APOP"
	default:
		v.mechanism = "user and password"
	}
	return client, user, password, err
}

// noted notes the mechanism that a client begins with.
type noted struct {
	sasl.Client
	visit *visit
}

func (n *noted) Start() (mechanism string, response []byte, err error) {
	mechanism, response, err = n.Client.Start()
	n.visit.mechanism = mechanism
	return mechanism, response, err
}

// Finish has the last word, where the client has one.
func (n *noted) Finish(err error) error {
	if last, ok := n.Client.(interface{ Finish(error) error }); ok {
		return last.Finish(err)
	}
	return err
}

// close ends the session politely, so that a POP3 maildrop is free for the next one.
func (v *visit) close(ctx context.Context) {
	if v.pop3 != nil {
		v.pop3.Quit(ctx)
		v.pop3.Close()
	}
	if v.imap != nil {
		v.imap.Logout(ctx)
		v.imap.Close()
	}
}
