package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Entry writes an account as a block of a configuration file, with comments that say what its keys mean and which
// others there are. Keys that hold their defaults are left out, and so is a literal password. about stands above it, a
// line each. A field at its zero value is not set, but for Expunge.
func (a *Account) Entry(about ...string) string {
	e := &entry{}
	for _, text := range about {
		for line := range strings.Lines(text) {
			fmt.Fprintf(&e.b, "# %s\n", oneLine(line))
		}
	}
	fmt.Fprintf(&e.b, "[%s]\n", keyName("account", a.Name))
	e.key("protocol", a.Protocol, map[Protocol]string{
		POP3: "`postie fetch` brings new mail and deletes it on the server, see keep",
		IMAP: "`postie sync` keeps server and Maildirs equal, both ways"}[a.Protocol])
	e.text("host", a.Host, "")
	if a.Port != 0 && a.Port != DefaultPort(a.Protocol, a.TLS) {
		e.key("port", a.Port, "")
	}
	if a.TLS != Implicit {
		e.text("tls", string(a.TLS), map[TLS]string{StartTLS: "never without it: a refusal is an error", None: "loopback and tunnels only"}[a.TLS])
	}
	e.text("tls_ca", a.TLSCA, "further root certificates")
	e.text("tls_fingerprint", a.TLSFingerprint, "exactly this certificate")
	e.text("client_cert", a.ClientCert, "")
	e.text("client_key", a.ClientKey, "")
	e.list("tunnel", a.Tunnel, "its input and output are the connection")
	e.text("proxy", a.Proxy.url(false), "")
	e.text("user", a.User, "")
	a.entrySecret(e)
	if a.Auth != "auto" {
		e.text("auth", a.Auth, `"auto" takes the strongest that the server offers`)
	}
	if a.Protocol == POP3 {
		e.text("maildir", a.Maildir, "accounts may share one")
		e.key("keep", a.Keep.toml(), `on the server: false, true, a time such as "14d", or "until-deleted"`)
	} else {
		a.entryIMAP(e)
	}
	if a.OAuth2 != nil {
		a.OAuth2.show(&e.b, a.Name)
	}
	return e.b.String()
}

func (a *Account) entryIMAP(e *entry) {
	e.text("maildir", a.Maildir, "one Maildir per mailbox below it")
	if a.Layout != LayoutFS {
		e.text("layout", string(a.Layout), "")
	}
	if len(a.Mailboxes) > 0 && !slices.Equal(a.Mailboxes, []string{"*"}) {
		e.list("mailboxes", a.Mailboxes, `"!" leaves out`)
	} else {
		e.other(`mailboxes = ["*", "!Junk"]`, `patterns; "!" leaves out`)
	}
	e.text("trash", a.Trash, "a deletion moves the message there")
	if !a.Expunge {
		e.key("expunge", false, "a deletion here only marks the message there")
	}
	if len(a.Without) > 0 {
		e.list("without", a.Without, "what the server offers and does not do well")
	}
	if a.Create != CreateBoth {
		e.text("create", string(a.Create), "on which side missing mailboxes are made")
	}
	if a.Direction != "" && a.Direction != Both {
		e.text("direction", string(a.Direction), "the original: pull, archive: the server; push: what is here")
	}
	if a.Bodies != (Bodies{}) {
		e.put("bodies = "+a.Bodies.toml(), "larger or older ones on demand")
	} else {
		e.other(`bodies = "none"`, "summaries only, bodies on demand")
	}
}

// entrySecret writes where the secret is.
func (a *Account) entrySecret(e *entry) {
	e.list("password_command", a.Password.Command, "prints the password")
	e.text("password_file", a.Password.File, "its first line; nobody else may read it")
	e.text("password_env", a.Password.Env, "an environment variable")
	if a.Password.Keyring {
		e.key("keyring", true, "stored by `postie login "+oneLine(a.Name)+"`")
	}
	e.list("token_command", a.TokenCommand, "prints an OAuth2 access token")
	if len(a.Sources()) == 0 || a.Password.Literal != "" {
		e.other(`password_command = ["pass", "show", "mail/…"]`, "else the password is asked for on the terminal")
	}
}

// entry aligns the comments of a block.
type entry struct{ b bytes.Buffer }

const entryColumn = 40

func (e *entry) put(text, comment string) {
	if comment != "" {
		text = fmt.Sprintf("%-*s # %s", entryColumn, text, comment)
	}
	e.b.WriteString(text + "\n")
}

func (e *entry) key(name string, v any, comment string) { e.put(name+" = "+quote(v), comment) }

func (e *entry) text(name, v, comment string) {
	if v != "" {
		e.key(name, v, comment)
	}
}

func (e *entry) list(name string, v []string, comment string) {
	if len(v) > 0 {
		e.key(name, v, comment)
	}
}

// other shows a key that is not set.
func (e *entry) other(text, comment string) { e.put("# "+text, comment) }

// oneLine keeps foreign text within its comment: TOML allows no control character there but the tab.
func oneLine(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?")))
}
