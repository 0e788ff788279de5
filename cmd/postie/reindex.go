package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/exit"
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
	defer l.Closing(&err)
	var errs []error
	for _, s := range l.Shelves {
		errs = append(errs, l.Reindex(ctx, s, rebuild))
	}
	return exit.Cause(ctx, errors.Join(errs...))
}
