package config

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
)

// ParseURL makes an account of pop3s://USER@HOST[:PORT], pop3://… (STLS), imaps://USER@HOST[:PORT][/MAILBOX] or
// imap://… (STARTTLS), with maildir as its Maildir (relative to the working folder). USER ends at the last '@' before
// the path; %XX is decoded. The account's name is USER@HOST, what cannot stand in a name percent-encoded again. A
// password in it is refused, and no error repeats one. SetTLS and the other fields take flags; call Check then.
func ParseURL(raw, maildir string) (Account, error) {
	refuse := func(msg, hint string) (Account, error) { return Account{}, &Error{Key: "URL", Msg: msg, Hint: hint} }
	scheme, rest, _ := strings.Cut(raw, "://")
	authority, mailbox, _ := strings.Cut(rest, "/")
	at := strings.LastIndex(authority, "@")
	user, place := authority[:max(at, 0)], authority[at+1:]

	a := newAccount("")
	a.TLS = StartTLS
	protocol, implicit := strings.CutSuffix(strings.ToLower(scheme), "s")
	if implicit {
		a.TLS = Implicit
	}
	a.Protocol = Protocol(protocol)
	switch {
	case strings.Contains(user, ":"):
		return refuse("holds a password, which other users of this machine can read on the command line", "leave it out: postie asks for it, or takes it from --password-command, --password-file or --password-env")
	case a.Protocol != POP3 && a.Protocol != IMAP:
		return refuse(fmt.Sprintf("%q is not a kind of address known here", scheme), "write pop3s://, pop3://, imaps:// or imap://")
	case user == "":
		return refuse("names no user", "write "+scheme+"://USER@HOST")
	case strings.ContainsAny(rest, "?#"):
		return refuse("holds '?' or '#'", "write them as %3F and %23")
	case a.Protocol == POP3 && mailbox != "":
		return refuse("names a mailbox, but POP3 has only one", "end it after the host")
	case maildir == "":
		return refuse("needs a Maildir", "name it with -d DIR")
	}
	if err := a.locate(user, place, mailbox); err != nil {
		return refuse(err.Error(), "")
	}
	dir, err := expand(".", maildir)
	if err == nil {
		a.Maildir, err = filepath.Abs(dir)
	}
	if err != nil {
		return Account{}, &Error{Key: "-d", Msg: err.Error(), Err: err}
	}
	a.Name = url.PathEscape(a.User) + "@" + a.Host
	a.complete()
	return a, a.Check()
}

// locate decodes the parts of a URL.
func (a *Account) locate(user, place, mailbox string) error {
	for _, part := range []*string{&user, &mailbox} {
		decoded, err := url.PathUnescape(*part)
		if err != nil {
			return fmt.Errorf("decode: %w", err)
		}
		if err := plain(decoded); err != nil {
			return err
		}
		*part = decoded
	}
	host, err := a.splitPort(place)
	if err != nil {
		return err
	}
	if host, err = url.PathUnescape(host); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	if a.Host, err = parseHost(host); err != nil || host == "" {
		return fmt.Errorf("%q is not a host", host)
	}
	a.User = user
	if strings.HasPrefix(mailbox, "!") {
		return fmt.Errorf("%q: a mailbox whose name begins with '!' needs a configuration file", mailbox)
	}
	if mailbox != "" {
		a.Mailboxes = []string{mailbox}
	}
	return nil
}

// splitPort takes the port off HOST, HOST:PORT, [IPV6] or [IPV6]:PORT.
func (a *Account) splitPort(place string) (string, error) {
	host, port := place, ""
	if colon := strings.LastIndex(place, ":"); colon > strings.LastIndex(place, "]") {
		host, port = place[:colon], place[colon+1:]
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return "", fmt.Errorf("%q is not a port", port)
		}
		a.Port = int(n)
	}
	if strings.Contains(host, ":") && !strings.Contains(host, "[") {
		return "", fmt.Errorf("%q: an IPv6 address stands in brackets, as in [::1]", place)
	}
	return host, nil
}
