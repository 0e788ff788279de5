package library

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/near"
	"postie/imap/mirror"
	"postie/imap/naming"
	"postie/maildir/index"
	"postie/maildir/index/query"
)

// Mailboxes are the names of the known mailboxes that patterns choose; nil: there is no pattern.
func (l *Library) Mailboxes(ctx context.Context, patterns []string) ([]string, error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	all, err := l.allMailboxes(ctx)
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, p := range patterns {
		if !strings.HasPrefix(p, "!") && !strings.ContainsAny(p, "*%") && !slices.Contains(all, inbox(p)) {
			missing = append(missing, p)
		}
	}
	if len(missing) > 0 {
		return nil, &mirror.NoMailboxError{Names: missing, Known: all}
	}
	chosen := slices.DeleteFunc(slices.Clone(all), func(name string) bool {
		return !slices.Contains(patterns, name) && !naming.Patterns(patterns).Match(name)
	})
	if len(chosen) == 0 {
		return nil, exit.Usage(fmt.Errorf("there is no mailbox %s", strings.Join(patterns, " ")), "known are "+strings.Join(all, ", "))
	}
	return chosen, nil
}

// allMailboxes are the names of the mailboxes of all shelves.
func (l *Library) allMailboxes(ctx context.Context) ([]string, error) {
	all := []string{index.Inbox}
	for _, s := range l.Shelves {
		known, err := s.Index.Mailboxes(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, known...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// Names makes sure that the mailboxes and accounts which a query names are there.
func (l *Library) Names(ctx context.Context, q query.Query) error {
	known, err := l.allMailboxes(ctx)
	if err != nil {
		return err
	}
	is := func(name string) func(string) bool { return func(k string) bool { return strings.EqualFold(k, name) } }
	for _, name := range q.Mailboxes {
		if !slices.ContainsFunc(known, is(name)) {
			return &mirror.NoMailboxError{Names: []string{name}, Known: known}
		}
	}
	for _, name := range q.Accounts {
		if !slices.ContainsFunc(l.accounts(), is(name)) {
			hint := "known are " + strings.Join(l.accounts(), ", ")
			if best := near.Word(name, l.accounts()); best != "" {
				hint = "did you mean " + best + "?"
			}
			return exit.Usage(fmt.Errorf("there is no account %s", name), hint)
		}
	}
	return nil
}

// Print lists the messages of all shelves, newest first, at most so many (0: all).
func (l *Library) Print(ctx context.Context, most int, of func(*Shelf) iter.Seq2[index.Message, error]) error {
	var seqs []iter.Seq2[Item, error]
	for _, s := range l.Shelves {
		seqs = append(seqs, s.visible(of(s)))
	}
	list := l.UI.List()
	n := 0
	for i, err := range merged(seqs) {
		if err != nil {
			return exit.Cause(ctx, err)
		}
		if n++; most > 0 && n > most {
			break
		}
		if err := list.Add(i.Show()); err != nil {
			return err
		}
	}
	if err := list.Close(); err != nil {
		return err
	}
	if most > 0 && n > most && l.UI.Terminal() && !l.UI.JSON() {
		l.UI.Warn("", fmt.Sprintf("the newest %d; --limit N shows more, --limit 0 all", most))
	}
	return nil
}

// merged is one list, newest first, of several that are.
func merged(seqs []iter.Seq2[Item, error]) iter.Seq2[Item, error] {
	if len(seqs) == 1 {
		return seqs[0]
	}
	type head struct {
		item Item
		err  error
		next func() (Item, error, bool)
	}
	return func(yield func(Item, error) bool) {
		var heads []*head
		for _, seq := range seqs {
			next, stop := iter.Pull2(seq)
			defer stop()
			if i, err, ok := next(); ok {
				heads = append(heads, &head{i, err, next})
			}
		}
		for len(heads) > 0 {
			newest := 0
			for n, h := range heads {
				if h.err != nil {
					newest = n
					break
				}
				if h.item.Date.After(heads[newest].item.Date) {
					newest = n
				}
			}
			h := heads[newest]
			if !yield(h.item, h.err) || h.err != nil {
				return
			}
			var ok bool
			if h.item, h.err, ok = h.next(); !ok {
				heads = append(heads[:newest], heads[newest+1:]...)
			}
		}
	}
}

// Newest are all messages, the newest first.
func (l *Library) Newest(ctx context.Context) iter.Seq2[Item, error] {
	var seqs []iter.Seq2[Item, error]
	for _, s := range l.Shelves {
		seqs = append(seqs, s.visible(query.List(ctx, s.Index, query.ListOptions{})))
	}
	return merged(seqs)
}
