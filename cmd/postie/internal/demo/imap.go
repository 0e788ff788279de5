package demo

import (
	"bytes"
	"io"
	"log"
	"net"
	"strconv"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// IMAP is a running IMAP server. It listens on Host only.
type IMAP struct {
	Host     string
	Port     int
	Messages int // in all mailboxes at first

	server *imapserver.Server
	user   *imapmemserver.User
}

// StartIMAP starts a server that holds the sample messages in two mailboxes. Close it.
func StartIMAP() (*IMAP, error) {
	s := &IMAP{user: imapmemserver.NewUser(User, Password)}
	if err := s.fill(); err != nil {
		return nil, err
	}
	backend := imapmemserver.New()
	backend.AddUser(s.user)
	s.server = imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return backend.NewSession(), nil, nil
		},
		Caps: imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapNamespace: {}, imap.CapUIDPlus: {}, imap.CapESearch: {},
			imap.CapListExtended: {}, imap.CapListStatus: {}, imap.CapMove: {}},
		InsecureAuth: true, // loopback
		Logger:       log.New(io.Discard, "", 0),
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return nil, err
	}
	s.Host = host
	s.Port, err = strconv.Atoi(port)
	go s.server.Serve(l)
	return s, err
}

// fill puts the ordinary messages into INBOX, the odd ones into a mailbox of their own.
func (s *IMAP) fill() error {
	for _, name := range []string{"INBOX", "Oddities"} {
		if err := s.user.Create(name, nil); err != nil {
			return err
		}
	}
	for _, sample := range samples() {
		if !servable(sample.Wire) {
			continue
		}
		name := "Oddities"
		if ordinary(sample) {
			name = "INBOX"
		}
		if _, err := s.user.Append(name, literal{bytes.NewReader(sample.Wire)}, &imap.AppendOptions{}); err != nil {
			return err
		}
		s.Messages++
	}
	return nil
}

// servable says whether the library's server can hand out a message: it gives nothing of one whose header it cannot read.
func servable(wire []byte) bool {
	body := imapserver.ExtractBodySection(bytes.NewReader(wire), &imap.FetchItemBodySection{})
	return len(body) > 0
}

// literal is a message in memory, as the server's library wants it.
type literal struct{ *bytes.Reader }

// Close ends the server.
func (s *IMAP) Close() error { return s.server.Close() }
