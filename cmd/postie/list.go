package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/library"
	"postie/cmd/postie/internal/ui"
	"postie/maildir/index/query"
)

// listed is how many messages a terminal is shown without --limit. A pipe gets all, and stops us when it has enough.
const listed = 50

// listing are the flags of list and search.
type listing struct {
	reading
	limit int // -1: not said
	sort  string
}

func (f *listing) register(flags *pflag.FlagSet) {
	flags.IntVar(&f.limit, "limit", -1, fmt.Sprintf("show at most `N` messages; 0: all (default %d on a terminal, else all)", listed))
	flags.Lookup("limit").DefValue = "0" // -1 would puzzle in the help
	flags.StringVar(&f.sort, "sort", "", "by `WHAT`: date (when it was written), arrival, from, size or subject (default: arrival; date for POP3)")
	f.reading.register(flags)
}

func (f *listing) check() error {
	if f.limit < -1 {
		return exit.Usagef("--limit %d: how many messages is that?", f.limit)
	}
	if _, ok := query.Sorts()[f.sort]; f.sort != "" && !ok {
		return exit.Usagef("--sort %s: date, arrival, from, size and subject are known", f.sort)
	}
	return nil
}

// view is how the list is shown, but for what the mailboxes tell.
func (f *listing) view(u *ui.UI) library.View {
	v := library.View{Most: f.most(u)}
	if sort, ok := query.Sorts()[f.sort]; ok {
		v.Sort = &sort
	}
	return v
}

// most is how many are shown; 0: all.
func (f *listing) most(u *ui.UI) int {
	if f.limit < 0 && u.Terminal() && !u.JSON() {
		return listed
	}
	return max(f.limit, 0)
}

type listFlags struct {
	listing
	mailboxes       []string
	unread, flagged bool
	since, until    string
	threads         bool
}

func (a *app) listCommand() *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use:   "list [ACCOUNT]",
		Short: "List the mail that is here, newest first",
		Long: `list shows what fetch and sync stored: ID, marks (N unread, r answered, ! flagged, D to be deleted, a something is attached, - the body
is not here), date, sender, size, subject. The date is the one that the list is sorted by: when a message arrived, or when it was
written. It asks no server. What other mail programs changed in the Maildir shows at once. On a terminal the messages of a single
mailbox are listed by their NUMBERs, below what comes before them in IDs.
Accounts that share a Maildir are listed once, by the name of the first.`,
		Example: `  postie list                       all accounts
  postie list home -m Lists/golang --unread
  postie list --since 3d            also: yesterday, 2w, 2026-11, 2026-11-01
  postie list work --threads
  postie list -d ~/Mail/inbox --json
  postie list --unread --until 30d | postie mark --seen -`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.list(cmd.Context(), args, &flags) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVarP(&flags.mailboxes, "mailbox", "m", nil, "only mailboxes that match the `PATTERN`, as in sync; may be repeated")
	f.BoolVar(&flags.unread, "unread", false, "only unread messages")
	f.BoolVar(&flags.flagged, "flagged", false, "only flagged messages")
	f.StringVar(&flags.since, "since", "", "only what arrived on that `DAY` or later: 2026-11-01, 3d, 2w, yesterday")
	f.StringVar(&flags.until, "until", "", "only what arrived on that `DAY` or before")
	f.BoolVar(&flags.threads, "threads", false, "answers below what they answer, the thread that was written in last first")
	flags.register(f)
	return cmd
}

// options turns the flags into what the index is asked for.
func (f *listFlags) options(now time.Time) (query.ListOptions, error) {
	o := query.ListOptions{Unread: f.unread, Flagged: f.flagged}
	if f.since != "" {
		span, err := query.ParseSpan(f.since, now)
		if err != nil {
			return o, exit.Usagef("--since: %w", err)
		}
		o.Since = span.From
	}
	if f.until != "" {
		span, err := query.ParseSpan(f.until, now)
		if err != nil {
			return o, exit.Usagef("--until: %w", err)
		}
		o.Until = span.To
	}
	if f.since != "" && f.until != "" && !o.Since.Before(o.Until) {
		return o, exit.Usagef("--since %s is after --until %s", f.since, f.until)
	}
	return o, nil
}

func (a *app) list(ctx context.Context, args []string, f *listFlags) (err error) {
	if err := f.check(); err != nil {
		return err
	}
	if f.threads && f.sort != "" {
		return exit.Usagef("--threads has an order of its own; --sort contradicts it")
	}
	o, err := f.options(time.Now())
	if err != nil {
		return err
	}
	l, err := a.library(ctx, args, f.reading)
	if err != nil {
		return err
	}
	defer l.Closing(&err)
	if o.Mailboxes, err = l.Mailboxes(ctx, f.mailboxes); err != nil {
		return err
	}
	v := f.view(a.ui)
	v.Threads = f.threads
	if v.One, err = l.OneMailbox(ctx, o.Mailboxes); err != nil {
		return err
	}
	return l.List(ctx, v, o)
}
