package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/inspect"
	"postie/cmd/postie/internal/library"
	"postie/maildir/verify"
)

type verifyFlags struct {
	reading
	local, deep, repair bool
	sample              int
	seed                uint64
	manifest, after     string
}

func (a *app) verifyCommand() *cobra.Command {
	var flags verifyFlags
	cmd := &cobra.Command{
		Use:   "verify [ACCOUNT...]",
		Short: "Compare the mail here with its server, or with its hashes",
		Long: `verify compares the copy here with the server: mailboxes, messages, flags, dates and sizes; with --deep every octet, of
server, file and index. --local asks no server: it reads each file and compares it with the hash that was taken when it was stored.
Nothing is changed. Each difference is a line; what only waits for the next sync or fetch (not pushed, not pulled, an unknown
file) is told too, and is no fault. Exit code 3 says that there are faults.

--repair fetches again what is damaged or missing here. It deletes nothing: a damaged file is kept as .postie.damaged-NAME beside the
folder cur that it was in. A file that somebody deleted here and that no sync has deleted on the server comes back too.
--manifest tells what was changed or taken away since postie manifest wrote FILE.

With --deep a POP3 server sends messages by RETR; some (Gmail's) show them to no POP3 program afterwards.`,
		Example: `  postie verify                        all accounts, shallow: one question for each mailbox
  postie verify work --deep --sample 50   a daily pinch, octet for octet
  postie verify --local -d /backup/Mail/work
  postie verify work --repair
  postie verify work --manifest 2026-11.manifest`,
		RunE: func(cmd *cobra.Command, names []string) error {
			flags.seedGiven(cmd.Flags().Changed("seed"))
			if err := flags.check(); err != nil {
				return err
			}
			return a.verify(cmd.Context(), names, &flags)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&flags.local, "local", false, "ask no server: each file against its hash")
	f.BoolVar(&flags.deep, "deep", false, "compare every octet: server, file and hash")
	f.IntVar(&flags.sample, "sample", 0, "with --deep or --local: read only `N` messages, chosen at random")
	f.Uint64Var(&flags.seed, "seed", 0, "with --sample: the same choice again")
	f.BoolVar(&flags.repair, "repair", false, "fetch again what is damaged or missing here; deletes nothing")
	f.StringVar(&flags.manifest, "manifest", "", "what was changed or taken away since this `FILE` of postie manifest; - reads standard input")
	f.StringVar(&flags.after, "after", "", "with --manifest: it has to follow this `FILE`, an older manifest")
	flags.register(f)
	return cmd
}

// seedGiven makes a seed where none was given.
func (f *verifyFlags) seedGiven(given bool) {
	if !given {
		f.seed = uint64(rand.Uint32())
	}
}

func (f *verifyFlags) check() error {
	switch {
	case f.sample < 0:
		return exit.Usagef("--sample %d: it must be 1 or more", f.sample)
	case f.manifest != "" && (f.local || f.deep || f.repair || f.sample > 0):
		return exit.Usagef("--manifest compares all mail with a file, and nothing else")
	case f.after != "" && f.manifest == "":
		return exit.Usagef("--after needs --manifest")
	case f.local && (f.deep || f.repair):
		return exit.Usage(errors.New("--local asks no server"), "without --local, --deep reads the files too, and --repair fetches again what is damaged")
	case f.sample > 0 && !f.deep && !f.local:
		return exit.Usage(errors.New("--sample chooses what is read, and nothing is read without --deep or --local"), "add --deep")
	case f.maildir != "" && !f.local && f.manifest == "":
		return exit.Usage(errors.New("-d says no server"), "add --local")
	}
	return nil
}

func (a *app) verify(ctx context.Context, names []string, f *verifyFlags) (err error) {
	accounts, err := a.local(names, f.reading)
	if err != nil {
		return err
	}
	if f.repair {
		if err := a.onlyIMAP(accounts); err != nil {
			return err
		}
	}
	asItIs := f.manifest == "" // what others did since the last look is a difference
	l, err := library.Open(ctx, library.Options{UI: a.ui, Session: a.session(), Wait: time.Duration(a.wait), AsItIs: asItIs}, accounts, len(names) > 0)
	if err != nil {
		return err
	}
	defer l.Closing(&err)
	if f.manifest != "" {
		return inspect.Against(ctx, l, f.manifest, f.after)
	}
	return inspect.Verify(ctx, l, inspect.Options{Local: f.local, Deep: f.deep, Repair: f.repair, Sample: verify.Sample{N: f.sample, Seed: f.seed}, Policy: new(syncFlags).apply, Within: a.withinShare})
}

// withinShare does something with an account's server until that is done or the account's share of the day is spent. What came and went is
// recorded where the index can be written.
func (a *app) withinShare(ctx context.Context, account config.Account, s *library.Store, do func(context.Context) error) error {
	if s.Index.Writable() != nil {
		return do(ctx)
	}
	ctx, gate, leave := a.interruption.enter(ctx)
	defer leave()
	return a.share(ctx, account, s.Index).within(ctx, gate, do)
}

// onlyIMAP says that --repair is for IMAP: of a POP3 account's mail the server need not have anything any more.
func (a *app) onlyIMAP(accounts []config.Account) error {
	pop3 := func(a config.Account) bool { return a.Protocol == config.POP3 }
	if !slices.ContainsFunc(accounts, func(a config.Account) bool { return !pop3(a) }) {
		return exit.Usage(errors.New("--repair is for IMAP accounts"), "without it verify says what is damaged or missing; restore that from a backup")
	}
	for _, account := range accounts {
		if pop3(account) {
			a.ui.Notice(account.Name, "is a POP3 account: it is compared, and not repaired")
		}
	}
	return nil
}
