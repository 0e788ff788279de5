package library

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"postie/cmd/postie/internal/config"
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

// View is how a list is shown.
type View struct {
	Most    int         // messages; 0: all
	Sort    *query.Sort // nil: by arrival, what POP3 brought by the dates of the messages
	Threads bool
	One     string // the mailbox that all are in, "": of several
}

// sort is the order of a shelf. Mail that POP3 brings comes all at once; when it was written tells more.
func (v *View) sort(s *Shelf) query.Sort {
	switch {
	case v.Sort != nil:
		return *v.Sort
	case s.Accounts[0].Protocol == config.POP3:
		return query.ByDate
	}
	return query.ByArrival
}

// compare tells which of two messages comes first, perhaps of two shelves.
func (v *View) compare(a, b Item) int {
	switch {
	case v.Threads:
		return b.latest.Compare(a.latest)
	case v.Sort != nil:
		return v.Sort.Compare(a.Message, b.Message)
	}
	return v.date(b).Compare(v.date(a))
}

// date is when a message was written, or when it arrived: by which the list is sorted.
func (v *View) date(i Item) time.Time {
	if v.Threads || v.sort(i.Shelf) == query.ByDate {
		return query.OwnDate(i.Message)
	}
	return i.Date
}

// List lists the messages of all shelves that o leaves.
func (l *Library) List(ctx context.Context, v View, o query.ListOptions) error {
	return l.print(ctx, v, func(s *Shelf) iter.Seq2[Item, error] {
		if v.Threads {
			return s.threads(query.Threads(ctx, s.Index, o))
		}
		o := o
		o.Sort = v.sort(s)
		return s.visible(query.List(ctx, s.Index, o))
	})
}

// Search lists what a query finds on all shelves.
func (l *Library) Search(ctx context.Context, v View, q query.Query) error {
	return l.print(ctx, v, func(s *Shelf) iter.Seq2[Item, error] { return s.visible(s.search(ctx, q, v.sort(s), v.Most)) })
}

// threads are the messages of threads as items, without what is on its way out.
func (s *Shelf) threads(seq iter.Seq2[query.Threaded, error]) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		root := ""
		for m, err := range seq {
			i := Item{Shelf: s, Message: m.Message, depth: m.Depth, latest: m.Latest}
			if m.Depth == 0 && err == nil {
				root = i.Show().ID
			}
			if i.root = root; !s.hidden[m.ID] && !yield(i, err) {
				return
			}
		}
	}
}

// print lists messages in the order of a view.
func (l *Library) print(ctx context.Context, v View, of func(*Shelf) iter.Seq2[Item, error]) error {
	var seqs []iter.Seq2[Item, error]
	for _, s := range l.Shelves {
		seqs = append(seqs, of(s))
	}
	list := l.UI.List(l.common(&v))
	n := 0
	for i, err := range merged(v.compare, seqs) {
		if err != nil {
			return exit.Cause(ctx, err)
		}
		if n++; v.Most > 0 && n > v.Most {
			break
		}
		shown := i.Show()
		shown.Listed = v.date(i)
		if v.Threads {
			shown.Thread, shown.Depth = i.root, &i.depth
		}
		if err := list.Add(shown); err != nil {
			return err
		}
	}
	if err := list.Close(); err != nil {
		return err
	}
	if v.Most > 0 && n > v.Most && l.UI.Terminal() && !l.UI.JSON() {
		which := "newest"
		if v.Sort != nil || v.Threads {
			which = "first"
		}
		l.UI.Warn("", fmt.Sprintf("the %s %d; --limit N shows more, --limit 0 all", which, v.Most))
	}
	return nil
}

// common is the beginning of all IDs of a list: ACCOUNT/MAILBOX/ where there is one of each.
func (l *Library) common(v *View) string {
	if len(l.Shelves) != 1 || v.One == "" {
		return ""
	}
	return l.Shelves[0].Accounts[0].Name + "/" + v.One + "/"
}

// OneMailbox is the mailbox of all messages that mailboxes, or nil for all, leave; "": there are several.
func (l *Library) OneMailbox(ctx context.Context, mailboxes []string) (string, error) {
	if mailboxes == nil {
		all, err := l.allMailboxes(ctx)
		if err != nil {
			return "", err
		}
		mailboxes = all
	}
	if len(mailboxes) != 1 {
		return "", nil
	}
	return mailboxes[0], nil
}

// merged is one list of several, each of which is in that order.
func merged(compare func(a, b Item) int, seqs []iter.Seq2[Item, error]) iter.Seq2[Item, error] {
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
			first := 0
			for n, h := range heads {
				if h.err != nil {
					first = n
					break
				}
				if compare(h.item, heads[first].item) < 0 {
					first = n
				}
			}
			h := heads[first]
			if !yield(h.item, h.err) || h.err != nil {
				return
			}
			var ok bool
			if h.item, h.err, ok = h.next(); !ok {
				heads = append(heads[:first], heads[first+1:]...)
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
	return merged(func(a, b Item) int { return b.Date.Compare(a.Date) }, seqs)
}
