package credential

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"

	"postie/testdata/dovecot"
)

// A session offers mechanisms and takes what Login decides.
type session interface {
	mechanisms(t *testing.T) []string
	sasl(c sasl.Client) error
	pair(user, password string) error
}

// overIMAP is not go-imap's client: that sends an empty response as ‘=’, which is the form of an empty initial response
// only (RFC 4959 section 3), and Dovecot calls it bad base64.
type overIMAP struct{ *textproto.Conn }

func (s overIMAP) mechanisms(t *testing.T) (names []string) {
	greeting, err := s.ReadLine()
	if err != nil || !strings.HasPrefix(greeting, "* OK [CAPABILITY ") {
		t.Fatal(greeting, err)
	}
	for _, word := range strings.Fields(strings.Split(greeting, "]")[0]) {
		if name, is := strings.CutPrefix(word, "AUTH="); is {
			names = append(names, name)
		}
	}
	return names
}

func (s overIMAP) pair(user, password string) error {
	if err := s.PrintfLine("a LOGIN %s \"%s\"", user, password); err != nil {
		return err
	}
	_, _, err := s.reply()
	return err
}

func (s overIMAP) sasl(c sasl.Client) error {
	return converseSASL(c, "a AUTHENTICATE ", s.Conn, s.reply)
}

func (s overIMAP) reply() (challenge string, more bool, err error) {
	for {
		line, err := s.ReadLine()
		switch {
		case err != nil:
			return "", false, err
		case strings.HasPrefix(line, "* "):
		case strings.HasPrefix(line, "+ "):
			return line[2:], true, nil
		case strings.HasPrefix(line, "a OK"):
			return "", false, nil
		default:
			return "", false, errors.New(line)
		}
	}
}

type overPOP3 struct{ *textproto.Conn }

func (s overPOP3) mechanisms(t *testing.T) (names []string) {
	greeting, err := s.ReadLine()
	if err != nil || !strings.HasPrefix(greeting, "+OK") {
		t.Fatal(greeting, err)
	}
	if err := s.command("CAPA"); err != nil {
		t.Fatal(err)
	}
	lines, err := s.ReadDotLines()
	for _, line := range lines {
		if list, is := strings.CutPrefix(line, "SASL "); is {
			names = strings.Fields(list)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func (s overPOP3) command(line string) error {
	err := s.PrintfLine("%s", line)
	if err != nil {
		return err
	}
	reply, err := s.ReadLine()
	if err == nil && !strings.HasPrefix(reply, "+OK") {
		err = errors.New(reply)
	}
	return err
}

func (s overPOP3) pair(user, password string) error {
	if err := s.command("USER " + user); err != nil {
		return err
	}
	return s.command("PASS " + password)
}

func (s overPOP3) sasl(c sasl.Client) error { return converseSASL(c, "AUTH ", s.Conn, s.reply) }

func (s overPOP3) reply() (challenge string, more bool, err error) {
	line, err := s.ReadLine()
	switch {
	case err != nil || strings.HasPrefix(line, "+OK"):
		return "", false, err
	case strings.HasPrefix(line, "+ "):
		return line[2:], true, nil
	}
	return "", false, errors.New(line)
}

// converseSASL sends the initial response in the second step, as Microsoft wants it.
func converseSASL(c sasl.Client, command string, conn *textproto.Conn, reply func() (string, bool, error)) error {
	mechanism, response, err := c.Start()
	if err == nil {
		err = conn.PrintfLine("%s%s", command, mechanism)
	}
	for err == nil {
		text, more, refused := reply()
		if refused != nil || !more {
			return refused
		}
		if response == nil {
			var challenge []byte
			if challenge, err = base64.StdEncoding.DecodeString(text); err == nil {
				response, err = c.Next(challenge)
			}
		}
		if err == nil {
			err = conn.PrintfLine("%s", base64.StdEncoding.EncodeToString(response))
		}
		response = nil
	}
	return err
}

// TestDovecot logs in with each mechanism over both protocols, with the right credential and with a wrong one.
func TestDovecot(t *testing.T) {
	server, pem := dovecot.StartMechanisms(t)
	certificate, err := tls.LoadX509KeyPair(pem, pem)
	if err != nil {
		t.Fatal(err)
	}
	right := Options{
		Secret: fixed(dovecot.Password), ClientCertificate: true,
		Token: func(context.Context) (string, error) { return dovecot.Token, nil },
	}
	wrong := Options{
		Secret: fixed(word), ClientCertificate: true,
		Token: func(context.Context) (string, error) { return word, nil },
	}
	for protocol, port := range map[string]int{"imap": server.IMAPS, "pop3": server.POP3S} {
		login := func(t *testing.T, o Options, mechanism string, config *tls.Config) (used string, err error) {
			conn, err := tls.Dial("tcp", dovecot.Address(port), config)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			var s session = overPOP3{textproto.NewConn(conn)}
			if protocol == "imap" {
				s = overIMAP{textproto.NewConn(conn)}
			}
			o.User, o.Host, o.Port, o.Protocol, o.Mechanism = "alice", dovecot.Host, port, protocol, mechanism
			state := conn.ConnectionState()
			client, user, password, err := NewLogin(o).Login(t.Context(), s.mechanisms(t), "", &state)
			switch {
			case err != nil:
				t.Fatal(err)
			case client == nil:
				return "USER", s.pair(user, password)
			}
			used, _, _ = client.Start()
			return used, client.(interface{ Finish(error) error }).Finish(s.sasl(client))
		}
		anonymous := &tls.Config{InsecureSkipVerify: true}
		certified := &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{certificate}}
		for _, name := range []string{"plain", "login", "user", "cram-md5", "scram-sha-1", "scram-sha-256", "xoauth2", "oauthbearer", "external"} {
			t.Run(protocol+" "+name, func(t *testing.T) {
				t.Parallel()
				config := anonymous
				if name == "external" { // with a certificate, Dovecot takes LOGIN's first answer for the password
					config = certified
				}
				used, err := login(t, right, name, config)
				if err != nil || !strings.EqualFold(used, name) {
					t.Errorf("%s: %v", used, err)
				}
				if _, err = login(t, wrong, name, anonymous); err == nil {
					t.Fatal("a wrong credential was let in")
				}
				conceal(t, "the refusal", err.Error(), word)
				var told *ChallengeError
				if strings.Contains(name, "oauth") && (!errors.As(err, &told) || told.Status == "") {
					t.Errorf("the challenge is lost: %v", err)
				}
			})
		}
		t.Run(protocol+" auto", func(t *testing.T) {
			t.Parallel()
			o := right
			for _, want := range []string{"OAUTHBEARER", "SCRAM-SHA-256"} {
				if used, err := login(t, o, "auto", anonymous); used != want || err != nil {
					t.Errorf("%s, %v; not %s", used, err, want)
				}
				o.Token = nil
			}
		})
	}
}
