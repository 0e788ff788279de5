package credential

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/emersion/go-sasl"
)

// ErrUnproved: a mechanism in which the server proves itself too ended without that proof.
var ErrUnproved = errors.New("the server claims success without proof that it knows the password: not believed")

// client is one exchange of any mechanism. Its parts are closures, so that no way of printing it shows a secret.
//
// Beside sasl.Client it has Finish, which the protocol should ask for (interface{ Finish(error) error }) when the server
// has ended the exchange.
type client struct {
	name   string
	start  func() []byte // initial response; nil: the server speaks first
	next   func(challenge []byte) ([]byte, error)
	finish func(refused error) error // adds to a refusal; nil: nothing to add
	proved func() bool               // the server has proved itself; nil: the mechanism does not provide for that
	hint   string                    // what to try when the server refuses; "": nothing
	failed error                     // once Next has failed it stays so, whatever the server says then
}

func (c *client) Start() (mechanism string, initial []byte, err error) {
	if c.start != nil {
		initial = c.start()
	}
	return c.name, initial, nil
}

func (c *client) Next(challenge []byte) (response []byte, err error) {
	if c.failed != nil {
		return nil, c.failed
	}
	if c.next == nil {
		c.failed = sasl.ErrUnexpectedServerChallenge
		return nil, c.failed
	}
	response, c.failed = c.next(challenge)
	return response, c.failed
}

// Finish takes the server's verdict on the exchange, nil for success, and returns what is to be believed: an error when a
// server claims success without having proved itself (SCRAM), and a refusal with all that is known about its reason.
func (c *client) Finish(refused error) error {
	switch {
	case refused == nil && c.failed != nil:
		return c.failed
	case refused == nil && c.proved != nil && !c.proved():
		return ErrUnproved
	case refused == nil:
		return nil
	case c.finish != nil:
		refused = c.finish(refused)
	}
	return c.hinted(refused)
}

func (c *client) hinted(refused error) error {
	if c.hint == "" {
		return refused
	}
	return fmt.Errorf("%w (%s)", refused, c.hint)
}

// plain is RFC 4616.
func plain(user string, password Secret) *client {
	return &client{name: sasl.Plain, start: func() []byte {
		_, initial, _ := sasl.NewPlainClient("", user, password.Reveal()).Start() // never fails
		return initial
	}}
}

// external is RFC 4422 appendix A: the client certificate is the proof. The user is named because servers that map a
// certificate to several accounts, Dovecot among them, want to know which.
func external(user string) *client {
	return &client{name: sasl.External, start: func() []byte { return []byte(user) }}
}

// login is draft-murchison-sasl-login. The first prompt is for the user and the second for the password, whatever they
// say: Exchange, Courier and others word them in their own way, where go-sasl's client knows one wording.
func login(user string, password Secret) *client {
	asked := 0
	return &client{name: sasl.Login, next: func([]byte) ([]byte, error) {
		asked++
		switch asked {
		case 1:
			return []byte(user), nil
		case 2:
			return []byte(password.Reveal()), nil
		}
		return nil, sasl.ErrUnexpectedServerChallenge
	}}
}

const cramMD5 = "CRAM-MD5"

// cram is RFC 2195.
func cram(user string, password Secret) *client {
	asked := false
	return &client{name: cramMD5, next: func(challenge []byte) ([]byte, error) {
		if asked || len(challenge) == 0 {
			return nil, sasl.ErrUnexpectedServerChallenge
		}
		asked = true
		mac := hmac.New(md5.New, []byte(password.Reveal()))
		mac.Write(challenge)
		return []byte(user + " " + hex.EncodeToString(mac.Sum(nil))), nil
	}}
}
