package imap_test

import (
	"context"
	"net"
	"testing"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"postie/imap"
)

// The library's own server, which the demo uses, knows other things than Dovecot: no CONDSTORE, but IMAP4rev2.
func TestMemServer(t *testing.T) {
	for name, caps := range map[string]goimap.CapSet{
		"IMAP4rev1": {goimap.CapIMAP4rev1: {}},
		"IMAP4rev2": {goimap.CapIMAP4rev1: {}, goimap.CapIMAP4rev2: {}},
	} {
		t.Run(name, func(t *testing.T) {
			store := imapmemserver.New()
			user := imapmemserver.NewUser("u", "p")
			if err := user.Create("INBOX", nil); err != nil {
				t.Fatal(err)
			}
			store.AddUser(user)
			srv := imapserver.New(&imapserver.Options{Caps: caps, InsecureAuth: true, NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
				return store.NewSession(), nil, nil
			}})
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			go srv.Serve(l)
			t.Cleanup(func() { srv.Close() })
			s, err := imap.Connect(t.Context(), imap.Options{Login: &who{user: "u", password: "p"}, ID: map[string]string{"name": "postie"}, Compress: true,
				Dial: func(ctx context.Context) (net.Conn, error) {
					return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
				}})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			mailboxes(t, s, "", "/")
			messages(t, s, "Löschen & Räumen")
		})
	}
}
