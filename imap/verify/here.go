package verify

import (
	"context"

	"postie/imap/base"
	"postie/imap/plan"
	"postie/maildir/index"
	"postie/maildir/verify"
)

// onlyHere compares the messages that are here alone: those that wait to go there, and those that are to stay here, since they were archived or
// nothing is put there.
func (w *walk) onlyHere(ctx context.Context) error {
	var rows []base.Row
	for row, err := range w.base.WithoutUID(ctx, w.m.ID) {
		if err != nil {
			return err
		}
		if row.Key == "" {
			continue
		}
		if rows = append(rows, row); len(rows) < batch {
			continue
		}
		if err := w.here(ctx, rows); err != nil {
			return err
		}
		rows = rows[:0]
	}
	if err := w.here(ctx, rows); err != nil {
		return err
	}
	pending, err := w.base.Pending(ctx, w.m.ID)
	for _, c := range pending {
		if err == nil {
			err = w.Tell(verify.Difference{Kind: verify.NotPushed, Mailbox: w.m.Name, UID: c.UID, Detail: "a change to the message waits for the next sync"})
		}
	}
	return err
}

// here compares some of them.
func (w *walk) here(ctx context.Context, rows []base.Row) error {
	if len(rows) == 0 {
		return nil
	}
	known, owns, err := w.known(ctx, rows)
	if err != nil {
		return err
	}
	for _, row := range rows {
		m := known[row.Message]
		d := verify.Difference{Mailbox: w.m.Name, Message: m}
		place, ok, err := w.file(&d, row)
		if err == nil && ok {
			_, err = w.sized(&d, row, place)
		}
		if err == nil && ok && w.reads(row.Message) {
			err = w.read(ctx, m, owns[m.ID])
		}
		switch {
		case err != nil:
		case row.State == plan.Archived:
			w.Counts.Archived++
		case row.State == plan.Withheld && !w.terms.Direction.Changes(plan.Remote):
			w.Counts.OneSide++
		default:
			err = w.tell(&d, verify.NotPushed, "the message is only here")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// known gives what the index has of the messages of pairs, and the hashes of the files of those that are not Wire.Exact.
func (r *run) known(ctx context.Context, rows []base.Row) (byID map[int64]index.Message, owns map[int64][32]byte, err error) {
	ids := make([]int64, len(rows))
	for i, row := range rows {
		ids[i] = row.Message
	}
	ms, err := r.Store.ByIDs(ctx, ids)
	if err == nil {
		owns, err = r.Store.Owns(ctx, ids)
	}
	byID = make(map[int64]index.Message, len(ms))
	for _, m := range ms {
		byID[m.ID] = m
	}
	return byID, owns, err
}

// read reads the file of a message, and tells of what is wrong with its octets; all else was told before.
func (r *run) read(ctx context.Context, m index.Message, own [32]byte) error {
	d, err := r.tree.File(ctx, m, own, &r.Counts)
	if err != nil || d == nil || d.Kind != verify.Damaged && d.Kind != verify.Unreadable {
		return err
	}
	return r.Tell(*d)
}
