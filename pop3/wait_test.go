package pop3_test

import (
	"crypto/md5"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-sasl"

	"postie/pop3"
	"postie/pop3/pop3test"
)

// Each wait has a limit, whatever the server holds back: silence ends after the time limit, and an octet now and then is
// no answer, but ends within few of them.
func TestEveryWaitEnds(t *testing.T) {
	server, client, err := pop3test.SelfSigned("pop.test")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now() // a bubble lives in the year 2000
	client.Time = func() time.Time { return now }
	const stls = "S: +OK\nC: CAPA\nS: +OK\nS: STLS\nS: .\nC: STLS\n"
	plain := &login{client: sasl.NewPlainClient("", "alice", "secret")}
	for name, tt := range map[string]struct {
		script, dribble string
		login           *login
		tls             bool
	}{
		"greeting":       {"", "+OK ", alice(), false},
		"CAPA":           {"S: +OK\nC: CAPA\n", "+OK ", alice(), false},
		"CAPA's list":    {"S: +OK\nC: CAPA\nS: +OK\n", "UIDL", alice(), false},
		"STLS":           {stls, "+OK ", alice(), true},
		"handshake":      {stls + "S: +OK\n", "\x16\x03\x01\x20\x00", alice(), true},
		"behind STLS":    {stls + "S: +OK\nTLS\nC: CAPA\n", "+OK ", alice(), true},
		"USER":           {"S: +OK\n" + capaPlain + "C: USER alice\n", "+OK ", alice(), false},
		"PASS":           {"S: +OK\n" + capaPlain + "C: USER alice\nS: +OK\nC: PASS secret\n", "+OK ", alice(), false},
		"APOP":           {"S: +OK <1@x>\n" + capaPlain + "C: APOP alice " + fmt.Sprintf("%x", md5.Sum([]byte("<1@x>secret"))) + "\n", "+OK ", alice(), false},
		"AUTH":           {"S: +OK\nC: CAPA\nS: -ERR\nC: AUTH PLAIN\n", "+ ", plain, false},
		"AUTH, answered": {"S: +OK\n" + capaPlain + "C: AUTH PLAIN AGFsaWNlAHNlY3JldA==\n", "+OK ", plain, false},
	} {
		for way, rest := range map[string]string{"silence": "SILENCE", "an octet a second": "DRIBBLE: " + tt.dribble} {
			if name == "handshake" && way == "silence" {
				continue // SILENCE wants no ClientHello: see TestTLSAgainstServer
			}
			t.Run(name+"/"+way, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := pop3test.Script{Text: tt.script + rest, TLS: server}.Play()
					o := pop3.Options{Dial: p.Dial, Login: tt.login, Idle: 20 * time.Second}
					if tt.tls {
						o.TLS = client
					}
					began := time.Now()
					s, err := pop3.Connect(t.Context(), o)
					if s != nil {
						s.Close()
					}
					took := time.Since(began)
					if err := p.Wait(); err != nil && name != "handshake" {
						t.Errorf("script: %v", err)
					}
					var line net.Error
					if !errors.As(err, &line) || !line.Timeout() {
						t.Errorf("got %v", err)
					}
					most := 3*o.Idle + 10*time.Second
					if way == "silence" || name == "handshake" {
						most = o.Idle
					}
					if took > most {
						t.Errorf("it took %v", took)
					}
				})
			})
		}
	}
}

// A body may take its time, but not for ever.
func TestSlowBodies(t *testing.T) {
	for name, tt := range map[string]struct {
		script string
		ends   bool
	}{
		"100 octets/s":            {"SLOW: 100000 100\nS: \"\\r\\n.\\r\\n\"\n", false},
		"an octet a second":       {"DRIBBLE: Subject: x\n", true},
		"quick, then no end":      {"SLOW: 100000 100000\nDRIBBLE: x\n", true},
		"silence":                 {"S: Subject: x\nSILENCE\n", true},
		"what waits here is ours": {"S: Subject: x\nS: .\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := pop3test.Script{Text: in("UIDL", "TOP", "PIPELINING") + "C: RETR 1\nS: +OK\n" + tt.script}.Play()
				s, err := pop3.Connect(t.Context(), pop3.Options{Dial: p.Dial, Login: alice(), Idle: 20 * time.Second})
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				for m, e := range s.Retrieve(t.Context(), listed(1)) {
					if err = e; e == nil {
						time.Sleep(time.Hour) // a slow disk is not the server's fault
						_, err = io.Copy(io.Discard, m.Body)
						began = began.Add(time.Hour)
					}
				}
				s.Close()
				p.Wait()
				var line net.Error
				if timeout := errors.As(err, &line) && line.Timeout(); timeout != tt.ends {
					t.Errorf("got %v", err)
				}
				if took := time.Since(began); tt.ends && took > 90*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// A '+' is no answer to STLS, and nothing is waited for behind it.
func TestSTLSContinued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pop3test.Script{Text: "S: +OK\nC: CAPA\nS: +OK\nS: STLS\nS: .\nC: STLS\nS: + go on\nSILENCE"}.Play()
		began := time.Now()
		_, err := pop3.Connect(t.Context(), pop3.Options{Dial: p.Dial, TLS: &tls.Config{ServerName: "x"}, Login: alice()})
		p.Wait()
		if !errors.As(err, new(*pop3.ProtocolError)) || time.Since(began) > 0 {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}
