package pop3test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"github.com/emersion/go-sasl"
)

// auth holds a SASL exchange (RFC 5034 section 4); false ends the session.
func (c *session) auth(arg string) bool {
	name, initial, hasInitial := strings.Cut(arg, " ")
	if hasInitial && c.s.o.NoInitial {
		c.no("Protocol error. Connection is closed. 10")
		return false
	}
	var user string
	mechanism := c.mechanism(strings.ToUpper(name), &user)
	if mechanism == nil {
		c.no("unknown mechanism")
		return true
	}
	var response []byte // nil: none yet; then a mechanism answers with an empty challenge
	var err error
	if hasInitial {
		response, err = decode(initial)
	}
	for err == nil {
		var challenge []byte
		var done bool
		if challenge, done, err = mechanism.Next(response); err != nil {
			break
		}
		if done {
			c.enter(user, func(string) bool { return true })
			return true
		}
		c.reply("+ " + base64.StdEncoding.EncodeToString(challenge))
		line, ok := c.readLine()
		if !ok {
			return false
		}
		response, err = decode(line)
	}
	c.no("[AUTH] %v", err)
	return true
}

// decode reads a response: "=" is an empty initial one, "*" gives up.
func decode(text string) ([]byte, error) {
	switch text {
	case "*":
		return nil, errors.New("cancelled")
	case "", "=":
		return []byte{}, nil
	}
	return base64.StdEncoding.DecodeString(text)
}

// mechanism makes the server side of one that is offered, or nil. It sets user when it ends well.
func (c *session) mechanism(name string, user *string) sasl.Server {
	check := func(_, name, password string) error {
		*user = name
		if !c.s.check(name, func(right string) bool { return password == right }) {
			return errors.New("wrong user or password")
		}
		return nil
	}
	if !slices.Contains(c.s.o.mechanisms(), name) {
		return nil
	}
	switch name {
	case "PLAIN":
		return sasl.NewPlainServer(check)
	case "LOGIN":
		return &loginServer{check: check}
	case "XOAUTH2":
		return &xoauth2Server{check: check}
	}
	return nil
}

// loginServer is LOGIN: two prompts.
type loginServer struct {
	check sasl.PlainAuthenticator
	user  []byte
}

func (l *loginServer) Next(response []byte) ([]byte, bool, error) {
	switch {
	case response == nil:
		return []byte("Username:"), false, nil
	case l.user == nil:
		l.user = response
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check("", string(l.user), string(response))
}

// xoauth2Server is Google's XOAUTH2: a refusal comes as a challenge of JSON, and as an error after the answer to it.
type xoauth2Server struct {
	check   sasl.PlainAuthenticator
	refusal error
}

func (x *xoauth2Server) Next(response []byte) ([]byte, bool, error) {
	if x.refusal != nil {
		return nil, false, x.refusal
	}
	if response == nil {
		return []byte{}, false, nil
	}
	user, rest, _ := bytes.Cut(bytes.TrimPrefix(response, []byte("user=")), []byte("\x01"))
	token := bytes.TrimSuffix(bytes.TrimPrefix(rest, []byte("auth=Bearer ")), []byte("\x01\x01"))
	if x.refusal = x.check("", string(user), string(token)); x.refusal != nil {
		return []byte(`{"status":"400","schemes":"Bearer","scope":"https://mail.example/"}`), false, nil
	}
	return nil, true, nil
}
