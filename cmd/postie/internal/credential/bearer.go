package credential

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/emersion/go-sasl"
)

const xoauth2 = "XOAUTH2"

// ChallengeError is the reason that a server gave for refusing an access token (RFC 7628 section 3.2.2), followed by its
// final word.
type ChallengeError struct {
	Mechanism string
	Status    string // "invalid_token", "insufficient_scope", "401", …; "": the server sent no JSON
	Scope     string // what the token ought to cover; often ""
	Text      string // the challenge itself, cleaned, when it was no JSON
	Err       error  // what the server answered in the end
}

func (e *ChallengeError) Error() string {
	said := ""
	if e.Err != nil {
		said = ": " + e.Err.Error()
	}
	return e.reason() + said
}

func (e *ChallengeError) Unwrap() error { return e.Err }

// reason turns the challenge into a sentence. The names are of RFC 6750 section 3.1, the numbers Google's.
func (e *ChallengeError) reason() string {
	scope := ""
	if e.Scope != "" {
		scope = " " + e.Scope
	}
	switch e.Status {
	case "":
		return "the server refuses the access token: " + e.Text
	case "invalid_token", "401":
		return fmt.Sprintf("the server refuses the access token as expired, revoked or issued for something else than mail (status %s%s)", e.Status, scope)
	case "insufficient_scope", "403":
		return fmt.Sprintf("the access token does not cover mail access (status %s): it needs the scope%s", e.Status, scope)
	case "invalid_request", "400":
		return fmt.Sprintf("the server takes the token for malformed or for another user’s (status %s%s)", e.Status, scope)
	}
	return fmt.Sprintf("the server refuses the access token (status %s%s)", e.Status, scope)
}

// xoauth2Client is Google's and Microsoft's XOAUTH2: an error challenge is answered with nothing, then comes the refusal.
func xoauth2Client(user string, token Secret) *client {
	return bearer(xoauth2, "", func() string {
		return "user=" + user + "\x01auth=Bearer " + token.Reveal() + "\x01\x01"
	})
}

// oauthBearer is RFC 7628 section 3.1. go-sasl's client is not used: it leaves ‘,’ and ‘=’ in a user unescaped (RFC 5801
// section 4), prints the token with %+v, and breaks off in mid-exchange where the server wants a ^A. port: 0 leaves it out.
func oauthBearer(user, host string, port int, token Secret) *client {
	// RFC 7628 section 3.2.3: an error challenge is answered with ^A.
	return bearer(sasl.OAuthBearer, "\x01", func() string {
		line := "n,a=" + strings.NewReplacer("=", "=3D", ",", "=2C").Replace(user) + ",\x01host=" + host
		if port != 0 {
			line += fmt.Sprintf("\x01port=%d", port)
		}
		return line + "\x01auth=Bearer " + token.Reveal() + "\x01\x01"
	})
}

// bearer sends the initial response, answers one error challenge with dummy, and puts its reason before the refusal.
func bearer(name, dummy string, initial func() string) *client {
	var told *ChallengeError
	return &client{
		name:  name,
		start: func() []byte { return []byte(initial()) },
		next: func(challenge []byte) ([]byte, error) {
			if told != nil {
				return nil, sasl.ErrUnexpectedServerChallenge
			}
			told = parseChallenge(name, challenge)
			return []byte(dummy), nil
		},
		finish: func(refused error) error {
			if told == nil {
				return refused
			}
			told.Err = refused
			return told
		},
	}
}

func parseChallenge(name string, challenge []byte) *ChallengeError {
	var fields struct {
		Status any    `json:"status"` // a string by the RFC, a number from some
		Scope  string `json:"scope"`
	}
	err := json.Unmarshal(challenge, &fields)
	if err != nil || fields.Status == nil {
		return &ChallengeError{Mechanism: name, Text: clean(string(challenge))}
	}
	return &ChallengeError{Mechanism: name, Status: clean(fmt.Sprint(fields.Status)), Scope: clean(fields.Scope)}
}
