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

// delete_after rids the server of messages whose copies were verified long ago: read again from disk, and compared octet for octet with what
// the server gave then. A run verifies what earlier ones brought (verifyCopies), and plan.Clear deletes, after the file was read once more.

const (
	verifiedAtOnce   = 64 << 20            // octets that a run reads again from a server, or a little more
	verifiedTogether = 500                 // messages
	verifiedAgain    = 30 * 24 * time.Hour // after which a copy that differed is compared again
)

// errCopyChanged says that a file is not what it was when it was verified.
var errCopyChanged = errors.New("its copy here is not what it was when it was verified, so it stays on the server; `postie verify --local` says more")

// due reads which messages of an archive were verified long enough ago to go from the server.
func (r *run) due(ctx context.Context, b *box) error {
	b.due, b.copies = nil, nil
	after := r.policy(b).DeleteAfter
	if after == 0 || b.ID == 0 || b.newbase != nil || b.UIDValidity == 0 || b.UIDValidity != b.delta.Now.UIDValidity && b.delta.Now.UIDValidity != 0 {
		return nil
	}
	rows, copies, err := r.base.VerifiedBefore(ctx, b.ID, b.UIDValidity, r.Now().Add(-after), time.Time{})
	for _, row := range rows {
		b.due = append(b.due, row.Pair)
	}
	b.copies = copies
	return err
}

// clear expunges messages whose copies here, read once more, are what they were when they were verified.
func (r *run) clear(ctx context.Context, ops []plan.Op) error {
	b := r.byName[ops[0].Mailbox]
	if err := r.opened(ctx, b); err != nil {
		return err
	}
	for part := range slices.Chunk(ops, maildir.BatchMessages) {
		sound := part[:0:0]
		for _, op := range part {
			if err := r.sound(ctx, b, op); err != nil {
				r.fail(op, err)
				continue
			}
			sound = append(sound, op)
		}
		marked, err := r.expunge(ctx, b, uids(sound, opUID))
		if err != nil {
			return err
		}
		done := sound[:0:0]
		var as []base.Agreement
		for _, op := range sound {
			if marked.Contains(op.UID) {
				r.spoil(op)
				r.note(b.Name, "the server only marks what is deleted there: what is archived stays there")
				continue
			}
			done, as = append(done, op), append(as, r.agreement(op, op.Pair))
		}
		b.pushed = true
		if err := r.agree(ctx, done, as); err != nil {
			return err
		}
	}
	return nil
}

// sound reads the copy of a message once more.
func (r *run) sound(ctx context.Context, b *box, op plan.Op) error {
	e, err := r.entry(ctx, b, op.Key)
	if err != nil {
		return err
	}
	wire, err := maildir.WireAt(b.dir.Path(e))
	if hash, ok := b.copies[op.UID]; err == nil && (!ok || wire.Hash != hash) {
		err = errCopyChanged
	}
	return err
}

// letGo verifies copies, and drops here what keep_for no longer keeps.
func (r *run) letGo(ctx context.Context) error {
	if err := r.verifyCopies(ctx); err != nil {
		return err
	}
	for _, b := range r.boxes {
		keep := r.policy(b).KeepFor
		if keep == 0 || b.outside || b.ID == 0 || !b.here || b.spoiled {
			continue
		}
		text := fmt.Sprintf("keep_for: from the next run on, bodies here that are older than %s are dropped, once they were verified", days(keep))
		told := slices.Contains(r.before, ": "+text)
		r.note("", text)
		if !told {
			continue
		}
		if err := r.retire(ctx, b, r.Now().Add(-keep)); err != nil {
			return err
		}
	}
	return nil
}

func days(d time.Duration) string { return fmt.Sprintf("%d days", d/(24*time.Hour)) }

// retire drops the bodies of a mailbox from before a date: a summary stays of what is on the server, and nothing of what is here alone.
func (r *run) retire(ctx context.Context, b *box, date time.Time) error {
	rows, _, err := r.base.VerifiedBefore(ctx, b.ID, b.UIDValidity, r.Now(), date)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(rows, maildir.BatchMessages) {
		ids := make([]int64, len(part))
		for i, row := range part {
			ids[i] = row.Message
		}
		ms, err := r.Store.ByIDs(ctx, ids)
		if err != nil {
			return err
		}
		freed, err := base.Free(ctx, r.Store, ms, r.Step)
		if err != nil {
			r.fail(plan.Op{Mailbox: b.Name}, err)
		}
		r.Log.Info("bodies dropped", "mailbox", b.Name, "messages", len(freed))
	}
	alone, err := r.base.ArchivedBefore(ctx, b.ID, date)
	if err != nil || len(alone) == 0 {
		return err
	}
	var ops []plan.Op
	for _, row := range alone {
		ops = append(ops, plan.Op{Kind: plan.Remove, Side: plan.Local, Mailbox: b.Name, Key: row.Key, Pair: row.Pair, Reason: "older than keep_for"})
	}
	return r.remove(ctx, ops)
}

// verifyCopies compares copies that no run has compared yet with what the server gives, where policy may one day let go of either: some in
// each run.
func (r *run) verifyCopies(ctx context.Context) error {
	left := int64(verifiedAtOnce)
	for _, b := range r.boxes {
		p := r.policy(b)
		if p.DeleteAfter == 0 && p.KeepFor == 0 || b.outside || b.ID == 0 || b.remote == nil || !b.here || b.spoiled || b.UIDValidity == 0 {
			continue
		}
		for left > 0 {
			rows, err := r.base.Unverified(ctx, b.ID, b.UIDValidity, r.Now().Add(-verifiedAgain), verifiedTogether)
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
			if err := r.verify(ctx, b, rows[:n]); err != nil {
				return err
			}
		}
	}
	return nil
}

// verify compares the copies of some messages, and writes down what came of it.
func (r *run) verify(ctx context.Context, b *box, rows []base.Row) error {
	if err := r.opened(ctx, b); err != nil {
		return err
	}
	var set goimap.UIDSet
	there := map[goimap.UID][32]byte{}
	for _, row := range rows {
		set.AddNum(row.UID)
	}
	bodies := func(part goimap.UIDSet) iter.Seq2[imap.Message, error] { return r.session.FetchBodies(ctx, part) }
	for m, err := range r.reader.FetchInHalves(ctx, set, bodies) {
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
		e, err := r.entry(ctx, b, row.Key)
		if err != nil {
			continue // it was renamed or removed meanwhile
		}
		wire, err := maildir.WireAt(b.dir.Path(e))
		if err == nil && wire.Hash == hash {
			vs[i].Hash, vs[i].At = hash, r.Now()
		} else {
			differ++
		}
	}
	if differ > 0 {
		r.note(b.Name, fmt.Sprintf("%d copies here are not octet for octet what the server gives: nothing is let go of them; `postie verify --deep` says more", differ))
	}
	r.step("verified " + b.Name)
	return r.base.Verify(ctx, b.ID, b.UIDValidity, vs, r.Now())
}
