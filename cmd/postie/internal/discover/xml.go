package discover

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/html/charset"
)

// document is what matters of an autoconfig page.
type document struct {
	XMLName  xml.Name `xml:"clientConfig"`
	Provider struct {
		Name    string `xml:"displayName"`
		Servers []struct {
			Type   string   `xml:"type,attr"`
			Host   string   `xml:"hostname"`
			Port   int      `xml:"port"`
			Socket string   `xml:"socketType"`
			User   string   `xml:"username"`
			Auth   []string `xml:"authentication"`
		} `xml:"incomingServer"`
	} `xml:"emailProvider"`
}

// parsePage reads an autoconfig page, format 1.1. Its servers keep their order, but those with TLS from the first byte
// go first. Servers that cannot be used (another protocol, no TLS unless insecure, a host that is none) are left out;
// none left is an error.
func parsePage(page []byte, address string, insecure bool) (Answer, error) {
	var d document
	decoder := xml.NewDecoder(bytes.NewReader(page))
	decoder.CharsetReader = charset.NewReaderLabel
	if err := decoder.Decode(&d); err != nil {
		return Answer{}, fmt.Errorf("is no autoconfig page: %w", err)
	}
	fill := placeholders(address)
	answer := Answer{Provider: strings.TrimSpace(fill.Replace(d.Provider.Name))}
	for _, in := range d.Provider.Servers {
		s := Server{Protocol: Protocol(strings.ToLower(strings.TrimSpace(in.Type))), Port: in.Port, User: strings.TrimSpace(fill.Replace(in.User))}
		var err error
		s.Host, err = hostname(fill.Replace(in.Host))
		s.TLS = map[string]TLS{"ssl": Implicit, "starttls": StartTLS, "plain": None}[strings.ToLower(strings.TrimSpace(in.Socket))]
		s.OAuth2, s.Password = authentication(in.Auth)
		known := s.Protocol == IMAP || s.Protocol == POP3
		if err != nil || !known || s.Port < 1 || s.Port > 65535 || s.TLS == "" || s.TLS == None && !insecure || unfit(s.User) {
			continue
		}
		answer.Servers = append(answer.Servers, s)
	}
	if len(answer.Servers) == 0 {
		return Answer{}, errors.New("names no server with TLS for IMAP or POP3")
	}
	order := []TLS{Implicit, StartTLS, None}
	slices.SortStableFunc(answer.Servers, func(a, b Server) int { return slices.Index(order, a.TLS) - slices.Index(order, b.TLS) })
	return answer, nil
}

// authentication reads the methods that a server takes; without any it takes passwords.
func authentication(methods []string) (oauth2, password bool) {
	for _, m := range methods {
		switch strings.ToLower(strings.TrimSpace(m)) {
		case "oauth2":
			oauth2 = true
		case "password-cleartext", "password-encrypted", "plain", "secure", "":
			password = true
		}
	}
	return oauth2, password || len(methods) == 0
}

// placeholders fills in the address (draft-bucksch-autoconfig, section on placeholders).
func placeholders(address string) *strings.Replacer {
	local, domain, _ := cutLast(address, "@")
	return strings.NewReplacer("%EMAILADDRESS%", address, "%EMAILLOCALPART%", local, "%EMAILDOMAIN%", domain)
}

// unfit says that a name holds what no user name has: control characters, or a placeholder that nobody filled.
func unfit(user string) bool {
	return len(user) > 320 || strings.ContainsFunc(user, func(r rune) bool { return r < ' ' || r == 0x7f }) ||
		len(user) > 2 && user[0] == '%' && user[len(user)-1] == '%'
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
