package pop3_test

import (
	"context"
	"crypto/md5"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"

	"postie/pop3"
	"postie/pop3/pop3test"
)

// several is a Login that knows PLAIN and the password, and goes on to the next way unless the password is wrong.
type several struct{ stamps []string }

func (l *several) Login(_ context.Context, mechanisms []string, stamp string, _ *tls.ConnectionState) (sasl.Client, string, string, error) {
	l.stamps = append(l.stamps, stamp)
	if slices.Contains(mechanisms, "PLAIN") {
		return sasl.NewPlainClient("", "alice", "secret"), "", "", nil
	}
	if slices.Contains(mechanisms, "ONLY") {
		return nil, "", "", errors.New("nothing fits")
	}
	return nil, "alice", "secret", nil
}

func (l *several) Another(_ error, code, _ string) bool { return code != "AUTH" }

func TestAnotherWay(t *testing.T) {
	begin := func(greeting string, mechanisms string) string {
		return "S: " + greeting + "\nC: CAPA\nS: +OK\nS: UIDL\nS: TOP\nS: PIPELINING\nS: SASL " + mechanisms + "\nS: .\n"
	}
	const (
		plain = "C: AUTH PLAIN AGFsaWNlAHNlY3JldA==\n"
		user  = "C: USER alice\nS: +OK\nC: PASS secret\n"
	)
	for _, tt := range []struct {
		name, script string
		times        int
		want         string
	}{
		{"refused, then USER", begin("+OK", "PLAIN") + plain + "S: -ERR unknown mechanism\n" + user + "S: +OK\n", 2, ""},
		{"the password is wrong", begin("+OK", "PLAIN") + plain + "S: -ERR [AUTH] no\n", 1, "login by PLAIN: AUTH PLAIN: server refused: [AUTH] no"},
		{"both refused", begin("+OK", "PLAIN") + plain + "S: -ERR x\n" + user + "S: -ERR y\n", 2,
			"login by USER: PASS: server refused: y (before that login by PLAIN: AUTH PLAIN: server refused: x)"},
		{"no other one", begin("+OK", "PLAIN ONLY") + plain + "S: -ERR x\n", 2, "login by PLAIN: AUTH PLAIN: server refused: x"},
		{"hung up", begin("+OK", "PLAIN") + plain + "S: -ERR x\nC: USER alice\nCLOSE", 2, "login by PLAIN: AUTH PLAIN: server refused: x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := pop3test.Script{Text: tt.script}.Play()
			login := &several{}
			s, err := pop3.Connect(t.Context(), pop3.Options{Dial: p.Dial, Login: login})
			if s != nil {
				s.Close()
			}
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
				t.Errorf("got %v", err)
			}
			if len(login.stamps) != tt.times {
				t.Errorf("asked %q", login.stamps)
			}
			if err := p.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// APOP that is refused is not tried again; what the Login then gives goes as it is.
func TestAnotherThanAPOP(t *testing.T) {
	const stamp = "<1896.697170952@dbc.mtview.ca.us>"
	login := &several{}
	p := pop3test.Script{Text: "S: +OK " + stamp + "\nC: CAPA\nS: +OK\nS: UIDL\nS: TOP\nS: PIPELINING\nS: .\n" +
		fmt.Sprintf("C: APOP alice %x\n", md5.Sum([]byte(stamp+"secret"))) + "S: -ERR not for you\nC: USER alice\nS: +OK\nC: PASS secret\nS: +OK\n"}.Play()
	s, err := pop3.Connect(t.Context(), pop3.Options{Dial: p.Dial, Login: login})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := p.Wait(); err != nil || !slices.Equal(login.stamps, []string{stamp, ""}) {
		t.Errorf("%q, %v", login.stamps, err)
	}
}
