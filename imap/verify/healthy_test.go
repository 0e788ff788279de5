package verify

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/maildir"
	"postie/testdata/dovecot"
)

// After many syncs, between which others change mail on both sides at random, nothing is called a difference that is none: 10,000 messages and
// 100 syncs with POSTIE_TEST_LONG=1.
func TestHealthy(t *testing.T) {
	t.Parallel()
	messages, syncs := 120, 8
	if os.Getenv("POSTIE_TEST_LONG") != "" {
		messages, syncs = 10000, 100
	}
	c := newCopied(t, dovecot.Start(t, dovecot.Options{}), "alice")
	c.remote(func(ctx context.Context, s *imap.Session) error { return s.Create(ctx, "Lists") })
	h := &people{copied: c, want: messages, r: rand.New(rand.NewPCG(uint64(messages), 1))}
	h.put("INBOX", 0, messages/2, goimap.FlagSeen)
	h.put("Lists", messages/2, messages)
	h.next = messages
	c.sync()
	for range syncs {
		h.there()
		h.here()
		c.sync()
	}
	c.sync()
	for _, form := range []func(*Options){nil, deep} {
		said, counts := c.verify(form)
		if len(said) > 0 || counts.Messages < messages*3/4 {
			t.Errorf("said %q, %+v", said, counts)
		}
		t.Logf("%+v", counts)
	}
}

// people change mail at random.
type people struct {
	*copied
	r    *rand.Rand
	want int // messages in all: as many come as have gone
	next int
}

// there is what others do on the server: new mail, flags, moves, expunges, some of each.
func (h *people) there() {
	h.Helper()
	left := 0
	h.remote(func(ctx context.Context, s *imap.Session) error {
		for _, mailbox := range []string{"INBOX", "Lists"} {
			if _, err := s.Select(ctx, mailbox, nil); err != nil {
				return err
			}
			all, err := s.SearchAll(ctx)
			if err != nil {
				return err
			}
			uids, _ := all.Nums()
			left += len(uids)
			some := func() (set goimap.UIDSet) {
				for range 1 + h.r.IntN(1+len(uids)/50) {
					set.AddNum(uids[h.r.IntN(len(uids))])
				}
				return set
			}
			if len(uids) == 0 {
				continue
			}
			if _, err := s.Store(ctx, some(), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagFlagged, "work"}, 0); err != nil {
				return err
			}
			if _, err := s.Store(ctx, some(), goimap.StoreFlagsDel, []goimap.Flag{goimap.FlagSeen}, 0); err != nil {
				return err
			}
			if _, err := s.Store(ctx, some(), goimap.StoreFlagsAdd, []goimap.Flag{goimap.FlagDeleted}, 0); err != nil {
				return err
			}
			if err := s.ExpungeAll(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	n := h.next + max(1+h.r.IntN(5), h.want-left)
	h.put([]string{"INBOX", "Lists"}[h.r.IntN(2)], h.next, n)
	h.next = n
}

// here is what programs do in the Maildirs.
func (h *people) here() {
	h.Helper()
	for _, mailbox := range []string{"INBOX", "Lists"} {
		dir := maildir.Dir(filepath.Join(h.root, mailbox))
		for e, err := range dir.Scan() {
			if h.ok(err); h.r.IntN(40) > 0 {
				continue
			}
			switch path := dir.Path(e); h.r.IntN(3) {
			case 0:
				h.ok(os.Remove(path))
			case 1:
				h.ok(os.Rename(path, filepath.Join(string(dir), "cur", string(e.Key)+":2,RS")))
			default:
				other := map[string]string{"INBOX": "Lists", "Lists": "INBOX"}[mailbox]
				h.ok(os.Rename(path, filepath.Join(h.root, other, "cur", filepath.Base(path))))
			}
		}
		h.next++
		text := strings.ReplaceAll(letter(h.next), "\r\n", "\n")
		h.ok(os.WriteFile(filepath.Join(string(dir), "new", fmt.Sprintf("%d.local.host", h.next)), []byte(text), 0o600))
		h.next++
	}
}
