package main

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/library"
	"postie/cmd/postie/internal/paths"
)

// reading are the flags by which commands find the mail that is here.
type reading struct {
	maildir string
	flags   *pflag.FlagSet
}

func (r *reading) register(f *pflag.FlagSet) {
	r.flags = f
	f.StringVarP(&r.maildir, "maildir", "d", "", "the mail in this `DIR`, without a configuration")
}

// library opens the mail of the named accounts, of all without names, or that of a folder.
func (a *app) library(ctx context.Context, names []string, r reading) (*library.Library, error) {
	accounts, err := a.local(names, r)
	if err != nil {
		return nil, err
	}
	return library.Open(ctx, library.Options{UI: a.ui, Session: a.session(), Wait: time.Duration(a.wait)}, accounts, len(names) > 0)
}

// local are the accounts whose mail is meant.
func (a *app) local(names []string, r reading) ([]config.Account, error) {
	if r.maildir == "" && r.flags.Changed("maildir") { // a variable of a script that is not set must not mean all accounts
		return nil, exit.Usagef("-d wants a folder")
	}
	if r.maildir != "" {
		dir := paths.Absolute(r.maildir)
		account := config.Account{Name: filepath.Base(dir), Maildir: dir, IndexBodies: true, Protocol: config.POP3}
		if paths.Exists(dir) && !paths.Exists(filepath.Join(dir, "cur")) {
			account.Protocol, account.Layout = config.IMAP, config.LayoutFS
		}
		if len(names) > 0 && names[0] != account.Name {
			return nil, exit.Usagef("-d says which mail is meant; %s does so too", names[0])
		}
		return []config.Account{account}, nil
	}
	file, err := a.load()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exit.Usage(err, "name a Maildir with -d DIR, or make a configuration with postie init")
	}
	if err != nil {
		return nil, err
	}
	return file.Select(names, "")
}
