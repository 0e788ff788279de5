package base

import (
	"context"
	"fmt"
	"testing"

	"github.com/emersion/go-imap/v2"
	"modernc.org/sqlite"

	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
)

// What every run asks, also when nothing has changed, and what is asked of a single message, reads as many pages of the database of a large mailbox as of a small one.
func TestPagesOfNothingChanged(t *testing.T) {
	t.Parallel()
	few, many := pagesRead(t, 500), pagesRead(t, 10000)
	for what, n := range many {
		if n > few[what]+10 { // a tree may be a level or two higher
			t.Errorf("%s: %d pages of 10,000 messages, %d of 500", what, n, few[what])
		}
	}
}

// pagesRead counts pages for each question about a mailbox with n messages, on which both sides agree.
func pagesRead(t *testing.T, n int) map[string]int {
	s, a, in, _ := based(t)
	as := make([]Agreement, n)
	for i := range as {
		as[i] = paired(in, imap.UID(i+1), fmt.Sprint("k", i))
		as[i].Pair.Remote = as[i].Pair.Local
	}
	must(t, a.Agree(t.Context(), as))
	in.Messages = uint32(n)
	must(t, a.Record(t.Context(), *in))

	pages := map[string]int{}
	ask := func(what string, question func(context.Context) error) {
		status(t, s)
		must(t, question(t.Context()))
		pages[what] = status(t, s)
	}
	ask("Mailboxes", func(ctx context.Context) error { _, err := a.Mailboxes(ctx); return err })
	ask("AlwaysInView", func(ctx context.Context) error { _, err := a.AlwaysInView(ctx, in.ID); return err })
	ask("Arriving", func(ctx context.Context) error { _, err := a.Arriving(ctx, in.ID); return err })
	ask("Bodyless", func(ctx context.Context) error {
		_, err := a.Bodyless(ctx, in.ID, plan.Bounds{Size: 1e9}, false)
		return err
	})
	ask("Pending", func(ctx context.Context) error { _, err := a.Pending(ctx, in.ID); return err })
	ask("Late", func(ctx context.Context) error { _, err := a.Late(ctx); return err })
	ask("WithoutUID", func(ctx context.Context) error {
		for _, err := range a.WithoutUID(ctx, in.ID) {
			return err
		}
		return nil
	})
	ask("Intents", func(ctx context.Context) error { _, err := a.Intents(ctx); return err })
	ask("Breakers", func(ctx context.Context) error { _, err := a.Breakers(ctx); return err })
	key, m := as[n/2].Pair.Key, as[n/2].Message
	ask("OfMessages", func(ctx context.Context) error { _, err := a.OfMessages(ctx, in.ID, []int64{m.ID}); return err })
	ask("Identify", func(ctx context.Context) error { _, _, err := a.Identify(ctx, in.ID, as[n/2].Pair); return err })
	ask("WithFile", func(ctx context.Context) error { _, err := a.WithFile(ctx, key, [32]byte{1}); return err })
	ask("WithContent", func(ctx context.Context) error { _, err := a.WithContent(ctx, m.Date, m.Wire.Hash); return err })
	ask("Entries", func(ctx context.Context) error { _, err := a.Entries(ctx, in.ID, []maildir.Key{key}); return err })
	ask("Homes", func(ctx context.Context) error { _, err := a.Homes(ctx, key); return err })
	return pages
}

// status counts the pages that were asked of the cache of the connection that reads, and begins anew.
func status(t *testing.T, s *index.Store) (pages int) {
	c, err := s.Reader().Conn(t.Context())
	must(t, err)
	must(t, c.Raw(func(driver any) error {
		for _, op := range []sqlite.DBStatusOp{sqlite.DBStatusCacheHit, sqlite.DBStatusCacheMiss} {
			n, _, err := driver.(sqlite.DBStatus).Status(op, true)
			if err != nil {
				return err
			}
			pages += n
		}
		return nil
	}), c.Close())
	return pages
}
