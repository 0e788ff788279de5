package verify

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"iter"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/base"
	"postie/imap/plan"
	"postie/maildir/index"
	"postie/maildir/verify"
)

// reads says whether the octets of a message are compared.
func (r *run) reads(id int64) bool { return r.Deep && r.Sample.Has(id) }

// deep compares octets: what the server gives, the hash in the index, and the file.
func (r *run) deep(ctx context.Context, m mailbox) error {
	var rows []base.Row
	for row, err := range r.base.ByUID(ctx, m.ID, nil) {
		if err != nil {
			return err
		}
		if row.Key == "" || row.State != plan.Agreed && row.State != index.Arriving || !r.reads(row.Message) { // arriving: a repair was stopped
			continue
		}
		if rows = append(rows, row); len(rows) < batch {
			continue
		}
		if err := r.octets(ctx, m, rows); err != nil {
			return err
		}
		rows = rows[:0]
	}
	return r.octets(ctx, m, rows)
}

// octets compares those of some messages.
func (r *run) octets(ctx context.Context, m mailbox, rows []base.Row) error {
	if len(rows) == 0 {
		return nil
	}
	var set goimap.UIDSet
	byUID := map[goimap.UID]base.Row{}
	known, owns, err := r.known(ctx, rows)
	if err != nil {
		return err
	}
	for _, row := range rows {
		set.AddNum(row.UID)
		byUID[row.UID] = row
		if one, ok := known[row.Message]; ok {
			if err := r.read(ctx, one, owns[one.ID]); err != nil {
				return err
			}
		}
	}
	bodies := func(part goimap.UIDSet) iter.Seq2[imap.Message, error] { return r.session.FetchBodies(ctx, part) }
	for got, err := range r.reader.FetchInHalves(ctx, set, bodies) {
		if missing, ok := errors.AsType[*imap.MissingError](err); ok {
			err = r.notGiven(m, missing, byUID, known)
		} else if row, ok := byUID[got.UID]; ok && err == nil {
			err = r.body(m, row, known[row.Message], got)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// notGiven tells of messages that are there and did not come.
func (r *run) notGiven(m mailbox, missing *imap.MissingError, rows map[goimap.UID]base.Row, known map[int64]index.Message) error {
	if missing.Err == nil {
		return nil // they were expunged meanwhile
	}
	for uid := range imap.UIDs(missing.UIDs) {
		if row, ok := rows[uid]; ok {
			d := verify.Difference{Kind: verify.NotGiven, Mailbox: m.Name, UID: uid, Message: known[row.Message], Detail: missing.Err.Error()}
			if err := r.Tell(d); err != nil {
				return err
			}
		}
	}
	return nil
}

// body compares what the server gives with the hash in the index.
func (r *run) body(m mailbox, row base.Row, one index.Message, got imap.Message) error {
	h := sha256.New()
	n, err := io.Copy(h, got.Body)
	if err != nil {
		return nil // the session reports it next
	}
	if r.Came != nil {
		r.Came(n)
	}
	r.There++
	var sum [32]byte
	h.Sum(sum[:0])
	switch {
	case one.Wire.Hash == [32]byte{}:
		r.Unhashed++
	case sum == one.Wire.Hash:
	case row.Size != one.Wire.Size && n != one.Wire.Size: // it had other octets as soon as it was put there (Exchange)
		r.Altered++
	default:
		return r.Tell(verify.Difference{Kind: verify.OtherOctets, Mailbox: m.Name, UID: row.UID, Message: one, Path: r.Store.Path(one),
			Detail: "the server gives other octets than the index knows"})
	}
	return nil
}
