package main

import (
	"context"
	"net"
	"testing"
	"time"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/credential"
	"postie/testdata/dovecot"
)

// Every command connects within what the host permits: restore, check, verify and show as much as fetch and sync, on accounts of either protocol.
func TestConnectionsOfCommands(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", dovecot.Host+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var out output
	a := newApp(&out, &out, &interruption{cancel: func(error) {}})
	if err := a.begin(); err != nil {
		t.Fatal(err)
	}
	terminal := credential.NewTerminal("")
	dials := map[string]func(context.Context) (net.Conn, error){}
	for _, protocol := range []config.Protocol{config.IMAP, config.POP3} {
		account, err := config.ParseURL(string(protocol)+"://alice@"+l.Addr().String(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		account.Name, account.TLS, account.MaxConns = string(protocol), config.None, 1
		account.Password = config.Password{Literal: "secret"}
		j := &job{app: a, account: account}
		i, err := a.session().IMAP(t.Context(), account, terminal)
		if err != nil {
			t.Fatal(err)
		}
		ofJob, err := j.session().IMAP(t.Context(), account, terminal)
		if err != nil {
			t.Fatal(err)
		}
		p, err := a.session().POP3(t.Context(), account, terminal)
		if err != nil {
			t.Fatal(err)
		}
		name := string(protocol)
		dials[name+", IMAP"], dials[name+", POP3"], dials[name+", restore"] = i.Dial, p.Dial, ofJob.Dial
	}
	for name, dial := range dials {
		c, err := dial(t.Context())
		if err != nil {
			t.Fatal(name, err)
		}
		for other, dial := range dials {
			soon, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			if c, err := dial(soon); err == nil {
				c.Close()
				t.Errorf("%s: a second connection was made while there is that of %s", other, name)
			}
			cancel()
		}
		c.Close()
	}
}
