package discover

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

func TestParsePage(t *testing.T) {
	one := func(kind, host, port, socket, user, auth string) string {
		return fmt.Sprintf(`<incomingServer type="%s"><hostname>%s</hostname><port>%s</port><socketType>%s</socketType><username>%s</username>%s</incomingServer>`, kind, host, port, socket, user, auth)
	}
	tests := []struct{ name, servers, want string }{
		{"implicit TLS first", one("imap", "a.test", "143", "STARTTLS", "u", "") + one("imap", "b.test", "993", "SSL", "u", ""),
			"imap b.test:993 (TLS) u oauth2=false password=true, imap a.test:143 (STARTTLS) u oauth2=false password=true"},
		{"methods", one("pop3", "a.test", "995", "SSL", "", "<authentication>OAuth2</authentication>"), "pop3 a.test:995 (TLS)  oauth2=true password=false"},
		{"no TLS", one("imap", "a.test", "143", "plain", "u", ""), "error"},
		{"another protocol", one("exchange", "a.test", "443", "SSL", "u", ""), "error"},
		{"hosts that are none", one("imap", "a.test/x", "993", "SSL", "u", "") + one("imap", "a b", "993", "SSL", "u", "") + one("imap", "", "993", "SSL", "u", ""), "error"},
		{"ports that are none", one("imap", "a.test", "0", "SSL", "u", "") + one("imap", "a.test", "70000", "SSL", "u", ""), "error"},
		{"an unknown placeholder", one("imap", "a.test", "993", "SSL", "%REALNAME%", ""), "error"},
		{"spaces", one("imap", "\n a.test ", "993", " SSL ", " %EMAILADDRESS%\n", ""), "imap a.test:993 (TLS) al@x.test oauth2=false password=true"},
	}
	for _, tt := range tests {
		a, err := parsePage([]byte("<clientConfig><emailProvider>"+tt.servers+"</emailProvider></clientConfig>"), "al@x.test", false)
		var got []string
		for _, s := range a.Servers {
			got = append(got, fmt.Sprintf("%s %s oauth2=%v password=%v", s, s.User, s.OAuth2, s.Password))
		}
		if err != nil {
			got = []string{"error"}
		}
		if text := strings.Join(got, ", "); text != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, text, tt.want)
		}
	}
	latin := "<?xml version='1.0' encoding='iso-8859-1'?>" + strings.Replace(page, `<?xml version="1.0"?>`, "", 1)
	if a, err := parsePage([]byte(strings.Replace(latin, "%s", "Caf\xe9", 1)), "al@x.test", false); err != nil || a.Provider != "Café" {
		t.Errorf("%q %v", a.Provider, err)
	}
}

// Whatever a page says, the servers that come out can be dialled, and their names fit into one line.
func FuzzParsePage(f *testing.F) {
	f.Add([]byte(named("x")), "alice@example.test")
	f.Add([]byte("<clientConfig><emailProvider><incomingServer type='imap'/></emailProvider></clientConfig>"), "a@b.test")
	f.Add([]byte("<?xml version='1.0' encoding='utf-16'?><clientConfig/>"), "a%EMAILDOMAIN%@b.test")
	f.Fuzz(func(t *testing.T, page []byte, address string) {
		if _, err := parse(address); err != nil {
			return
		}
		a, err := parsePage(page, address, true)
		if err != nil {
			return
		}
		for _, s := range a.Servers {
			if host, err := hostname(s.Host); err != nil || host != s.Host || strings.ContainsAny(host, " /@\r\n\x1b\x00") {
				t.Errorf("host %q: %q %v", s.Host, host, err)
			}
			if s.Port < 1 || s.Port > 65535 || s.TLS == "" || strings.ContainsAny(s.User, "\r\n\x00\x1b") {
				t.Errorf("%+v", s)
			}
		}
	})
}

func FuzzRank(f *testing.F) {
	f.Add("mail.example.test.", uint16(993))
	f.Add(".", uint16(0))
	f.Add("\xae", uint16(64))
	f.Add("0..", uint16(1056))
	f.Fuzz(func(t *testing.T, target string, port uint16) {
		for _, s := range rank([][]*net.SRV{{{Target: target, Port: port}}, nil, nil, nil}) {
			if host, err := hostname(s.Host); err != nil || host != s.Host || s.Port == 0 {
				t.Errorf("%q: %+v", target, s)
			}
		}
	})
}
