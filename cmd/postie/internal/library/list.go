package library

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"postie/cmd/postie/internal/exit"
	"postie/imap/mirror"
	"postie/maildir/index"
)

// Mailboxes are the names of the known mailboxes that patterns choose; nil: there is no pattern.
func (l *Library) Mailboxes(ctx context.Context, patterns []string) ([]string, error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	all := []string{index.Inbox}
	for _, s := range l.Shelves {
		known, err := s.Index.Mailboxes(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, known...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	chosen := slices.DeleteFunc(slices.Clone(all), func(name string) bool {
		return !slices.Contains(patterns, name) && !mirror.Match(patterns, name)
	})
	if len(chosen) == 0 {
		return nil, exit.Usage(fmt.Errorf("there is no mailbox %s", strings.Join(patterns, " ")), "known are "+strings.Join(all, ", "))
	}
	return chosen, nil
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
