package query

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"strings"
	"time"

	"postie/maildir/index"
)

// ListOptions says what List is to give. The zero value is everything.
type ListOptions struct {
	Mailboxes       []string  // nil: all
	Unread, Flagged bool      // only those
	Since, Until    time.Time // arrival: Since included, Until not; zero: open
	Limit           int       // 0: all
	Sort            Sort
}

// ownDate is when a message says it was written; of one that does not, when it arrived.
const ownDate = "coalesce(m.written, m.date)"

// listPage is how many messages List reads at once. Between two pages it holds no transaction, so that the caller
// may take its time, or write.
const listPage = 256

// List gives messages in order; the newest arrivals first with the cost of those it gives, however many there are.
// An error is given once and ends it.
func List(ctx context.Context, s *index.Store, o ListOptions) iter.Seq2[index.Message, error] {
	if o.Sort != ByArrival {
		return chosen(ctx, s, "list", func() ([]int64, error) { return sorted(ctx, s, o) })
	}
	return func(yield func(index.Message, error) bool) {
		by, where, args := o.query()
		date, id := time.UnixMilli(1<<53), int64(1<<62)
		if !o.Until.IsZero() {
			date, id = o.Until, 0 // no id is below 0: none of that very time
		}
		for left := o.Limit; ; {
			page := listPage
			if o.Limit > 0 {
				page = min(page, left)
			}
			ms, err := s.Select(ctx, by, where, append(args, date.UnixMilli(), date.UnixMilli(), id, page)...)
			if err != nil {
				yield(index.Message{}, verb("list", err))
				return
			}
			for _, m := range ms {
				if !yield(m, nil) {
					return
				}
			}
			if left -= len(ms); len(ms) < page || o.Limit > 0 && left == 0 {
				return
			}
			date, id = ms[len(ms)-1].Date, ms[len(ms)-1].ID
		}
	}
}

// chosen gives the messages of NUMBERs, by pages, between which there is no transaction: the caller may take its time, or write.
func chosen(ctx context.Context, s *index.Store, what string, ids func() ([]int64, error)) iter.Seq2[index.Message, error] {
	return func(yield func(index.Message, error) bool) {
		all, err := ids()
		if err != nil {
			yield(index.Message{}, verb(what, err))
			return
		}
		for page := range slices.Chunk(all, listPage) {
			ms, err := s.ByIDs(ctx, page)
			if err != nil {
				yield(index.Message{}, verb(what, err))
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

// query gives the statement of one page, and its first arguments.
func (o *ListOptions) query() (by, where string, args []any) {
	by, conditions, args := o.conditions()
	conditions = append(conditions, "m.date <= ? AND (m.date, m.id) < (?, ?)")
	return "INDEXED BY " + by, strings.Join(conditions, " AND ") + " ORDER BY m.date DESC, m.id DESC LIMIT ?", args
}

// conditions are what messages have to be, but for the end of the time. The index is named because only we know which condition
// leaves the fewest rows.
func (o *ListOptions) conditions() (by string, where []string, args []any) {
	by = "message_date"
	add := func(index, condition string, values ...any) {
		if index != "" {
			by = index
		}
		where, args = append(where, condition), append(args, values...)
	}
	if len(o.Mailboxes) == 1 {
		add("message_mailbox", "m.mailbox = (SELECT id FROM mailbox WHERE name = ?)", o.Mailboxes[0])
	} else if o.Mailboxes != nil {
		names, _ := json.Marshal(o.Mailboxes) // of strings: never fails
		add("", "m.mailbox IN (SELECT id FROM mailbox WHERE name IN (SELECT value FROM json_each(?)))", string(names))
	}
	if o.Unread {
		add("message_unread", "m.flags & 16 = 0")
	}
	if o.Flagged {
		add("message_flagged", "m.flags & 2 <> 0")
	}
	if !o.Since.IsZero() {
		add("", "m.date >= ?", o.Since.UnixMilli())
	}
	return by, where, args
}
