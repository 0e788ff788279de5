package base

import (
	"cmp"
	"context"
	"database/sql"
	"errors"

	"github.com/emersion/go-imap/v2"

	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
)

// Pending gives the local changes to messages of a mailbox that have no body, by UID.
func (a *Account) Pending(ctx context.Context, box int64) ([]maildir.PendingChange, error) {
	all, err := a.s.PendingChanges(ctx, "box = ? ORDER BY uid", box)
	return all, verb("read pending changes", err)
}

// Pend writes a local change down, in place of an older one to the same message. The zero change takes it back.
func (a *Account) Pend(ctx context.Context, box int64, w maildir.PendingChange) error {
	return verb("record pending change", a.s.Write(ctx, func(tx *sql.Tx) error { return index.PutPending(tx, box, w) }))
}

// ApplyPending does to files what was pending for their messages while they had none. layout is as for index.Store.Move.
func (a *Account) ApplyPending(ctx context.Context, layout maildir.Layout) error {
	type late struct {
		box, message int64
		uid          imap.UID
		local        maildir.Flags
	}
	all, err := index.Rows(ctx, a.s, func(rows *sql.Rows) (l late, err error) {
		return l, rows.Scan(&l.box, &l.message, &l.uid, &l.local.Set, &l.local.Keywords)
	}, `SELECT w.box, p.message, w.uid, p.local, p.local_keywords FROM wish w JOIN box b ON b.id = w.box
		JOIN pair p ON p.box = w.box AND p.uid = w.uid WHERE b.account = ? AND p.key IS NOT NULL AND p.state = ?`, a.id, plan.Agreed)
	for i := 0; i < len(all) && err == nil; i++ {
		l := all[i]
		ws, pendingErr := a.s.PendingChanges(ctx, "box = ? AND uid = ?", l.box, l.uid)
		if err = pendingErr; err != nil || len(ws) == 0 {
			continue
		}
		if err = a.apply(ctx, l.message, ws[0], l.local, layout); err == nil {
			err = a.Pend(ctx, l.box, maildir.PendingChange{UID: l.uid})
		}
	}
	return verb("apply pending changes", err)
}

// apply changes the file of a message. Flags are pending against those that were agreed.
func (a *Account) apply(ctx context.Context, id int64, w maildir.PendingChange, local maildir.Flags, layout maildir.Layout) error {
	ms, err := a.s.Select(ctx, "", "m.id = ?", id)
	if f := w.Flags; err == nil && f != nil {
		ms, err = a.s.Mark(ctx, ms, index.Between(local, *f))
	}
	if err == nil && w.To != "" {
		ms, err = a.s.Move(ctx, ms, w.To, layout)
	}
	if err == nil && w.Delete {
		_, err = a.s.Remove(ctx, ms)
	}
	return err
}

// pending forgets the pending change that an agreement fulfils. One that was made, or changed, since it was read is for the next run: it goes where its
// message goes, and remains the change that it was.
func (w *agreeing) pending(g *Agreement) error {
	if g.Pending.UID != 0 {
		set, keywords := index.PendingFlags(g.Pending)
		if err := w.exec("DELETE FROM wish WHERE box = ? AND uid = ? AND flags IS ? AND keywords = ? AND dest = ? AND remove = ?",
			g.Mailbox, g.UID, set, keywords, g.Pending.To, g.Pending.Delete); err != nil {
			return err
		}
	}
	if g.Pair.UID == 0 || g.Pair.State != plan.Agreed {
		return w.exec("DELETE FROM wish WHERE box = ? AND uid = ?", g.Mailbox, g.UID)
	}
	if err := w.pendAgain(g); err != nil || g.To == 0 && g.Pair.UID == g.UID {
		return err
	}
	return w.exec("UPDATE OR REPLACE wish SET box = ?, uid = ? WHERE box = ? AND uid = ?", cmp.Or(g.To, g.Mailbox), g.Pair.UID, g.Mailbox, g.UID)
}

// pendAgain rewrites the flags that are pending: they were meant against those that were agreed until now, and would take
// back whatever the server has changed.
func (w *agreeing) pendAgain(g *Agreement) error {
	st, err := w.st(`SELECT w.flags, w.keywords, p.local, p.local_keywords FROM wish w JOIN pair p ON p.box = w.box AND p.uid = w.uid
		WHERE w.box = ? AND w.uid = ? AND w.flags IS NOT NULL`)
	if err != nil {
		return err
	}
	var want, was maildir.Flags
	err = st.QueryRow(g.Mailbox, g.UID).Scan(&want.Set, &want.Keywords, &was.Set, &was.Keywords)
	if errors.Is(err, sql.ErrNoRows) || err == nil && was == g.Pair.Local {
		return nil
	}
	if err != nil {
		return err
	}
	if want = index.Between(was, want).On(g.Pair.Local); want != g.Pair.Local {
		return w.exec("UPDATE wish SET flags = ?, keywords = ? WHERE box = ? AND uid = ?", want.Set, string(want.Keywords), g.Mailbox, g.UID)
	}
	err = w.exec("DELETE FROM wish WHERE box = ? AND uid = ? AND dest = '' AND remove = 0", g.Mailbox, g.UID) // the server has made it true
	if err == nil {
		err = w.exec("UPDATE wish SET flags = NULL, keywords = '' WHERE box = ? AND uid = ?", g.Mailbox, g.UID)
	}
	return err
}
