package base

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"

	"github.com/emersion/go-imap/v2"

	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
)

// Agreement is what one operation on a message leads to, by the rule of plan.Op: the row of Mailbox with UID, and the rows
// without UID of Mailbox and To with Key, are replaced by Pair, in To or else in Mailbox; a zero Pair is not written.
// The message that a row speaks of goes with it, and keeps its NUMBER.
type Agreement struct {
	Mailbox, To int64
	UID         imap.UID
	Key         maildir.Key
	Pair        plan.Pair
	EmailID     string                // "": as it was
	Entry       maildir.Entry         // of the file; zero: as it was
	Message     *index.Message        // summary and wire form of one that is new, or whose body is; nil: as they were. Its ID is set
	Intent      int64                 // that is settled by it
	Pending     maildir.PendingChange // that it fulfils, as it was read; zero: none
}

// Agree writes agreements down, all or nothing.
func (a *Account) Agree(ctx context.Context, as []Agreement) error {
	_, err := a.agree(ctx, as, plan.Agreed)
	return err
}

// Arrive writes the agreements of messages down whose files are durable in tmp/, before they are published, so that a
// crash in between leaves no file that nobody knows. Arrived confirms the rows that it gives.
func (a *Account) Arrive(ctx context.Context, as []Agreement) ([]Row, error) {
	return a.agree(ctx, as, arriving)
}

func (a *Account) agree(ctx context.Context, as []Agreement, state plan.State) ([]Row, error) {
	if len(as) == 0 {
		return nil, nil
	}
	rows := make([]Row, 0, len(as))
	err := a.s.Write(ctx, func(tx *sql.Tx) error {
		w := newAgreeing(a, tx)
		defer w.close()
		for i := 0; i < len(as); i++ {
			if n, err := w.newcomers(as[i:], state, &rows); n > 0 || err != nil {
				if i += n - 1; err != nil {
					return err
				}
				continue
			}
			if err := w.one(&as[i], cmp.Or(state, as[i].Pair.State)); err != nil {
				return err
			}
			rows = append(rows, w.row)
		}
		if err := w.count(); err != nil {
			return err
		}
		return w.emptied(as)
	})
	return rows, verb("record what was agreed", err)
}

// emptied notes of mailboxes that the last pair was taken from that they hold nothing. Else a run that ends before it records that they were
// read leaves what looks like a mailbox whose pairs were lost.
func (w *agreeing) emptied(as []Agreement) error {
	seen := map[int64]bool{}
	for _, g := range as {
		if (g.Pair != (plan.Pair{}) && g.To == 0) || seen[g.Mailbox] {
			continue
		}
		seen[g.Mailbox] = true
		if err := w.exec("UPDATE box SET messages = 0 WHERE id = ? AND pairs = 0 AND messages > 0", g.Mailbox); err != nil {
			return err
		}
	}
	return nil
}

// agreeing is one transaction of agreements.
type agreeing struct {
	a     *Account
	tx    *sql.Tx
	sts   map[string]*sql.Stmt
	row   Row    // the last one written
	email string // EMAILID of the rows that were replaced

	box, mailbox int64 // the last one asked for
	single       int   // so many agreements are not worth another try of newcomers

	more map[int64]int // pairs that were put into each box
}

func newAgreeing(a *Account, tx *sql.Tx) *agreeing {
	return &agreeing{a: a, tx: tx, sts: map[string]*sql.Stmt{}, more: map[int64]int{}}
}

// count adds the pairs that were inserted to what boxes count: see Whole. What is deleted a trigger counts (pair_less).
func (w *agreeing) count() error {
	for box, n := range w.more {
		if err := w.exec("UPDATE box SET pairs = pairs + ? WHERE id = ?", n, box); err != nil {
			return err
		}
	}
	clear(w.more)
	return nil
}

func (w *agreeing) close() {
	for _, st := range w.sts {
		st.Close()
	}
	clear(w.sts)
}

func (w *agreeing) st(q string) (*sql.Stmt, error) {
	if st := w.sts[q]; st != nil {
		return st, nil
	}
	st, err := w.tx.Prepare(q)
	if err == nil {
		w.sts[q] = st
	}
	return st, err
}

func (w *agreeing) exec(q string, args ...any) error {
	st, err := w.st(q)
	if err == nil {
		_, err = st.Exec(args...)
	}
	return err
}

// get reads a number into n, which stays as it is where there is no row.
func (w *agreeing) get(q string, n *int64, args ...any) error {
	st, err := w.st(q)
	if err != nil {
		return err
	}
	if err = st.QueryRow(args...).Scan(n); err == sql.ErrNoRows {
		return nil
	}
	return err
}

// one replaces rows by a pair.
func (w *agreeing) one(g *Agreement, state plan.State) error {
	var olds []int64
	w.email = ""
	if g.UID != 0 {
		if err := w.pending(g); err != nil {
			return err
		}
		if err := w.take(&olds, "DELETE FROM pair WHERE box = ? AND uid = ? RETURNING message, emailid", g.Mailbox, g.UID); err != nil {
			return err
		}
	}
	if g.Key != "" {
		if err := w.take(&olds, "DELETE FROM pair WHERE box IN (?, ?) AND key = ? AND uid IS NULL RETURNING message, emailid", g.Mailbox, g.To, string(g.Key)); err != nil {
			return err
		}
	}
	if g.Intent != 0 {
		if err := w.exec("DELETE FROM intent WHERE id = ?", g.Intent); err != nil {
			return err
		}
	}
	keep := 0
	var id int64
	if len(olds) > 0 && g.Pair != (plan.Pair{}) {
		id, keep = olds[0], 1
	}
	for _, old := range olds[keep:] {
		if err := w.exec("DELETE FROM message WHERE id = ? AND "+index.Unpaired, old); err != nil {
			return err
		}
	}
	if g.Pair == (plan.Pair{}) {
		return nil
	}
	return w.write(g, id, state)
}

// take runs a DELETE … RETURNING.
func (w *agreeing) take(ids *[]int64, q string, args ...any) error {
	st, err := w.st(q)
	if err != nil {
		return err
	}
	rows, err := st.Query(args...)
	_, err = index.Collect(rows, err, func(rows *sql.Rows) (bool, error) {
		var id int64
		var email string
		err := rows.Scan(&id, &email)
		*ids, w.email = append(*ids, id), cmp.Or(email, w.email)
		return true, err
	})
	return err
}

// write puts a pair, and its message with that id, or a new one.
func (w *agreeing) write(g *Agreement, id int64, state plan.State) error {
	box := cmp.Or(g.To, g.Mailbox)
	place, err := w.place(box)
	if err != nil {
		return err
	}
	if err := w.known(g, box, place, &id); err != nil {
		return err
	}
	if err := w.message(g, place, &id); err != nil {
		return err
	}
	if m := g.Message; m != nil && m.Own != [32]byte{} {
		if err := w.exec(index.Owning, id, m.Own[:]); err != nil {
			return err
		}
	}
	st, err := w.st(pairing + " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
	if err != nil {
		return err
	}
	r, err := st.Exec(g.values(box, state, cmp.Or(g.EmailID, w.email), id)...)
	if err != nil {
		return err
	}
	w.more[box]++
	w.row = Row{Pair: g.Pair, Message: id, Entry: g.Entry}
	if g.Message != nil {
		g.Message.ID = id
	}
	w.row.ID, err = r.LastInsertId()
	return err
}

// pairing begins the statement that puts pairs into the table.
const pairing = "INSERT OR FAIL INTO pair (box, uid, key, state, local, local_keywords, remote, remote_keywords, size, date, emailid, message)"

// values are those of the pair's row.
func (g *Agreement) values(box int64, state plan.State, email string, message int64) []any {
	p := &g.Pair
	uid, key := sql.NullInt64{Int64: int64(p.UID), Valid: p.UID != 0}, sql.NullString{String: string(p.Key), Valid: p.Key != ""}
	return []any{box, uid, key, state, p.Local.Set, string(p.Local.Keywords), p.Remote.Set, string(p.Remote.Keywords),
		p.Size, p.Date.UnixMilli(), email, message}
}

// place is the mailbox of a box.
func (w *agreeing) place(box int64) (int64, error) {
	if w.box != box {
		if err := w.get("SELECT mailbox FROM box WHERE id = ?", &w.mailbox, box); err != nil {
			return 0, err
		}
		w.box = box
	}
	return w.mailbox, nil
}

// known makes room for a pair, and finds the message that it is about, if that is there already. Of a new message neither
// is so, and one question tells.
func (w *agreeing) known(g *Agreement, box, place int64, id *int64) error {
	p := &g.Pair
	var found int64
	err := w.get(`SELECT CASE WHEN EXISTS (SELECT 1 FROM pair WHERE box = ?1 AND uid = ?2) OR EXISTS (SELECT 1 FROM pair WHERE box = ?1 AND key = ?3)
		THEN -1 ELSE coalesce((SELECT id FROM message WHERE ?3 <> '' AND key = ?3 AND mailbox = ?4 AND twin = 0), 0) END`,
		&found, box, p.UID, string(p.Key), place)
	if err == nil && found < 0 {
		err = w.clear(g, box, id)
		found = 0
		if err == nil && *id == 0 && p.Key != "" {
			err = w.get("SELECT id FROM message WHERE key = ? AND mailbox = ? AND twin = 0", &found, string(p.Key), place)
		}
	}
	*id = cmp.Or(*id, found)
	return err
}

// clear removes rows that stand in the way: there is one for a UID, and one for a key. Their message is this one's too.
func (w *agreeing) clear(g *Agreement, box int64, id *int64) error {
	var olds []int64
	if g.Pair.UID != 0 {
		if err := w.take(&olds, "DELETE FROM pair WHERE box = ? AND uid = ? RETURNING message, emailid", box, g.Pair.UID); err != nil {
			return err
		}
	}
	if g.Pair.Key != "" {
		if err := w.take(&olds, "DELETE FROM pair WHERE box = ? AND key = ? RETURNING message, emailid", box, string(g.Pair.Key)); err != nil {
			return err
		}
	}
	for _, old := range olds {
		if *id == 0 {
			*id = old
		} else if old != *id {
			if err := w.exec("DELETE FROM message WHERE id = ? AND "+index.Unpaired, old); err != nil {
				return err
			}
		}
	}
	return nil
}

// message brings the message of a pair up to date, or enters it.
func (w *agreeing) message(g *Agreement, place int64, id *int64) error {
	p := &g.Pair
	if *id == 0 {
		if done, err := w.enter(g, place, id); done || err != nil {
			return err
		}
	} else if m := g.Message; m != nil {
		if err := w.exec("DELETE FROM text WHERE rowid = (SELECT id FROM message WHERE id = ? AND indexed > 0)", *id); err != nil {
			return err
		}
		sum := &m.Summary
		written := sql.NullInt64{Int64: sum.Date.UnixMilli(), Valid: !sum.Date.IsZero()}
		if err := w.exec(`UPDATE message SET date = ?, size = ?, hash = ?, exact = ?, header = ?, sender = ?, recipients = ?, subject = ?,
			message_id = ?, written = ?, indexed = 0 WHERE id = ?`, m.Date.UnixMilli(), m.Wire.Size, m.Wire.Hash[:], m.Wire.Exact, m.Header[:],
			sum.From, sum.To, sum.Subject, sum.MessageID, written, *id); err != nil {
			return err
		}
	}
	flags := p.Local
	switch {
	case (p.State == plan.Marked || p.State == plan.Withheld) && p.UID != 0:
		// Deleted here: only its identity is kept, in no mailbox, where no list shows it.
		return w.exec("UPDATE message SET mailbox = 0, twin = id WHERE id = ?", *id)
	case p.Key == "":
		return w.exec("UPDATE message SET mailbox = ?, key = '', tail = '', new = 0, twin = id, flags = ?, keywords = ? WHERE id = ?",
			place, flags.Set, string(flags.Keywords), *id)
	case g.Entry.Name != "" && g.Entry.Key != p.Key:
		return fmt.Errorf("file %q is not that of the key %q", g.Entry.Name, p.Key)
	}
	// A row in the way is that of the same file, which Follow has seen first; one that another pair speaks of loses its place only.
	for _, q := range []string{"DELETE FROM message WHERE key = ? AND mailbox = ? AND twin = 0 AND id <> ? AND " + index.Unpaired,
		"UPDATE message SET key = '', tail = '', new = 0, twin = id WHERE key = ? AND mailbox = ? AND twin = 0 AND id <> ?"} {
		if err := w.exec(q, string(p.Key), place, *id); err != nil {
			return err
		}
	}
	if g.Entry.Name == "" {
		return w.exec("UPDATE message SET mailbox = ?, twin = 0, freed = 0, flags = ?, keywords = ? WHERE id = ?", place, flags.Set, string(flags.Keywords), *id)
	}
	return w.exec("UPDATE message SET mailbox = ?, key = ?, tail = ?, new = ?, twin = 0, freed = 0, flags = ?, keywords = ? WHERE id = ?",
		place, string(p.Key), g.Entry.Name[len(p.Key):], g.Entry.New, flags.Set, string(flags.Keywords), *id)
}

// enter puts a new message into the table: as it is to be, where there is a file, and else under an empty key, until its
// place is known.
func (w *agreeing) enter(g *Agreement, place int64, id *int64) (done bool, err error) {
	p, twin := &g.Pair, int64(0)
	fresh := index.Message{Wire: maildir.Wire{Size: p.Size}, Date: p.Date}
	if g.Message != nil {
		fresh = *g.Message
	}
	if done = p.State == plan.Agreed && p.Key != "" && g.Entry.Key == p.Key; done {
		fresh.Entry, fresh.Flags = g.Entry, p.Local
	} else {
		fresh.Entry = maildir.Entry{}
		if err := w.get("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'message'), 0) + 1", &twin); err != nil {
			return false, err
		}
	}
	st, err := w.st(index.Insertion)
	if err != nil {
		return false, err
	}
	r, err := st.Exec(fresh.Values(place, twin)...)
	if err == nil {
		*id, err = r.LastInsertId()
	}
	if fresh.ID = *id; err == nil && fresh.Detailed() {
		err = w.exec(index.Detailing, fresh.Details()...)
	}
	return done, err
}
