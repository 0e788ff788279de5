package discover

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postie/testdata/dns"
)

// world is an internet on loopback: pages by "HOST/PATH", names, and servers that answer a probe.
type world struct {
	dns.Zone
	pages   map[string]string
	slow    map[string]bool // hosts whose pages never come
	servers []string        // HOST:PORT

	mu     sync.Mutex
	asked  []string
	probed []string
}

const page = `<?xml version="1.0"?>
<clientConfig version="1.1"><emailProvider id="x"><domain>x</domain><displayName>%s</displayName>
<incomingServer type="pop3"><hostname>pop.%EMAILDOMAIN%</hostname><port>110</port><socketType>STARTTLS</socketType><username>%EMAILLOCALPART%</username><authentication>password-cleartext</authentication></incomingServer>
<incomingServer type="imap"><hostname>mx.host.test</hostname><port>993</port><socketType>SSL</socketType><username>%EMAILADDRESS%</username><authentication>OAuth2</authentication><authentication>password-cleartext</authentication></incomingServer>
</emailProvider></clientConfig>`

func named(name string) string { return strings.Replace(page, "%s", name, 1) }

// options make the world reachable. Every HTTPS connection, whatever the host, ends at one local server.
func (w *world) options(t *testing.T) Options {
	end := make(chan struct{})
	handler := http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.asked = append(w.asked, r.Host+r.URL.String())
		w.mu.Unlock()
		if w.slow[r.Host] {
			select {
			case <-r.Context().Done():
			case <-end:
			}
			return
		}
		body, ok := w.pages[r.Host+r.URL.Path]
		switch target, redirect := strings.CutPrefix(body, "-> "); {
		case redirect:
			http.Redirect(out, r, target, http.StatusFound)
		case !ok:
			http.NotFound(out, r)
		default:
			fmt.Fprint(out, body)
		}
	})
	secure, plain := httptest.NewTLSServer(handler), httptest.NewServer(handler)
	t.Cleanup(func() { close(end); secure.Close(); plain.Close() })
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	return Options{
		Resolver: dns.Resolver(dns.Start(t, w.Zone)),
		HTTP: &http.Client{Transport: &http.Transport{
			// The certificate of httptest is for example.com.
			TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com"},
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				to := secure
				if strings.HasSuffix(address, ":80") {
					to = plain
				}
				return new(net.Dialer).DialContext(ctx, network, to.Listener.Addr().String())
			},
		}},
		Probe: func(_ context.Context, s Server) error {
			address := fmt.Sprintf("%s:%d", s.Host, s.Port)
			w.mu.Lock()
			defer w.mu.Unlock()
			w.probed = append(w.probed, address)
			if !slices.Contains(w.servers, address) {
				return errors.New("nobody there")
			}
			return nil
		},
		Database: "https://db.test/v1.1/",
		Timeout:  20 * time.Second, // what does not answer is told so at once
	}
}

func TestDiscover(t *testing.T) {
	srv := func(target string, port, priority uint16) net.SRV {
		return net.SRV{Target: target, Port: port, Priority: priority, Weight: 1}
	}
	const wellKnown = "/.well-known/autoconfig/mail/config-v1.1.xml"
	tests := []struct {
		name, address string
		w             *world
		want          string // best IMAP; best POP3; sources
	}{
		{"autoconfig goes before all but the table", "alice@example.test", &world{
			pages: map[string]string{"autoconfig.example.test/mail/config-v1.1.xml": named("Own"), "example.test" + wellKnown: named("Well"), "db.test/v1.1/example.test": named("DB")},
			Zone:  dns.Zone{SRV: map[string][]net.SRV{"_imaps._tcp.example.test": {srv("srv.example.test", 993, 0)}}},
		}, "imap mx.host.test:993 (TLS) user alice@example.test by autoconfig; pop3 pop.example.test:110 (STARTTLS) user alice by autoconfig"},
		{"well-known", "alice@example.test", &world{
			pages: map[string]string{"example.test" + wellKnown: named("Well"), "db.test/v1.1/example.test": named("DB")},
		}, "imap mx.host.test:993 (TLS) user alice@example.test by autoconfig (.well-known); pop3 pop.example.test:110 (STARTTLS) user alice by autoconfig (.well-known)"},
		{"database", "alice@example.test", &world{pages: map[string]string{"db.test/v1.1/example.test": named("DB")}},
			"imap mx.host.test:993 (TLS) user alice@example.test by provider database; pop3 pop.example.test:110 (STARTTLS) user alice by provider database"},
		{"SRV: priority, and a service that is not offered", "alice@example.test", &world{
			Zone: dns.Zone{SRV: map[string][]net.SRV{
				"_imaps._tcp.example.test": {srv("second.example.test", 993, 20), srv("first.example.test", 1993, 10)},
				"_pop3s._tcp.example.test": {srv(".", 0, 0)},
				"_pop3._tcp.example.test":  {srv("pop.example.test", 110, 0)},
			}},
		}, "imap first.example.test:1993 (TLS) user  by SRV records; pop3 pop.example.test:110 (STARTTLS) user  by SRV records"},
		{"SRV outside the domain", "alice@example.test", &world{
			Zone: dns.Zone{SRV: map[string][]net.SRV{"_imaps._tcp.example.test": {srv("imap.else.test", 993, 0)}}},
		}, "imap imap.else.test:993 (TLS) user  by SRV records, foreign; none"},
		{"the table, by domain, and no other POP3", "bob@ICLOUD.com", &world{servers: []string{"pop.icloud.com:995"}},
			"imap imap.mail.me.com:993 (TLS) user bob by built-in table; none"},
		{"the table, by MX", "bob@example.test", &world{
			Zone: dns.Zone{MX: map[string][]net.MX{"example.test": {{Host: "aspmx.l.google.com", Pref: 1}}}},
		}, "imap imap.gmail.com:993 (TLS) user  by built-in table, by MX; pop3 pop.gmail.com:995 (TLS) user  by built-in table, by MX"},
		{"the database, by MX", "bob@example.test", &world{
			Zone:  dns.Zone{MX: map[string][]net.MX{"example.test": {{Host: "mx7.in.hoster.test", Pref: 1}}}},
			pages: map[string]string{"db.test/v1.1/hoster.test": named("Hoster")},
		}, "imap mx.host.test:993 (TLS) user bob@example.test by provider database, by MX; pop3 pop.example.test:110 (STARTTLS) user bob by provider database, by MX"},
		{"guesses that are there", "bob@example.test", &world{servers: []string{"mail.example.test:993", "imap.example.test:143", "mail.example.test:110"}},
			"imap mail.example.test:993 (TLS) user  by guess; pop3 mail.example.test:110 (STARTTLS) user  by guess"},
		{"the domain's own exchanger", "bob@example.test", &world{
			Zone:    dns.Zone{MX: map[string][]net.MX{"example.test": {{Host: "box.example.test", Pref: 1}}}},
			servers: []string{"box.example.test:993"},
		}, "imap box.example.test:993 (TLS) user  by guess; none"},
		{"a protocol from a lesser source", "bob@example.test", &world{
			Zone:    dns.Zone{SRV: map[string][]net.SRV{"_imaps._tcp.example.test": {srv("imap.example.test", 993, 0)}}},
			servers: []string{"pop.example.test:995"},
		}, "imap imap.example.test:993 (TLS) user  by SRV records; pop3 pop.example.test:995 (TLS) user  by guess"},
		{"IDN", "käthe@Bücher.test", &world{
			pages: map[string]string{"autoconfig.xn--bcher-kva.test/mail/config-v1.1.xml": named("Own")},
		}, "imap mx.host.test:993 (TLS) user käthe@xn--bcher-kva.test by autoconfig; pop3 pop.xn--bcher-kva.test:110 (STARTTLS) user käthe by autoconfig"},
		{"a redirect to HTTPS", "bob@example.test", &world{pages: map[string]string{
			"autoconfig.example.test/mail/config-v1.1.xml": "-> https://other.test/c.xml", "other.test/c.xml": named("Other")},
		}, "imap mx.host.test:993 (TLS) user bob@example.test by autoconfig; pop3 pop.example.test:110 (STARTTLS) user bob by autoconfig"},
		{"a redirect to HTTP, a loop, a page too large, no XML", "bob@example.test", &world{pages: map[string]string{
			"autoconfig.example.test/mail/config-v1.1.xml": "-> http://other.test/c.xml", "other.test/c.xml": named("Other"),
			"example.test" + wellKnown:  "-> https://example.test" + wellKnown,
			"db.test/v1.1/example.test": named(strings.Repeat("x", maxPage)),
		}}, "none; none"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := Discover(t.Context(), tt.address, tt.w.options(t))
			if (err != nil) != (tt.want == "none; none") || err != nil && !errors.Is(err, ErrNothing) {
				t.Fatal(err)
			}
			var got []string
			for _, p := range []Protocol{IMAP, POP3} {
				text := "none"
				if a, s, ok := r.Best(p); ok {
					text = fmt.Sprintf("%s user %s by %s", s, s.User, a.Source)
					if a.Foreign {
						text += ", foreign"
					}
				}
				got = append(got, text)
			}
			if text := strings.Join(got, "; "); text != tt.want {
				t.Errorf("got  %s\nwant %s\nmissed %v", text, tt.want, r.Missed)
			}
			tt.w.mu.Lock() // a request that nobody waits for any more may still come in
			defer tt.w.mu.Unlock()
			for _, asked := range tt.w.asked {
				if strings.HasPrefix(asked, "db.test/") && strings.ContainsAny(asked, "@?") {
					t.Errorf("the address was told to the database: %s", asked)
				}
			}
		})
	}
}

// What is known at once does not wait for what never answers; and what never answers has its time.
func TestTimeLimits(t *testing.T) {
	w := &world{slow: map[string]bool{"autoconfig.gmail.com": true, "autoconfig.example.test": true, "example.test": true},
		pages: map[string]string{"db.test/v1.1/example.test": named("DB")}}
	o := w.options(t)
	if _, err := Discover(t.Context(), "x@gmail.com", o); err != nil {
		t.Error(err)
	}
	o.Timeout = 300 * time.Millisecond
	r, err := Discover(t.Context(), "x@example.test", o)
	if err != nil || len(r.Missed) < 2 || !errors.Is(r.Missed[1].Err, context.DeadlineExceeded) {
		t.Errorf("%v %+v", err, r)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if _, err := Discover(ctx, "x@example.test", o); !errors.Is(err, why) {
		t.Error(err)
	}
}

func TestInsecure(t *testing.T) {
	w := &world{pages: map[string]string{}}
	o := w.options(t)
	serve := o.HTTP.Transport.(*http.Transport).DialContext
	o.HTTP.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if !strings.HasSuffix(address, ":80") {
			return nil, errors.New("no HTTPS here")
		}
		return serve(ctx, network, address)
	}
	w.pages["autoconfig.example.test/mail/config-v1.1.xml"] = strings.ReplaceAll(named("Own"), "SSL", "plain")
	if _, err := Discover(t.Context(), "x@example.test", o); !errors.Is(err, ErrNothing) || len(w.asked) > 0 {
		t.Errorf("%v %v", err, w.asked)
	}
	o.Insecure = true
	r, err := Discover(t.Context(), "x@example.test", o)
	if err != nil {
		t.Fatal(err)
	}
	if a, s, ok := r.Best(IMAP); !ok || s.TLS != None || !a.Foreign {
		t.Errorf("%+v", r)
	}
}

func TestAddresses(t *testing.T) {
	for _, bad := range []string{"", "alice", "@example.test", "alice@", "alice@localhost", "a b@example.test", "alice@127.0.0.1", "alice@exa mple.test",
		"alice@[::1]", "alice@example.test\r\n", "alice@-.test", "alice@" + strings.Repeat("a", 64) + ".test", "a@b@"} {
		if r, err := parse(bad); err == nil {
			t.Errorf("%q: %+v", bad, r)
		}
	}
	for good, domain := range map[string]string{"a@b@example.test": "example.test", "a+b%c@EXAMPLE.test": "example.test",
		"a@straße.test": "xn--strae-oqa.test", "a@example.test.": "example.test"} {
		if r, err := parse(good); err != nil || r.Domain != domain {
			t.Errorf("%q: %+v %v", good, r, err)
		}
	}
}

// The table is right in itself: no domain twice, valid names, and no exchanger that means two.
func TestTable(t *testing.T) {
	seen := map[string]string{}
	for _, p := range providers() {
		for _, name := range append(strings.Fields(p.domains), strings.Fields("mx:"+strings.ReplaceAll(p.mx, " ", " mx:"))...) {
			if other := seen[name]; other != "" && name != "mx:" {
				t.Errorf("%s is in %s and %s", name, other, p.name)
			}
			seen[name] = p.name
		}
		for _, host := range []string{p.imap, p.pop3} {
			if ascii, err := hostname(host); host != "" && (err != nil || ascii != host) {
				t.Errorf("%s: %s", p.name, host)
			}
		}
	}
	for host, want := range map[string]string{"example-com.mail.protection.outlook.com": "Microsoft 365", "outlook-com.olc.protection.outlook.com": "Outlook.com",
		"mx-aol.mail.gm0.yahoodns.net": "AOL", "mta5.am0.yahoodns.net": "Yahoo Mail", "notgoogle.com": ""} {
		if a, _ := byExchanger(host); a.Provider != want {
			t.Errorf("%s: %q", host, a.Provider)
		}
	}
}
