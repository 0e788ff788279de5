package index

import (
	"cmp"
	"context"
	"database/sql"
	"errors"

	"github.com/emersion/go-imap/v2"

	"postie/imap/plan"
	"postie/maildir"
)

// Wishes gives the local changes to pairs of a mailbox that have no body, by UID.
func (a *Account) Wishes(ctx context.Context, box int64) ([]plan.Wish, error) {
	all, err := query(ctx, a.s, scanWish, wishColumns+"box = ? ORDER BY uid", box)
	return all, verb("read wishes", err)
}

const wishColumns = "SELECT uid, flags, keywords, dest, remove FROM wish WHERE "

func scanWish(rows *sql.Rows) (w plan.Wish, err error) {
	var set sql.NullInt64
	var f maildir.Flags
	if err = rows.Scan(&w.UID, &set, &f.Keywords, &w.To, &w.Delete); set.Valid {
		f.Set = maildir.FlagSet(set.Int64)
		w.Flags = &f
	}
	return w, err
}

// Wish writes a local change down, in place of an older one to the same message. The zero change takes it back.
func (a *Account) Wish(ctx context.Context, box int64, w plan.Wish) error {
	return verb("record wish", a.s.write(ctx, func(tx *sql.Tx) error { return putWish(tx, box, w) }))
}

func putWish(tx *sql.Tx, box int64, w plan.Wish) error {
	if w == (plan.Wish{UID: w.UID}) {
		_, err := tx.Exec("DELETE FROM wish WHERE box = ? AND uid = ?", box, w.UID)
		return err
	}
	set, keywords := flagsWished(w)
	_, err := tx.Exec("INSERT OR REPLACE INTO wish (box, uid, flags, keywords, dest, remove) VALUES (?, ?, ?, ?, ?, ?)",
		box, w.UID, set, keywords, w.To, w.Delete)
	return err
}

// flagsWished are the columns flags and keywords of a wish.
func flagsWished(w plan.Wish) (set sql.NullInt64, keywords string) {
	if w.Flags == nil {
		return set, ""
	}
	return sql.NullInt64{Int64: int64(w.Flags.Set), Valid: true}, string(w.Flags.Keywords)
}

// Honour does to files what was wished for their messages while they had none. layout is as for Move.
func (a *Account) Honour(ctx context.Context, layout maildir.Layout) error {
	type late struct {
		box, message int64
		uid          imap.UID
		local        maildir.Flags
	}
	all, err := query(ctx, a.s, func(rows *sql.Rows) (l late, err error) {
		return l, rows.Scan(&l.box, &l.message, &l.uid, &l.local.Set, &l.local.Keywords)
	}, `SELECT w.box, p.message, w.uid, p.local, p.local_keywords FROM wish w JOIN box b ON b.id = w.box
		JOIN pair p ON p.box = w.box AND p.uid = w.uid WHERE b.account = ? AND p.key IS NOT NULL AND p.state = ?`, a.id, plan.Agreed)
	for i := 0; i < len(all) && err == nil; i++ {
		l := all[i]
		ws, wishErr := query(ctx, a.s, scanWish, wishColumns+"box = ? AND uid = ?", l.box, l.uid)
		if err = wishErr; err != nil || len(ws) == 0 {
			continue
		}
		if err = a.honour(ctx, l.message, ws[0], l.local, layout); err == nil {
			err = a.Wish(ctx, l.box, plan.Wish{UID: l.uid})
		}
	}
	return verb("do what was wished", err)
}

// honour changes the file of a message. Flags are wished against those that were agreed.
func (a *Account) honour(ctx context.Context, id int64, w plan.Wish, local maildir.Flags, layout maildir.Layout) error {
	ms, err := a.s.messages(ctx, "m.id = ?", id)
	if f := w.Flags; err == nil && f != nil {
		ms, err = a.s.Mark(ctx, ms, between(local, *f))
	}
	if err == nil && w.To != "" {
		ms, err = a.s.Move(ctx, ms, w.To, layout)
	}
	if err == nil && w.Delete {
		_, err = a.s.Remove(ctx, ms)
	}
	return err
}

// between is the change that makes a into b.
func between(a, b maildir.Flags) Change {
	add, remove := b.Without(a), a.Without(b)
	return Change{Set: add.Set, Clear: remove.Set, Add: add.Keywords, Remove: remove.Keywords}
}

// wishes forgets the wish that an agreement grants. One that was made, or changed, since it was read is for the next run: it goes where its
// message goes, and remains the change that it was.
func (w *agreeing) wishes(g *Agreement) error {
	if g.Wish.UID != 0 {
		set, keywords := flagsWished(g.Wish)
		if err := w.exec("DELETE FROM wish WHERE box = ? AND uid = ? AND flags IS ? AND keywords = ? AND dest = ? AND remove = ?",
			g.Mailbox, g.UID, set, keywords, g.Wish.To, g.Wish.Delete); err != nil {
			return err
		}
	}
	if g.Pair.UID == 0 || g.Pair.State != plan.Agreed {
		return w.exec("DELETE FROM wish WHERE box = ? AND uid = ?", g.Mailbox, g.UID)
	}
	if err := w.wishAgain(g); err != nil || g.To == 0 && g.Pair.UID == g.UID {
		return err
	}
	return w.exec("UPDATE OR REPLACE wish SET box = ?, uid = ? WHERE box = ? AND uid = ?", cmp.Or(g.To, g.Mailbox), g.Pair.UID, g.Mailbox, g.UID)
}

// wishAgain rewrites the flags that are wished: they were meant against those that were agreed until now, and would take
// back whatever the server has changed.
func (w *agreeing) wishAgain(g *Agreement) error {
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
	if want = between(was, want).on(g.Pair.Local); want != g.Pair.Local {
		return w.exec("UPDATE wish SET flags = ?, keywords = ? WHERE box = ? AND uid = ?", want.Set, string(want.Keywords), g.Mailbox, g.UID)
	}
	err = w.exec("DELETE FROM wish WHERE box = ? AND uid = ? AND dest = '' AND remove = 0", g.Mailbox, g.UID) // the server has made it true
	if err == nil {
		err = w.exec("UPDATE wish SET flags = NULL, keywords = '' WHERE box = ? AND uid = ?", g.Mailbox, g.UID)
	}
	return err
}

// canWish says why nothing can be wished for a message without a body.
func (m *Message) canWish() error {
	if m.UID == 0 {
		return errors.New("its body is not here, and its server is not known")
	}
	return nil
}

// wish changes what is wished for a message without a body, and shows it so. What is so already is no wish.
func wish(tx *sql.Tx, m *Message, change func(*plan.Wish)) error {
	var box int64
	var home string
	var flags maildir.Flags
	err := tx.QueryRow(`SELECT p.box, m.name, p.uid, p.local, p.local_keywords FROM pair p JOIN box b ON b.id = p.box JOIN mailbox m ON m.id = b.mailbox
		WHERE p.message = ? AND p.uid IS NOT NULL`, m.ID).Scan(&box, &home, &m.UID, &flags.Set, &flags.Keywords)
	if errors.Is(err, sql.ErrNoRows) { // a sync has found it gone since
		return nil
	}
	if err != nil {
		return err
	}
	w, err := wished(tx, box, m.UID)
	if err != nil {
		return err
	}
	change(&w)
	if w.To == home {
		w.To = ""
	}
	if w.Flags != nil && *w.Flags == flags {
		w.Flags = nil
	}
	if err := putWish(tx, box, w); err != nil {
		return err
	}
	return place(tx, m, m.Mailbox)
}

// wished is what is wished for a message until now.
func wished(tx *sql.Tx, box int64, uid imap.UID) (plan.Wish, error) {
	rows, err := tx.Query(wishColumns+"box = ? AND uid = ?", box, uid)
	all, err := collect(rows, err, scanWish)
	if err != nil || len(all) == 0 {
		return plan.Wish{UID: uid}, err
	}
	return all[0], nil
}
