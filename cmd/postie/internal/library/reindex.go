package library

import (
	"context"
	"fmt"
	"time"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/ui"
	"postie/maildir/index"
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
	if err := l.indexText(ctx, s, index.TextOptions{Anew: rebuild}); err != nil {
		return err
	}
	left, err := s.Index.Unindexed(ctx)
	if err == nil && left > 0 {
		err = fmt.Errorf("%s of %s could not be read", ui.HowMany(left, "message"), s.Accounts[0].Name)
	}
	return err
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
		if n, err := o.Index.Unindexed(ctx); err != nil || n == 0 || n > indexFew {
			continue
		}
		if err := o.Index.IndexText(ctx, index.TextOptions{Bodies: account.IndexBodies, MaxSize: indexSize}); err != nil && ctx.Err() == nil {
			s.UI.Verbose(1, account.Name, err.Error())
		}
	}
}
