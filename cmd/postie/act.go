package main

import (
	"context"
	"errors"

	"github.com/spf13/pflag"

	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/library"
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
		return exit.Usage(errors.New("which messages?"), "give IDs as postie list prints them, - for those on standard input, or --search QUERY")
	}
	return nil
}

// which are the messages that flags and arguments mean.
func (f *acting) which(ids []string) library.Which {
	return library.Which{IDs: ids, Search: f.search, Yes: f.yes}
}

// act does something to the messages meant. verb and past say what, for people: "mark", "marked".
func (a *app) act(ctx context.Context, ids []string, f *acting, verb, past string, do library.Deed) (err error) {
	l, err := a.library(ctx, nil, f.reading)
	if err != nil {
		return err
	}
	defer l.Closing(&err)
	return l.Act(ctx, f.which(ids), verb, past, do)
}
