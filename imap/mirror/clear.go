package mirror

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/base"
	"postie/imap/plan"
	"postie/maildir"
)

// retention verifies copies, and drops what policy keeps for a time only.
type retention struct {
	*account
	files     *files
	deletions *deletions
}

// delete_after rids the server of messages whose copies were verified long ago: read again from disk, and compared octet for octet with what
// the server gave then. A run verifies what earlier ones brought (verifyCopies), and plan.Clear deletes, after the file was read once more.

const (
	verifiedAtOnce   = 64 << 20            // octets that a run reads again from a server, or a little more
	verifiedTogether = 500                 // messages
	verifiedAgain    = 30 * 24 * time.Hour // after which a copy that differed is compared again
)

// letGo verifies copies, and drops here what keep_for no longer keeps.
func (k *retention) letGo(ctx context.Context) error {
	if err := k.verifyCopies(ctx); err != nil {
		return err
	}
	for _, b := range k.boxes {
		keep := k.policy(b).KeepFor
		if keep == 0 || b.outside || b.ID == 0 || !b.here || b.spoiled {
			continue
		}
		text := fmt.Sprintf("keep_for: from the next run on, bodies here that are older than %s are dropped, once they were verified", days(keep))
		told := slices.Contains(k.before, ": "+text)
		k.note("", text)
		if !told {
			continue
		}
		if err := k.retire(ctx, b, k.Now().Add(-keep)); err != nil {
			return err
		}
	}
	return nil
}

func days(d time.Duration) string { return fmt.Sprintf("%d days", d/(24*time.Hour)) }

// retire drops the bodies of a mailbox from before a date: a summary stays of what is on the server, and nothing of what is here alone.
func (k *retention) retire(ctx context.Context, b *box, date time.Time) error {
	rows, _, err := k.base.VerifiedBefore(ctx, b.ID, b.UIDValidity, k.Now(), date)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(rows, maildir.BatchMessages) {
		ids := make([]int64, len(part))
		for i, row := range part {
			ids[i] = row.Message
		}
		ms, err := k.Store.ByIDs(ctx, ids)
		if err != nil {
			return err
		}
		freed, err := base.Free(ctx, k.Store, ms, k.Step)
		if err != nil {
			k.fail(plan.Op{Mailbox: b.Name}, err)
		}
		k.Log.Info("bodies dropped", "mailbox", b.Name, "messages", len(freed))
	}
	alone, err := k.base.ArchivedBefore(ctx, b.ID, date)
	if err != nil || len(alone) == 0 {
		return err
	}
	var ops []plan.Op
	for _, row := range alone {
		ops = append(ops, plan.Op{Kind: plan.Remove, Side: plan.Local, Mailbox: b.Name, Key: row.Key, Pair: row.Pair, Reason: "older than keep_for"})
	}
	return k.deletions.remove(ctx, ops)
}

// verifyCopies compares copies that no run has compared yet with what the server gives, where policy may one day let go of either: some in
// each run.
func (k *retention) verifyCopies(ctx context.Context) error {
	left := int64(verifiedAtOnce)
	for _, b := range k.boxes {
		p := k.policy(b)
		if p.DeleteAfter == 0 && p.KeepFor == 0 || b.outside || b.ID == 0 || b.remote == nil || !b.here || b.spoiled || b.UIDValidity == 0 {
			continue
		}
		for left > 0 {
			rows, err := k.base.Unverified(ctx, b.ID, b.UIDValidity, k.Now().Add(-verifiedAgain), verifiedTogether)
			if err != nil || len(rows) == 0 {
				if err != nil {
					return err
				}
				break
			}
			n := len(rows)
			for i, row := range rows {
				if left -= row.Size; left <= 0 {
					n = i + 1
					break
				}
			}
			if err := k.verify(ctx, b, rows[:n]); err != nil {
				return err
			}
		}
	}
	return nil
}

// verify compares the copies of some messages, and writes down what came of it.
func (k *retention) verify(ctx context.Context, b *box, rows []base.Row) error {
	if err := k.opened(ctx, b); err != nil {
		return err
	}
	var set goimap.UIDSet
	there := map[goimap.UID][32]byte{}
	for _, row := range rows {
		set.AddNum(row.UID)
	}
	bodies := func(part goimap.UIDSet) iter.Seq2[imap.Message, error] { return k.session.FetchBodies(ctx, part) }
	for m, err := range k.reader.FetchInHalves(ctx, set, bodies) {
		if _, missing := errors.AsType[*imap.MissingError](err); missing {
			continue // what is gone, or was not given, is not verified
		}
		if err != nil {
			return err
		}
		h := sha256.New()
		if _, err := io.Copy(h, m.Body); err != nil {
			continue // the session reports it next
		}
		there[m.UID] = [32]byte(h.Sum(nil))
	}
	vs := make([]base.Verified, len(rows))
	differ := 0
	for i, row := range rows {
		vs[i] = base.Verified{UID: row.UID, Key: row.Key}
		hash, given := there[row.UID]
		if !given {
			continue
		}
		e, err := k.files.entry(ctx, b, row.Key)
		if err != nil {
			continue // it was renamed or removed meanwhile
		}
		wire, err := maildir.WireAt(b.dir.Path(e))
		if err == nil && wire.Hash == hash {
			vs[i].Hash, vs[i].At = hash, k.Now()
		} else {
			differ++
		}
	}
	if differ > 0 {
		k.note(b.Name, fmt.Sprintf("%d copies here are not octet for octet what the server gives: nothing is let go of them; `postie verify --deep` says more", differ))
	}
	k.step("verified " + b.Name)
	return k.base.Verify(ctx, b.ID, b.UIDValidity, vs, k.Now())
}
