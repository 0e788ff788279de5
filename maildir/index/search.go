package index

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
)

// SearchOptions go with Search. The zero value is ready.
type SearchOptions struct {
	Accounts []string // the names by which a query may call the messages of this root
	Limit    int      // 0: all
}

// many is from how many hits on the newest are looked for among messages, walkPage of them at a time, and not among the hits.
const (
	many     = 5000
	walkPage = 2000
)

// Search gives the messages that a query finds, the newest first. What full text does not know yet (IndexText) is not
// found by words. An error is given once and ends it.
func (s *Store) Search(ctx context.Context, q Query, o SearchOptions) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		ids, err := s.found(ctx, q, o)
		if err != nil {
			yield(Message{}, verb("search", err))
			return
		}
		// By pages, between which there is no transaction: the caller may take its time, or write.
		for page := range slices.Chunk(ids, listPage) {
			ms, err := s.byIDs(ctx, page)
			if err != nil {
				yield(Message{}, verb("search", err))
				return
			}
			for _, m := range ms {
				if !yield(m, nil) {
					return
				}
			}
		}
	}
}

// found lists the NUMBERs of what a query finds, the newest first.
func (s *Store) found(ctx context.Context, q Query, o SearchOptions) ([]int64, error) {
	if o.Limit > 0 {
		text, rest := split(q.root)
		dense, err := s.dense(ctx, text)
		if err != nil {
			return nil, err
		}
		if dense {
			return s.walk(ctx, text, rest, o)
		}
	}
	c := &compiler{accounts: o.Accounts}
	limit := cmp.Or(o.Limit, -1)
	return query(ctx, s, number, "SELECT m.id FROM message m WHERE "+c.sql(q.root)+" ORDER BY m.date DESC, m.id DESC LIMIT ?", append(c.args, limit)...)
}

// split gives what full text decides, "" if nothing, and what else must hold.
func split(root node) (text string, rest []node) {
	if terms, ok := root.(and); ok {
		return textOf(terms)
	}
	return textOf(and{root})
}

// dense reports whether full text finds so many that a walk from the newest on soon has met enough of them.
func (s *Store) dense(ctx context.Context, text string) (bool, error) {
	if text == "" {
		return false, nil
	}
	n, err := query(ctx, s, number, "SELECT count(*) FROM (SELECT 1 FROM text WHERE text MATCH ? LIMIT ?)", text, many)
	return err == nil && n[0] == many, err
}

// walk goes from the newest message on and asks full text about pages of them: what came at one time lies together there.
func (s *Store) walk(ctx context.Context, text string, rest []node, o SearchOptions) (found []int64, err error) {
	type place struct{ date, id int64 }
	c := &compiler{accounts: o.Accounts}
	where := c.join(append([]node{nil}, rest...), " AND ")
	q := "SELECT m.date, m.id FROM message m INDEXED BY message_date WHERE " + where +
		" AND m.date <= ? AND (m.date, m.id) < (?, ?) ORDER BY m.date DESC, m.id DESC LIMIT ?"
	for last := (place{1 << 60, 1 << 60}); len(found) < o.Limit; {
		page, err := query(ctx, s, func(rows *sql.Rows) (p place, err error) { return p, rows.Scan(&p.date, &p.id) }, q,
			append(slices.Clip(c.args), last.date, last.date, last.id, walkPage)...)
		if err != nil || len(page) == 0 {
			return found, err
		}
		first, end := page[0].id, page[0].id
		for _, p := range page {
			first, end = min(first, p.id), max(end, p.id)
		}
		hits, err := query(ctx, s, number, "SELECT rowid FROM text WHERE text MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rowid", text, first, end)
		if err != nil {
			return nil, err
		}
		for _, p := range page {
			if _, ok := slices.BinarySearch(hits, p.id); ok && len(found) < o.Limit {
				found = append(found, p.id)
			}
		}
		last = page[len(page)-1]
	}
	return found, nil
}

// byIDs gives the messages of NUMBERs, in that order; what is gone meanwhile is left out.
func (s *Store) byIDs(ctx context.Context, ids []int64) ([]Message, error) {
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	ms, err := query(ctx, s, scanMessage, fmt.Sprintf(columns, "")+"m.id IN (SELECT value FROM json_each(?))", string(list))
	at := make(map[int64]int, len(ids))
	for i, id := range ids {
		at[id] = i
	}
	slices.SortFunc(ms, func(a, b Message) int { return at[a.ID] - at[b.ID] })
	return ms, err
}

// Mailboxes lists the names of those that are known, sorted: without what was renamed or deleted here, and is still called so on
// the server.
func (s *Store) Mailboxes(ctx context.Context) ([]string, error) {
	names, err := query(ctx, s, func(rows *sql.Rows) (name string, err error) { return name, rows.Scan(&name) }, "SELECT name FROM mailbox m WHERE "+here+" ORDER BY name")
	return names, verb("read index", err)
}
