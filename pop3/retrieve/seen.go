package retrieve

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"postie/pop3"
	"postie/pop3/ledger"
)

// Where nothing has changed, a run costs no more than the server's list: as long as that is the one of a run that came to its end with
// nothing left to do, all in it is known. Not a row of the ledger is read, however many messages are kept.

// unchanged says whether there is nothing to do, since the list is the one that the last run left and nothing has become due.
func (r *run) unchanged() bool {
	switch {
	case r.fresh || r.seen.List != fingerprint(r.view.Items):
		return false
	case r.Policy.Keep.Mode == For:
		return r.view.Now.Sub(r.seen.Oldest) < r.Policy.Keep.Age
	}
	return r.Policy.Keep.Mode == Forever
}

// restsHere says whether nothing happened in the Maildir that would have to be noticed: where mail is kept for a time, what is gone from
// it, and how much at once.
func (r *run) restsHere(ctx context.Context) (bool, error) {
	if !r.Policy.Keep.tells() {
		return true, nil
	}
	lost, err := r.lost(ctx)
	if err != nil || len(lost) > 0 {
		return false, err
	}
	r.followed = true
	seen, err := r.Store.Refresh(ctx)
	return seen.Scanned == 0, err
}

// leaves is what a run that came to its end leaves.
func (r *run) leaves() ledger.Seen {
	if r.report.Skipped > 0 || r.report.Deleted > 0 {
		return ledger.Seen{}
	}
	oldest := r.view.Now
	for _, c := range r.view.Receipts {
		if c.State != ledger.Gone && c.At.Before(oldest) {
			oldest = c.At
		}
	}
	return ledger.Seen{List: fingerprint(r.view.Items), Oldest: oldest.UTC().Truncate(time.Millisecond)}
}

// fingerprint is a hash of a list whose UIDLs can be believed; zero of any other. Numbers are no part of it.
func fingerprint(items []pop3.Item) (sum [32]byte) {
	if len(items) == 0 || numbered(items) || slices.ContainsFunc(items, func(it pop3.Item) bool { return it.UIDL == "" }) {
		return sum
	}
	h := sha256.New()
	var line []byte
	for _, it := range items {
		line = append(binary.AppendUvarint(append(line[:0], it.UIDL...), uint64(it.Size)), '\n')
		h.Write(line)
	}
	h.Sum(sum[:0])
	return sum
}
