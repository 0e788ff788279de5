package library

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/ui"
	"postie/maildir/index"
	"postie/maildir/index/query"
)

// Reindex brings the index of a shelf up to its mail, or makes it anew from it.
func (l *Library) Reindex(ctx context.Context, s *Shelf, rebuild bool) (err error) {
	if err := s.Index.Writable(); err != nil {
		return fmt.Errorf("%s: %w", s.Accounts[0].Name, err)
	}
	if rebuild {
		lock, err := s.Index.Lock(ctx, l.Wait)
		if err != nil {
			return err
		}
		defer lock.Release()
	}
	if err := l.indexText(ctx, s, query.TextOptions{Anew: rebuild}); err != nil {
		return err
	}
	return l.unread(ctx, s)
}

// named is how many messages that cannot be read are named one by one.
const named = 20

// unread names the messages that could not be read. Those whose file is gone, moved or deleted, wait for the next sync.
func (l *Library) unread(ctx context.Context, s *Shelf) error {
	left, err := query.UnindexedMessages(ctx, s.Index)
	if err != nil {
		return err
	}
	left = slices.DeleteFunc(left, func(m index.Message) bool { return s.hidden[m.ID] })
	if len(left) == 0 {
		return nil
	}
	account := s.Accounts[0].Name
	for _, m := range left[:min(len(left), named)] {
		why := cmp.Or(query.Readable(s.Index, m), errors.New("it can be now; try again"))
		l.UI.Error(ui.Failure{Account: account, Err: fmt.Errorf("%s could not be read: %w", Item{Shelf: s, Message: m}.Show().ID, why), Exit: exit.Partial})
	}
	if more := len(left) - named; more > 0 {
		l.UI.Error(ui.Failure{Account: account, Err: fmt.Errorf("%s more could not be read", ui.Count(more, "message")), Exit: exit.Partial})
	}
	return exit.Reported(exit.Partial)
}

// After a run new mail is indexed for search, when it is safe: not for long, and the first search does the rest.
const (
	indexFew  = 1000     // more than that wait
	indexSize = 16 << 20 // larger ones wait; octets
	indexTime = time.Second / 2
)

// IndexNew does so for all accounts of a run.
func (s *Stores) IndexNew(ctx context.Context, accounts []config.Account) {
	ctx, stop := context.WithTimeout(ctx, indexTime)
	defer stop()
	seen := map[*Store]bool{}
	for _, account := range accounts {
		o, err := s.Of(ctx, account)
		if err != nil || seen[o] {
			continue
		}
		seen[o] = true
		if n, err := query.Unindexed(ctx, o.Index, indexFew+1); err != nil || n == 0 || n > indexFew {
			continue
		}
		if err := query.IndexText(ctx, o.Index, query.TextOptions{Bodies: account.IndexBodies, MaxSize: indexSize}); err != nil && ctx.Err() == nil {
			s.UI.Verbose(1, account.Name, err.Error())
		}
	}
}
