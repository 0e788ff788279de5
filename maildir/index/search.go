package index

import (
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

// many is from how many hits on the newest are looked for among messages, and not among the hits.
const many = 5000

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
	c := &compiler{accounts: o.Accounts}
	where, by, limit := c.sql(q.root), "", int64(-1)
	if o.Limit > 0 {
		limit = int64(o.Limit)
		dense, err := s.dense(ctx, q.root)
		if err != nil {
			return nil, err
		}
		if dense {
			by = " INDEXED BY message_date"
		}
	}
	return query(ctx, s, number, "SELECT m.id FROM message m"+by+" WHERE "+where+" ORDER BY m.date DESC, m.id DESC LIMIT ?", append(c.args, limit)...)
}

// dense reports whether full text finds so many that a walk from the newest on soon has met enough of them.
func (s *Store) dense(ctx context.Context, root node) (bool, error) {
	text, ok := match(root)
	if terms, isAnd := root.(and); isAnd && !ok {
		text, _ = textOf(terms)
	}
	if text == "" {
		return false, nil
	}
	n, err := query(ctx, s, number, "SELECT count(*) FROM (SELECT 1 FROM text WHERE text MATCH ? LIMIT ?)", text, many)
	return err == nil && n[0] == many, err
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

// Mailboxes lists the names of those that are known, sorted.
func (s *Store) Mailboxes(ctx context.Context) ([]string, error) {
	names, err := query(ctx, s, func(rows *sql.Rows) (name string, err error) { return name, rows.Scan(&name) }, "SELECT name FROM mailbox ORDER BY name")
	return names, verb("read index", err)
}
