package query

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"postie/maildir/index"
	"postie/maildir/message"
)

// Sort is the order of a list.
type Sort string

const (
	ByArrival Sort = ""        // when messages came, the newest first
	ByDate    Sort = "date"    // when they say they were written, the newest first; without a date: when they came
	ByFrom    Sort = "from"    // their senders, from A on
	BySize    Sort = "size"    // the largest first
	BySubject Sort = "subject" // without "Re:" and the like, from A on
)

// Sorts are the orders by name.
func Sorts() map[string]Sort {
	return map[string]Sort{"arrival": ByArrival, "date": ByDate, "from": ByFrom, "size": BySize, "subject": BySubject}
}

// OwnDate is when a message says it was written; of one that does not, when it arrived.
func OwnDate(m index.Message) time.Time {
	if m.Summary.Date.IsZero() {
		return m.Date
	}
	return m.Summary.Date
}

// Compare tells which of two messages comes first in this order.
func (o Sort) Compare(a, b index.Message) int {
	first := 0
	switch o {
	case ByDate:
		first = OwnDate(b).Compare(OwnDate(a))
	case ByFrom:
		first = cmp.Compare(fromKey(a.Summary.From), fromKey(b.Summary.From))
	case BySize:
		first = cmp.Compare(b.Wire.Size, a.Wire.Size)
	case BySubject:
		first = cmp.Compare(subjectKey(a.Summary.Subject), subjectKey(b.Summary.Subject))
	}
	return cmp.Or(first, b.Date.Compare(a.Date), cmp.Compare(b.ID, a.ID))
}

// fromKey is a sender as a list is sorted by it: the name that people see, or the address.
func fromKey(from string) string {
	name, _, _ := strings.Cut(from, " <")
	return strings.ToLower(strings.Trim(name, "\"<>' "))
}

func subjectKey(subject string) string { return strings.ToLower(message.BaseSubject(subject)) }

// sorted lists the NUMBERs of a list in its order.
func sorted(ctx context.Context, s *index.Store, o ListOptions) ([]int64, error) {
	by, where, args := o.conditions()
	if !o.Until.IsZero() {
		where, args = append(where, "m.date < ?"), append(args, o.Until.UnixMilli())
	}
	return o.Sort.numbers(ctx, s, fmt.Sprintf("FROM message m INDEXED BY %s WHERE %s", by, strings.Join(append(where, "TRUE"), " AND ")), args, o.Limit)
}

// numbers lists the NUMBERs of what a FROM clause leaves of messages m, in this order, at most limit (0: all).
func (o Sort) numbers(ctx context.Context, s *index.Store, from string, args []any, limit int) ([]int64, error) {
	switch o {
	case ByArrival, ByDate, BySize:
		first := map[Sort]string{ByDate: ownDate + " DESC, ", BySize: "m.size DESC, "}[o]
		return index.Rows(ctx, s, index.Number, "SELECT m.id "+from+" ORDER BY "+first+"m.date DESC, m.id DESC LIMIT ?", append(args, cmp.Or(limit, -1))...)
	}
	column, key := "m.sender", fromKey
	if o == BySubject {
		column, key = "m.subject", subjectKey
	}
	type line struct {
		key      string
		date, id int64
	}
	all, err := index.Rows(ctx, s, func(rows *sql.Rows) (l line, err error) {
		err = rows.Scan(&l.key, &l.date, &l.id)
		l.key = key(l.key)
		return l, err
	}, "SELECT "+column+", m.date, m.id "+from, args...)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b line) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(b.date, a.date), cmp.Compare(b.id, a.id))
	})
	if limit > 0 {
		all = all[:min(len(all), limit)]
	}
	ids := make([]int64, len(all))
	for i, l := range all {
		ids[i] = l.id
	}
	return ids, nil
}
