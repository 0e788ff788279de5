package setup

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/connect"
	"postie/cmd/postie/internal/discover"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/paths"
	"postie/cmd/postie/internal/ui"
)

// server settles protocol, host, port, TLS and user: by flags, or by discovery.
func (s *setup) server(ctx context.Context) error {
	protocol, err := parseProtocol(s.flags.Protocol)
	if err != nil {
		return err
	}
	a := &s.account
	a.TLSCA, a.User = paths.Absolute(s.flags.TLSCA), s.flags.User
	if s.flags.Fingerprint != "" {
		if a.TLSFingerprint, err = config.ParseFingerprint(s.flags.Fingerprint); err != nil {
			return exit.Usage(err, "")
		}
	}
	if s.flags.Host != "" {
		a.Protocol, a.Host, a.TLS = protocol, s.flags.Host, config.Implicit
		switch {
		case protocol != "":
		case s.asker == nil:
			return exit.Usagef("--host needs --protocol")
		default:
			if err := s.askProtocol(ctx); err != nil {
				return err
			}
		}
	} else if err := s.find(ctx, protocol); err != nil {
		return err
	}
	if s.flags.TLS != "" {
		if a.TLS, err = config.ParseTLS(s.flags.TLS); err != nil {
			return exit.Usage(err, "")
		}
		a.Port = 0
	}
	if s.flags.Port != 0 {
		a.Port = s.flags.Port
	}
	if a.User == "" {
		a.User = s.address
		s.local, _, _ = cutLast(s.address, "@") // RFC 6186 section 4: the address first, then what stands before the @
	}
	if err := s.askKeep(ctx); err != nil {
		return err
	}
	return s.keep()
}

// find finds the server, or asks for it.
func (s *setup) find(ctx context.Context, protocol config.Protocol) error {
	err := s.discover(ctx, protocol)
	if err == nil || s.asker == nil || ctx.Err() != nil || errors.Is(err, ui.ErrNoAnswer) || exit.Is[*notVouched](err) {
		return err
	}
	s.account.Protocol = protocol
	return s.nothingFound(ctx, err)
}

func parseProtocol(text string) (config.Protocol, error) {
	switch p := config.Protocol(strings.ToLower(text)); p {
	case "", config.IMAP, config.POP3:
		return p, nil
	}
	return "", exit.Usagef("--protocol is imap or pop3, not %q", text)
}

// keep takes --keep.
func (s *setup) keep() error {
	switch {
	case s.flags.Keep == nil:
		return nil
	case s.account.Protocol == config.IMAP:
		return exit.Usagef("--keep is for POP3: sync deletes on the server only what you delete here")
	}
	s.account.Keep = *s.flags.Keep
	return nil
}

// discover finds the servers of the address, shows them, and has one chosen.
func (s *setup) discover(ctx context.Context, protocol config.Protocol) error {
	task := s.UI.Task(s.address)
	task.Phase("looking for servers", ui.Amount{})
	result, err := discover.Discover(ctx, s.address, s.discovery())
	task.Done()
	if result != nil {
		for _, miss := range result.Missed {
			s.UI.Verbose(1, "", fmt.Sprintf("%s: %v", miss.Source, miss.Err))
		}
	}
	if errors.Is(err, discover.ErrNothing) {
		return exit.Usage(err, "name it: postie init "+s.address+" --protocol imap --host HOST (-v tells what was tried)")
	} else if err != nil {
		return err
	}
	s.address = result.Address
	if protocol, err = s.chooseProtocol(ctx, result, protocol); err != nil {
		return err
	}
	answer, server, ok := result.Best(discover.Protocol(protocol))
	if !ok {
		return exit.Usagef("%s: there is no server for %s; drop --protocol to see what there is", s.address, protocol)
	}
	if err := s.vouch(ctx, answer, server, result.Domain); err != nil {
		return err
	}
	a := &s.account
	a.Protocol, a.Host, a.Port, a.TLS = protocol, server.Host, server.Port, config.TLS(server.TLS)
	if a.User == "" {
		a.User = server.User
	}
	s.preset, s.only = answer.OAuth2, !server.Password
	s.about = append(s.about, fmt.Sprintf("Servers found by: %s (%s).", answer.Source, answer.Where))
	if answer.Note != "" {
		s.about = append(s.about, "Note: "+answer.Note+".")
		s.UI.Notice("", answer.Note)
	}
	return nil
}

// chooseProtocol shows what was found, and asks which of it to use.
func (s *setup) chooseProtocol(ctx context.Context, result *discover.Result, wanted config.Protocol) (config.Protocol, error) {
	_, imap, hasIMAP := result.Best(discover.IMAP)
	_, pop3, hasPOP3 := result.Best(discover.POP3)
	for _, p := range []discover.Protocol{discover.IMAP, discover.POP3} {
		if answer, server, ok := result.Best(p); ok {
			s.UI.Print(fmt.Sprintf("found %s by %s (%s)", server, answer.Source, answer.Where))
		}
	}
	switch {
	case wanted != "":
		return wanted, nil
	case s.asker == nil && hasIMAP:
		return config.IMAP, nil
	case s.asker == nil:
		return config.POP3, nil
	}
	var options []string
	var protocols []config.Protocol
	if hasIMAP {
		protocols = append(protocols, config.IMAP)
		options = append(options, fmt.Sprintf("sync (IMAP, %s): the server is where mail lives; your Maildirs are a copy to work on, kept equal both ways", imap.Host))
	}
	if hasPOP3 {
		protocols = append(protocols, config.POP3, config.POP3)
		options = append(options,
			fmt.Sprintf("fetch (POP3, %s): new mail comes into one Maildir and is deleted on the server once it is safe here", pop3.Host),
			"fetch (POP3), leaving the mail on the server as well")
	}
	n, err := s.asker.Choose(ctx, "How do you want your mail?", 0, options...)
	if err != nil {
		return "", err
	}
	if protocols[n] == config.POP3 && s.flags.Keep == nil {
		s.flags.Keep = &config.Keep{}
		if n == len(options)-1 {
			s.flags.Keep.Mode = config.KeepForever
		}
	}
	return protocols[n], nil
}

// notVouched is a server that nobody vouches for, and that the user would not take.
type notVouched struct{ error }

// vouch has the user decide about hosts for which nothing but DNS speaks (RFC 6186 section 6).
func (s *setup) vouch(ctx context.Context, answer *discover.Answer, server discover.Server, domain string) error {
	if !answer.Foreign {
		return nil
	}
	what := fmt.Sprintf("by %s the server of %s is %s, and no certificate vouches for that: whoever is on the way could say so", answer.Source, domain, server.Host)
	refusal := exit.Usage(&notVouched{errors.New(what)},
		fmt.Sprintf("if you know it: --protocol %s --host %s --port %d --tls %s", server.Protocol, server.Host, server.Port, server.TLS))
	if s.asker == nil {
		return refusal
	}
	yes, err := s.asker.Confirm(ctx, strings.ToUpper(what[:1])+what[1:]+". Give it your password", false)
	if err == nil && !yes {
		return refusal
	}
	return err
}

func (s *setup) discovery() discover.Options {
	return discover.Options{Resolver: net.DefaultResolver, HTTP: &http.Client{}, Insecure: s.flags.Insecure,
		Probe: func(ctx context.Context, server discover.Server) error { return probe(ctx, s.Session.Timeout, server) }}
}

// probe says whether a server of that kind is there, greets, and has a certificate for its name.
func probe(ctx context.Context, timeout time.Duration, server discover.Server) error {
	o := &connect.Options{Host: server.Host, Port: server.Port, Timeout: timeout,
		TLS: map[discover.TLS]connect.Mode{discover.Implicit: connect.Implicit, discover.StartTLS: connect.StartTLS, discover.None: connect.None}[server.TLS]}
	conn, err := o.Dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	in := bufio.NewReader(io.LimitReader(conn, 16<<10))
	command, good := "STLS", "+OK"
	greeting := good
	if server.Protocol == discover.IMAP {
		command, greeting, good = "a STARTTLS", "* OK", "a OK"
	}
	if err := expect(in, greeting); err != nil || server.TLS != discover.StartTLS {
		return err
	}
	if _, err := io.WriteString(conn, command+"\r\n"); err != nil {
		return err
	}
	if err := expect(in, good); err != nil {
		return err
	}
	policy, err := o.TLSConfig()
	if err != nil {
		return err
	}
	return tls.Client(conn, policy).HandshakeContext(ctx)
}

func expect(in *bufio.Reader, prefix string) error {
	line, err := in.ReadString('\n')
	if err == nil && !strings.HasPrefix(line, prefix) {
		err = fmt.Errorf("answers %q", line)
	}
	return err
}
