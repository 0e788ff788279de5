package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/session"
	"postie/maildir/index"
)

// accounts are those that the arguments name: accounts of the configuration, URLs, or without any all of a protocol.
func (a *app) accounts(args []string, p config.Protocol, c *connection) ([]config.Account, error) {
	var names []string
	var picked []config.Account
	for _, arg := range args {
		if !strings.Contains(arg, "://") {
			names = append(names, arg)
			continue
		}
		account, err := fromURL(arg, p, c.maildir)
		if err != nil {
			return nil, err
		}
		picked = append(picked, account)
	}
	if len(picked) == 0 || len(names) > 0 {
		file, err := a.load()
		if err != nil {
			return nil, err
		}
		named, err := file.Select(names, p)
		if err != nil {
			return nil, err
		}
		picked = append(named, picked...)
	}
	for i := range picked {
		if err := c.override(&picked[i]); err != nil {
			return nil, err
		}
	}
	a.know(picked...)
	return picked, cmp.Or(distinct(picked), a.apart(picked))
}

// apart refuses roots that lie inside one another: those of these accounts, of the others of the configuration, and those that
// other configurations made. What lies in both would be taken for mail of both.
func (a *app) apart(picked []config.Account) error {
	all, seen := picked, map[string]bool{}
	for _, p := range picked {
		seen[p.Name] = true
	}
	if file, err := a.load(); err == nil { // without one, or beside a broken one that is not needed, there are URLs
		for _, other := range file.Accounts {
			if !seen[other.Name] {
				all = append(all[:len(all):len(all)], other)
			}
		}
	}
	if err := config.Apart(all); err != nil {
		return err
	}
	for _, p := range picked {
		if err := index.Apart(p.Maildir); err != nil {
			return fmt.Errorf("account %s: %w", p.Name, err)
		}
	}
	return nil
}

// distinct refuses what would wait for itself: one user on one host twice, into one Maildir.
func distinct(accounts []config.Account) error {
	seen := map[[3]string]string{}
	for _, a := range accounts {
		id := [3]string{a.User, strings.ToLower(a.Host), a.Maildir}
		if other, twice := seen[id]; twice {
			return exit.Usagef("%s and %s are one account: %s on %s, into %s", other, a.Name, a.User, a.Host, a.Maildir)
		}
		seen[id] = a.Name
	}
	return nil
}

func fromURL(raw string, p config.Protocol, maildir string) (config.Account, error) {
	if maildir == "" {
		return config.Account{}, exit.Usage(fmt.Errorf("a URL does not say where to store"), "add -d DIR")
	}
	account, err := config.ParseURL(raw, maildir)
	if err == nil && account.Protocol != p {
		err = exit.Usagef("%s is for %s", raw, map[config.Protocol]string{config.POP3: "postie fetch", config.IMAP: "postie sync"}[account.Protocol])
	}
	return account, err
}

// session is what the flags say about connections.
func (a *app) session() session.Options {
	o := session.Options{Timeout: time.Duration(a.timeout), Version: versionText(), Alert: a.ui.Alert, Secrets: &a.secrets, Environ: a.environ(), Within: a.within}
	if a.verbose > 1 {
		o.Trace = a.ui.Trace
	}
	return o
}

func count(values ...string) (n int) {
	for _, v := range values {
		if v != "" {
			n++
		}
	}
	return n
}
