package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
)

// inherit fills in what a table does not say. A table that says how local changes are treated need not say the direction.
func (t *Terms) inherit(from Terms) {
	if !t.said["bodies"] {
		t.Bodies = from.Bodies
	}
	if !t.said["delete_after"] {
		t.DeleteAfter = from.DeleteAfter
	}
	if !t.said["delete_flagged"] {
		t.DeleteFlagged = from.DeleteFlagged
	}
	if !t.said["keep_for"] {
		t.KeepFor = from.KeepFor
	}
	t.Direction, t.LocalChanges = cmp.Or(t.Direction, from.Direction), cmp.Or(t.LocalChanges, from.LocalChanges)
	if t.Direction != Archive && !t.said["delete_after"] {
		t.DeleteAfter = 0
	}
}

// fields are the keys of a table below mailbox.
func (t *Terms) fields() []field {
	return []field{
		{name: "bodies", set: func(v value) { v.bodies(&t.Bodies); t.said["bodies"] = true }},
		{name: "direction", set: func(v value) { v.direction(&t.Direction) }},
		{name: "local_changes", set: func(v value) { v.localChanges(&t.LocalChanges) }},
		{name: "delete_after", set: func(v value) { v.never(&t.DeleteAfter); t.said["delete_after"] = true }},
		{name: "delete_flagged", set: func(v value) { v.boolean(&t.DeleteFlagged); t.said["delete_flagged"] = true }},
		{name: "keep_for", set: func(v value) { v.never(&t.KeepFor); t.said["keep_for"] = true }},
	}
}

// never reads a duration; "" is 0.
func (v value) never(to *time.Duration) {
	if v.toml == "" {
		*to = 0
		return
	}
	v.duration(to)
}

func (v value) direction(to *Direction) { oneOf(v, to, Both, Pull, Archive, Push) }

func (v value) localChanges(to *LocalChanges) { oneOf(v, to, KeepChanges, RevertChanges) }

// own reads the tables below mailbox, in file order.
func (v value) own(to *[]Own) {
	m, ok := v.toml.(map[string]any)
	if !ok {
		v.fail(`write [account.NAME.mailbox."Lists/*"]`, "is %s, not a table", kind(v.toml))
		return
	}
	for _, pattern := range slices.Sorted(maps.Keys(m)) {
		v := value{v.p, append(slices.Clip(v.path), pattern), m[pattern]}
		switch {
		case pattern == "" || pattern[0] == '!' || plain(pattern) != nil:
			v.fail(`write the name of a mailbox, or a pattern such as "Lists/*"`, "%q is not a pattern", pattern)
			continue
		case v.toml == nil:
			continue
		}
		own := Own{Pattern: pattern, Terms: Terms{said: map[string]bool{}}}
		v.table(own.fields()...)
		*to = append(*to, own)
	}
	line := func(o Own) int { return v.p.line(append(slices.Clip(v.path), o.Pattern)) }
	slices.SortStableFunc(*to, func(a, b Own) int { return cmp.Compare(line(a), line(b)) })
}

// newAccount holds the defaults; what depends on other keys comes with complete.
func newAccount(name string) Account {
	return Account{
		Name: name, Auth: "auto", MaxDelete: 0.3, IndexBodies: true,
		Layout: LayoutFS, Mailboxes: []string{"*"}, Expunge: true, Create: CreateBoth, Terms: Terms{Direction: Both, LocalChanges: KeepChanges},
	}
}

// complete fills in the defaults that depend on other keys. A tunnel usually ends in the mail server itself, so it
// carries no TLS unless the account asks for it.
func (a *Account) complete() {
	if a.TLS == "" {
		a.TLS = Implicit
		if len(a.Tunnel) > 0 {
			a.TLS = None
		}
	}
	a.portGiven = a.Port != 0
	a.SetTLS(a.TLS)
	if a.Interval == 0 {
		a.Interval = map[Protocol]time.Duration{POP3: 5 * time.Minute, IMAP: 15 * time.Minute}[a.Protocol]
	}
	if a.Protocol != IMAP {
		a.Layout, a.Mailboxes, a.Expunge, a.Create, a.Terms, a.Own = "", nil, false, "", Terms{}, nil
	}
	for i := range a.Own {
		a.Own[i].inherit(a.Terms)
	}
}

// fields are the keys of an account.
func (a *Account) fields() []field {
	return []field{
		{"protocol", "", func(v value) { oneOf(v, &a.Protocol, POP3, IMAP) }},
		{"host", "", func(v value) { v.host(&a.Host) }},
		{"port", "", func(v value) { v.port(&a.Port) }},
		{"tls", "", func(v value) { oneOf(v, &a.TLS, Implicit, StartTLS, None) }},
		{"tls_ca", "", func(v value) { v.file(&a.TLSCA) }},
		{"tls_fingerprint", "", func(v value) {
			v.parsed(`write "sha256:" and 64 hex digits, colons allowed`, into(&a.TLSFingerprint, ParseFingerprint))
		}},
		{"client_cert", "", func(v value) { v.file(&a.ClientCert) }},
		{"client_key", "", func(v value) { v.file(&a.ClientKey) }},
		{"allow_cleartext", "", func(v value) { v.boolean(&a.AllowCleartext) }},
		{"tunnel", "", func(v value) { v.argv(&a.Tunnel) }},
		{"proxy", "", func(v value) { v.proxy(&a.Proxy) }},
		{"user", "", func(v value) { v.text(&a.User) }},
		{"password", "", func(v value) { v.secret(&a.Password.Literal) }},
		{"password_command", "", func(v value) { v.argv(&a.Password.Command) }},
		{"password_file", "", func(v value) { v.file(&a.Password.File) }},
		{"password_env", "", func(v value) { v.variable(&a.Password.Env) }},
		{"keyring", "", func(v value) { v.boolean(&a.Password.Keyring) }},
		{"token_command", "", func(v value) { v.argv(&a.TokenCommand) }},
		{"oauth2", "", func(v value) { v.oauth2(&a.OAuth2) }},
		{"auth", "", func(v value) {
			oneOf(v, &a.Auth, "auto", "plain", "login", "cram-md5", "scram-sha-1", "scram-sha-1-plus", "scram-sha-256", "scram-sha-256-plus", "external", "xoauth2", "oauthbearer", "apop", "user")
		}},
		{"maildir", "", func(v value) { v.file(&a.Maildir) }},
		{"state", "", func(v value) { v.file(&a.State) }},
		{"max_delete", "", func(v value) { v.parsed(`write a percentage such as "30%"`, into(&a.MaxDelete, ParseFraction)) }},
		{"retry", "", func(v value) { v.duration(&a.Retry) }},
		{"interval", "", func(v value) { v.duration(&a.Interval) }},
		{"index_bodies", "", func(v value) { v.boolean(&a.IndexBodies) }},
		{"max_connections", "", func(v value) { v.count(&a.MaxConns) }},
		{"max_bytes_per_day", "", func(v value) { v.perDay(&a.MaxBytes) }},
		{"healthcheck", "", func(v value) {
			var address string
			v.web(&address)
			a.Healthcheck = Secret(address)
		}},
		{"hooks", "", func(v value) { v.table(a.Hooks.fields()...) }},
		{"keep", POP3, func(v value) { v.keep(&a.Keep) }},
		{"layout", IMAP, func(v value) { oneOf(v, &a.Layout, LayoutFS, LayoutMaildir) }},
		{"mailboxes", IMAP, func(v value) { v.patterns(&a.Mailboxes) }},
		{"bodies", IMAP, func(v value) { v.bodies(&a.Bodies) }},
		{"direction", IMAP, func(v value) { v.direction(&a.Direction) }},
		{"local_changes", IMAP, func(v value) { v.localChanges(&a.LocalChanges) }},
		{"delete_after", IMAP, func(v value) { v.never(&a.DeleteAfter) }},
		{"delete_flagged", IMAP, func(v value) { v.boolean(&a.DeleteFlagged) }},
		{"keep_for", IMAP, func(v value) { v.never(&a.KeepFor) }},
		{"mailbox", IMAP, func(v value) { v.own(&a.Own) }},
		{"expunge", IMAP, func(v value) { v.boolean(&a.Expunge) }},
		{"trash", IMAP, func(v value) {
			if v.toml != "" {
				v.text(&a.Trash)
			}
		}},
		{"without", IMAP, func(v value) { v.list(`["CONDSTORE"]`, &a.Without) }},
		{"create", IMAP, func(v value) { oneOf(v, &a.Create, CreateBoth, CreateLocal, CreateRemote, CreateNone) }},
	}
}

func (v value) host(to *string) {
	v.parsed(`write a name or an address alone, such as "mail.example.org"; the port has a key of its own`, into(to, parseHost))
}

// parseHost takes a DNS name or an IP address, IPv6 with or without brackets.
func parseHost(s string) (string, error) {
	bare := strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	address, _, _ := strings.Cut(bare, "%") // zone of a link-local address
	invalid := func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
	if strings.ContainsFunc(s, invalid) || net.ParseIP(address) == nil && strings.ContainsAny(s, "/:@[]%?#") {
		return "", fmt.Errorf("%q is not a host", s)
	}
	return bare, nil
}

func (v value) proxy(to *Proxy) {
	v.parsed(`write "socks5://HOST:PORT"`, into(to, parseProxy))
	if to.Password != "" {
		v.p.secrets = append(v.p.secrets, v.path)
	}
}

func (v value) variable(to *string) {
	v.parsed("write the name of an environment variable", into(to, func(s string) (string, error) {
		if strings.ContainsAny(s, "=$ ") {
			return "", fmt.Errorf("%q is not a variable's name", s)
		}
		return s, plain(s)
	}))
}

// ParseKeep reads true, false, "until-deleted" or a duration.
func ParseKeep(s string) (Keep, error) {
	switch s {
	case "true":
		return Keep{Mode: KeepForever}, nil
	case "false":
		return Keep{}, nil
	case "until-deleted":
		return Keep{Mode: KeepUntilDeleted}, nil
	}
	d, err := ParseDuration(s)
	if err != nil {
		return Keep{}, fmt.Errorf("%q is none of true, false, until-deleted, or a time such as 14d", s)
	}
	return Keep{KeepFor, d}, nil
}

func (v value) keep(to *Keep) {
	hint := `write true, false, "until-deleted" or a duration such as "14d"`
	if b, ok := v.toml.(bool); ok {
		*to = Keep{}
		if b {
			to.Mode = KeepForever
		}
		return
	}
	if _, ok := v.toml.(string); !ok {
		v.fail(hint, "is %s", kind(v.toml))
		return
	}
	v.parsed(hint, into(to, func(s string) (Keep, error) {
		if s == "until-deleted" {
			return Keep{Mode: KeepUntilDeleted}, nil
		}
		d, err := ParseDuration(s)
		return Keep{KeepFor, d}, err
	}))
}

// fields are the keys of bodies, where it is a table.
func (b *Bodies) fields() []field {
	return []field{
		{name: "max_size", set: func(v value) { v.size(&b.MaxSize) }},
		{name: "max_age", set: func(v value) { v.duration(&b.MaxAge) }},
	}
}

func (v value) bodies(to *Bodies) {
	switch t := v.toml.(type) {
	case map[string]any:
		if len(t) == 0 {
			v.fail(`write "all", or max_size or max_age in it`, "is empty")
		}
		v.table(to.fields()...)
	case string:
		oneOf(v, &t, "all", "none")
		to.None = t == "none"
	default:
		v.fail(`write "all", "none" or { max_size = "10MB", max_age = "90d" }`, "is %s", kind(v.toml))
	}
}

// patterns reads names of mailboxes with wildcards. Only exclusions would select nothing, which nobody means.
func (v value) patterns(to *[]string) {
	var list []string
	v.list(`["*", "!Junk"]`, &list)
	if list == nil {
		return
	}
	for _, s := range list {
		if s == "" || s == "!" || plain(s) != nil {
			v.fail("", "%q is not a pattern", s)
			return
		}
	}
	if !slices.ContainsFunc(list, func(s string) bool { return s[0] != '!' }) {
		v.fail(`write "*" first to take all others`, "only leaves out")
		return
	}
	*to = list
}

// fields are the keys of oauth2.
func (o *OAuth2) fields() []field {
	return []field{
		{name: "provider", set: func(v value) { v.text(&o.Provider) }},
		{name: "client_id", set: func(v value) { v.text(&o.ClientID) }},
		{name: "client_secret", set: func(v value) { v.secret(&o.ClientSecret) }},
		{name: "auth_url", set: func(v value) { v.web(&o.AuthURL) }},
		{name: "token_url", set: func(v value) { v.web(&o.TokenURL) }},
		{name: "device_url", set: func(v value) { v.web(&o.DeviceURL) }},
		{name: "redirect_url", set: func(v value) { v.web(&o.RedirectURL) }},
		{name: "scopes", set: func(v value) { v.list(`["https://mail.google.com/"]`, &o.Scopes) }},
	}
}

func (v value) oauth2(to **OAuth2) {
	if _, ok := v.toml.(map[string]any); !ok {
		v.fail(`write { provider = "google", client_id = "…" }`, "is %s, not a table", kind(v.toml))
		return
	}
	o := &OAuth2{}
	v.table(o.fields()...)
	*to = o
	v.require("", "client_id")
	if name, _, _ := strings.Cut(strings.ToLower(o.Provider), "/"); name != "google" && name != "microsoft" {
		const hint = `only for provider = "google" and "microsoft" is it known here`
		v.require(hint, "token_url")
		if v.toml.(map[string]any)["device_url"] == nil {
			v.require(hint, "auth_url")
		}
	}
}

// require reports a key that the table does not hold.
func (v value) require(hint, key string) {
	if v.toml.(map[string]any)[key] == nil {
		value{v.p, append(slices.Clip(v.path), key), nil}.fail(hint, "is missing")
	}
}

// web reads the address of a page that sees tokens: HTTPS, or this machine.
func (v value) web(to *string) {
	v.parsed(`write "https://…"`, into(to, func(s string) (string, error) {
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || u.User != nil {
			return "", errors.New("is not a web address")
		}
		local := &Account{Host: u.Hostname()}
		if u.Scheme != "https" && (u.Scheme != "http" || !local.Loopback()) {
			return "", fmt.Errorf("%q is not HTTPS", s)
		}
		return s, plain(s)
	}))
}
