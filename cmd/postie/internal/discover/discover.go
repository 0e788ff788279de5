// Package discover finds the mail servers of an address: the domain's own autoconfig pages, RFC 6186 SRV records, a
// built-in table of large providers, the Thunderbird provider database, and guesses that are tried. All are asked side
// by side, each with a time limit; which answer is best is a fixed order, whoever was fastest.
//
// Obeyed here: RFC 6186 and RFC 8314 (SRV), the autoconfig format of draft-bucksch-autoconfig, RFC 5891 (IDN).
package discover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Protocol of a server.
type Protocol string

const (
	IMAP Protocol = "imap"
	POP3 Protocol = "pop3"
)

// TLS says when encryption begins.
type TLS string

const (
	Implicit TLS = "implicit"
	StartTLS TLS = "starttls"
	None     TLS = "none"
)

// Server is where mail can be had.
type Server struct {
	Protocol Protocol
	Host     string // in ASCII form
	Port     int
	TLS      TLS
	User     string // login name; "": not said, usually the address
	OAuth2   bool   // the server takes OAuth2
	Password bool   // the server takes passwords
}

func (s Server) String() string {
	mode := map[TLS]string{Implicit: "TLS", StartTLS: "STARTTLS", None: "no TLS"}[s.TLS]
	return fmt.Sprintf("%s %s:%d (%s)", s.Protocol, s.Host, s.Port, mode)
}

// Source is a kind of answer; a lower one is better. What a certificate vouches for goes before what DNS alone says
// (RFC 6186 section 6: an attacker may answer in its place), and that before guesses.
type Source int

const (
	Table      Source = iota // built in, by the address's domain
	Autoconfig               // https://autoconfig.DOMAIN
	WellKnown                // https://DOMAIN/.well-known/autoconfig
	Database                 // the provider database, by the address's domain
	SRV                      // RFC 6186
	TableMX                  // built in, by the domain of the domain's mail exchanger
	DatabaseMX               // the provider database, by that domain
	Guess                    // names that servers often have, tried
	sources
)

func (s Source) String() string {
	return [...]string{"built-in table", "autoconfig", "autoconfig (.well-known)", "provider database", "SRV records",
		"built-in table, by MX", "provider database, by MX", "guess"}[s]
}

// Answer is what one source says.
type Answer struct {
	Source   Source
	Where    string   // address or name that was asked
	Provider string   // its name; often ""
	Servers  []Server // best first; never empty
	OAuth2   string   // name of a preset for OAuth2, "google" or "microsoft"; or ""
	Note     string   // what the user has to know: an app password, a switch in the settings
	Complete bool     // protocols that are not named are not to be had
	Foreign  bool     // only DNS says it, and the hosts lie outside the domain (RFC 6186 section 6: ask the user)
}

// Best is the answer's first server for a protocol.
func (a *Answer) Best(p Protocol) (Server, bool) {
	i := slices.IndexFunc(a.Servers, func(s Server) bool { return s.Protocol == p })
	if i < 0 {
		return Server{}, false
	}
	return a.Servers[i], true
}

// Miss is a source that gave no answer.
type Miss struct {
	Source Source
	Err    error
}

// Result is what was found.
type Result struct {
	Address string // with its domain in ASCII form
	Domain  string
	Answers []Answer // best first
	Missed  []Miss
}

// Best is the best answer for a protocol, and its server.
func (r *Result) Best(p Protocol) (*Answer, Server, bool) {
	for i := range r.Answers {
		if s, ok := r.Answers[i].Best(p); ok {
			return &r.Answers[i], s, true
		} else if r.Answers[i].Complete {
			break
		}
	}
	return nil, Server{}, false
}

// Resolver is what is asked of DNS; *net.Resolver is one.
type Resolver interface {
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
}

// ProviderDatabase is Thunderbird's; the domain follows. The address itself is not told.
const ProviderDatabase = "https://autoconfig.thunderbird.net/v1.1/"

// Options are how to ask. Resolver, HTTP and Probe are required.
type Options struct {
	Resolver Resolver
	HTTP     *http.Client                        // its CheckRedirect is replaced
	Probe    func(context.Context, Server) error // nil: such a server is there, and its certificate holds
	Database string                              // base address; "": ProviderDatabase
	Timeout  time.Duration                       // of each source; 0: 5 s
	Insecure bool                                // also ask over plain HTTP, and take servers without TLS
}

// ErrNothing says that no source knew a server.
var ErrNothing = errors.New("no mail server was found")

// Discover asks all sources about an address. It returns as soon as nothing that is still missing could be better. The
// error is about the address, wraps ErrNothing, or is the context's; with ErrNothing the result tells what was tried.
func Discover(ctx context.Context, address string, o Options) (*Result, error) {
	r, err := parse(address)
	if err != nil {
		return nil, err
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Database == "" {
		o.Database = ProviderDatabase
	}
	asking, stop := context.WithCancel(ctx)
	defer stop()
	replies := (&asker{o, r.Address, r.Domain}).askAll(asking)
	var known [sources]*reply
	for range sources {
		reply := <-replies
		known[reply.source] = &reply
		if settled(known[:]) {
			break
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for s, reply := range known {
		if reply == nil {
			continue
		}
		if reply.err != nil {
			r.Missed = append(r.Missed, Miss{Source(s), reply.err})
		} else {
			r.Answers = append(r.Answers, reply.answer)
		}
	}
	if len(r.Answers) == 0 {
		return r, fmt.Errorf("%w for %s", ErrNothing, r.Domain)
	}
	return r, nil
}

// settled says whether what is missing cannot be better for any protocol than what is known.
func settled(known []*reply) bool {
	have := map[Protocol]bool{}
	for _, reply := range known {
		if reply == nil {
			return false
		}
		for _, s := range reply.answer.Servers {
			have[s.Protocol] = true
		}
		if reply.answer.Complete || have[IMAP] && have[POP3] {
			return true
		}
	}
	return true
}

// parse takes an address apart. The domain may be an IDN.
func parse(address string) (*Result, error) {
	at := strings.LastIndexByte(address, '@')
	if at < 1 || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return nil, fmt.Errorf("%q is no mail address: write NAME@DOMAIN", address)
	}
	domain, err := hostname(address[at+1:])
	if err != nil || !strings.Contains(domain, ".") || net.ParseIP(domain) != nil {
		return nil, fmt.Errorf("%q is no mail address: its domain is not one", address)
	}
	return &Result{Address: address[:at+1] + domain, Domain: domain}, nil
}

// hostname gives the ASCII form of a name, or says that it is none.
func hostname(name string) (string, error) {
	name = strings.TrimSuffix(strings.TrimSpace(name), ".")
	if ip := net.ParseIP(strings.Trim(name, "[]")); ip != nil {
		return ip.String(), nil
	}
	// RFC 5891 section 5: what a user writes is mapped, and must then be a valid name, which maps to itself.
	profile := idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true), idna.VerifyDNSLength(true))
	ascii, err := profile.ToASCII(name)
	if again, bad := profile.ToASCII(ascii); err != nil || bad != nil || again != ascii || strings.HasSuffix(ascii, ".") || !utf8.ValidString(name) {
		return "", fmt.Errorf("%q is no host name", name)
	}
	return ascii, nil
}
