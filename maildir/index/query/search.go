package query

import (
	"context"
	"database/sql"
	"iter"
	"slices"

	"postie/maildir/index"
)

// SearchOptions go with Search. The zero value is ready.
type SearchOptions struct {
	Accounts []string // the names by which a query may call the messages of this root
	Limit    int      // 0: all
	Sort     Sort
}

// many is from how many hits on the newest are looked for among messages, walkPage of them at a time, and not among the hits.
const (
	many     = 5000
	walkPage = 2000
)

// Search gives the messages that a query finds, in order: the newest first, if not told otherwise. What full text does not know yet (IndexText) is not
// found by words. An error is given once and ends it.
func Search(ctx context.Context, s *index.Store, q Query, o SearchOptions) iter.Seq2[index.Message, error] {
	return chosen(ctx, s, "search", func() ([]int64, error) { return found(ctx, s, q, o) })
}

// found lists the NUMBERs of what a query finds.
func found(ctx context.Context, s *index.Store, q Query, o SearchOptions) ([]int64, error) {
	if o.Limit > 0 && o.Sort == ByArrival {
		text, rest := split(q.root)
		dense, err := dense(ctx, s, text)
		if err != nil {
			return nil, err
		}
		if dense {
			return walk(ctx, s, text, rest, o)
		}
	}
	c := &compiler{accounts: o.Accounts}
	where := c.sql(q.root)
	return o.Sort.numbers(ctx, s, "FROM message m WHERE "+where, c.args, o.Limit)
}

// split gives what full text decides, "" if nothing, and what else must hold.
func split(root node) (text string, rest []node) {
	if terms, ok := root.(and); ok {
		return textOf(terms)
	}
	return textOf(and{root})
}

// dense reports whether full text finds so many that a walk from the newest on soon has met enough of them.
func dense(ctx context.Context, s *index.Store, text string) (bool, error) {
	if text == "" {
		return false, nil
	}
	n, err := index.Rows(ctx, s, index.Number, "SELECT count(*) FROM (SELECT 1 FROM text WHERE text MATCH ? LIMIT ?)", text, many)
	return err == nil && n[0] == many, err
}

// walk goes from the newest message on and asks full text about pages of them: what came at one time lies together there.
func walk(ctx context.Context, s *index.Store, text string, rest []node, o SearchOptions) (found []int64, err error) {
	type place struct{ date, id int64 }
	c := &compiler{accounts: o.Accounts}
	where := c.join(append([]node{nil}, rest...), " AND ")
	q := "SELECT m.date, m.id FROM message m INDEXED BY message_date WHERE " + where +
		" AND m.date <= ? AND (m.date, m.id) < (?, ?) ORDER BY m.date DESC, m.id DESC LIMIT ?"
	for last := (place{1 << 60, 1 << 60}); len(found) < o.Limit; {
		page, err := index.Rows(ctx, s, func(rows *sql.Rows) (p place, err error) { return p, rows.Scan(&p.date, &p.id) }, q,
			append(slices.Clip(c.args), last.date, last.date, last.id, walkPage)...)
		if err != nil || len(page) == 0 {
			return found, err
		}
		first, end := page[0].id, page[0].id
		for _, p := range page {
			first, end = min(first, p.id), max(end, p.id)
		}
		hits, err := index.Rows(ctx, s, index.Number, "SELECT rowid FROM text WHERE text MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rowid", text, first, end)
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
