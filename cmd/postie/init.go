package main

import (
	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/setup"
)

func (a *app) initCommand() *cobra.Command {
	answers := &setup.Answers{}
	var stays keep
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
		RunE: func(cmd *cobra.Command, args []string) error {
			if stays.given {
				answers.Keep = &stays.Keep
			}
			o, err := a.setup()
			if err != nil {
				return err
			}
			return setup.Init(cmd.Context(), o, answers, args)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVarP(&answers.Yes, "yes", "y", false, "ask nothing")
	f.StringVar(&answers.Protocol, "protocol", "", "imap (sync) or pop3 (fetch)")
	f.StringVar(&answers.Host, "host", "", "mail server `HOST`; nothing is searched for")
	f.IntVar(&answers.Port, "port", 0, "port of the mail server")
	f.StringVar(&answers.TLS, "tls", "", "when TLS begins: implicit, starttls or none")
	f.StringVar(&answers.TLSCA, "tls-ca", "", "PEM `FILE` of further root certificates")
	f.StringVar(&answers.Fingerprint, "tls-fingerprint", "", "pin: accept exactly the certificate `sha256:HEX`")
	f.StringVar(&answers.User, "user", "", "login `NAME` (default: as found, else the address)")
	f.StringVarP(&answers.Maildir, "maildir", "d", "", "store into this `DIR` (default ~/Mail/NAME)")
	f.StringVar(&answers.Name, "name", "", "`NAME` of the account (default: from the address)")
	f.StringVar(&answers.PasswordCommand, "password-command", "", "`COMMAND` that prints the password")
	f.StringVar(&answers.PasswordFile, "password-file", "", "`FILE` that holds the password")
	f.StringVar(&answers.PasswordEnv, "password-env", "", "environment variable `NAME` that holds the password")
	f.BoolVar(&answers.Keyring, "keyring", false, "keep the password in the keyring; it is asked for, or read from standard input with --yes")
	f.StringVar(&answers.TokenCommand, "token-command", "", "`COMMAND` that prints an OAuth2 access token")
	f.StringVar(&answers.ClientID, "client-id", "", "log in by OAuth2, with this client `ID` of your own")
	stays.register(f)
	f.BoolVar(&answers.Insecure, "insecure-discovery", false, "also search over plain HTTP, where anybody on the way can answer")
	f.StringVar(&answers.Import, "import", "", "translate the accounts of a `FILE` of mbsync, getmail, fetchmail or mpop")
	return cmd
}

// setup is what init and login stand on.
func (a *app) setup() (setup.Options, error) {
	path, err := a.configPath()
	return setup.Options{UI: a.ui, Session: a.session(), Path: path}, err
}
