package discover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
)

// asker asks the sources about one address.
type asker struct {
	Options
	address, domain string
}

type reply struct {
	source Source
	answer Answer
	err    error
}

// errNone is the miss of a source that simply does not know the domain.
var errNone = errors.New("does not know it")

// askAll starts every source. Exactly one reply comes from each; the channel holds them all, so that nobody waits for a
// reader who has left.
func (a *asker) askAll(ctx context.Context) <-chan reply {
	exchangers := sync.OnceValues(func() ([]string, error) {
		ctx, cancel := context.WithTimeout(ctx, a.Timeout)
		defer cancel()
		return a.exchangers(ctx)
	})
	autoconfig := "/mail/config-v1.1.xml?emailaddress=" + url.QueryEscape(a.address)
	ask := [sources]func(context.Context) (Answer, error){
		Table:      func(context.Context) (Answer, error) { return byDomain(a.domain) },
		Autoconfig: func(ctx context.Context) (Answer, error) { return a.page(ctx, "autoconfig."+a.domain+autoconfig) },
		WellKnown: func(ctx context.Context) (Answer, error) {
			return a.page(ctx, a.domain+"/.well-known/autoconfig/mail/config-v1.1.xml")
		},
		Database: func(ctx context.Context) (Answer, error) { return a.database(ctx, a.domain) },
		SRV:      a.srv,
		TableMX:  func(context.Context) (Answer, error) { return each(exchangers, byExchanger) },
		DatabaseMX: func(ctx context.Context) (Answer, error) {
			return each(exchangers, func(mx string) (Answer, error) { return a.databaseMX(ctx, mx) })
		},
		Guess: func(ctx context.Context) (Answer, error) { return a.guess(ctx, exchangers) },
	}
	replies := make(chan reply, sources)
	for s, ask := range ask {
		go func() {
			ctx, cancel := context.WithTimeout(ctx, a.Timeout)
			defer cancel()
			answer, err := ask(ctx)
			if err == nil && len(answer.Servers) == 0 {
				err = errNone
			}
			if err != nil {
				answer = Answer{}
			}
			answer.Source = Source(s)
			a.fillIn(&answer)
			replies <- reply{Source(s), answer, err}
		}()
	}
	return replies
}

// fillIn fills in the login name, and what the built-in table knows of hosts that another source named: OAuth2 and app
// passwords.
func (a *asker) fillIn(answer *Answer) {
	for i := range answer.Servers {
		answer.Servers[i].User = placeholders(a.address).Replace(answer.Servers[i].User)
	}
	if len(answer.Servers) == 0 || answer.Note != "" {
		return
	}
	for _, p := range providers() {
		if s := answer.Servers[0]; s.Host == p.imap || s.Host == p.pop3 {
			answer.Note, answer.OAuth2 = p.note, p.oauth2
		}
	}
}

// each gives the first answer about one of the mail exchangers.
func each(exchangers func() ([]string, error), ask func(string) (Answer, error)) (Answer, error) {
	hosts, err := exchangers()
	for _, host := range hosts {
		var answer Answer
		if answer, err = ask(host); err == nil && len(answer.Servers) > 0 {
			return answer, nil
		}
	}
	return Answer{}, err
}

// exchangers are the hosts that take the domain's mail, best first, at most three.
func (a *asker) exchangers(ctx context.Context) (hosts []string, err error) {
	list, err := a.Resolver.LookupMX(ctx, a.domain) // sorted by preference
	for _, mx := range list {
		// RFC 7505: "." says that there is no mail.
		if host, bad := hostname(mx.Host); bad == nil && len(hosts) < 3 {
			hosts, err = append(hosts, strings.ToLower(host)), nil
		}
	}
	return hosts, err
}

// databaseMX asks about the domains above a mail exchanger, the closest first: the provider's is one of them.
func (a *asker) databaseMX(ctx context.Context, mx string) (Answer, error) {
	err := errNone
	for _, domain := range parents(mx) {
		var answer Answer
		if answer, err = a.database(ctx, domain); err == nil {
			return answer, nil
		}
	}
	return Answer{}, err
}

// parents are the two shortest domains above a host that have at least two labels, the longer first.
func parents(host string) []string {
	labels := strings.Split(host, ".")
	var list []string
	for n := min(3, len(labels)-1); n >= 2; n-- {
		list = append(list, strings.Join(labels[len(labels)-n:], "."))
	}
	return list
}

// srv asks for the four services of RFC 6186 and RFC 8314 side by side.
func (a *asker) srv(ctx context.Context) (Answer, error) {
	var wait sync.WaitGroup
	lists := make([][]*net.SRV, len(services()))
	errs := make([]error, len(lists))
	for i, s := range services() {
		wait.Go(func() { _, lists[i], errs[i] = a.Resolver.LookupSRV(ctx, s.name, "tcp", a.domain) })
	}
	wait.Wait()
	servers := rank(lists)
	if len(servers) == 0 {
		return Answer{}, firstSerious(errs)
	}
	answer := Answer{Where: fmt.Sprintf("_imaps._tcp.%[1]s, _pop3s._tcp.%[1]s, …", a.domain), Servers: servers}
	for _, s := range servers {
		answer.Foreign = answer.Foreign || !within(s.Host, a.domain)
	}
	return answer, nil
}

// firstSerious is the first error that is more than 'no such record'.
func firstSerious(errs []error) error {
	for _, err := range errs {
		if dns, ok := errors.AsType[*net.DNSError](err); err != nil && !(ok && dns.IsNotFound) {
			return err
		}
	}
	return errNone
}

func within(host, domain string) bool { return host == domain || strings.HasSuffix(host, "."+domain) }
