package main

import (
	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/setup"
)

func (a *app) loginCommand() *cobra.Command {
	var how setup.LoginOptions
	cmd := &cobra.Command{
		Use:   "login ACCOUNT",
		Short: "Store a password in the keyring, or log in by OAuth2",
		Long: `login stores the secret of an account. With keyring = true it asks for the password, tries it, and puts it into the
desktop's keyring, or where there is none into a file that only you can read. With oauth2 = { … } it opens your browser
at the provider's page, or with --device shows a code for a browser on another machine.`,
		Example: `  postie login work               asks for the password, or opens the browser
  postie login work --device      on a machine without a browser
  pass show mail/work | postie login work --stdin
  postie login work --forget`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := a.load()
			if err != nil {
				return err
			}
			accounts, err := file.Select(args, "")
			if err != nil {
				return err
			}
			return setup.Login(cmd.Context(), setup.Options{UI: a.ui, Session: a.session(), Path: file.Path}, accounts[0], how)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&how.Device, "device", false, "OAuth2: show a code to be typed in a browser elsewhere")
	f.BoolVar(&how.Stdin, "stdin", false, "read the password from standard input, its first line")
	f.BoolVar(&how.Forget, "forget", false, "remove what is stored")
	return cmd
}
