package discover

import "net"

// service is one name below which SRV records are looked for.
type service struct {
	name     string
	protocol Protocol
	tls      TLS
}

// services are those of RFC 6186 section 3, in the order that RFC 8314 section 4 wants: implicit TLS first.
func services() []service {
	return []service{{"imaps", IMAP, Implicit}, {"pop3s", POP3, Implicit}, {"imap", IMAP, StartTLS}, {"pop3", POP3, StartTLS}}
}

// rank turns the records of the services into servers, best first. Records of one service come sorted by priority and
// shuffled by weight (RFC 2782), as net.Resolver gives them.
func rank(lists [][]*net.SRV) (servers []Server) {
	for i, s := range services() {
		for _, record := range lists[i] {
			// RFC 6186 section 3.4: the target "." says that the service is not offered.
			host, err := hostname(record.Target)
			if err != nil || record.Port == 0 {
				continue
			}
			servers = append(servers, Server{Protocol: s.protocol, Host: host, Port: int(record.Port), TLS: s.tls, Password: true})
		}
	}
	return servers
}
