package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// problem is a contradiction between keys of one account; the first is named.
type problem struct {
	keys      []string
	msg, hint string
}

// Check reports contradictions in an account, as *Error without a file: call it after changing one by flags.
func (a *Account) Check() error {
	var list []*Error
	for _, p := range a.problems() {
		list = append(list, &Error{Key: keyName("account", a.Name, p.keys[0]), Msg: p.msg, Hint: p.hint})
	}
	return join(list)
}

func (a *Account) problems() []problem {
	var list []problem
	wrong := func(bad bool, msg, hint string, keys ...string) {
		if bad {
			list = append(list, problem{keys, msg, hint})
		}
	}
	tunnel := len(a.Tunnel) > 0
	wrong(a.Protocol == "", "is missing", `write protocol = "pop3" or "imap"`, "protocol")
	wrong(a.Host == "" && !tunnel, "is missing", "write the name of the mail server", "host", "tunnel")
	wrong(a.Host == "" && tunnel && a.TLS != None && a.TLSFingerprint == "", "is missing", "TLS through a tunnel needs the name that the certificate is for, or tls_fingerprint", "host", "tls_fingerprint")
	wrong(a.User == "" && !tunnel, "is missing", "write the name you log in with", "user", "tunnel")
	wrong(a.Maildir == "", "is missing", `write the folder that gets the mail: maildir = "~/Mail/`+a.Name+`"`, "maildir")

	wrong(a.State != "" && a.Maildir != "" && inside(resolved(a.Maildir), resolved(a.State)), fmt.Sprintf("%q lies inside the Maildir, among its mail", a.State), "remove it: index and locks then lie in the root itself; or name a folder elsewhere", "state", "maildir")

	wrong(a.TLS == None && a.Host != "" && !a.MayCleartext(), fmt.Sprintf("without TLS the password would cross the network to %s in the clear", a.Host), `write tls = "implicit" or "starttls", or allow_cleartext = true if you must`, "tls", "allow_cleartext", "tunnel", "proxy")
	wrong(a.TLS == None && a.TLSFingerprint != "", `means nothing with tls = "none"`, "remove one of them", "tls_fingerprint", "tls")
	wrong(a.TLS == None && a.TLSCA != "", `means nothing with tls = "none"`, "remove one of them", "tls_ca", "tls")
	wrong(a.TLS == None && a.ClientCert != "", `means nothing with tls = "none"`, "remove one of them", "client_cert", "tls")
	wrong(a.ClientKey != "" && a.ClientCert == "", "means nothing without client_cert", "", "client_key", "client_cert")
	wrong(tunnel && a.Proxy != Proxy{}, "means nothing with a tunnel, which makes its own connection", "remove one of them", "proxy", "tunnel")

	sources := a.Sources()
	if len(sources) > 1 {
		wrong(true, fmt.Sprintf("is one secret too many: %s are set", strings.Join(sources, " and ")), "keep one of them", sources[1:]...)
	}
	token := a.OAuth2 != nil || len(a.TokenCommand) > 0
	wrong(token && a.Auth != "auto" && a.Auth != "xoauth2" && a.Auth != "oauthbearer", fmt.Sprintf("%q cannot carry an OAuth2 token", a.Auth), `write "auto", "xoauth2" or "oauthbearer"`, "auth")
	wrong(a.Auth == "external" && a.ClientCert == "" && !tunnel, `"external" needs a client certificate`, "set client_cert", "auth", "client_cert")
	wrong(a.Protocol == IMAP && a.Auth == "apop", `"apop" does not fit an imap account, only pop3 ones`, `write "auto"`, "auth")
	const archive = `needs direction = "archive": elsewhere a deletion on the server is one here too`
	wrong(a.DeleteAfter > 0 && a.Direction != Archive, archive, "", "delete_after", "direction")
	for _, own := range a.Own {
		wrong(own.DeleteAfter > 0 && own.Direction != Archive, own.Pattern+": delete_after "+archive, "", "mailbox")
	}
	return list
}

// Sources names the keys that a secret would come from. oauth2 with keyring = true keeps its tokens there.
func (a *Account) Sources() []string {
	var list []string
	for _, s := range []struct {
		key string
		set bool
	}{
		{"password", a.Password.Literal != ""}, {"password_command", len(a.Password.Command) > 0}, {"password_file", a.Password.File != ""},
		{"password_env", a.Password.Env != ""}, {"keyring", a.Password.Keyring && a.OAuth2 == nil}, {"oauth2", a.OAuth2 != nil}, {"token_command", len(a.TokenCommand) > 0},
	} {
		if s.set {
			list = append(list, s.key)
		}
	}
	return list
}

// checkRoots compares each account's folders with those of the accounts before it.
func (p *parser) checkRoots(accounts []Account) {
	for i, b := range accounts {
		for _, a := range accounts[:i] {
			key, msg, hint := clash(&a, &b)
			if key == "" {
				continue
			}
			other := p.line([]string{"account", a.Name, key})
			p.report([]string{"account", b.Name, key}, fmt.Sprintf("%s %q (line %d)", msg, a.Name, other), hint)
		}
	}
}

// Apart reports the first account whose root lies inside that of another, or holds it, as *Error without a file: call it for
// accounts that were changed by flags, or that come from elsewhere.
func Apart(accounts []Account) error {
	for i, b := range accounts {
		for _, a := range accounts[:i] {
			if msg := nested(&a, &b); msg != "" {
				return &Error{Key: keyName("account", b.Name, "maildir"), Msg: fmt.Sprintf("%s %q, %s", msg, a.Name, a.Maildir), Hint: beside}
			}
		}
	}
	return nil
}

const beside = "give each account a folder beside the other's"

// nested says that the root of b and that of a lie one inside the other, up to the name of a; "": they do not.
func nested(a, b *Account) string {
	switch ra, rb := resolved(a.Maildir), resolved(b.Maildir); {
	case a.Maildir == "" || b.Maildir == "" || same(ra, rb):
		return ""
	case inside(ra, rb):
		return fmt.Sprintf("%q lies inside the Maildir of account", b.Maildir)
	case inside(rb, ra):
		return fmt.Sprintf("%q holds the Maildir of account", b.Maildir)
	}
	return ""
}

// clash says which key of b cannot stand beside account a, and why, up to the name of a.
func clash(a, b *Account) (key, msg, hint string) {
	if a.Maildir == "" || b.Maildir == "" {
		return "", "", ""
	}
	if msg := nested(a, b); msg != "" {
		return "maildir", msg, beside
	}
	switch {
	case !same(resolved(a.Maildir), resolved(b.Maildir)):
		return "", "", ""
	case a.Protocol == IMAP || b.Protocol == IMAP:
		return "maildir", fmt.Sprintf("%q is also the Maildir of account", b.Maildir), "only pop3 accounts may share one"
	case !same(resolved(a.stateDir()), resolved(b.stateDir())):
		return "state", "differs, though the Maildir is shared with account", "accounts that share a Maildir share its state"
	case a.User == b.User && strings.EqualFold(a.Host, b.Host) && (a.User != "" || len(a.Tunnel) > 0):
		// The ledger of what was retrieved goes by user and host.
		return "user", "user, host and Maildir are those of account", "remove one of the two, or set host to tell them apart"
	}
	return "", "", ""
}

func (a *Account) stateDir() string {
	if a.State == "" {
		return a.Maildir
	}
	return a.State
}

// same says whether two resolved paths are one folder, also where a file system knows it in any case.
func same(a, b string) bool {
	if a == b {
		return true
	}
	ia, errA := os.Stat(a)
	ib, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(ia, ib)
}

// inside says whether a folder above path is root. Both are resolved.
func inside(root, path string) bool {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if same(root, dir) {
			return true
		}
		if dir == filepath.Dir(dir) {
			return false
		}
	}
}

// resolved follows the symbolic links in that part of path which exists.
func resolved(path string) string {
	rest := ""
	for dir := path; ; dir = filepath.Dir(dir) {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(real, rest)
		}
		if dir == filepath.Dir(dir) {
			return path
		}
		rest = filepath.Join(filepath.Base(dir), rest)
	}
}
