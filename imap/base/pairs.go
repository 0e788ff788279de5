package base

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"iter"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
)

// Row is a pair with what the index knows of its message.
type Row struct {
	plan.Pair
	ID      int64
	Message int64         // Message.ID
	Entry   maildir.Entry // where its file lay when last seen; zero: it has none
	EmailID string
}

// arriving is the state of a pair whose file is durable in tmp/ and perhaps published.
const arriving plan.State = index.Arriving

// pairPage is how many rows are read at once. Between two pages there is no transaction, so that writers need not wait.
const pairPage = 1024

// pairColumns takes a pair without its message too: only damage makes one, and what cannot be read is damage. Left out, its file would go up
// and its message come down again.
const pairColumns = `SELECT p.id, coalesce(p.uid, 0), coalesce(p.key, ''), p.state, p.local, p.local_keywords, p.remote, p.remote_keywords,
	p.size, p.date, p.emailid, p.message, m.freed, m.key || m.tail, m.new FROM pair p LEFT JOIN message m ON m.id = p.message WHERE p.box = ? AND `

// pairColumnsOf is pairColumns for pairs that the rest of the statement finds: SQLite is not to go through all of the mailbox for them.
var pairColumnsOf = strings.Replace(pairColumns, "p.box =", "+p.box =", 1)

func scanRow(rows *sql.Rows) (r Row, err error) {
	var date int64
	var name string
	var inNew bool
	err = rows.Scan(&r.ID, &r.UID, &r.Key, &r.State, &r.Local.Set, &r.Local.Keywords, &r.Remote.Set, &r.Remote.Keywords,
		&r.Size, &date, &r.EmailID, &r.Message, &r.Freed, &name, &inNew)
	r.Freed = r.Freed && r.Key == ""
	r.Date = time.UnixMilli(date).UTC()
	if name != "" {
		r.Entry = maildir.EntryOf(name, inNew)
	}
	return r, err
}

// ByUID gives the pairs of a mailbox that have a UID, ascending: those in set, or all when it is nil.
func (a *Account) ByUID(ctx context.Context, box int64, set imap.UIDSet) iter.Seq2[Row, error] {
	if set == nil {
		set = imap.UIDSet{{Start: 1, Stop: ^imap.UID(0)}}
	}
	return func(yield func(Row, error) bool) {
		for len(set) > 0 {
			if uids, ranges := scattered(set); ranges > 1 {
				rows, err := a.these(ctx, box, uids)
				if !give(rows, err, yield) {
					return
				}
				set = set[ranges:]
				continue
			}
			r := set[0]
			set = set[1:]
			for next := int64(r.Start); next <= int64(r.Stop); {
				rows, err := index.Rows(ctx, a.s, scanRow, pairColumns+"p.uid BETWEEN ? AND ? ORDER BY p.uid LIMIT ?", box, next, int64(r.Stop), pairPage)
				if err == nil && !ascending(rows, next-1, func(r *Row) int64 { return int64(r.UID) }) {
					err = a.s.Blame(index.ErrOrder)
				}
				if !give(rows, err, yield) || len(rows) < pairPage {
					if err != nil {
						return
					}
					break
				}
				next = int64(rows[len(rows)-1].UID) + 1
			}
		}
	}
}

// scattered are the UIDs of the ranges that a set begins with, as long as they are no more than a page together: one statement
// reads them, where one for each range would cost as much as ten rows.
func scattered(set imap.UIDSet) (uids []imap.UID, ranges int) {
	for _, r := range set {
		if r.Stop < r.Start || int64(r.Stop)-int64(r.Start) >= int64(pairPage-len(uids)) {
			break
		}
		for n := range r.Stop - r.Start + 1 {
			uids = append(uids, r.Start+n)
		}
		ranges++
	}
	return uids, ranges
}

// these are the pairs of UIDs, ascending.
func (a *Account) these(ctx context.Context, box int64, uids []imap.UID) ([]Row, error) {
	list, err := json.Marshal(uids)
	if err != nil {
		return nil, err
	}
	rows, err := index.Rows(ctx, a.s, scanRow, pairColumns+"p.uid IN (SELECT value FROM json_each(?)) ORDER BY p.uid", box, string(list))
	if err == nil && !ascending(rows, 0, func(r *Row) int64 { return int64(r.UID) }) {
		err = a.s.Blame(index.ErrOrder)
	}
	return rows, err
}

// ByKey gives the pairs of a mailbox that have a key, ascending.
func (a *Account) ByKey(ctx context.Context, box int64) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for last := ""; ; {
			rows, err := index.Rows(ctx, a.s, scanRow, pairColumns+"p.key > ? ORDER BY p.key LIMIT ?", box, last, pairPage)
			if err == nil && !ascending(rows, last, func(r *Row) string { return string(r.Key) }) {
				err = a.s.Blame(index.ErrOrder)
			}
			if !give(rows, err, yield) || len(rows) < pairPage {
				return
			}
			last = string(rows[len(rows)-1].Key)
		}
	}
}

// ascending says whether rows stand in the order of their index, behind what was read last.
func ascending[K cmp.Ordered](rows []Row, last K, of func(*Row) K) bool {
	for i := range rows {
		if of(&rows[i]) <= last {
			return false
		}
		last = of(&rows[i])
	}
	return true
}

// give yields a page, or its error.
func give(rows []Row, err error, yield func(Row, error) bool) bool {
	if err != nil {
		yield(Row{}, verb("read base", err))
		return false
	}
	for _, r := range rows {
		if !yield(r, nil) {
			return false
		}
	}
	return true
}

// WithoutUID gives the pairs of a mailbox that are not on the server, in the order in which they were written down.
func (a *Account) WithoutUID(ctx context.Context, box int64) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for last := int64(0); ; {
			rows, err := index.Rows(ctx, a.s, scanRow, pairColumns+"p.uid IS NULL AND p.id > ? ORDER BY p.id LIMIT ?", box, last, pairPage)
			if !give(rows, err, yield) || len(rows) < pairPage {
				return
			}
			last = rows[len(rows)-1].ID
		}
	}
}

// OfMessages gives the pairs of a mailbox whose messages have these NUMBERs.
func (a *Account) OfMessages(ctx context.Context, box int64, ids []int64) ([]Row, error) {
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	rows, err := index.Rows(ctx, a.s, scanRow, pairColumnsOf+"p.message IN (SELECT value FROM json_each(?)) ORDER BY p.uid", box, string(list))
	return rows, verb("read base", err)
}

// Count is how many pairs a mailbox has. It takes a while where they are many.
func (a *Account) Count(ctx context.Context, box int64) (int, error) {
	n, err := index.Rows(ctx, a.s, index.Number, "SELECT count(*) FROM pair WHERE box = ?", box)
	if err != nil {
		return 0, verb("read base", err)
	}
	return int(n[0]), nil
}

// Whole says, by an error, whether pairs of a mailbox were lost, or cannot be found by one of their indexes: what would be new on both
// sides then is not.
func (a *Account) Whole(ctx context.Context, box int64) error {
	lost, err := index.Rows(ctx, a.s, index.Number, `SELECT pairs <> (SELECT count(*) FROM pair INDEXED BY pair_uid WHERE box = ?1) OR
		pairs <> (SELECT count(*) FROM pair INDEXED BY pair_key WHERE box = ?1) FROM box WHERE id = ?1`, box)
	if err == nil && (len(lost) == 0 || lost[0] != 0) {
		err = a.s.Blame(index.ErrLost)
	}
	return verb("read base", err)
}

// Held is how many pairs of a mailbox have a UID.
func (a *Account) Held(ctx context.Context, box int64) (int64, error) {
	n, err := index.Rows(ctx, a.s, index.Number, "SELECT count(*) FROM pair WHERE box = ? AND uid IS NOT NULL", box)
	if err != nil {
		return 0, verb("read base", err)
	}
	return n[0], nil
}

// unlike is the condition of the index pair_unlike, in its words: without them a statement reads all pairs of the mailbox.
const unlike = "p.state <> 4 AND (p.state <> 0 OR p.local <> p.remote OR p.local_keywords <> p.remote_keywords)"

// AlwaysInView gives the pairs of a mailbox that are in view in every run, whatever happened: those with a state, without a UID,
// or with flags that differ. What was archived is not among them.
func (a *Account) AlwaysInView(ctx context.Context, box int64) ([]Row, error) {
	rows, err := index.Rows(ctx, a.s, scanRow, pairColumns+unlike+" ORDER BY +p.uid, p.key", box) // +: not by all UIDs
	return rows, verb("read base", err)
}

// Archived gives the pairs of a mailbox whose messages stayed here when they vanished on the server, and may be of one of these sizes (octets,
// as a server reports them): what a file gives that is not what came is not known.
func (a *Account) Archived(ctx context.Context, box int64, sizes []int64) ([]Row, error) {
	list, err := json.Marshal(sizes)
	if err != nil {
		return nil, err
	}
	rows, err := index.Rows(ctx, a.s, scanRow, pairColumnsOf+`p.id IN (SELECT id FROM pair WHERE box = ?1 AND state = 4 AND size IN (SELECT value FROM json_each(?2))
		UNION SELECT q.id FROM own JOIN pair q ON q.message = own.message WHERE q.box = ?1 AND q.state = 4) ORDER BY p.id`, box, string(list))
	return rows, verb("read base", err)
}

// Bodyless gives the pairs of a mailbox that have no body, and that are within bounds or for which a change is pending; with all, every
// one. There may be as many of the others as there are messages: they cost nothing.
func (a *Account) Bodyless(ctx context.Context, box int64, b plan.Bounds, all bool) ([]Row, error) {
	const pending = "p.uid IN (SELECT uid FROM wish WHERE box = ?1)"
	if all {
		rows, err := index.Rows(ctx, a.s, scanRow, pairColumns+"p.key IS NULL", box)
		return rows, verb("read base", err)
	}
	rows, err := index.Rows(ctx, a.s, scanRow, pairColumns+"+p.key IS NULL AND "+pending, box) // +: by the UIDs
	if err != nil || b.None {
		return rows, verb("read base", err)
	}
	slim := strings.Replace(pairColumns, "FROM pair p", "FROM pair p INDEXED BY pair_slim", 1)
	wanted, err := index.Rows(ctx, a.s, scanRow, slim+"p.key IS NULL AND p.size <= ? AND p.date >= ? AND (? OR NOT m.freed) AND NOT +"+pending,
		box, b.Size, b.Since.UnixMilli(), b.Freed)
	return append(rows, wanted...), verb("read base", err)
}

// WithKey gives the messages of a key, in whatever mailbox.
func (a *Account) WithKey(ctx context.Context, key maildir.Key) ([]index.Message, error) {
	return a.s.Select(ctx, "", "m.key = ? ORDER BY m.id", string(key))
}

// Entries tells where the files of keys lay in a mailbox when they were last seen.
func (a *Account) Entries(ctx context.Context, box int64, keys []maildir.Key) ([]maildir.Entry, error) {
	list, err := json.Marshal(keys)
	if err != nil {
		return nil, err
	}
	all, err := index.Rows(ctx, a.s, func(rows *sql.Rows) (maildir.Entry, error) {
		var name string
		var inNew bool
		err := rows.Scan(&name, &inNew)
		return maildir.EntryOf(name, inNew), err
	}, `SELECT m.key || m.tail, m.new FROM message m JOIN box b ON b.mailbox = m.mailbox
		WHERE b.id = ? AND m.twin = 0 AND m.key IN (SELECT value FROM json_each(?))`, box, string(list))
	return all, verb("read base", err)
}

// WithContent gives the messages of a date (to the millisecond) whose wire form has this SHA-256, in whatever mailbox.
func (a *Account) WithContent(ctx context.Context, date time.Time, hash [32]byte) ([]index.Message, error) {
	return a.s.Select(ctx, "", "m.date = ? AND m.hash = ? ORDER BY m.id", date.UnixMilli(), hash[:])
}

// WithFile gives the messages of a key, in whatever mailbox, and those that are not Exact and whose file gives this wire form.
func (a *Account) WithFile(ctx context.Context, key maildir.Key, own [32]byte) ([]index.Message, error) {
	return a.s.Select(ctx, "", "(m.key = ? OR m.id IN (SELECT message FROM own WHERE hash = ?))"+" ORDER BY m.id", string(key), own[:])
}

// Home tells in which mailbox the base has a message, by its NUMBER; "": in none.
func (a *Account) Home(ctx context.Context, id int64) (string, error) {
	names, err := index.Rows(ctx, a.s, func(rows *sql.Rows) (name string, err error) {
		err = rows.Scan(&name)
		return name, err
	}, "SELECT m.name FROM pair p JOIN box b ON b.id = p.box JOIN mailbox m ON m.id = b.mailbox WHERE p.message = ? AND b.account = ?", id, a.id)
	if err != nil || len(names) == 0 {
		return "", verb("read base", err)
	}
	return names[0], nil
}

// Homes tells in which mailboxes the base has a key, by the NUMBER of the message; its file may have been moved since.
func (a *Account) Homes(ctx context.Context, key maildir.Key) (map[int64]string, error) {
	homes := map[int64]string{}
	_, err := index.Rows(ctx, a.s, func(rows *sql.Rows) (id int64, err error) {
		var name string
		err = rows.Scan(&id, &name)
		homes[id] = name
		return id, err
	}, "SELECT p.message, m.name FROM box b CROSS JOIN pair p ON p.box = b.id JOIN mailbox m ON m.id = b.mailbox WHERE b.account = ? AND p.key = ?", a.id, string(key))
	return homes, verb("read base", err)
}

// Identify says who the message of a pair is, and whether its file gives what the server sent, as far as is known. Else how many octets
// it gives is not known.
func (a *Account) Identify(ctx context.Context, box int64, p plan.Pair) (id plan.Identity, exact bool, err error) {
	id, exact = plan.Identity{Size: p.Size, Date: p.Date}, true
	rows, err := a.s.Reader().QueryContext(ctx, `SELECT p.emailid, m.message_id, m.header, m.hash, coalesce(m.exact OR m.hash = zeroblob(32), 1),
		CASE WHEN m.exact AND p.key IS NOT NULL THEN m.size ELSE 0 END FROM pair p LEFT JOIN message m ON m.id = p.message
		WHERE p.box = ?1 AND (p.key = ?2 OR ?2 = '' AND p.uid = ?3)`, box, string(p.Key), p.UID)
	_, err = index.Collect(rows, err, func(rows *sql.Rows) (bool, error) {
		var header, hash sql.RawBytes
		err := rows.Scan(&id.EmailID, &id.MessageID, &header, &hash, &exact, &id.Own)
		copy(id.Header[:], header)
		copy(id.Hash[:], hash)
		return true, err
	})
	return id, exact, verb("read base", a.s.Blame(err))
}

// Arriving gives the pairs whose file is durable in tmp/ and was perhaps published when a run was stopped.
func (a *Account) Arriving(ctx context.Context, box int64) ([]Row, error) {
	rows, err := index.Rows(ctx, a.s, scanRow, pairColumns+"p.state = ? AND "+unlike, box, arriving)
	return rows, verb("read base", err)
}

// Arrived confirms pairs whose files are durable, and makes those that are lost pairs without a body: policy then
// asks for it again.
func (a *Account) Arrived(ctx context.Context, found, lost []Row) error {
	if len(found)+len(lost) == 0 {
		return nil
	}
	return verb("record what arrived", a.s.Write(ctx, func(tx *sql.Tx) error {
		err := index.Each(tx, "UPDATE pair SET state = 0 WHERE id BETWEEN ? AND ?", spans(found), func(s *span) []any { return []any{s.first, s.last} }, nil)
		if err == nil {
			err = index.Each(tx, "UPDATE pair SET state = 0, key = NULL WHERE id = ?", lost, func(r *Row) []any { return []any{r.ID} }, nil)
		}
		if err == nil {
			err = index.Each(tx, "UPDATE message SET key = '', tail = '', twin = id, new = 0 WHERE id = ?", lost, func(r *Row) []any { return []any{r.Message} }, nil)
		}
		return err
	}))
}

// span is rows whose IDs follow each other, as those do that one Arrive gave to new messages.
type span struct{ first, last int64 }

func spans(rows []Row) (all []span) {
	for _, r := range rows {
		if n := len(all); n > 0 && all[n-1].last+1 == r.ID {
			all[n-1].last = r.ID
		} else {
			all = append(all, span{r.ID, r.ID})
		}
	}
	return all
}

// Renamed follows files that other programs renamed without a change that matters: Message and Entry of each row count.
func (a *Account) Renamed(ctx context.Context, rows []Row) error {
	if len(rows) == 0 {
		return nil
	}
	return verb("record renames", a.s.Write(ctx, func(tx *sql.Tx) error {
		return index.Each(tx, "UPDATE message SET tail = ?, new = ? WHERE id = ?", rows, func(r *Row) []any {
			return []any{r.Entry.Name[len(r.Entry.Key):], r.Entry.New, r.Message}
		}, nil)
	}))
}
