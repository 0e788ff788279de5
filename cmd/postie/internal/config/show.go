package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Show writes the effective configuration, defaults included, as TOML that Load takes. Secrets are left out; a comment
// says where one was.
func (c *Config) Show(w io.Writer) error {
	var b bytes.Buffer
	for i := range c.Accounts {
		c.Accounts[i].show(&b, c.Hooks)
	}
	if c.Hooks.Any() {
		fmt.Fprintf(&b, "[hooks]\n")
		c.Hooks.show(&b, Hooks{})
	}
	_, err := w.Write(bytes.TrimRight(b.Bytes(), "\n"))
	if err == nil && b.Len() > 0 {
		_, err = io.WriteString(w, "\n")
	}
	return err
}

// Objects is what Show writes as objects for JSON, one for each account and one for the hooks: event is "config", account the
// name, and the other keys are those of the file.
func (c *Config) Objects() ([]map[string]any, error) {
	var b bytes.Buffer
	if err := c.Show(&b); err != nil {
		return nil, err
	}
	var doc struct {
		Account map[string]map[string]any
		Hooks   map[string]any
	}
	if err := toml.Unmarshal(b.Bytes(), &doc); err != nil {
		return nil, err
	}
	var list []map[string]any
	for _, a := range c.Accounts {
		o := doc.Account[a.Name]
		o["event"], o["account"] = "config", a.Name
		list = append(list, o)
	}
	if len(doc.Hooks) > 0 {
		list = append(list, map[string]any{"event": "config", "account": nil, "hooks": doc.Hooks})
	}
	return list, nil
}

// line writes one key, if it is set.
func line(b *bytes.Buffer, key string, v any, set bool) {
	if set {
		fmt.Fprintf(b, "%s = %s\n", key, quote(v))
	}
}

func text[T ~string](b *bytes.Buffer, key string, v T) { line(b, key, string(v), v != "") }

func hidden(b *bytes.Buffer, key string, set bool) {
	if set {
		fmt.Fprintf(b, "# %s = … (removed)\n", key)
	}
}

func (a *Account) show(b *bytes.Buffer, common Hooks) {
	fmt.Fprintf(b, "[%s]\n", keyName("account", a.Name))
	text(b, "protocol", a.Protocol)
	text(b, "host", a.Host)
	line(b, "port", a.Port, len(a.Tunnel) == 0)
	text(b, "tls", a.TLS)
	text(b, "tls_ca", a.TLSCA)
	text(b, "tls_fingerprint", a.TLSFingerprint)
	text(b, "client_cert", a.ClientCert)
	text(b, "client_key", a.ClientKey)
	line(b, "allow_cleartext", a.AllowCleartext, true)
	line(b, "tunnel", a.Tunnel, len(a.Tunnel) > 0)
	hidden(b, "proxy's password", a.Proxy.Password != "")
	text(b, "proxy", a.Proxy.url(false))
	text(b, "user", a.User)
	hidden(b, "password", a.Password.Literal != "")
	line(b, "password_command", a.Password.Command, len(a.Password.Command) > 0)
	text(b, "password_file", a.Password.File)
	text(b, "password_env", a.Password.Env)
	line(b, "keyring", true, a.Password.Keyring)
	line(b, "token_command", a.TokenCommand, len(a.TokenCommand) > 0)
	text(b, "auth", a.Auth)
	text(b, "maildir", a.Maildir)
	text(b, "state", a.State)
	text(b, "max_delete", a.MaxDelete.String())
	if a.Retry > 0 {
		text(b, "retry", FormatDuration(a.Retry))
	}
	text(b, "interval", FormatDuration(a.Interval))
	line(b, "index_bodies", a.IndexBodies, true)
	line(b, "max_connections", a.MaxConns, a.MaxConns > 0)
	if a.MaxBytes == Unlimited {
		text(b, "max_bytes_per_day", "unlimited")
	} else if a.MaxBytes > 0 {
		text(b, "max_bytes_per_day", a.MaxBytes.String())
	}
	hidden(b, "healthcheck", a.Healthcheck != "")
	if a.Protocol == POP3 {
		line(b, "keep", a.Keep.toml(), true)
	} else {
		a.showIMAP(b)
	}
	if a.OAuth2 != nil {
		a.OAuth2.show(b, a.Name)
	}
	var own bytes.Buffer
	if a.Hooks.show(&own, common); own.Len() > 0 {
		fmt.Fprintf(b, "[%s]\n%s", keyName("account", a.Name, "hooks"), own.Bytes())
	}
	for _, own := range a.Own {
		fmt.Fprintf(b, "[%s]\n", keyName("account", a.Name, "mailbox", own.Pattern))
		own.Terms.show(b)
	}
	b.WriteByte('\n')
}

func (a *Account) showIMAP(b *bytes.Buffer) {
	text(b, "layout", a.Layout)
	line(b, "mailboxes", a.Mailboxes, true)
	line(b, "expunge", a.Expunge, true)
	line(b, "trash", a.Trash, true)
	text(b, "create", a.Create)
	line(b, "without", a.Without, len(a.Without) > 0)
	a.Terms.show(b)
}

func (t Terms) show(b *bytes.Buffer) {
	fmt.Fprintf(b, "bodies = %s\n", t.Bodies.toml())
	text(b, "direction", t.Direction)
	text(b, "local_changes", t.LocalChanges)
	line(b, "delete_after", FormatDuration(t.DeleteAfter), t.DeleteAfter > 0)
	line(b, "delete_flagged", true, t.DeleteFlagged)
	line(b, "keep_for", FormatDuration(t.KeepFor), t.KeepFor > 0)
}

// show writes the hooks that are not those of [hooks].
func (h Hooks) show(b *bytes.Buffer, common Hooks) {
	for _, one := range []struct {
		key         string
		argv, above []string
	}{{"new_mail", h.NewMail, common.NewMail}, {"changed", h.Changed, common.Changed}, {"error", h.Error, common.Error}, {"done", h.Done, common.Done}} {
		line(b, one.key, one.argv, one.argv != nil && !slices.Equal(one.argv, one.above))
	}
}

func (o *OAuth2) show(b *bytes.Buffer, account string) {
	fmt.Fprintf(b, "[%s]\n", keyName("account", account, "oauth2"))
	text(b, "provider", o.Provider)
	text(b, "client_id", o.ClientID)
	hidden(b, "client_secret", o.ClientSecret != "")
	text(b, "auth_url", o.AuthURL)
	text(b, "token_url", o.TokenURL)
	text(b, "device_url", o.DeviceURL)
	text(b, "redirect_url", o.RedirectURL)
	line(b, "scopes", o.Scopes, len(o.Scopes) > 0)
}

func (k Keep) toml() any {
	switch k.Mode {
	case KeepFor:
		return FormatDuration(k.For)
	case KeepUntilDeleted:
		return "until-deleted"
	}
	return k.Mode == KeepForever
}

func (o Bodies) toml() string {
	var limits []string
	if o.MaxSize > 0 {
		limits = append(limits, "max_size = "+quote(o.MaxSize.String()))
	}
	if o.MaxAge > 0 {
		limits = append(limits, "max_age = "+quote(FormatDuration(o.MaxAge)))
	}
	switch {
	case o.None:
		return quote("none")
	case limits == nil:
		return quote("all")
	}
	return "{ " + strings.Join(limits, ", ") + " }"
}

// quote writes a string, number, boolean or list as TOML: JSON's form is TOML's, except that DEL must be escaped.
func quote(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return `""` // not reached: nothing but strings, lists of them, integers and booleans comes here
	}
	return strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), "\x7f", `\u007f`)
}

// SecretFrom says where an account's secret comes from.
func (a Account) SecretFrom() string {
	switch p := a.Password; {
	case a.OAuth2 != nil:
		return "OAuth2 login of " + cmp.Or(a.OAuth2.Provider, a.OAuth2.TokenURL)
	case len(a.TokenCommand) > 0:
		return "token from " + a.TokenCommand[0]
	case len(p.Command) > 0:
		return "password from " + p.Command[0]
	case p.File != "":
		return "password from " + p.File
	case p.Env != "":
		return "password from $" + p.Env
	case p.Keyring:
		return "password from the keyring"
	case p.Literal != "":
		return "password in the file"
	}
	return "password from systemd, ~/.netrc or the terminal"
}
