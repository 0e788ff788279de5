package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/ui"
	"postie/maildir/index"
)

func (a *app) indexCommand() *cobra.Command {
	var flags reading
	var rebuild bool
	cmd := &cobra.Command{
		Use:   "index [ACCOUNT...]",
		Short: "Bring the index up to the mail, or make it anew",
		Long: `index reads what search does not know yet; search does so by itself. With --rebuild all mail is read again.
What was retrieved from servers is never forgotten, and the NUMBERs of messages stay.`,
		Example: "  postie index --rebuild",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.index(cmd.Context(), args, flags, rebuild) },
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().BoolVar(&rebuild, "rebuild", false, "read all mail again")
	flags.register(cmd.Flags())
	return cmd
}

func (a *app) index(ctx context.Context, names []string, r reading, rebuild bool) (err error) {
	l, err := a.library(ctx, names, r)
	if err != nil {
		return err
	}
	defer l.closing(&err)
	var errs []error
	for _, s := range l.shelves {
		errs = append(errs, a.reindex(ctx, s, rebuild))
	}
	return exit.Cause(ctx, errors.Join(errs...))
}

func (a *app) reindex(ctx context.Context, s *shelf, rebuild bool) (err error) {
	if err := s.index.Writable(); err != nil {
		return fmt.Errorf("%s: %w", s.accounts[0].Name, err)
	}
	if rebuild {
		lock, err := s.index.Lock(ctx, time.Duration(a.wait))
		if err != nil {
			return err
		}
		defer lock.Release()
	}
	if err := a.indexText(ctx, s, index.TextOptions{Anew: rebuild}); err != nil {
		return err
	}
	left, err := s.index.Unindexed(ctx)
	if err == nil && left > 0 {
		err = fmt.Errorf("%s of %s could not be read", ui.HowMany(left, "message"), s.accounts[0].Name)
	}
	return err
}

// After a run new mail is indexed for search, when it is safe: not for long, and the first search does the rest.
const (
	indexFew  = 1000     // more than that wait
	indexSize = 16 << 20 // larger ones wait; octets
	indexTime = time.Second / 2
)

// indexNew does so for all accounts of a run.
func (a *app) indexNew(ctx context.Context, accounts []config.Account, opened *stores) {
	ctx, stop := context.WithTimeout(ctx, indexTime)
	defer stop()
	seen := map[*store]bool{}
	for _, account := range accounts {
		s, err := opened.of(ctx, account)
		if err != nil || seen[s] {
			continue
		}
		seen[s] = true
		if n, err := s.index.Unindexed(ctx); err != nil || n == 0 || n > indexFew {
			continue
		}
		if err := s.index.IndexText(ctx, index.TextOptions{Bodies: account.IndexBodies, MaxSize: indexSize}); err != nil && ctx.Err() == nil {
			a.ui.Verbose(1, account.Name, err.Error())
		}
	}
}

// remember records how the work on an account went, for status.
func (j *job) remember(ctx context.Context, err error, hint string, code int) {
	if j.dryRun || code == exit.Interrupted || code == exit.InUse {
		return
	}
	s, openErr := j.stores.of(ctx, j.account)
	if openErr != nil {
		return
	}
	text := ""
	if err != nil {
		text = err.Error()
	}
	m := index.Maildrop{User: j.account.User, Host: j.account.Host}
	if err := s.index.Ran(context.WithoutCancel(ctx), string(j.account.Protocol), m, text, hint, code); err != nil {
		j.app.ui.Verbose(1, j.account.Name, err.Error())
	}
}
