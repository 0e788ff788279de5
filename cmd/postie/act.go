package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/ui"
	"postie/maildir/index"
)

// acting are the flags of commands that change messages: which ones.
type acting struct {
	reading
	search string
	yes    bool
}

func (f *acting) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.search, "search", "", "all messages that this `QUERY` finds, in place of IDs")
	flags.BoolVar(&f.yes, "yes", false, "with --search: do not ask")
	f.reading.register(flags)
}

// check says what is wrong with the IDs and flags given.
func (f *acting) check(ids []string, flags *pflag.FlagSet) error {
	switch {
	case flags.Changed("search") && len(ids) > 0:
		return exit.Usagef("--search stands in place of IDs")
	case !flags.Changed("search") && len(ids) == 0:
		return exit.Usage(errors.New("which messages?"), "give IDs as postie list prints them, or --search QUERY")
	}
	return nil
}

// deed is what is done to messages of one shelf. It returns those it was done to, as they are now.
type deed func(context.Context, *shelf, []index.Message) ([]index.Message, error)

// act does something to the messages meant. verb and past say what, for people: "mark", "marked".
func (a *app) act(ctx context.Context, ids []string, f *acting, verb, past string, do deed) (err error) {
	l, err := a.library(ctx, nil, f.reading)
	if err != nil {
		return err
	}
	defer l.closing(&err)
	return l.act(ctx, ids, f, verb, past, do)
}

func (l *library) act(ctx context.Context, ids []string, f *acting, verb, past string, do deed) error {
	meant, err := l.meant(ctx, ids, f)
	if err != nil {
		return err
	}
	for _, i := range meant {
		if err := i.index.Writable(); err != nil {
			return fmt.Errorf("%s: %w", i.accounts[0].Name, err)
		}
	}
	if f.search != "" && !f.yes {
		if ok, err := l.confirm(ctx, verb, len(meant)); err != nil || !ok {
			return err
		}
	}
	var errs []error
	n := 0
	for _, s := range l.shelves {
		var ms []index.Message
		for _, i := range meant {
			if i.shelf == s {
				ms = append(ms, i.Message)
			}
		}
		if len(ms) == 0 {
			continue
		}
		done, err := do(ctx, s, ms)
		errs = append(errs, err)
		n += len(done)
		for _, m := range done {
			shown := item{s, m}.show()
			shown.Event = past
			if err := l.app.ui.Event(shown); err != nil {
				return err
			}
		}
	}
	err = errors.Join(errs...)
	if n > 0 || err == nil {
		l.app.ui.Print(fmt.Sprintf("%s %s", ui.HowMany(n, "message"), past))
	}
	if err != nil && n > 0 && ctx.Err() == nil {
		l.app.ui.Error(ui.Failure{Err: err, Exit: exit.Partial})
		return exit.Reported(exit.Partial)
	} else if err != nil {
		return err
	}
	return nil
}

// meant are the messages of the IDs, or of the query.
func (l *library) meant(ctx context.Context, ids []string, f *acting) ([]item, error) {
	if len(ids) > 0 {
		return l.finds(ctx, ids)
	}
	q, err := query(f.search)
	if err != nil {
		return nil, err
	}
	if err := l.indexText(ctx); err != nil {
		return nil, err
	}
	var all []item
	for _, s := range l.shelves {
		for i, err := range s.visible(s.index.Search(ctx, q, index.SearchOptions{Accounts: s.names()})) {
			if err != nil {
				return nil, exit.Cause(ctx, err)
			}
			all = append(all, i)
		}
	}
	return all, nil
}

// confirm asks whether so many messages are meant. Without anybody to ask it is an error.
func (l *library) confirm(ctx context.Context, verb string, n int) (bool, error) {
	if n == 0 {
		return true, nil
	}
	if !l.app.ui.Interactive() {
		return false, exit.Usage(fmt.Errorf("the query finds %s; nothing was done", ui.HowMany(n, "message")), "add --yes to "+verb+" them")
	}
	return l.app.ui.Asker(os.Stdin).Confirm(ctx, fmt.Sprintf("The query finds %s: %s them?", ui.HowMany(n, "message"), verb), false)
}
