// Package demo is the other side of `postie demo`: a POP3 and an IMAP server on loopback with sample mail.
package demo

import (
	"net"
	"slices"
	"strconv"

	"postie/pop3/pop3test"
	"postie/testdata/messages"
)

// User and Password are those of the one account.
const (
	User     = "demo"
	Password = "demo"
)

// POP3 is a running server. It listens on Host only.
type POP3 struct {
	Host     string
	Port     int
	Messages int // in the maildrop at first

	server *pop3test.Server
}

// StartPOP3 starts a server that holds the sample messages, in the order that shows the ordinary ones first in a list
// of newest first. Close it.
func StartPOP3() (*POP3, error) {
	var maildrop []pop3test.Message
	for _, sample := range samples() {
		maildrop = append(maildrop, pop3test.Message{Body: sample.Wire, UIDL: "demo-" + sample.Name})
	}
	server := pop3test.NewServer(pop3test.Options{})
	server.SetMaildrop(User, Password, maildrop...)
	address, err := server.Listen()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	return &POP3{Host: host, Port: number, Messages: len(maildrop), server: server}, err
}

// samples are the sample messages, the ordinary ones last.
func samples() []messages.Sample {
	var odd, fine []messages.Sample
	for _, sample := range messages.All() {
		if ordinary(sample) {
			fine = append(fine, sample)
		} else {
			odd = append(odd, sample)
		}
	}
	return append(odd, fine...)
}

// ordinary messages are what people write; the others exercise what programs do to mail.
func ordinary(sample messages.Sample) bool {
	return slices.Contains([]string{"plain", "header-utf8", "alternative-related", "mailing-list", "calendar-invitation",
		"format-flowed", "attachment-rfc2231", "header-iso-2022-jp", "header-koi8-r", "nested-rfc822"}, sample.Name)
}

// Left is how many messages the maildrop still holds.
func (p *POP3) Left() int { return len(p.server.Maildrop(User)) }

// Close ends the server.
func (p *POP3) Close() error { return p.server.Close() }
