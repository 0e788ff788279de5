package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/library"
	"postie/maildir"
	"postie/maildir/index"
)

type markFlags struct {
	acting
	keywords, without []string
}

// pair is a flag of a message, and what sets and clears it.
type pair struct {
	on, off, what string
	flag          maildir.FlagSet
}

func pairs() []pair {
	return []pair{{"seen", "unseen", "read", maildir.FlagSeen}, {"flagged", "unflagged", "flagged", maildir.FlagFlagged},
		{"answered", "unanswered", "answered", maildir.FlagReplied}}
}

func (a *app) markCommand() *cobra.Command {
	var flags markFlags
	cmd := &cobra.Command{
		Use:   "mark ID...",
		Short: "Mark messages as read, flagged, answered, or with keywords",
		Long: `mark changes flags in the Maildir, as any mail program would, without asking a server. The next sync pushes the change.
On a POP3 account flags are kept here only.`,
		Example: `  postie mark home/INBOX/17 home/INBOX/18 --seen
  postie mark home/INBOX/17 --unseen --keyword todo
  postie list --unread --until 30d | postie mark --seen -
  postie mark --search 'from:news@example.org until:30d' --seen --yes`,
		RunE: func(cmd *cobra.Command, ids []string) error {
			change, err := flags.change(cmd.Flags())
			if err != nil {
				return err
			}
			if err := flags.check(ids, cmd.Flags()); err != nil {
				return err
			}
			return a.act(cmd.Context(), ids, &flags.acting, "mark", "marked", func(ctx context.Context, s *library.Shelf, ms []index.Message) ([]index.Message, error) {
				return s.Index.Mark(ctx, ms, change)
			})
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	for _, m := range pairs() {
		f.Bool(m.on, false, "mark as "+m.what)
		f.Bool(m.off, false, "mark as not "+m.what)
	}
	f.StringArrayVar(&flags.keywords, "keyword", nil, "add the keyword `K`; may be repeated")
	f.StringArrayVar(&flags.without, "no-keyword", nil, "take the keyword `K` away; may be repeated")
	flags.acting.register(f)
	return cmd
}

// change is what the flags say.
func (f *markFlags) change(flags *pflag.FlagSet) (c index.Change, err error) {
	for _, m := range pairs() {
		on, _ := flags.GetBool(m.on)
		off, _ := flags.GetBool(m.off)
		switch {
		case on && off:
			return c, exit.Usagef("--%s and --%s contradict each other", m.on, m.off)
		case on:
			c.Set |= m.flag
		case off:
			c.Clear |= m.flag
		}
	}
	if c.Add, err = keywords(f.keywords, &c.Set); err == nil {
		c.Remove, err = keywords(f.without, &c.Clear)
	}
	if err == nil && c == (index.Change{}) {
		err = exit.Usagef("mark as what? --seen, --unseen, --flagged, --unflagged, --answered, --unanswered, --keyword K or --no-keyword K")
	}
	return c, err
}

// keywords checks names; those that are flags of a file go into set.
func keywords(names []string, set *maildir.FlagSet) (maildir.Keywords, error) {
	var ks []string
	for _, name := range names {
		switch flag := map[string]maildir.FlagSet{"$forwarded": maildir.FlagPassed, `\seen`: maildir.FlagSeen, `\flagged`: maildir.FlagFlagged,
			`\answered`: maildir.FlagReplied, `\draft`: maildir.FlagDraft, `\deleted`: maildir.FlagTrashed}[strings.ToLower(name)]; {
		case flag != 0:
			*set |= flag
		case !keyword(name):
			return "", exit.Usagef("%q cannot be a keyword: letters, digits and signs other than ( ) { %% * \" \\ ] can", name)
		default:
			ks = append(ks, name)
		}
	}
	return maildir.NewKeywords(ks...), nil
}

// keyword: RFC 9051 section 9, flag-keyword is an atom.
func keyword(s string) bool {
	return s != "" && len(s) <= 200 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`(){%*"\]`, r) })
}
