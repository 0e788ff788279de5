package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/credential"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/paths"
	"postie/cmd/postie/internal/service"
)

// serviceFlags are those of service and what stands below it.
type serviceFlags struct {
	kind       string
	watch      bool
	every      duration
	credential string
}

func (a *app) serviceCommand() *cobra.Command {
	flags := &serviceFlags{every: duration(15 * time.Minute)}
	cmd := &cobra.Command{
		Use:   "service",
		Short: "Run postie by itself: systemd, launchd or cron",
		Long: `service has your machine run postie by itself, without root: as systemd user units where systemd runs, as a launchd agent
on macOS, and otherwise by the crontab. Accounts are fetched or synced every 15 minutes (--every), each by a job of its own, or with
--watch kept equal all the time by one. Without an account all are taken.

A unit that runs no commands of yours is confined to its Maildirs. systemd ends user units when you log out, unless you once run
` + "`loginctl enable-linger`.",
		Example: `  postie service print work             shows what would be written
  postie service install work           a timer, every 15 minutes
  postie service install --watch        a service for all accounts
  postie service print --kind cron
  postie service uninstall`,
		Args: unknownCommand,
		RunE: a.onlyHelp,
	}
	f := cmd.PersistentFlags()
	f.StringVar(&flags.kind, "kind", "", "`WHAT` runs it: systemd, launchd or cron (default: what this machine has)")
	f.BoolVar(&flags.watch, "watch", false, "run watch, all the time, instead")
	cmd.AddCommand(a.servicePrintCommand(flags), a.serviceInstallCommand(flags), a.serviceUninstallCommand(flags))
	return cmd
}

// timed adds the flags that say what a job does.
func (s *serviceFlags) timed(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().Var(&s.every, "every", "time between two runs")
	cmd.Flags().StringVar(&s.credential, "credential", "", "systemd: `FILE` with the account's password, given to the unit by LoadCredential=")
	return cmd
}

// timedCommand does something with the jobs that accounts ask for.
func (a *app) timedCommand(flags *serviceFlags, use, short string, do func(context.Context, *unattended) error) *cobra.Command {
	return flags.timed(&cobra.Command{
		Use: use, Short: short,
		RunE: func(cmd *cobra.Command, args []string) error {
			u, err := a.unattended(args, flags)
			if err != nil {
				return err
			}
			return do(cmd.Context(), u)
		},
	})
}

func (a *app) servicePrintCommand(flags *serviceFlags) *cobra.Command {
	return a.timedCommand(flags, "print [ACCOUNT...]", "Print what install would write", func(_ context.Context, u *unattended) error {
		var files []service.File
		for _, job := range u.jobs {
			more, err := service.Files(u.kind, job, u.home)
			if err != nil {
				return err
			}
			files = append(files, more...)
		}
		for _, f := range files {
			if err := a.ui.File(f.Path, f.Text, len(files) > 1); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *app) serviceInstallCommand(flags *serviceFlags) *cobra.Command {
	return a.timedCommand(flags, "install [ACCOUNT...]", "Write it and start it", func(ctx context.Context, u *unattended) error {
		if err := triedOnce(u.accounts); err != nil {
			return err
		}
		for _, job := range u.jobs {
			written, err := service.Install(ctx, u.kind, job, u.home)
			for _, path := range written {
				a.ui.Notice("", "written: "+path)
			}
			if err != nil {
				return err
			}
		}
		if u.kind == service.Systemd {
			a.ui.Notice("", "it runs while you are logged in; `loginctl enable-linger` keeps it running always")
		}
		return nil
	})
}

func (a *app) serviceUninstallCommand(flags *serviceFlags) *cobra.Command {
	return &cobra.Command{
		Use: "uninstall [ACCOUNT...]", Short: "Stop it and remove what install wrote; without an account all of it",
		RunE: func(cmd *cobra.Command, args []string) error {
			kind, err := flags.which()
			if err != nil {
				return err
			}
			home, err := service.FindHome()
			if err != nil {
				return err
			}
			removed, err := service.Uninstall(cmd.Context(), kind, args, flags.watch, home)
			for _, what := range removed {
				a.ui.Notice("", "removed: "+what)
			}
			if err == nil && len(removed) == 0 {
				a.ui.Notice("", "nothing was installed")
			}
			return err
		},
	}
}

// which is the kind that the flag names, or this machine has.
func (s *serviceFlags) which() (service.Kind, error) {
	kind := service.Kind(s.kind)
	if s.kind != "" && !slices.Contains([]service.Kind{service.Systemd, service.Launchd, service.Cron}, kind) {
		return "", exit.Usage(fmt.Errorf("--kind: %q is none of systemd, launchd, cron", s.kind), "leave --kind out, and what this machine has is taken")
	}
	return cmp.Or(kind, service.Here()), nil
}

// unattended is what a machine is to do by itself.
type unattended struct {
	kind     service.Kind
	home     service.Home
	accounts []config.Account
	jobs     []service.Job
}

// unattended is what the arguments ask for: a job for each account, or with --watch one for all.
func (a *app) unattended(args []string, flags *serviceFlags) (*unattended, error) {
	kind, err := flags.which()
	if err != nil {
		return nil, err
	}
	file, err := a.load()
	if err != nil {
		return nil, err
	}
	accounts, err := file.Select(args, "")
	if err != nil {
		return nil, err
	}
	if err := flags.fit(kind, accounts); err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	home, err := service.FindHome()
	if err != nil {
		return nil, err
	}
	common := service.Job{Every: time.Duration(flags.every), Program: program, Config: paths.Absolute(file.Path), Path: os.Getenv("PATH"), Namespaces: service.Namespaces()}
	return &unattended{kind, home, accounts, flags.jobs(common, args, accounts)}, nil
}

// jobs are those of accounts, each with what they have in common.
func (s *serviceFlags) jobs(common service.Job, args []string, accounts []config.Account) (jobs []service.Job) {
	if s.watch {
		job := common
		job.Verb, job.Accounts = "watch", args
		for _, account := range accounts {
			s.add(&job, account)
		}
		return []service.Job{job}
	}
	for _, account := range accounts {
		job := common
		job.Verb, job.Accounts = verbOf(account), []string{account.Name}
		s.add(&job, account)
		jobs = append(jobs, job)
	}
	return jobs
}

// verbOf is the command that brings an account's mail.
func verbOf(account config.Account) string {
	return map[config.Protocol]string{config.POP3: "fetch", config.IMAP: "sync"}[account.Protocol]
}

// fit says what cannot be run unattended.
func (s *serviceFlags) fit(kind service.Kind, accounts []config.Account) error {
	if s.credential != "" {
		switch {
		case kind != service.Systemd:
			return exit.Usagef("--credential is for systemd; %s has nothing like it", kind)
		case len(accounts) != 1:
			return exit.Usage(errors.New("--credential is the password of one account"), "name the account")
		case len(accounts[0].Sources()) > 0:
			return exit.Usage(fmt.Errorf("account %s has %s: a credential would not be asked for", accounts[0].Name, accounts[0].Sources()[0]), "remove it from the configuration, or leave --credential out")
		}
	}
	for _, a := range accounts {
		if a.Password.Env != "" {
			return exit.Usage(fmt.Errorf("account %s takes its password from the variable %s, which is not set when it runs by itself", a.Name, a.Password.Env), "use password_command, password_file or keyring = true")
		}
	}
	return nil
}

// add tells a job what it does for an account.
func (s *serviceFlags) add(job *service.Job, account config.Account) {
	if s.credential != "" {
		job.Credentials = append(job.Credentials, service.Credential{Account: account.Name, File: paths.Absolute(s.credential)})
	}
	job.Commands = job.Commands || len(account.Password.Command)+len(account.TokenCommand)+len(account.Tunnel) > 0 || account.Hooks.Any()
	for _, dir := range []string{account.Maildir, account.State, tokens(account)} {
		if dir != "" && !slices.Contains(job.Writes, dir) {
			job.Writes = append(job.Writes, dir)
		}
	}
}

// triedOnce demands that the Maildirs are there: what nobody has seen work is not left alone.
func triedOnce(accounts []config.Account) error {
	for _, account := range accounts {
		if !paths.Exists(account.Maildir) {
			return exit.Usage(fmt.Errorf("account %s was never run: %s is not there", account.Name, account.Maildir), fmt.Sprintf("run `postie %s %s` once and see that it works", verbOf(account), account.Name))
		}
	}
	return nil
}

// tokens is the folder in which an account's tokens are renewed; "": it has none.
func tokens(account config.Account) string {
	if account.OAuth2 == nil && !account.Password.Keyring {
		return ""
	}
	dir, err := credential.StateDir()
	if err != nil {
		return ""
	}
	return dir
}
