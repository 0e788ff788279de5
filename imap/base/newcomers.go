package base

import (
	"cmp"

	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
)

// A message that nobody has heard of before takes no row's place. In a first sync all are of that kind, and so they are entered in few
// statements, many rows in each: row by row they cost twice the time, which was a third of a first sync.

// newcomers enters those agreements that as begins with that are on new messages with a file, appends their rows, and says how many
// they were.
func (w *agreeing) newcomers(as []Agreement, state plan.State, rows *[]Row) (n int, err error) {
	if w.single > 0 {
		w.single--
		return 0, nil
	}
	for n < len(as) && as[n].newcomer() && as[n].Mailbox == as[0].Mailbox && as[n].To == as[0].To && (n == 0 || as[n-1].Pair.UID < as[n].Pair.UID) {
		n++
	}
	if as = as[:n]; n < 2 {
		return 0, nil
	}
	box := cmp.Or(as[0].To, as[0].Mailbox)
	place, err := w.place(box)
	if err != nil {
		return 0, err
	}
	if n, err = w.strangers(as, box, place); n == 0 || err != nil {
		w.single = min(asked, len(as)) - 1
		return 0, err
	}
	as = as[:n]
	if err := w.enterAll(as, place); err != nil {
		return 0, err
	}
	w.more[box] += n
	first := len(*rows)
	for i := range as {
		*rows = append(*rows, Row{Pair: as[i].Pair, Message: as[i].Message.ID, Entry: as[i].Entry})
	}
	return n, index.Insert(w.tx, pairing, as, func(g *Agreement) []any {
		return g.values(box, cmp.Or(state, g.Pair.State), g.EmailID, g.Message.ID)
	}, func(i int, id int64) { (*rows)[first+i].ID = id })
}

// newcomer says whether an agreement is on a message on both sides that replaces no rows by what it says itself.
func (g *Agreement) newcomer() bool {
	p := &g.Pair
	return g.UID == 0 && g.Key == "" && g.Intent == 0 && p.UID != 0 && p.Key != "" && p.State == plan.Agreed && g.Entry.Key == p.Key && g.Message != nil
}

// asked is how many messages one question of strangers is about.
const asked = 8

// strangers says of how many agreements, from the first on, neither UID nor key are known to a box or its mailbox.
func (w *agreeing) strangers(as []Agreement, box, place int64) (n int, err error) {
	seen := map[maildir.Key]bool{}
	for ; n+asked <= len(as); n += asked {
		keys := make([]any, asked)
		for i, g := range as[n : n+asked] {
			if seen[g.Pair.Key] {
				return n, nil
			}
			seen[g.Pair.Key], keys[i] = true, string(g.Pair.Key)
		}
		args := append([]any{box, as[n].Pair.UID, as[n+asked-1].Pair.UID, box}, keys...)
		args = append(append(args, place), keys...)
		known := int64(0)
		err = w.get(`SELECT EXISTS (SELECT 1 FROM pair WHERE box = ? AND uid BETWEEN ? AND ?) OR
			EXISTS (SELECT 1 FROM pair WHERE box = ? AND key IN (?, ?, ?, ?, ?, ?, ?, ?)) OR
			EXISTS (SELECT 1 FROM message WHERE mailbox = ? AND twin = 0 AND key IN (?, ?, ?, ?, ?, ?, ?, ?))`, &known, args...)
		if known != 0 || err != nil {
			return n, err
		}
	}
	return n, nil
}

// enterAll puts the messages of newcomers into the table, and sets their IDs.
func (w *agreeing) enterAll(as []Agreement, place int64) error {
	err := index.Insert(w.tx, index.Inserting, as, func(g *Agreement) []any {
		fresh := *g.Message
		fresh.Entry, fresh.Flags = g.Entry, g.Pair.Local
		return fresh.Values(place, 0)
	}, func(i int, id int64) { as[i].Message.ID = id })
	if err != nil {
		return err
	}
	ms := make([]*index.Message, len(as))
	for i := range as {
		ms[i] = as[i].Message
	}
	return index.EnterMore(w.tx, ms)
}
