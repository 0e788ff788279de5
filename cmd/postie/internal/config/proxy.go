package config

import (
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// parseProxy reads socks5://[USER[:PASSWORD]@]HOST[:PORT]; the port defaults to 1080. Its errors repeat nothing of s,
// which may hold a password.
func parseProxy(s string) (Proxy, error) {
	u, err := url.Parse(s)
	// The proxy always resolves the name, which others write as socks5h.
	if err != nil || u.Scheme != "socks5" && u.Scheme != "socks5h" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return Proxy{}, errors.New("is not the address of a SOCKS5 proxy")
	}
	if _, err := parseHost(u.Hostname()); err != nil {
		return Proxy{}, errors.New("is not the address of a SOCKS5 proxy")
	}
	port := u.Port()
	if port == "" {
		port = "1080"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return Proxy{}, errors.New("has no port from 1 to 65535")
	}
	password, _ := u.User.Password()
	return Proxy{net.JoinHostPort(u.Hostname(), port), u.User.Username(), Secret(password)}, nil
}

// URL is the proxy as connect wants it, its password revealed; "" for none.
func (p Proxy) URL() string { return p.url(true) }

func (p Proxy) url(reveal bool) string {
	if p.Address == "" {
		return ""
	}
	u := url.URL{Scheme: "socks5", Host: p.Address}
	switch {
	case reveal && p.Password != "":
		u.User = url.UserPassword(p.User, string(p.Password))
	case p.User != "":
		u.User = url.User(p.User)
	}
	return u.String()
}
