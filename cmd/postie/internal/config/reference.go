package config

import (
	"fmt"
	"slices"
	"strings"
)

// Key is one key of the configuration, as the reference describes it.
type Key struct {
	Path    string   // "host", "oauth2.client_id", "hooks.new_mail"
	Fits    Protocol // whose accounts may have it; "": both
	Type    string   // in words of TOML
	Default string   // as it would be written; "": none, the key is off or must be given
	Example string   // a value, as it is written
	Text    string   // what it does, a sentence or two
}

// Reference describes every key that the parser takes, in its order.
func Reference() []Key {
	var a Account
	keys := documented("", a.fields())
	at := func(table string) int {
		return 1 + slices.IndexFunc(keys, func(k Key) bool { return k.Path == table })
	}
	keys = slices.Insert(keys, at("oauth2"), documented("oauth2.", new(OAuth2).fields())...)
	keys = slices.Insert(keys, at("bodies"), documented("bodies.", a.Bodies.fields())...)
	keys = slices.Insert(keys, at("mailbox"), documented("mailbox.", a.Terms.fields())...)
	return append(keys, documented("hooks.", new(Hooks).fields())...)
}

func documented(table string, fields []field) (keys []Key) {
	texts := descriptions()
	for _, f := range fields {
		k := texts[table+f.name]
		k.Path, k.Fits = table+f.name, f.fits
		keys = append(keys, k)
	}
	return keys
}

// descriptions are the words of the reference, by path. A test demands one for each key of the parser.
func descriptions() map[string]Key {
	key := func(typ, def, example, text string) Key {
		return Key{Type: typ, Default: def, Example: example, Text: text}
	}
	return map[string]Key{
		"protocol":        key("string", "", `"imap"`, `"pop3": postie fetch retrieves the account. "imap": postie sync does.`),
		"host":            key("string", "", `"imap.example.org"`, "The server: a name or an address, without a port. With tunnel it may be left out."),
		"port":            key("integer", "993, 995 (implicit); 143, 110", `1993`, "By default the port that belongs to protocol and tls."),
		"tls":             key("string", `"implicit"`, `"starttls"`, `When TLS begins: "implicit" with the first byte, "starttls" by STARTTLS or STLS, whose refusal is an error, "none" never: for loopback and tunnels only, unless allow_cleartext. With tunnel the default is "none".`),
		"tls_ca":          key("path", "", `"ca.pem"`, "PEM file of root certificates that are trusted beside those of the system."),
		"tls_fingerprint": key("string", "", `"sha256:9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08"`, "Pin: exactly this certificate is accepted, by the SHA-256 of its DER form, whatever chain and name say. Colons are allowed."),
		"client_cert":     key("path", "", `"me.pem"`, "PEM file of a certificate by which the client shows who it is."),
		"client_key":      key("path", "", `"me.key"`, "PEM file of its key. By default the key is in client_cert."),
		"allow_cleartext": key("boolean", "false", `true`, "Lets the password cross the network without TLS. Whoever is on the way can read it."),
		"tunnel":          key("list of strings", "", `["ssh", "mail.example.org", "exec dovecot --exec-mail imap"]`, "A command whose input and output are the connection. It takes the place of host and port."),
		"proxy":           key("string", "", `"socks5://127.0.0.1:9050"`, "SOCKS5 proxy, which also resolves the host's name."),
		"user":            key("string", "", `"alice@example.org"`, "The login name."),
		"password":        key("string", "", `"correct horse"`, "The password itself. A file that holds one must not be readable by others. The other ways are safer."),
		"password_command": key("list of strings", "", `["pass", "show", "mail/alice"]`,
			"A command, without a shell, whose first line of output is the password."),
		"password_file":          key("path", "", `"alice.password"`, "A file, readable by you alone, whose first line is the password."),
		"password_env":           key("string", "", `"MAIL_PASSWORD"`, "The environment variable that holds the password."),
		"keyring":                key("boolean", "false", `true`, "The password is in the keyring of the desktop, or without one in a file of your own: postie login puts it there."),
		"token_command":          key("list of strings", "", `["oama", "access", "alice@example.org"]`, "A command that prints an OAuth2 access token."),
		"oauth2":                 key("table", "", `{ provider = "google", client_id = "…" }`, "Log in by OAuth2; postie login does it once, and the token is renewed by itself."),
		"oauth2.provider":        key("string", "", `"microsoft"`, `"google", "microsoft" or "microsoft/TENANT": then the addresses are known.`),
		"oauth2.client_id":       key("string", "", `"1234.apps.example.org"`, "The client id of an application that you registered with the provider. It has to be given."),
		"oauth2.client_secret":   key("string", "", `"GOCSPX-1234"`, "Its secret, where the provider gives one."),
		"oauth2.auth_url":        key("string", "by provider", `"https://login.example.org/authorize"`, "Where the browser logs in."),
		"oauth2.token_url":       key("string", "by provider", `"https://login.example.org/token"`, "Where tokens are got."),
		"oauth2.device_url":      key("string", "by provider", `"https://login.example.org/device"`, "Where a code for another machine's browser is got."),
		"oauth2.redirect_url":    key("string", "a free port of this machine", `"http://127.0.0.1:8025"`, "The address that was registered with the provider."),
		"oauth2.scopes":          key("list of strings", "by provider", `["https://mail.google.com/"]`, "What the token is asked for."),
		"auth":                   key("string", `"auto"`, `"scram-sha-256"`, `"auto" takes the strongest mechanism that the server offers. Others: plain, login, cram-md5, scram-sha-1, scram-sha-256 and their -plus, external, xoauth2, oauthbearer, apop, and user for USER and PASS or LOGIN.`),
		"maildir":                key("path", "", `"~/Mail/work"`, "POP3: the Maildir; several accounts may share one. IMAP: the root, with a Maildir for each mailbox below it. Roots may not lie inside one another."),
		"state":                  key("path", "the Maildir root", `"~/.local/state/postie/work"`, "The folder for index and locks, advised when the Maildir is on a network file system."),
		"max_delete":             key("string", `"30%"`, `"50%"`, "Deletion guard: a run that would delete more of a mailbox than that, and more than 10 messages, leaves it alone and ends in exit code 6."),
		"index_bodies":           key("boolean", "true", `false`, "Whether search finds words of the text, and not of headers alone."),
		"keep":                   key("boolean or string", "false", `"14d"`, `What stays on the server: false: a message is deleted there once it is stored. true: nothing is. "14d": it is deleted when it was stored that long ago. "until-deleted": it is when you have deleted the local copy.`),
		"layout":                 key("string", `"fs"`, `"maildir++"`, `How mailboxes become folders. "fs": ROOT/INBOX, ROOT/Lists/golang. "maildir++": ROOT, ROOT/.Lists.golang.`),
		"mailboxes":              key("list of strings", `["*"]`, `["*", "!Junk"]`, `Which mailboxes are synced: patterns, of which "!" leaves out. "*" takes any characters, "%" those up to the next separator.`),
		"bodies":                 key("string or table", `"all"`, `"none"`, `Which bodies are brought down: "all", "none" (summaries only, bodies on demand), or a table.`),
		"bodies.max_size":        key("string", "", `"10MB"`, "Larger messages come on demand."),
		"bodies.max_age":         key("string", "", `"90d"`, "Older messages come on demand."),
		"direction":              key("string", `"both"`, `"archive"`, `Which side is the original. "both": changes go both ways. "pull": nothing is changed on the server. "archive": nor that, and what vanishes there stays here. "push": nothing is changed here, and what vanishes there stays here.`),
		"local_changes":          key("string", `"keep"`, `"revert"`, `With "pull" and "archive", what becomes of changes here: "keep" leaves them, "revert" puts back what the server has. New files are kept in either case.`),
		"delete_after":           key("string", `""`, `"90d"`, `With "archive": a message is deleted on the server that long after its copy here was verified, which is: read again from disk and found to be, octet for octet, what the server gives. Never what is flagged, unless delete_flagged. Empty: nothing is.`),
		"delete_flagged":         key("boolean", "false", `true`, "Lets delete_after delete flagged messages too."),
		"keep_for":               key("string", `""`, `"2y"`, "Bodies of older messages are dropped here, once they were verified. What is on the server stays there, and in an archive so does what is not. It is said one run before the first time."),
		"mailbox":                key("table", "", `{ "Lists/*" = { bodies = "none" } }`, `Tables [account.NAME.mailbox."PATTERN"]: what is otherwise in the mailboxes that a pattern fits. The first that fits counts, in the order of the file.`),
		"mailbox.bodies":         key("string or table", "as the account", `{ max_age = "90d" }`, "As bodies, for these mailboxes."),
		"mailbox.direction":      key("string", "as the account", `"archive"`, "As direction, for these mailboxes."),
		"mailbox.delete_after":   key("string", "as the account", `"1y"`, "As delete_after, for these mailboxes."),
		"mailbox.delete_flagged": key("boolean", "as the account", `true`, "As delete_flagged, for these mailboxes."),
		"mailbox.keep_for":       key("string", "as the account", `"1y"`, "As keep_for, for these mailboxes."),
		"mailbox.local_changes":  key("string", "as the account", `"revert"`, "As local_changes, for these mailboxes."),
		"expunge":                key("boolean", "true", `false`, `false: a deletion here only sets \Deleted on the server.`),
		"trash":                  key("string", `""`, `"Trash"`, "The mailbox to which a deletion moves the message. A deletion inside it deletes. Empty: a deletion deletes."),
		"create":                 key("string", `"both"`, `"local"`, `On which side missing mailboxes are made: "both", "local", "remote" or "none".`),
		"retry":                  key("string", "", `"2m"`, "A failure that may pass, such as a lost connection, is tried again for that long before it is told. By default the next run does."),
		"without":                key("list of strings", "", `["CONDSTORE", "COMPRESS=DEFLATE"]`, "Capabilities that are not used although the server offers them, because it breaks there."),
		"max_connections":        key("integer", "", `2`, "So many connections at once to the host, by all accounts on it in one process; of accounts that differ the smallest counts. Accounts take turns: those of watch that have none are looked at at their interval. By default as many as there are accounts at work. watch listens to the mailboxes that matter beside INBOX with those that are left of an account's share."),
		"max_bytes_per_day":      key("string", `""`, `"2GB"`, "So much may be received and sent within 24 hours, whatever command does it; then the account pauses, says until when, and goes on where it was. By default what the provider is known to permit, less a tenth, and otherwise any amount; \"unlimited\" is any amount in any case."),
		"healthcheck":            key("string", "", `"https://hc-ping.com/…"`, "An address, such as one of healthchecks.io, that is called (GET) after a run that went well, and with /fail at its end after one that failed, so that somebody notices if no run succeeds any more. watch calls it once a minute at most, and with /fail when it tells of trouble. It is given up after 10 seconds, and never keeps mail waiting. It is treated as a secret, and asked over the account's proxy."),
		"hooks":                  key("table", "", `{ new_mail = ["notmuch", "new"] }`, "A table [account.NAME.hooks]: hooks of this account, each in place of the one of [hooks]. An empty list: none."),
		"hooks.new_mail":         key("list of strings", "", `["notmuch", "new"]`, "A command, without a shell, that is run after a run of an account brought something new. POSTIE_EVENT, POSTIE_ACCOUNT, POSTIE_PROTOCOL, POSTIE_MAILDIR, POSTIE_NEW (how many), POSTIE_MAILBOXES (a line for each in which something changed) and the other numbers of the summary are set (POSTIE_FLAGS_PULLED and so on); the summary, as with --json, is its standard input. watch gathers bursts."),
		"hooks.changed":          key("list of strings", "", `["mu", "index"]`, "Likewise, after a run that changed anything here or on the server: new mail, flags, moved or deleted messages."),
		"hooks.error":            key("list of strings", "", `["/usr/local/bin/page-me"]`, "Likewise, after a run that failed, or a part of which did: POSTIE_ERROR, POSTIE_HINT and POSTIE_EXIT are set. watch runs it when it tells of trouble, which it does once."),
		"hooks.done":             key("list of strings", "", `["touch", "/run/user/1000/postie.done"]`, "Likewise, last, after each run that was not interrupted, however it ended: POSTIE_EXIT tells."),
		"interval":               key("string", "5m (POP3), 15m (IMAP)", `"2m"`, "watch: how often a POP3 account is fetched. Of an IMAP account, of which the server tells what happens, how often all of it is looked at whatever it tells. A server that asks for longer pauses gets them."),
	}
}

// Belongs says in words where a key may stand.
func (k Key) Belongs() string {
	switch {
	case strings.HasPrefix(k.Path, "hooks."):
		return "[hooks]"
	case k.Fits != "":
		return fmt.Sprintf("%s accounts", strings.ToUpper(string(k.Fits)))
	case strings.HasPrefix(k.Path, "oauth2."):
		return "the table oauth2"
	}
	return "any account"
}
