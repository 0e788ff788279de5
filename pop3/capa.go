package pop3

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Capabilities is what the server said it can do (RFC 2449). A server that does not know CAPA may still know UIDL
// and TOP: only trying tells.
type Capabilities struct {
	Known          bool // the server answered CAPA
	User           bool // USER and PASS
	TOP            bool
	UIDL           bool
	Pipelining     bool
	STLS           bool
	RespCodes      bool          // -ERR may begin with a response code
	AuthRespCode   bool          // a login refused for the credentials says AUTH (RFC 3206 section 4)
	UTF8           bool          // RFC 6856
	SASL           []string      // mechanisms, upper case
	Expire         string        // how long messages stay: days, or "NEVER"; "" not said
	LoginDelay     time.Duration // least time between two logins; 0: not said
	Implementation string        // the server's name for itself; foreign text
}

// Capabilities gives the last answer to CAPA: that after the login, when the server was asked again.
func (s *Session) Capabilities() Capabilities {
	c := s.caps
	c.SASL = slices.Clone(c.SASL)
	return c
}

// capa asks for the capabilities. A refusal is the answer of a server as RFC 1939 knew it.
func (s *Session) capa() error {
	s.caps = Capabilities{}
	_, err := s.command("CAPA")
	var refusal *Error
	if errors.As(err, &refusal) {
		return nil
	}
	if err != nil {
		return err
	}
	s.caps.Known = true
	if err := s.list(maxCapa, s.caps.add); err != nil {
		return fmt.Errorf("CAPA: %w", err)
	}
	return nil
}

// capaAfterLogin asks again when the answer may matter and have changed: a server that knows CAPA, and did not
// offer before the login all that is useful after it (RFC 2449 section 3: each state has its own list).
func (s *Session) capaAfterLogin() error {
	if c := s.caps; c.Known && !(c.UIDL && c.TOP && c.Pipelining) {
		if err := s.capa(); err != nil {
			return err
		}
	}
	if s.caps.Pipelining {
		s.window = s.o.Window
	}
	return nil
}

// add takes one line of CAPA. Unknown capabilities and arguments are passed over, as RFC 2449 section 3 wants.
func (c *Capabilities) add(line []byte) error {
	tag, args, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
	args = strings.TrimSpace(args)
	switch strings.ToUpper(tag) {
	case "USER":
		c.User = true
	case "TOP":
		c.TOP = true
	case "UIDL":
		c.UIDL = true
	case "PIPELINING":
		c.Pipelining = true
	case "STLS":
		c.STLS = true
	case "RESP-CODES":
		c.RespCodes = true
	case "AUTH-RESP-CODE":
		c.AuthRespCode = true
	case "UTF8":
		c.UTF8 = true
	case "SASL":
		c.SASL = append(c.SASL, strings.Fields(strings.ToUpper(args))...)
	case "EXPIRE":
		c.Expire, _, _ = strings.Cut(strings.ToUpper(args), " ")
	case "LOGIN-DELAY":
		seconds, _, _ := strings.Cut(args, " ")
		if n, err := strconv.ParseUint(seconds, 10, 31); err == nil {
			c.LoginDelay = time.Duration(n) * time.Second
		}
	case "IMPLEMENTATION":
		c.Implementation = args
	}
	return nil
}
