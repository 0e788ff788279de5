package main

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/ui"
	"postie/maildir/index"
)

func (a *app) searchCommand() *cobra.Command {
	var flags listing
	cmd := &cobra.Command{
		Use:   "search QUERY...",
		Short: "Search the mail that is here",
		Long: `search finds messages by their words: sender, recipients, subject, text and names of attachments. It asks no server.
Words must all be there; upper and lower case and accents do not count. The newest come first.

  "two words"          these words in this order
  word*                words that begin so
  -word, -from:ann     not that
  a OR b, ( )          either; parentheses group
  from: to: subject: body: attachment:
                       only there: from:ann@example.org, subject:"annual report"
  since: until: before: date:
                       by arrival: since:2w, date:2026-11, until:yesterday
  is:unread            read, flagged, unflagged, answered, unanswered, draft, deleted, forwarded
  in:MAILBOX           in:Lists/* takes all below; account:NAME
  has:attachment       larger:1MB, smaller:20kB, keyword:K, id:MESSAGE-ID

Put it in quotes where the shell would read it; a query that begins with - goes after --.`,
		Example: `  postie search budget from:ann since:2026-01
  postie search 'subject:"annual report" -is:read' --json
  postie search -- -is:read larger:5MB`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.search(cmd.Context(), queryOf(args), &flags)
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return exit.Usage(err, "a query that begins with - goes after --, as in `postie search -- -is:read`")
	})
	f := cmd.Flags()
	f.SortFlags = false
	flags.register(f)
	return cmd
}

// queryOf joins the arguments to a query. One that the shell had in quotes because of a blank was one phrase to the
// user, unless it is the only one: then it is the query.
func queryOf(args []string) string {
	if len(args) == 1 {
		return args[0]
	}
	parts := make([]string, len(args))
	for i, arg := range args {
		op, rest, ok := strings.Cut(arg, ":")
		switch {
		case !strings.Contains(arg, " ") || strings.ContainsAny(arg, `"()`):
			parts[i] = arg
		case ok && !strings.Contains(op, " "):
			parts[i] = op + `:"` + rest + `"`
		default:
			parts[i] = `"` + arg + `"`
		}
	}
	return strings.Join(parts, " ")
}

func (a *app) search(ctx context.Context, text string, f *listing) (err error) {
	if err := f.check(); err != nil {
		return err
	}
	q, err := query(text)
	if err != nil {
		return err
	}
	l, err := a.library(ctx, nil, f.reading)
	if err != nil {
		return err
	}
	defer l.closing(&err)
	if err := l.indexText(ctx); err != nil {
		return err
	}
	most := f.most(a.ui, a.json)
	return l.print(ctx, most, func(s *shelf) iter.Seq2[index.Message, error] {
		limit := most
		if limit > 0 {
			limit += len(s.hidden) + 1 // one more tells that there are more
		}
		return s.index.Search(ctx, q, index.SearchOptions{Accounts: s.names(), Limit: limit})
	})
}

func query(text string) (index.Query, error) {
	if strings.TrimSpace(text) == "" {
		return index.Query{}, exit.Usagef("the query is empty")
	}
	q, err := index.ParseQuery(text, time.Now())
	if err != nil {
		return q, exit.Usage(fmt.Errorf("query: %w", err), "see `postie search --help`")
	}
	return q, nil
}

// indexText makes full text complete, so that a search finds what is there.
func (l *library) indexText(ctx context.Context) error {
	for _, s := range l.shelves {
		err := s.index.Hurry(func() error { return l.app.indexText(ctx, s, index.TextOptions{}) })
		if err != nil && ctx.Err() != nil {
			return exit.Cause(ctx, ctx.Err())
		}
		if index.Busy(err) {
			l.app.ui.Warn(s.accounts[0].Name, "another run is writing the index: the newest mail can be searched later")
		} else if err != nil {
			l.app.ui.Warn(s.accounts[0].Name, fmt.Sprintf("not all mail can be searched: %v", err))
		}
	}
	return nil
}

// indexText indexes what is not indexed yet of a shelf, and shows how it goes.
func (a *app) indexText(ctx context.Context, s *shelf, o index.TextOptions) error {
	for _, account := range s.accounts {
		o.Bodies = o.Bodies || account.IndexBodies
	}
	task := a.ui.Task(s.accounts[0].Name)
	defer task.Done()
	last := -1
	o.Progress = func(done, total int) {
		if last < 0 || done < last { // headers, then bodies
			task.Phase("indexing", ui.Amount{Messages: total})
		}
		last = done
		task.Set(ui.Amount{Messages: done})
	}
	return s.index.IndexText(ctx, o)
}
