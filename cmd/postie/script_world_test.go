package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postie/pop3/pop3test"
	"postie/testdata/dns"
	"postie/testdata/dovecot"
	"postie/testdata/schema"
)

// localMain is postie in a small internet on loopback: DNS and HTTPS are those of a world, by its environment. What it prints
// with --json has to fit testdata/schema.
func localMain() {
	if address := os.Getenv("POSTIE_TEST_DNS"); address != "" {
		net.DefaultResolver = dns.Resolver(address)
		http.DefaultTransport = &http.Transport{DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
			if !strings.HasSuffix(to, ":443") {
				return nil, fmt.Errorf("%s: not in this world", to)
			}
			return new(net.Dialer).DialContext(ctx, network, os.Getenv("POSTIE_TEST_HTTPS"))
		}}
	}
	if !slices.Contains(os.Args, "--json") {
		main()
	}
	var out bytes.Buffer
	code := run(os.Args[1:], io.MultiWriter(os.Stdout, &out), os.Stderr)
	if err := schema.Check(out.Bytes()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 99 // no scenario expects that
	}
	os.Exit(code)
}

// world is a Dovecot with alice, the domain example.test whose autoconfig names it, and srv.test whose DNS does.
type world struct {
	mail *dovecot.Server
	env  []string
}

func newWorld(t testing.TB, o dovecot.Options) *world {
	t.Helper()
	w := &world{mail: dovecot.Start(t, o)}
	loopback := []net.IP{net.IPv4(127, 0, 0, 1)}
	srv := func(host string, port int) []net.SRV { return []net.SRV{{Target: host, Port: uint16(port)}} }
	names := dns.Start(t, dns.Zone{
		A: map[string][]net.IP{"autoconfig.example.test": loopback, "localhost": loopback, "mail.example.test": loopback, "mail.srv.test": loopback},
		SRV: map[string][]net.SRV{
			"_imaps._tcp.srv.test": srv("localhost", w.mail.IMAPS),
			"_pop3._tcp.own.test":  srv("mail.own.test", w.mail.POP3),
		},
	})
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if r.Host != "autoconfig.example.test" || r.URL.Query().Get("emailaddress") == "" {
			http.NotFound(out, r)
			return
		}
		fmt.Fprintf(out, `<clientConfig version="1.1"><emailProvider id="example.test"><displayName>Example Mail</displayName>
<incomingServer type="imap"><hostname>localhost</hostname><port>%d</port><socketType>SSL</socketType><username>%%EMAILLOCALPART%%</username><authentication>password-cleartext</authentication></incomingServer>
<incomingServer type="pop3"><hostname>localhost</hostname><port>%d</port><socketType>STARTTLS</socketType><username>%%EMAILLOCALPART%%</username><authentication>password-cleartext</authentication></incomingServer>
</emailProvider></clientConfig>`, w.mail.IMAPS, w.mail.POP3)
	}))
	config, _, err := pop3test.SelfSigned("autoconfig.example.test")
	if err != nil {
		t.Fatal(err)
	}
	secure.TLS = config
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // guesses meet the wrong certificate
	secure.StartTLS()
	t.Cleanup(secure.Close)
	roots, err := os.ReadFile(w.mail.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots = append(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: config.Certificates[0].Certificate[0]})...)
	bundle := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(bundle, roots, 0o644); err != nil {
		t.Fatal(err)
	}
	w.env = []string{"POSTIE_TEST_DNS=" + names, "POSTIE_TEST_HTTPS=" + secure.Listener.Addr().String(), "SSL_CERT_FILE=" + bundle, "SSL_CERT_DIR=" + t.TempDir(),
		"PW=" + dovecot.Password, fmt.Sprint("IMAPS=", w.mail.IMAPS), fmt.Sprint("IMAP=", w.mail.IMAP), fmt.Sprint("POP3S=", w.mail.POP3S), fmt.Sprint("POP3=", w.mail.POP3), "CA=" + w.mail.CA}
	return w
}
