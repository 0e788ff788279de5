package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/agenda"
	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/credential"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/library"
	"postie/cmd/postie/internal/systemd"
	"postie/cmd/postie/internal/ui"
	"postie/imap/push"
	"postie/maildir/index"
)

// watchFlags are those of watch.
type watchFlags struct {
	jobs  int
	times bool
	poll  time.Duration // Maildirs are looked at that often, and the system is not asked to tell; 0: as maildir/watch has it
}

func (a *app) watchCommand() *cobra.Command {
	var flags watchFlags
	cmd := &cobra.Command{
		Use:   "watch [ACCOUNT...]",
		Short: "Stay connected: what happens on either side is on the other at once",
		Long: `watch keeps Maildirs and IMAP accounts equal as long as it runs: a push of the server, or a change of a file here, leads to a
sync at once. POP3 accounts are fetched at their interval. It survives suspend, other networks, restarts of the server and full disks,
and tells of trouble once. Each change is a line; with -q only trouble is told. Ctrl-C finishes the message in hand.
SIGHUP reads the configuration again. fetch, sync and all reading commands work beside it.`,
		Example: "  postie watch                    all accounts of the configuration\n  postie watch work --times",
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.jobs < 1 {
				return exit.Usagef("--jobs %d: it must be 1 or more", flags.jobs)
			}
			if err := a.checkMetrics(); err != nil {
				return err
			}
			return a.watch(cmd.Context(), args, flags)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.IntVar(&flags.jobs, "jobs", 4, "`N` accounts are at work side by side")
	f.BoolVar(&flags.times, "times", false, "put the time before each line")
	a.registerAfter(f)
	return cmd
}

// watch is one process that watches accounts.
type watch struct {
	*app
	flags    watchFlags
	names    []string // of the command line; none: all accounts
	terminal *credential.Terminal
	service  systemd.Service
	turns    chan struct{} // so many may be at work at once
	began    time.Time

	agendas  map[string]*agenda.Host
	accounts map[string]*watched
	running  sync.WaitGroup
	still    bool // an account's work stands still, and that was told

	mu    sync.Mutex
	locks map[string]*index.WatchLock // by their files
	state map[string]string           // of accounts that are in trouble: what is the matter
	ready map[string]bool             // accounts that had a first run
	up    bool                        // systemd was told that we are
	cut   bool                        // a run was ended before it was done
}

func (a *app) newWatch(names []string, flags watchFlags) *watch {
	w := &watch{app: a, flags: flags, names: names, terminal: credential.NewTerminal(""), service: systemd.Started(os.Getenv),
		turns: make(chan struct{}, flags.jobs), began: time.Now(), agendas: map[string]*agenda.Host{}, accounts: map[string]*watched{},
		locks: map[string]*index.WatchLock{}, state: map[string]string{}, ready: map[string]bool{}}
	w.terminal.Hold = a.ui.Hold
	return w
}

func (a *app) watch(ctx context.Context, names []string, flags watchFlags) error {
	w := a.newWatch(names, flags)
	accounts, err := w.read()
	if err != nil {
		return err
	}
	defer w.unlock()
	if err := w.lockAll(ctx, accounts); err != nil {
		return err
	}
	hangup := a.interruption.hangups()
	for _, account := range accounts {
		w.begin(ctx, account)
	}
	w.attend(ctx, hangup)
	w.service.Stopping()
	w.running.Wait()
	if w.cut {
		return exit.Reported(exit.Interrupted)
	}
	return nil
}

// read reads the configuration.
func (w *watch) read() ([]config.Account, error) {
	file, err := w.load()
	if err != nil {
		return nil, err
	}
	picked, err := file.Select(w.names, "")
	if err != nil {
		return nil, err
	}
	if err := distinct(picked); err != nil {
		return nil, err
	}
	w.permit(picked)
	return picked, w.apart(picked)
}

// lockAll makes sure that nobody else watches any of the roots. What else is wrong with one is told by its first run.
func (w *watch) lockAll(ctx context.Context, accounts []config.Account) error {
	for _, account := range accounts {
		if !library.Used(account) {
			continue // there is no Maildir yet, or its disk is not mounted: the first run finds out
		}
		stores := library.NewStores(w.ui, false)
		s, err := stores.Of(ctx, account)
		if err == nil {
			err = w.lock(ctx, s.Index)
		}
		stores.Close()
		if exit.Is[*index.Locked](err) {
			return fmt.Errorf("account %s: it is watched already: %w", account.Name, err)
		}
	}
	return nil
}

// lock takes the lock of a root, unless we have it.
func (w *watch) lock(ctx context.Context, s *index.Store) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	path := s.WatchPath()
	if l := w.locks[path]; l != nil && l.Holds() {
		return nil
	} else if l != nil {
		l.Release()
	}
	l, err := s.LockWatch(ctx, time.Duration(w.wait))
	if err == nil {
		w.locks[path] = l
	}
	return err
}

func (w *watch) unlock() {
	for _, l := range w.locks {
		l.Release()
	}
}

// begin begins to watch an account.
func (w *watch) begin(ctx context.Context, account config.Account) {
	it := w.add(account)
	w.running.Go(func() { it.loop(ctx) })
}

// add makes an account one of those that are watched.
func (w *watch) add(account config.Account) *watched {
	host := hostOf(account)
	if w.agendas[host] == nil {
		w.agendas[host] = &agenda.Host{}
	}
	rules := agenda.Defaults(account.Interval, rand.Float64)
	it := &watched{watch: w, account: account, agenda: agenda.New(rules, w.agendas[host], time.Now().Add(agenda.Stagger(len(w.accounts)))),
		told: telling{trouble: agenda.Trouble{Grace: max(agenda.Grace, account.Retry), Again: agenda.Daily}}, ear: push.New(), hooks: newHooking(w.app, account.Name), pulse: newPulse(w.app, account), further: newFurther(),
		woke: make(chan struct{}, 1), renewed: make(chan struct{}, 1), quit: make(chan struct{})}
	it.beat()
	w.accounts[account.Name] = it
	return it
}

// attend does what concerns all accounts, until ctx ends: it notices that the machine slept or has another network, that the configuration
// changed, and tells systemd that all is well.
func (w *watch) attend(ctx context.Context, hangup <-chan struct{}) {
	tick := time.NewTicker(clockTick)
	defer tick.Stop()
	last, net := w.clock(), network()
	written := w.written()
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			w.reload(ctx)
		case <-tick.C:
			now, net2 := w.clock(), network()
			if slept := now.Slept(last); slept > 0 || net2 != net {
				w.ui.Verbose(1, "", fmt.Sprintf("the machine slept for %v, or its network is another: each connection is tried", slept.Round(time.Second)))
				for _, it := range w.accounts {
					ring(it.woke)
				}
			}
			last, net = now, net2
			if at := w.written(); at != written && w.anyWaiting() {
				w.reload(ctx)
				written = at
			}
			if w.service.Watchdog > 0 {
				w.watchdog()
			}
		}
	}
}

// watchdog tells systemd that all accounts are at work, not only that this loop is.
func (w *watch) watchdog() {
	name := w.stuck()
	switch {
	case name == "":
		w.service.Alive()
	case !w.still:
		w.trouble(fmt.Errorf("account %s: its work has stood still for %v; systemd is not told any more that all is well, and begins postie anew", name, stuckAfter))
	}
	w.still = name != ""
}

// clockTick is how soon it is noticed that the machine slept. systemd's watchdog wants to hear of us more seldom than that.
const clockTick = 3 * time.Second

func (w *watch) clock() agenda.Reading {
	now := time.Now()
	return agenda.Reading{Wall: now, Uptime: now.Sub(w.began)}
}

// written is when the configuration was written.
func (w *watch) written() time.Time {
	path, err := w.configPath()
	if err != nil {
		return time.Time{}
	}
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// anyWaiting says whether an account waits for its user to change something.
func (w *watch) anyWaiting() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.state) > 0
}

// reload reads the configuration again. Accounts that are as they were go on, but what they had given up they try again.
func (w *watch) reload(ctx context.Context) {
	w.service.Reloading(time.Since(w.began))
	defer w.service.Ready()
	accounts, err := w.read()
	if err != nil {
		w.trouble(fmt.Errorf("the configuration is not taken: %w; all goes on as before", err))
		return
	}
	w.ui.Verbose(1, "", "the configuration was read again")
	byName := map[string]config.Account{}
	for _, account := range accounts {
		byName[account.Name] = account
	}
	for name, it := range w.accounts {
		if now, still := byName[name]; !still || !reflect.DeepEqual(now, it.account) {
			close(it.quit)
			delete(w.accounts, name)
		}
	}
	if err := w.lockAll(ctx, accounts); err != nil {
		w.trouble(err)
		return
	}
	for _, account := range accounts {
		if it := w.accounts[account.Name]; it != nil {
			ring(it.renewed)
			continue
		}
		w.begin(ctx, account)
	}
}

// trouble tells of what concerns no account.
func (w *watch) trouble(err error) {
	w.ui.Error(ui.Failure{Err: err, Hint: exit.Hint(err, ""), Exit: exit.Code(err)})
}

// is takes note of how an account is, for systemd's status line. text: what is the matter; "": it is well.
func (w *watch) is(name, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ready[name] = true
	if text == "" {
		delete(w.state, name)
	} else {
		w.state[name] = text
	}
	if !w.up {
		w.up = true
		w.service.Ready()
	}
	var parts []string
	for name, text := range w.state {
		parts = append(parts, name+": "+text)
	}
	slices.Sort(parts)
	if len(parts) == 0 {
		parts = []string{"all accounts are well"}
	}
	w.service.Status(strings.Join(parts, "; "))
}

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}
