package discover

import (
	"context"
	"sync"
)

// guesses are the servers that a domain may have, best first. mx are its mail exchangers: small domains read mail where
// they receive it; only those within the domain are tried, for the others nobody vouches.
func guesses(domain string, mx []string) (servers []Server) {
	own := []string{}
	for _, host := range mx {
		if within(host, domain) {
			own = append(own, host)
		}
	}
	for _, kind := range []struct {
		protocol Protocol
		tls      TLS
		port     int
		names    []string
	}{
		{IMAP, Implicit, 993, []string{"imap.", "mail.", ""}},
		{POP3, Implicit, 995, []string{"pop.", "pop3.", "mail.", ""}},
		{IMAP, StartTLS, 143, []string{"imap.", "mail."}},
		{POP3, StartTLS, 110, []string{"pop.", "mail."}},
	} {
		hosts := []string{}
		for _, name := range kind.names {
			hosts = append(hosts, name+domain)
		}
		if kind.tls == Implicit {
			hosts = append(hosts, own...)
		}
		seen := map[string]bool{}
		for _, host := range hosts {
			if !seen[host] {
				servers = append(servers, Server{Protocol: kind.protocol, Host: host, Port: kind.port, TLS: kind.tls, Password: true})
			}
			seen[host] = true
		}
	}
	return servers
}

// guess probes all guesses side by side and keeps, in their order, those that answered.
func (a *asker) guess(ctx context.Context, exchangers func() ([]string, error)) (Answer, error) {
	mx, _ := exchangers() // without them there is less to guess
	servers := guesses(a.domain, mx)
	there := make([]bool, len(servers))
	var wait sync.WaitGroup
	for i, s := range servers {
		wait.Go(func() { there[i] = a.Probe(ctx, s) == nil })
	}
	wait.Wait()
	answer := Answer{Where: "names below " + a.domain}
	for i, s := range servers {
		if there[i] {
			answer.Servers = append(answer.Servers, s)
		}
	}
	return answer, nil
}
