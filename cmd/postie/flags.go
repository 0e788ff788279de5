package main

import (
	"time"

	"github.com/spf13/pflag"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/paths"
)

// duration is a flag such as "90s" or "14d".
type duration time.Duration

func (d *duration) String() string {
	if *d == 0 {
		return ""
	}
	return config.FormatDuration(time.Duration(*d))
}
func (d *duration) Type() string { return "DURATION" }
func (d *duration) Set(s string) error {
	v, err := config.ParseDuration(s)
	*d = duration(v)
	return err
}

// optional is a duration that may be given as 0.
type optional struct {
	duration
	given bool
}

func (o *optional) Set(s string) error {
	if o.given = true; s == "0" {
		o.duration = 0
		return nil
	}
	return o.duration.Set(s)
}

// forever is what --wait without a value means.
const forever = "for ever"

// wait is --wait[=DURATION]: how long to wait for a lock; negative: for ever.
type wait time.Duration

func (w *wait) String() string { return "" }
func (w *wait) Type() string   { return "DURATION" }
func (w *wait) Set(s string) error {
	if s == forever {
		*w = -1
		return nil
	}
	return (*duration)(w).Set(s)
}

// fits says whether a word may be a value that was written without its '='.
func (w *wait) fits(s string) bool { return new(wait).Set(s) == nil }

// keep is --keep[=WHAT]: what stays on a POP3 server.
type keep struct {
	config.Keep
	given bool
}

func (k *keep) String() string { return "" }
func (k *keep) Type() string   { return "WHAT" }
func (k *keep) Set(s string) (err error) {
	k.Keep, err = config.ParseKeep(s)
	k.given = err == nil
	return err
}
func (k *keep) fits(s string) bool { return new(keep).Set(s) == nil }

func (k *keep) register(f *pflag.FlagSet) {
	f.Var(k, "keep", "what stays on the server: true (all), false, until-deleted, or for a `TIME` such as 14d")
	f.Lookup("keep").NoOptDefVal = "true"
}

// size is a flag such as "10MB".
type size config.Size

func (z *size) String() string {
	if *z == 0 {
		return ""
	}
	return config.Size(*z).String()
}
func (z *size) Type() string { return "SIZE" }
func (z *size) Set(s string) error {
	v, err := config.ParseSize(s)
	*z = size(v)
	return err
}

// connection are the flags by which fetch and sync say how to reach an account; they go before the configuration.
type connection struct {
	passwordCommand string
	passwordFile    string
	passwordEnv     string
	tls             string
	tlsCA           string
	fingerprint     string
	maildir         string
	retry           optional
	dryRun          bool
	jobs            int
}

func (c *connection) register(f *pflag.FlagSet) {
	f.BoolVarP(&c.dryRun, "dry-run", "n", false, "print the plan and change nothing")
	f.StringVarP(&c.maildir, "maildir", "d", "", "store into this `DIR`")
	c.registerLogin(f)
	f.IntVar(&c.jobs, "jobs", 4, "`N` accounts are at work side by side")
}

// registerAfter registers what follows runs.
func (a *app) registerAfter(f *pflag.FlagSet) {
	f.StringVar(&a.metrics, "metrics", "", "write what came of runs to `FILE`, for Prometheus (node_exporter's textfile collector)")
	f.StringVar(&a.exec, "exec", "", "run `COMMAND` (given to sh) for each new message, and for trouble: $POSTIE_TITLE and $POSTIE_TEXT say what")
}

// registerLogin registers those that say how to connect.
func (c *connection) registerLogin(f *pflag.FlagSet) {
	f.StringVar(&c.passwordCommand, "password-command", "", "`COMMAND` that prints the password (given to sh)")
	f.StringVar(&c.passwordFile, "password-file", "", "`FILE` that holds the password")
	f.StringVar(&c.passwordEnv, "password-env", "", "environment variable `NAME` that holds the password")
	f.StringVar(&c.tls, "tls", "", "`WHEN` TLS begins: implicit, starttls or none")
	f.StringVar(&c.tlsCA, "tls-ca", "", "PEM `FILE` of further root certificates")
	f.StringVar(&c.fingerprint, "tls-fingerprint", "", "pin: accept exactly the certificate `sha256:HEX`")
	f.Var(&c.retry, "retry", "try what failed and may pass again, for that long; 0: not at all")
}

// override puts the flags that were given over what the account says, and checks the result.
func (c *connection) override(a *config.Account) error {
	if n := count(c.passwordCommand, c.passwordFile, c.passwordEnv); n > 1 {
		return exit.Usagef("only one of --password-command, --password-file and --password-env can be given")
	} else if n == 1 {
		a.Password = config.Password{File: paths.Absolute(c.passwordFile), Env: c.passwordEnv}
		if c.passwordCommand != "" {
			a.Password.Command = []string{"sh", "-c", c.passwordCommand}
		}
	}
	if c.tls != "" {
		mode, err := config.ParseTLS(c.tls)
		if err != nil {
			return exit.Usage(err, "")
		}
		a.SetTLS(mode)
	}
	if c.tlsCA != "" {
		a.TLSCA = paths.Absolute(c.tlsCA)
	}
	if c.fingerprint != "" {
		pin, err := config.ParseFingerprint(c.fingerprint)
		if err != nil {
			return exit.Usage(err, "")
		}
		a.TLSFingerprint = pin
	}
	if c.retry.given {
		a.Retry = time.Duration(c.retry.duration)
	}
	if c.maildir != "" {
		a.Maildir = paths.Absolute(c.maildir)
	}
	return a.Check()
}
