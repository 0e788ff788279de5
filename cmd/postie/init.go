package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/net/idna"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/credential"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/paths"
	"postie/cmd/postie/internal/ui"
)

// initFlags answer beforehand what init would ask.
type initFlags struct {
	connection
	yes      bool
	protocol string
	host     string
	port     int
	user     string
	name     string
	keep     string
	keyring  bool
	token    string
	clientID string
	insecure bool
	importer string
}

func (a *app) initCommand() *cobra.Command {
	flags := &initFlags{}
	cmd := &cobra.Command{
		Use:   "init [ADDRESS]",
		Short: "Set up an account: find its servers, try the login, write the configuration",
		Long: `init needs a mail address. It finds the servers, shows who named them, asks what cannot be found out, tries the login,
and appends a commented account to the configuration file. What is in the file already is never touched.
With --yes it asks nothing: flags answer, and defaults.`,
		Example: `  postie init alice@example.org
  postie init alice@example.org --yes --protocol pop3 --keep --password-command 'pass show mail/alice'
  postie init --import ~/.mbsyncrc`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.init(cmd.Context(), flags, args) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVarP(&flags.yes, "yes", "y", false, "ask nothing")
	f.StringVar(&flags.protocol, "protocol", "", "imap (sync) or pop3 (fetch)")
	f.StringVar(&flags.host, "host", "", "mail server `HOST`; nothing is searched for")
	f.IntVar(&flags.port, "port", 0, "port of the mail server")
	f.StringVar(&flags.tls, "tls", "", "when TLS begins: implicit, starttls or none")
	f.StringVar(&flags.tlsCA, "tls-ca", "", "PEM `FILE` of further root certificates")
	f.StringVar(&flags.fingerprint, "tls-fingerprint", "", "pin: accept exactly the certificate `sha256:HEX`")
	f.StringVar(&flags.user, "user", "", "login `NAME` (default: as found, else the address)")
	f.StringVarP(&flags.maildir, "maildir", "d", "", "store into this `DIR` (default ~/Mail/NAME)")
	f.StringVar(&flags.name, "name", "", "`NAME` of the account (default: from the address)")
	f.StringVar(&flags.passwordCommand, "password-command", "", "`COMMAND` that prints the password")
	f.StringVar(&flags.passwordFile, "password-file", "", "`FILE` that holds the password")
	f.StringVar(&flags.passwordEnv, "password-env", "", "environment variable `NAME` that holds the password")
	f.BoolVar(&flags.keyring, "keyring", false, "keep the password in the keyring; it is asked for, or read from standard input with --yes")
	f.StringVar(&flags.token, "token-command", "", "`COMMAND` that prints an OAuth2 access token")
	f.StringVar(&flags.clientID, "client-id", "", "log in by OAuth2, with this client `ID` of your own")
	f.StringVar(&flags.keep, "keep", "", "pop3: what stays on the server: true, false, until-deleted, or a `TIME` such as 14d")
	f.Lookup("keep").NoOptDefVal = "true"
	f.BoolVar(&flags.insecure, "insecure-discovery", false, "also search over plain HTTP, where anybody on the way can answer")
	f.StringVar(&flags.importer, "import", "", "translate the accounts of a `FILE` of mbsync, getmail, fetchmail or mpop")
	return cmd
}

// setup is one account on its way into the configuration.
type setup struct {
	app     *app
	flags   *initFlags
	asker   *ui.Asker // nil: nobody is asked
	path    string
	old     []byte // content of the file; nil: there is none
	file    *config.Config
	address string
	account config.Account
	about   []string // comments above it
	preset  string   // of OAuth2, known for this provider
	only    bool     // the server takes nothing else
	local   string   // second login name to try
	secret  credential.Secret
}

func (a *app) init(ctx context.Context, flags *initFlags, args []string) error {
	s := &setup{app: a, flags: flags}
	if err := s.begin(); err != nil {
		return err
	}
	if flags.importer != "" {
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
	if s.path, err = s.app.configPath(); err != nil {
		return err
	}
	if s.old, err = readConfig(s.path); err != nil {
		return err
	}
	if s.file, err = config.Parse(s.path, s.old); err != nil {
		return fmt.Errorf("%w\nrepair it first: postie config edit", err)
	}
	switch {
	case s.flags.yes:
	case s.app.ui.Interactive() && !s.app.json:
		s.asker = s.app.ui.Asker(os.Stdin)
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
	case s.address == "" && s.asker != nil:
		s.address, err = s.asker.Ask(ctx, "Mail address", "", check)
		return err
	case s.address == "" && s.flags.host != "" && s.flags.user != "":
		s.address = s.flags.user
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
	a.Name = s.flags.name
	if a.Name == "" {
		a.Name = unusedName(defaultName(s.address), taken)
	} else if taken(a.Name) {
		return exit.Usage(fmt.Errorf("there is an account %s already in %s", a.Name, s.path), "choose another --name, or postie config edit")
	}
	a.Maildir = paths.Folder(s.flags.maildir)
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
	file, err := config.Parse(s.path, s.text(a))
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
	if _, err := config.Replace(s.path, s.old, s.text(s.account)); err != nil {
		return err
	}
	command := map[config.Protocol]string{config.IMAP: "sync", config.POP3: "fetch"}[account.Protocol]
	s.app.ui.Event(struct {
		Event   string `json:"event"`
		Account string `json:"account"`
		Config  string `json:"config"`
		Host    string `json:"host"`
		Port    int    `json:"port"`
		User    string `json:"user"`
		Maildir string `json:"maildir"`
	}{"account", account.Name, s.path, account.Host, account.Port, account.User, account.Maildir})
	s.app.ui.Print(fmt.Sprintf("%s: added to %s\nnext: postie %s %s", account.Name, s.path, command, account.Name))
	return nil
}
