// Package config turns the TOML file into typed, checked accounts. Every problem is an *Error that names file, line
// and key; all problems of a file are reported at once, in file order.
package config

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Config is a whole configuration file.
type Config struct {
	Path     string    // file it came from
	Accounts []Account // in file order
	Hooks    Hooks
}

// Hooks are commands, as argv without a shell, that run after a run of an account. In an account nil is as [hooks] says, and an empty
// list is none, until Load put both together.
type Hooks struct {
	NewMail []string // it brought something new
	Changed []string // it changed something here or on the server
	Error   []string // it failed, or a part of it did
	Done    []string // it ended, however
}

// Any says whether there is one.
func (h Hooks) Any() bool { return len(h.NewMail)+len(h.Changed)+len(h.Error)+len(h.Done) > 0 }

// inherit fills in what an account does not say.
func (h *Hooks) inherit(from Hooks) {
	for _, one := range []struct {
		to   *[]string
		from []string
	}{{&h.NewMail, from.NewMail}, {&h.Changed, from.Changed}, {&h.Error, from.Error}, {&h.Done, from.Done}} {
		if *one.to == nil || len(one.from) == 0 && len(*one.to) == 0 {
			*one.to = one.from
		}
	}
}

// Protocol of an account: it decides between fetch and sync.
type Protocol string

const (
	POP3 Protocol = "pop3"
	IMAP Protocol = "imap"
)

// TLS says when encryption begins.
type TLS string

const (
	Implicit TLS = "implicit" // with the first byte
	StartTLS TLS = "starttls" // after STARTTLS or STLS, which may not be refused
	None     TLS = "none"     // never
)

// Layout says how mailboxes become folders below an IMAP account's root.
type Layout string

const (
	LayoutFS      Layout = "fs"        // ROOT/INBOX, ROOT/Lists/golang
	LayoutMaildir Layout = "maildir++" // ROOT, ROOT/.Lists.golang
)

// Create says on which side missing mailboxes are created.
type Create string

const (
	CreateBoth   Create = "both"
	CreateLocal  Create = "local"
	CreateRemote Create = "remote"
	CreateNone   Create = "none"
)

// Account is one account, checked, with every default filled in. Paths are absolute.
type Account struct {
	Name     string
	Protocol Protocol

	Host           string // may be empty with Tunnel
	Port           int    // never 0; see SetTLS
	TLS            TLS
	TLSCA          string // PEM file of extra root certificates
	TLSFingerprint string // pin: "sha256:" and 64 lower-case hex digits
	ClientCert     string // PEM file
	ClientKey      string // PEM file; empty: in ClientCert
	AllowCleartext bool   // credentials may cross the network unencrypted
	Tunnel         []string
	Proxy          Proxy // zero value: none

	User         string // may be empty with Tunnel (PREAUTH)
	Password     Password
	Auth         string   // "auto" or a mechanism in lower case; "user" is USER and PASS, or IMAP's LOGIN
	OAuth2       *OAuth2  // nil: none
	TokenCommand []string // prints an OAuth2 access token

	Maildir     string
	State       string        // folder for index and locks; empty: the Maildir root
	MaxDelete   Fraction      // deletion guard; default 30%
	Retry       time.Duration // failures that may pass are tried again for that long; 0: not at all
	Interval    time.Duration // how often watch looks at everything; POP3: fetches
	IndexBodies bool          // full text of bodies is indexed
	MaxBytes    Size          // that may be received in 24 hours; 0: as the provider is known to permit; Unlimited: any number
	MaxConns    int           // at once to the host, by all its accounts; 0: any number
	Healthcheck Secret        // address that is called after runs; empty: none. Whoever knows it may call it
	Hooks       Hooks         // those of [hooks] among them, unless the account has others

	Keep Keep // POP3: what becomes of stored messages on the server

	Layout    Layout   // IMAP, like all below
	Without   []string // capabilities that are not used though the server offers them
	Mailboxes []string // patterns; "!" leaves out
	Expunge   bool
	Trash     string
	Create    Create
	Terms           // of mailboxes that none of Own fits
	Own       []Own // of mailboxes by name, in file order: the first that fits counts

	portGiven bool
}

// Unlimited is a size without a limit.
const Unlimited Size = -1

// Terms are what one mailbox may have otherwise than others.
type Terms struct {
	Bodies        Bodies
	Direction     Direction
	LocalChanges  LocalChanges
	DeleteAfter   time.Duration // 0: never
	DeleteFlagged bool
	KeepFor       time.Duration // 0: for ever

	said map[string]bool // keys of a table below mailbox
}

// Own are the terms of the mailboxes that a pattern fits. What it does not say is as the account says.
type Own struct {
	Pattern string
	Terms
}

// Direction says which side of an IMAP account is the original.
type Direction string

const (
	Both    Direction = "both"    // neither: changes go both ways
	Pull    Direction = "pull"    // the server: nothing is pushed
	Archive Direction = "archive" // the server, and what vanishes there stays here
	Push    Direction = "push"    // the Maildirs: nothing is changed here
)

// LocalChanges says what becomes of changes here that are not pushed.
type LocalChanges string

const (
	KeepChanges   LocalChanges = "keep"
	RevertChanges LocalChanges = "revert"
)

// Password says where the secret comes from; at most one is set. None: netrc, then a prompt.
type Password struct {
	Command []string
	File    string
	Env     string // name of a variable
	Keyring bool
	Literal Secret
}

// Proxy is a SOCKS5 proxy, which also resolves names.
type Proxy struct {
	Address  string // HOST:PORT
	User     string
	Password Secret
}

// OAuth2 is where tokens come from. The addresses are set unless Provider is "google", "microsoft" or "microsoft/TENANT".
type OAuth2 struct {
	Provider     string
	ClientID     string
	ClientSecret Secret
	AuthURL      string
	TokenURL     string
	DeviceURL    string
	RedirectURL  string // as registered with the provider; empty: any loopback address
	Scopes       []string
}

// Keep says what becomes of a stored message on the POP3 server. The zero value deletes it at once.
type Keep struct {
	Mode KeepMode
	For  time.Duration // with KeepFor: since it was stored
}

// KeepMode is the kind of a Keep.
type KeepMode uint8

const (
	KeepNever        KeepMode = iota // deleted once it is stored
	KeepForever                      // never deleted
	KeepFor                          // deleted when it was stored longer ago than Keep.For
	KeepUntilDeleted                 // deleted when it is gone from the Maildir
)

// Bodies says which bodies sync brings down. The zero value: all of them.
type Bodies struct {
	None    bool
	MaxSize Size          // 0: any
	MaxAge  time.Duration // 0: any
}

// DefaultPath is $XDG_CONFIG_HOME/postie/config.toml, else ~/.config/postie/config.toml.
func DefaultPath() (string, error) {
	// XDG Base Directory Specification: a relative path is invalid and to be ignored.
	dir := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", &Error{Msg: "no place to look for the configuration: neither HOME nor XDG_CONFIG_HOME is set", Hint: "set HOME or name the file with --config", Err: err}
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "postie", "config.toml"), nil
}

// Load reads and checks the file at path. A missing file is an error that wraps fs.ErrNotExist; any other problem is
// one or several *Error, joined. A file that holds a secret and is readable by others is refused.
func Load(path string) (*Config, error) {
	data, mode, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &Error{File: path, Msg: "there is no such configuration file", Hint: "run `postie init` to make one, or give a URL such as pop3s://USER@HOST instead of an account", Err: err}
	}
	if cause, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, &Error{File: path, Msg: cause.Op + ": " + cause.Err.Error(), Err: err}
	} else if err != nil {
		return nil, &Error{File: path, Msg: err.Error(), Err: err}
	}
	return parse(path, data, mode)
}

// read gives content and permissions of the same open file.
func read(path string) ([]byte, fs.FileMode, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	data, err := io.ReadAll(f)
	return data, info.Mode().Perm(), err
}

// Select gives the named accounts in the order named, or without names all accounts of protocol p ("": of any). A
// named account of the other protocol is an error that says which command to use.
func (c *Config) Select(names []string, p Protocol) ([]Account, error) {
	var picked []Account
	seen := map[string]bool{}
	for _, a := range c.Accounts {
		if len(names) == 0 && (p == "" || a.Protocol == p) {
			picked = append(picked, a)
		}
	}
	for _, name := range names {
		a, err := c.named(name, p)
		if err != nil {
			return nil, err
		}
		if !seen[name] {
			picked = append(picked, a)
		}
		seen[name] = true
	}
	if len(picked) == 0 {
		return nil, c.nothing(p)
	}
	return picked, nil
}

func (c *Config) named(name string, p Protocol) (Account, error) {
	var known []string
	for _, a := range c.Accounts {
		known = append(known, a.Name)
		if a.Name != name {
			continue
		}
		if p != "" && a.Protocol != p {
			return a, &Error{File: c.Path, Key: keyName("account", name), Msg: "is " + a.Protocol.article() + " account", Hint: "use `postie " + a.Protocol.command() + " " + name + "`"}
		}
		return a, nil
	}
	hint := didYouMean(name, known)
	if hint == "" && len(known) > 0 {
		hint = "there are: " + strings.Join(known, ", ")
	}
	return Account{}, &Error{File: c.Path, Msg: "there is no account " + strconv.Quote(name), Hint: hint}
}

func (c *Config) nothing(p Protocol) error {
	if p == "" || len(c.Accounts) == 0 {
		return &Error{File: c.Path, Msg: "there is no account", Hint: "run `postie init` to make one"}
	}
	other := c.Accounts[0].Protocol
	return &Error{File: c.Path, Msg: "there is no " + string(p) + " account", Hint: "for " + string(other) + " accounts use `postie " + other.command() + "`"}
}

func (p Protocol) command() string {
	if p == IMAP {
		return "sync"
	}
	return "fetch"
}

func (p Protocol) article() string {
	if p == IMAP {
		return "an imap"
	}
	return "a pop3"
}

// DefaultPort is the well-known port (RFC 8314 section 7, RFC 1939, RFC 9051).
func DefaultPort(p Protocol, t TLS) int {
	switch {
	case p == POP3 && t == Implicit:
		return 995
	case p == POP3:
		return 110
	case t == Implicit:
		return 993
	}
	return 143
}

// SetTLS changes when encryption begins, and with it the port unless the account names one. Call Check afterwards.
func (a *Account) SetTLS(t TLS) {
	a.TLS = t
	if !a.portGiven {
		a.Port = DefaultPort(a.Protocol, t)
	}
}

// Loopback reports whether nothing leaves this machine. Behind a proxy "localhost" is another machine's.
func (a *Account) Loopback() bool {
	ip := net.ParseIP(a.Host)
	return a.Proxy == Proxy{} && (strings.EqualFold(a.Host, "localhost") || ip != nil && ip.IsLoopback())
}

// Private reports whether nobody else reads the connection even without TLS: nothing leaves this machine, or the
// user's own tunnel command carries it.
func (a *Account) Private() bool { return len(a.Tunnel) > 0 || a.Loopback() }

// MayCleartext reports whether credentials may be sent without TLS.
func (a *Account) MayCleartext() bool { return a.AllowCleartext || a.Private() }
