// Package setup makes accounts: init finds servers, asks, tries and writes, or imports; login stores a secret.
package setup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/credential"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/paths"
	"postie/cmd/postie/internal/session"
	"postie/cmd/postie/internal/ui"
)

// Options are what init and login stand on.
type Options struct {
	UI      *ui.UI
	Session session.Options
	Path    string // of the configuration
}

// Answers are given beforehand to what Init would ask.
type Answers struct {
	Yes                bool // ask nothing
	Protocol           string
	Host               string
	Port               int
	TLS                string
	TLSCA, Fingerprint string
	User               string
	Maildir            string
	Name               string
	Keep               *config.Keep // of POP3; nil: not said

	PasswordCommand, PasswordFile, PasswordEnv string
	Keyring                                    bool
	TokenCommand                               string
	ClientID                                   string

	Insecure bool // also search over plain HTTP
	Import   string
}

// setup is one account on its way into the configuration.
type setup struct {
	Options
	flags   *Answers
	asker   *ui.Asker // nil: nobody is asked
	old     []byte    // content of the file; nil: there is none
	file    *config.Config
	address string
	account config.Account
	about   []string // comments above it
	preset  string   // of OAuth2, known for this provider
	only    bool     // the server takes nothing else
	local   string   // second login name to try
	secret  credential.Secret
}

// Init sets up an account, or imports those of another program.
func Init(ctx context.Context, o Options, flags *Answers, args []string) error {
	s := &setup{Options: o, flags: flags, account: config.Account{Expunge: true}}
	if err := s.begin(); err != nil {
		return err
	}
	if flags.Import != "" {
		if len(args) > 0 {
			return exit.Usagef("--import takes the accounts from its file, not from an address")
		}
		return s.importFile(ctx)
	}
	if len(args) > 0 {
		s.address = args[0]
	}
	for _, step := range []func(context.Context) error{s.askAddress, s.server, s.names, s.askSecret, s.tryLogin, s.write} {
		if err := step(ctx); err != nil {
			return exit.Cause(ctx, err)
		}
	}
	return nil
}

// begin reads the configuration that is there, and finds out whom to ask.
func (s *setup) begin() (err error) {
	if s.old, err = config.Read(s.Path); err != nil {
		return err
	}
	if s.file, err = config.Parse(s.Path, s.old); err != nil {
		return fmt.Errorf("%w\nrepair it first: postie config edit", err)
	}
	switch {
	case s.flags.Yes:
	case s.UI.Interactive() && !s.UI.JSON():
		s.asker = s.UI.Asker(os.Stdin)
	default:
		return exit.Usage(errors.New("there is no terminal to ask on"), "add --yes, and answer by flags: see `postie init --help`")
	}
	return nil
}

func (s *setup) askAddress(ctx context.Context) (err error) {
	check := func(text string) error {
		if at := strings.LastIndexByte(text, '@'); at < 1 || at == len(text)-1 {
			return errors.New("a mail address, please: NAME@DOMAIN")
		}
		return nil
	}
	switch {
	case s.asker != nil && s.flags.Host == "" && s.address != "" && check(s.address) != nil:
		s.asker.Say(fmt.Sprintf("%q: %v", s.address, check(s.address)))
		s.address, err = s.asker.Ask(ctx, "Mail address", "", check)
		return err
	case s.address == "" && s.asker != nil:
		s.address, err = s.asker.Ask(ctx, "Mail address", "", check)
		return err
	case s.address == "" && s.flags.Host != "" && s.flags.User != "":
		s.address = s.flags.User
		return nil
	case s.address == "":
		return exit.Usagef("which address? postie init ADDRESS")
	}
	if err := check(s.address); err != nil {
		return exit.Usagef("%q: %w", s.address, err)
	}
	return nil
}

// names settles what the account is called and where its mail goes.
func (s *setup) names(ctx context.Context) error {
	a := &s.account
	taken := func(name string) bool {
		return slices.ContainsFunc(s.file.Accounts, func(a config.Account) bool { return a.Name == name })
	}
	a.Name = s.flags.Name
	if a.Name == "" {
		a.Name = unusedName(defaultName(s.address), taken)
	} else if taken(a.Name) {
		return exit.Usage(fmt.Errorf("there is an account %s already in %s", a.Name, s.Path), "choose another --name, or postie config edit")
	}
	a.Maildir = paths.Folder(s.flags.Maildir)
	if a.Maildir != "" {
		return nil
	}
	a.Maildir = "~/Mail/" + a.Name
	if s.asker == nil {
		return nil
	}
	text, err := s.asker.Ask(ctx, "Maildir", a.Maildir, func(text string) error {
		trial := *a
		trial.Maildir = paths.Folder(text)
		_, err := s.parse(trial)
		return err
	})
	a.Maildir = paths.Folder(text)
	return err
}

// defaultName is the first part of the address's domain, as people write it.
func defaultName(address string) string {
	_, domain, _ := cutLast(address, "@")
	if name, err := idna.Display.ToUnicode(domain); err == nil {
		domain = name
	}
	label, _, _ := strings.Cut(domain, ".")
	label = strings.TrimLeft(strings.Map(func(r rune) rune {
		if r <= ' ' || r == 0x7f || r == '/' {
			return '-'
		}
		return r
	}, label), "-")
	return cmp.Or(label, "mail")
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func unusedName(name string, taken func(string) bool) string {
	for n, free := 2, name; ; n++ {
		if !taken(free) {
			return free
		}
		free = fmt.Sprintf("%s-%d", name, n)
	}
}

// text is the file with an account appended.
func (s *setup) text(a config.Account) []byte {
	about := append([]string{fmt.Sprintf("%s, added by postie init on %s.", cmp.Or(s.address, a.User), time.Now().Format(time.DateOnly))}, s.about...)
	return appended(s.old, a.Entry(about...))
}

// appended puts a block behind what is there, which stays as it is to the byte.
func appended(old []byte, block string) []byte {
	text := slices.Clone(old)
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	if len(text) > 0 {
		text = append(text, '\n')
	}
	return append(text, block...)
}

// parse is the account as it will be read from the file.
func (s *setup) parse(a config.Account) (config.Account, error) {
	file, err := config.Parse(s.Path, s.text(a))
	if err != nil {
		return a, err
	}
	picked, err := file.Select([]string{a.Name}, "")
	if err != nil {
		return a, err
	}
	return picked[0], nil
}

// write stores the secret and appends the account.
func (s *setup) write(ctx context.Context) error {
	account, err := s.parse(s.account)
	if err != nil {
		return err
	}
	if err := s.keepSecret(ctx, account); err != nil {
		return err
	}
	if _, err := config.Replace(s.Path, s.old, s.text(s.account)); err != nil {
		return err
	}
	command := map[config.Protocol]string{config.IMAP: "sync", config.POP3: "fetch"}[account.Protocol]
	s.UI.Event(struct {
		Event   string `json:"event"`
		Account string `json:"account"`
		Config  string `json:"config"`
		Host    string `json:"host"`
		Port    int    `json:"port"`
		User    string `json:"user"`
		Maildir string `json:"maildir"`
	}{"account", account.Name, s.Path, account.Host, account.Port, account.User, account.Maildir})
	s.UI.Print(fmt.Sprintf("%s: added to %s\nnext: postie %s %s", account.Name, s.Path, command, account.Name))
	return nil
}
