package main

import (
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/library"
	"postie/cmd/postie/internal/ui"
	"postie/maildir/index/query"
)

// complete is what the Tab key offers for an argument or a flag's value. A word may have a description behind a tab.
// What cannot be found out is not offered: there is no place for an error.
type complete = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective)

// asksToComplete says whether an argument is the hidden command by which a shell asks what the Tab key is to offer.
func asksToComplete(arg string) bool {
	return arg == cobra.ShellCompRequestCmd || arg == cobra.ShellCompNoDescRequestCmd
}

// completions tells each command what its arguments are, by its name, and each flag what its values are.
func (a *app) completions(root *cobra.Command) {
	arguments := map[string]complete{
		"postie fetch": a.completeAccounts(config.POP3), "postie sync": a.completeAccounts(config.IMAP),
		"postie watch": a.completeAccounts(""), "postie check": a.completeAccounts(""), "postie status": a.completeAccounts(""),
		"postie index": a.completeAccounts(""), "postie verify": a.completeAccounts(""), "postie manifest": a.completeAccounts(""),
		"postie service install": a.completeAccounts(""), "postie service print": a.completeAccounts(""),
		"postie list": once(a.completeAccounts("")), "postie login": once(a.completeAccounts("")), "postie restore": once(a.completeAccounts(config.IMAP)),
		"postie show": once(a.completeIDs), "postie mark": a.completeIDs, "postie delete": a.completeIDs, "postie free": a.completeIDs,
		"postie move": a.completeMove, "postie search": a.completeQuery, "postie init": nothing,
		"postie mailbox rename": once(a.completeMailboxes), "postie mailbox delete": a.completeMailboxes, "postie mailbox create": nothing,
		"postie mailbox list": once(a.completeAccounts("")),
	}
	values := map[string]complete{
		"color": words("auto", "always", "never"), "tls": words("implicit", "starttls", "none"), "protocol": words("imap", "pop3"),
		"bodies": words("all", "none"), "keep": words("true", "false", "until-deleted", "14d"),
		"since": words("today", "yesterday", "3d", "2w"), "until": words("today", "yesterday", "3d", "2w"),
		"sort": words("date", "arrival", "from", "size", "subject"), "search": a.completeQuery, "query": a.completeQuery,
		"maildir": folders, "from": folders, "attachments": folders, "mailbox": a.completeMailboxes, "limit": nothing, "jobs": nothing, "port": nothing, "part": nothing, "user": nothing, "host": nothing, "name": nothing,
	}
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		if f, ok := arguments[cmd.CommandPath()]; ok && cmd.ValidArgsFunction == nil {
			cmd.ValidArgsFunction = f
		}
		for name, f := range values {
			if cmd.LocalFlags().Lookup(name) != nil && cmd.InheritedFlags().Lookup(name) == nil {
				cmd.RegisterFlagCompletionFunc(name, f) // an error says that there is one already
			}
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(root)
}

// offer keeps the order and never falls back to names of files.
const offer = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder

func nothing(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, offer
}

func folders(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

func words(list ...string) complete {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) { return list, offer }
}

// once is for the first argument only.
func once(f complete) complete {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, offer
		}
		return f(cmd, args, begun)
	}
}

// completeAccounts offers the accounts of a protocol that were not named yet.
func (a *app) completeAccounts(p config.Protocol) complete {
	return func(_ *cobra.Command, args []string, begun string) (list []string, _ cobra.ShellCompDirective) {
		file, err := a.load()
		if err != nil {
			return nil, offer
		}
		for _, account := range file.Accounts {
			if (p == "" || account.Protocol == p) && !slices.Contains(args, account.Name) && strings.HasPrefix(account.Name, begun) {
				list = append(list, account.Name+"\t"+string(account.Protocol)+" "+ui.Clean(account.Host))
			}
		}
		return list, offer
	}
}

// peek is the library as its indexes have it, silently.
func (a *app) peek(cmd *cobra.Command) (*library.Library, error) {
	r := reading{flags: cmd.Flags()}
	if f := cmd.Flags().Lookup("maildir"); f != nil {
		r.maildir = f.Value.String()
	}
	accounts, err := a.local(nil, r)
	if err != nil {
		return nil, err
	}
	silent := ui.New(ui.Options{Out: io.Discard, Err: io.Discard, Quiet: true})
	return library.Open(cmd.Context(), library.Options{UI: silent, AsItIs: true}, accounts, false)
}

// offered is how many messages are offered: more would only be scrolled past.
const offered = 60

// completeIDs offers the IDs of messages, the newest first, with sender and subject.
func (a *app) completeIDs(cmd *cobra.Command, args []string, begun string) (list []string, _ cobra.ShellCompDirective) {
	l, err := a.peek(cmd)
	if err != nil {
		return nil, offer
	}
	defer l.Close()
	for i, err := range l.Newest(cmd.Context()) {
		m := i.Show()
		if err != nil || len(list) == offered {
			break
		}
		if !strings.HasPrefix(m.ID, begun) || slices.Contains(args, m.ID) {
			continue
		}
		list = append(list, ui.Clean(m.ID)+"\t"+ui.Clean(m.From)+": "+ui.Clean(m.Subject))
	}
	return list, offer
}

// completeMailboxes offers the mailboxes that are known.
func (a *app) completeMailboxes(cmd *cobra.Command, _ []string, begun string) (list []string, _ cobra.ShellCompDirective) {
	l, err := a.peek(cmd)
	if err != nil {
		return nil, offer
	}
	defer l.Close()
	for _, s := range l.Shelves {
		names, err := s.Index.Mailboxes(cmd.Context())
		if err != nil {
			continue
		}
		for _, name := range names {
			if strings.HasPrefix(name, begun) && ui.Clean(name) == name && !slices.Contains(list, name) {
				list = append(list, name)
			}
		}
	}
	return list, offer
}

// completeMove offers IDs, and where there is one already also the mailboxes to move to.
func (a *app) completeMove(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	ids, _ := a.completeIDs(cmd, args, begun)
	if len(args) == 0 && !cmd.Flags().Changed("search") {
		return ids, offer
	}
	mailboxes, _ := a.completeMailboxes(cmd, args, begun)
	return append(mailboxes, ids...), offer
}

// completeQuery offers operators, and behind is:, in: and has: what may stand there.
func (a *app) completeQuery(cmd *cobra.Command, _ []string, begun string) (list []string, _ cobra.ShellCompDirective) {
	op, rest, ok := strings.Cut(begun, ":")
	if !ok {
		for _, name := range query.Operators() {
			list = append(list, name+":")
		}
		return list, offer | cobra.ShellCompDirectiveNoSpace
	}
	var values []string
	switch strings.TrimPrefix(op, "-") {
	case "is":
		values = query.States()
	case "in":
		values, _ = a.completeMailboxes(cmd, nil, rest)
	case "has":
		values = []string{"attachment"}
	case "account":
		values, _ = a.completeAccounts("")(cmd, nil, rest)
	}
	for _, v := range values {
		if v, _, _ := strings.Cut(v, "\t"); strings.HasPrefix(v, rest) {
			if strings.ContainsAny(v, " ()") {
				v = `"` + v + `"`
			}
			list = append(list, op+":"+v)
		}
	}
	return list, offer
}
