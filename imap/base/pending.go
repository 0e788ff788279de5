package base

import (
	"cmp"
	"context"
	"database/sql"
	"errors"

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

// Late is a pending change whose message has got its body since: it is to be made to the file.
type Late struct {
	maildir.PendingChange
	Box, Message int64
	Local        maildir.Flags // that were agreed: Flags is meant against them
}

// Late are the pending changes whose messages have got their bodies. Of changes there are few: CROSS JOIN has SQLite begin with them.
func (a *Account) Late(ctx context.Context) ([]Late, error) {
	all, err := index.Rows(ctx, a.s, func(rows *sql.Rows) (l Late, err error) {
		return l, rows.Scan(&l.Box, &l.Message, &l.UID, &l.Local.Set, &l.Local.Keywords)
	}, `SELECT w.box, p.message, w.uid, p.local, p.local_keywords FROM wish w CROSS JOIN box b ON b.id = w.box
		CROSS JOIN pair p ON p.box = w.box AND p.uid = w.uid WHERE b.account = ? AND p.key IS NOT NULL AND p.state = ? ORDER BY w.box, w.uid`, a.id, plan.Agreed)
	for i := 0; i < len(all) && err == nil; i++ {
		ws, pendingErr := a.s.PendingChanges(ctx, "box = ? AND uid = ?", all[i].Box, all[i].UID)
		if err = pendingErr; len(ws) > 0 {
			all[i].PendingChange = ws[0]
		}
	}
	return all, verb("read pending changes", err)
}

// ApplyPending does to files what was pending for their messages while they had none. layout is as for index.Store.Move.
func (a *Account) ApplyPending(ctx context.Context, layout maildir.Layout) error {
	all, err := a.Late(ctx)
	for i := 0; i < len(all) && err == nil; i++ {
		l := all[i]
		if err = a.apply(ctx, l, layout); err == nil {
			err = a.Pend(ctx, l.Box, maildir.PendingChange{UID: l.UID})
		}
	}
	return verb("apply pending changes", err)
}

// On is what the change makes of the flags of a file.
func (l Late) On(f maildir.Flags) maildir.Flags {
	if l.Flags == nil {
		return f
	}
	return index.Between(l.Local, *l.Flags).On(f)
}

// apply changes the file of a message. Flags are pending against those that were agreed.
func (a *Account) apply(ctx context.Context, l Late, layout maildir.Layout) error {
	ms, err := a.s.Select(ctx, "", "m.id = ?", l.Message)
	if f := l.Flags; err == nil && f != nil {
		ms, err = a.s.Mark(ctx, ms, index.Between(l.Local, *f))
	}
	if err == nil && l.To != "" {
		ms, err = a.s.Move(ctx, ms, l.To, layout)
	}
	if err == nil && l.Delete {
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
