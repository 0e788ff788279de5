package credential

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/emersion/go-sasl"
	"github.com/xdg-go/scram"
)

const (
	scramSHA1       = "SCRAM-SHA-1"
	scramSHA1Plus   = "SCRAM-SHA-1-PLUS"
	scramSHA256     = "SCRAM-SHA-256"
	scramSHA256Plus = "SCRAM-SHA-256-PLUS"

	// maxIterations bounds the work that a server can ask for: some seconds. RFC 5802 section 9 leaves it to the client.
	maxIterations = 10_000_000
)

// binding is what SCRAM says about channel binding (RFC 5802 section 6).
type binding struct {
	data    scram.ChannelBinding // of this connection; zero: it has none
	offered bool                 // the server offers a -PLUS form
}

// bindingOf returns tls-exporter (RFC 9266), which is there with TLS 1.3 only. tls-unique is left alone: it is broken by
// session resumption (RFC 7627 section 1) and undefined in TLS 1.3.
func bindingOf(state *tls.ConnectionState) scram.ChannelBinding {
	if state == nil || state.Version < tls.VersionTLS13 {
		return scram.ChannelBinding{}
	}
	data, err := scram.NewTLSExporterBinding(state)
	if err != nil {
		return scram.ChannelBinding{} // then there is no -PLUS
	}
	return data
}

// scramClient is RFC 5802 and RFC 7677. nonce: nil for a random one.
func scramClient(name, user string, password Secret, b binding, nonce func() string) *client {
	hash := scram.SHA256
	if strings.HasPrefix(name, scramSHA1) {
		hash = scram.SHA1
	}
	prepared, err := hash.NewClient(user, password.Reveal(), "")
	if err != nil {
		// What SASLprep refuses (unassigned characters of Unicode 3.2, such as an emoji) servers that prepare nothing still
		// have as it is; PostgreSQL does the same.
		prepared, _ = hash.NewClientUnprepped(user, password.Reveal(), "") // never fails
	}
	if nonce != nil {
		prepared = prepared.WithNonceGenerator(nonce)
	}
	var talk *scram.ClientConversation
	switch {
	case strings.HasSuffix(name, "-PLUS"):
		talk = prepared.NewConversationWithChannelBinding(b.data)
	case b.data.IsSupported() && !b.offered:
		// RFC 5802 section 6: ‘y’, so that a server whose -PLUS was cut out of the list notices.
		talk = prepared.NewConversationAdvertisingChannelBinding()
	default:
		talk = prepared.NewConversation()
	}
	first, _ := talk.Step("") // never fails
	c := &client{name: name, start: func() []byte { return []byte(first) }}
	c.next = func(challenge []byte) ([]byte, error) {
		if code, ended := bytes.CutPrefix(challenge, []byte("e=")); ended { // RFC 5802 section 7, server-error
			return nil, c.hinted(fmt.Errorf("the server ends the exchange: %s", clean(string(code))))
		}
		return scramStep(talk, challenge)
	}
	c.proved = talk.Valid
	return c
}

// scramStep answers the server's first message, and checks its final one, which comes as a last challenge or with the
// success: either way the answer to it is empty.
func scramStep(talk *scram.ClientConversation, challenge []byte) ([]byte, error) {
	if talk.Valid() {
		return nil, sasl.ErrUnexpectedServerChallenge
	}
	for field := range strings.SplitSeq(string(challenge), ",") {
		if n, is := strings.CutPrefix(field, "i="); is {
			if rounds, err := strconv.Atoi(n); err != nil || rounds > maxIterations {
				return nil, fmt.Errorf("the server asks for %s iterations, more than %d", clean(n), maxIterations)
			}
		}
	}
	response, err := talk.Step(string(challenge))
	if err != nil {
		return nil, errors.New(clean(err.Error()))
	}
	return []byte(response), nil
}
