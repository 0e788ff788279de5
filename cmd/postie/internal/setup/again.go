package setup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/connect"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/ui"
)

// choice is one thing that can be done next. end: with what was found out, good or bad.
type choice struct {
	text string
	take func(context.Context) (end bool, err error)
}

// choose asks what to do next; the first is what an empty line takes.
func (s *setup) choose(ctx context.Context, question string, choices ...choice) (end bool, err error) {
	var texts []string
	for _, c := range choices {
		texts = append(texts, c.text)
	}
	n, err := s.asker.Choose(ctx, question, 0, texts...)
	if err != nil {
		return false, err
	}
	return choices[n].take(ctx)
}

// tell says what went wrong, where the user is asked what to do about it.
func (s *setup) tell(err error, hint string) {
	s.UI.Error(ui.Failure{Account: s.account.Name, Host: s.account.Host, Err: err, Hint: hint, Exit: exit.Code(err)})
}

// giveUp ends with the code of what went wrong, which was told.
func giveUp(failed error) choice {
	return choice{"give up: nothing is written", func(context.Context) (bool, error) {
		return false, exit.Reported(cmp.Or(exit.Code(failed), exit.Failed))
	}}
}

// again asks what to do after a login that failed; end: write the account as it is.
func (s *setup) again(ctx context.Context, failed error) (end bool, err error) {
	password := choice{"try again with another password", s.otherPassword}
	user := choice{"try again with another user name", func(ctx context.Context) (bool, error) {
		var err error
		s.local = ""
		s.account.User, err = s.asker.Ask(ctx, "User", s.account.User, notEmpty)
		return false, err
	}}
	server := choice{"try another server, port or kind of TLS", func(ctx context.Context) (bool, error) { return false, s.byHand(ctx) }}
	asItIs := choice{"write the account all the same", func(context.Context) (bool, error) { return true, nil }}
	var choices []choice
	e, refused := errors.AsType[*connect.CertificateError](failed)
	switch code := exit.Code(failed); {
	case refused:
		pin := choice{"look at the certificate, and trust it if it is the right one", func(ctx context.Context) (bool, error) { return false, s.pin(ctx, e) }}
		choices = []choice{pin, server, asItIs}
	case code == exit.Connection || exit.Is[*connect.HandshakeError](failed) || exit.RefusedTLS(failed):
		same := choice{"try the same again", func(context.Context) (bool, error) { return false, nil }}
		choices = []choice{server, same, user, password, asItIs}
	default:
		choices = []choice{password, user, server, asItIs}
	}
	return s.choose(ctx, "What now?", append(choices, giveUp(failed))...)
}

func (s *setup) otherPassword(ctx context.Context) (bool, error) {
	if s.secret.IsZero() {
		s.account.Password, s.account.TokenCommand, s.account.OAuth2 = config.Password{}, nil, nil
		return false, s.chooseSecret(ctx)
	}
	return false, s.readSecret(ctx)
}

// pin shows a certificate that was refused, and takes it for the only one that will do if the user says so.
func (s *setup) pin(ctx context.Context, e *connect.CertificateError) error {
	by := e.Issuer
	if e.SelfSigned {
		by = "itself"
	}
	s.asker.Say(fmt.Sprintf(`The certificate that %s shows:
  for          %s
  signed by    %s
  valid        from %s to %s
  fingerprint  %s
Compare the fingerprint with what the server's owner tells you by another way than this connection: whoever is in between
could show one of his own.`, e.Host, e.Subject, by, e.NotBefore.UTC().Format(time.DateOnly), e.NotAfter.UTC().Format(time.DateOnly), e.Fingerprint))
	yes, err := s.asker.Confirm(ctx, "Is it the right one? From now on no other is accepted", false)
	if err != nil || !yes {
		return err
	}
	s.account.TLSFingerprint, err = config.ParseFingerprint(e.Fingerprint)
	return err
}

// byHand asks for the server.
func (s *setup) byHand(ctx context.Context) (err error) {
	a := &s.account
	if a.Protocol == "" {
		if err := s.askProtocol(ctx); err != nil {
			return err
		}
	}
	host := a.Host
	if a.Host, err = s.asker.Ask(ctx, "Server", a.Host, isHost); err != nil {
		return err
	}
	kinds := []config.TLS{config.Implicit, config.StartTLS}
	texts := []string{"TLS from the first byte", "STARTTLS, and never without"}
	if a.Loopback() {
		kinds, texts = append(kinds, config.None), append(texts, "none: the server is on this machine")
	}
	n, err := s.asker.Choose(ctx, "Which kind of TLS?", max(0, indexOf(kinds, a.TLS)), texts...)
	if err != nil {
		return err
	}
	port := a.Port
	if kinds[n] != a.TLS || port == 0 {
		port = config.DefaultPort(a.Protocol, kinds[n])
	}
	a.TLS = kinds[n]
	if host != a.Host {
		a.TLSFingerprint = ""
	}
	text, err := s.asker.Ask(ctx, "Port", strconv.Itoa(port), isPort)
	if err == nil {
		a.Port, err = strconv.Atoi(text)
	}
	return err
}

func indexOf(list []config.TLS, t config.TLS) int {
	for i, one := range list {
		if one == t {
			return i
		}
	}
	return -1
}

func isHost(text string) error {
	if text == "" || strings.ContainsAny(text, " /@") {
		return errors.New("the name or address of a server, please, such as mail.example.org")
	}
	return nil
}

func isPort(text string) error {
	if n, err := strconv.Atoi(text); err != nil || n < 1 || n > 65535 {
		return errors.New("a number from 1 to 65535, please")
	}
	return nil
}

// askProtocol asks it where nothing was found out.
func (s *setup) askProtocol(ctx context.Context) error {
	n, err := s.asker.Choose(ctx, "How do you want your mail?", 0,
		"sync (IMAP): the server is where mail lives; your Maildirs are a copy to work on, kept equal both ways",
		"fetch (POP3): new mail comes into one Maildir")
	s.account.Protocol = []config.Protocol{config.IMAP, config.POP3}[n]
	return err
}

// nothingFound asks what to do where no server was found.
func (s *setup) nothingFound(ctx context.Context, failed error) error {
	for {
		s.tell(failed, "")
		found, err := s.choose(ctx, "What now?",
			choice{"name the server yourself", func(ctx context.Context) (bool, error) { return true, s.byHand(ctx) }},
			choice{"try another address", func(ctx context.Context) (bool, error) {
				s.address = ""
				if err := s.askAddress(ctx); err != nil {
					return false, err
				}
				s.account.Protocol = ""
				failed = s.discover(ctx, s.account.Protocol)
				return failed == nil, ctx.Err()
			}},
			giveUp(failed))
		if found || err != nil {
			return err
		}
	}
}

// askKeep asks what becomes of the mail on a POP3 server: to delete it there is nothing that an empty line should mean.
func (s *setup) askKeep(ctx context.Context) error {
	if s.asker == nil || s.account.Protocol != config.POP3 || s.flags.Keep != nil {
		return nil
	}
	keeps := []config.Keep{{Mode: config.KeepForever}, {Mode: config.KeepFor, For: 14 * 24 * time.Hour}, {Mode: config.KeepUntilDeleted}, {}}
	n, err := s.asker.Choose(ctx, "What becomes of the mail on the server, once it is safe here?", 0,
		"all of it stays there (keep = true)", `it stays for 14 days (keep = "14d")`,
		`it stays until you delete the copy here (keep = "until-deleted")`, "it is deleted there (keep = false)")
	s.flags.Keep = &keeps[n]
	return err
}
