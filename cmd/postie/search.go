package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/library"
)

func (a *app) searchCommand() *cobra.Command {
	var flags listing
	cmd := &cobra.Command{
		Use:   "search QUERY...",
		Short: "Search the mail that is here",
		Long: `search finds messages by their words: sender, recipients, subject, text and names of attachments. It asks no server.
Words must all be there; upper and lower case and accents do not count. The newest come first, unless --sort says otherwise.

  "two words"          these words in this order
  word*                words that begin so
  -word, -from:ann     not that
  a OR b, ( )          either; parentheses group
  from: to: cc: subject: body: attachment:
                       only there: from:ann@example.org, subject:"annual report"
  since: until: before:
                       by arrival: since:2w, until:yesterday
  date:2026-11         by the date of the message itself
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
	q, err := library.ParseQuery(text)
	if err != nil {
		return err
	}
	l, err := a.library(ctx, nil, f.reading)
	if err != nil {
		return err
	}
	defer l.Closing(&err)
	if err := l.Names(ctx, q); err != nil {
		return err
	}
	if err := l.IndexText(ctx); err != nil {
		return err
	}
	v := f.view(a.ui)
	if v.One, err = l.OneMailbox(ctx, nil); err != nil {
		return err
	}
	return l.Search(ctx, v, q)
}
