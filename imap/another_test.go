package imap_test

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"

	"postie/imap"
	"postie/imap/imaptest"
)

// several is a Login that knows PLAIN, a mechanism ECHO, and LOGIN, and goes on to the next unless the password is wrong.
type several struct{ asked [][]string }

func (l *several) Login(_ context.Context, mechanisms []string, _ string, _ *tls.ConnectionState) (sasl.Client, string, string, error) {
	l.asked = append(l.asked, mechanisms)
	switch {
	case slices.Contains(mechanisms, "PLAIN"):
		return sasl.NewPlainClient("", "u", "p"), "", "", nil
	case slices.Contains(mechanisms, "ECHO"):
		return &challenged{fail: errors.New("odd")}, "", "", nil
	case slices.Contains(mechanisms, "ONLY"):
		return nil, "", "", errors.New("nothing fits")
	}
	return nil, "u", "p", nil
}

func (l *several) Another(_ error, code, text string) bool { return code != "AUTHENTICATIONFAILED" }

func TestAnotherMechanism(t *testing.T) {
	offers := func(mechanisms string) string {
		return "S: * OK [CAPABILITY IMAP4rev1 SASL-IR " + mechanisms + "] hi\nC: A AUTHENTICATE PLAIN AHUAcA==\n"
	}
	const in = " OK [CAPABILITY IMAP4rev1 IDLE] in\n"
	for _, tt := range []struct {
		name, script string
		times        int
		want         string
	}{
		{"taken", offers("AUTH=PLAIN") + "S: A" + in, 1, ""},
		{"refused, then LOGIN", offers("AUTH=PLAIN") + "S: A NO not supported\nC: B LOGIN \"u\" \"p\"\nS: B" + in, 2, ""},
		{"the password is wrong", offers("AUTH=PLAIN") + "S: A NO [AUTHENTICATIONFAILED] no", 1, "login by PLAIN: AUTHENTICATE: server refused: [AUTHENTICATIONFAILED] no"},
		{"both refused", offers("AUTH=PLAIN") + "S: A NO x\nC: B LOGIN ...\nS: B NO [AUTHENTICATIONFAILED] y", 2,
			"login by LOGIN: LOGIN: server refused: [AUTHENTICATIONFAILED] y (before that login by PLAIN: AUTHENTICATE: server refused: x)"},
		{"no other one", offers("AUTH=PLAIN AUTH=ONLY") + "S: A NO x", 2, "login by PLAIN: AUTHENTICATE: server refused: x"},
		{"the client does not like the next one", offers("AUTH=PLAIN AUTH=ECHO") + "S: A NO x\nC: B AUTHENTICATE ECHO\nS: + YQ==\nC= \"*\\r\\n\"\nS: B NO x", 2, "login by ECHO: odd"},
		{"goodbye", offers("AUTH=PLAIN") + "S: * BYE x", 1, "server said BYE: x"},
		{"hung up", offers("AUTH=PLAIN") + "S: A NO x", 2, "login by PLAIN: AUTHENTICATE: server refused: x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := imaptest.Script{Text: tt.script}.Start()
			login := &several{}
			s, err := imap.Connect(t.Context(), imap.Options{Dial: srv.Dial, Login: login})
			if s != nil {
				s.Close()
			}
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), "connect: "+tt.want)) {
				t.Errorf("got %v", err)
			}
			if len(login.asked) != tt.times {
				t.Errorf("asked %v", login.asked)
			}
			if err := srv.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}
