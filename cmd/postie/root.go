package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/credential"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/quota"
	"postie/cmd/postie/internal/systemd"
	"postie/cmd/postie/internal/ui"
)

// app is what all commands share: the flags that stand everywhere, and the UI made from them.
type app struct {
	args     []string // of the command line
	out, err io.Writer
	ui       *ui.UI // made once the flags are read

	config  string
	quiet   bool
	verbose int
	json    bool
	color   string
	timeout duration
	wait    wait
	exec    string // of --exec: told of each message
	metrics string // of --metrics: a file for Prometheus

	interruption *interruption
	profile      profile

	secrets  credential.Secrets
	mu       sync.Mutex // guards what follows
	hosts    map[string]*quota.Host
	meters   map[[3]string]*quota.Meter
	withheld map[string]bool // variables that hold passwords: no command that postie starts is given them
}

// run is the whole program: it returns the exit code.
func run(args []string, out, errOut io.Writer) int {
	// Mail passes through in streams; what is left to collect is small, and a small heap is a promise.
	debug.SetGCPercent(50)
	ctx, in, stop := interruptible()
	defer stop()
	return newApp(out, errOut, in).main(ctx, args)
}

func newApp(out, errOut io.Writer, in *interruption) *app {
	return &app{out: out, err: errOut, timeout: duration(time.Minute), withheld: map[string]bool{}, interruption: in}
}

// main runs the command line, and returns the exit code.
func (a *app) main(ctx context.Context, args []string) int {
	a.args = args
	root := a.root()
	root.SetArgs(args)
	err := cmp.Or(root.ExecuteContext(ctx), a.profile.end())
	if a.ui == nil { // the flags themselves were wrong
		a.ui = ui.New(ui.Options{Out: a.out, Err: a.err, JSON: a.json || slices.Contains(args, "--json")})
	}
	code := exit.Code(err)
	if err != nil && !errors.As(err, new(exit.Reported)) {
		a.ui.Error(ui.Failure{Err: err, Hint: exit.Hint(err, ""), Exit: code})
	}
	if err := a.ui.Close(); err != nil && code == exit.OK {
		fmt.Fprintln(a.err, "postie: write output:", err)
		code = exit.Failed
	}
	return code
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "postie",
		Short: "Retrieve mail into Maildirs, safely",
		Long: `postie retrieves mail into Maildirs, where every mail program can read it.

fetch is the POP3 workflow: connect, retrieve, store, delete on the server, disconnect.
sync is the IMAP workflow: Maildirs and an account are made equal, both ways.
Nothing is deleted on a server before it is durable here, whatever is killed.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          unknownCommand,
		RunE:          a.onlyHelp,
	}
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(flagError)
	root.SetUsageFunc(usageText(root))
	f := root.PersistentFlags()
	f.StringVarP(&a.config, "config", "c", "", "configuration `FILE` (default $XDG_CONFIG_HOME/postie/config.toml)")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "print only trouble; fetch and sync, with no terminal, the same trouble once")
	f.CountVarP(&a.verbose, "verbose", "v", "say more; twice: the protocol dialogue, without credentials")
	f.BoolVar(&a.json, "json", false, "print JSON Lines on standard output, and nothing else there")
	f.StringVar(&a.color, "color", "auto", "`WHEN` to use colours: auto, always or never")
	f.Var(&a.timeout, "timeout", "end a connection that makes no progress for that long")
	f.Var(&a.wait, "wait", "wait for a Maildir that is in use, for ever or for that long, such as 10m")
	f.Lookup("wait").NoOptDefVal = forever
	a.profile.flags(f)
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return a.begin() }
	root.AddCommand(a.fetchCommand(), a.syncCommand(), a.watchCommand(), a.initCommand(), a.checkCommand(), a.loginCommand(), a.demoCommand(), a.configCommand(), a.manCommand(root), a.versionCommand())
	root.AddCommand(a.listCommand(), a.showCommand(), a.searchCommand(), a.markCommand(), a.moveCommand(), a.deleteCommand(), a.freeCommand(), a.statusCommand(), a.indexCommand(), a.mailboxCommand(), a.serviceCommand(), a.restoreCommand(), a.exportCommand(), a.verifyCommand(), a.manifestCommand())
	root.SetHelpCommand(helpCommand())
	group(root)
	if slices.ContainsFunc(a.args, asksToComplete) { // there are very many flags, and each start would pay for them
		a.completions(root)
	}
	a.wrapArgs(root)
	return root
}

// begin makes the UI from the flags.
func (a *app) begin() error {
	if err := ui.CheckColor(a.color); err != nil {
		return exit.Usage(err, "")
	}
	a.ui = ui.New(ui.Options{Out: a.out, Err: a.err, Quiet: a.quiet, Verbose: a.verbose, JSON: a.json, Color: a.color, Hide: a.secrets.Hide, Journal: a.journal()})
	return a.profile.begin()
}

// journal says whether what is printed goes to the journal of systemd.
func (a *app) journal() bool {
	f, ok := a.err.(*os.File)
	return ok && systemd.Journal(os.Getenv, f)
}

// wrapArgs makes what is wrong with arguments a usage error, as it is with flags.
func (a *app) wrapArgs(cmd *cobra.Command) {
	check := cmd.Args
	if check == nil {
		check = cobra.ArbitraryArgs
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := a.loose(cmd); err != nil {
			return err
		}
		err := check(cmd, args)
		if err != nil && !exit.Is[*exit.UsageError](err) {
			err = exit.Usage(err, "see `"+cmd.CommandPath()+" --help`")
		}
		return err
	}
	for _, sub := range cmd.Commands() {
		a.wrapArgs(sub)
	}
}

// load reads the configuration file.
func (a *app) load() (*config.Config, error) {
	path := a.config
	if path == "" {
		var err error
		if path, err = config.DefaultPath(); err != nil {
			return nil, err
		}
	}
	file, err := config.Load(path)
	if err == nil {
		a.know(file.Accounts...)
	}
	return file, err
}

// know takes note of the secrets of accounts, whether they are used in this run or not.
func (a *app) know(accounts ...config.Account) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, account := range accounts {
		a.secrets.Learn(credential.NewSecret(string(account.Password.Literal)), credential.NewSecret(string(account.Proxy.Password)), credential.NewSecret(string(account.Healthcheck)))
		if o := account.OAuth2; o != nil {
			a.secrets.Learn(credential.NewSecret(string(o.ClientSecret)))
		}
		if name := account.Password.Env; name != "" {
			a.secrets.Learn(credential.NewSecret(os.Getenv(name)))
			a.withheld[name] = true
		}
	}
}

// environ is the environment of the commands that postie starts.
func (a *app) environ() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.DeleteFunc(os.Environ(), func(line string) bool {
		name, _, _ := strings.Cut(line, "=")
		return a.withheld[name]
	})
}
