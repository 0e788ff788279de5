package library

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/ui"
	"postie/maildir/index"
	"postie/maildir/index/query"
)

// ParseQuery reads what a user searches for.
func ParseQuery(text string) (query.Query, error) {
	if strings.TrimSpace(text) == "" {
		return query.Query{}, exit.Usagef("the query is empty")
	}
	q, err := query.Parse(text, time.Now())
	if err != nil {
		return q, exit.Usage(fmt.Errorf("query: %w", err), "see `postie search --help`")
	}
	return q, nil
}

// search finds what a query asks for, in order, and at least so many where there are so many (0: all); one more tells that there
// are more.
func (s *Shelf) search(ctx context.Context, q query.Query, sort query.Sort, most int) iter.Seq2[index.Message, error] {
	if most > 0 {
		most += len(s.hidden) + 1
	}
	return query.Search(ctx, s.Index, q, query.SearchOptions{Accounts: s.Names(), Limit: most, Sort: sort})
}

// IndexText makes full text complete, so that a search finds what is there.
func (l *Library) IndexText(ctx context.Context) error {
	for _, s := range l.Shelves {
		err := s.Index.Hurry(func() error { return l.indexText(ctx, s, query.TextOptions{}) })
		if err != nil && ctx.Err() != nil {
			return exit.Cause(ctx, ctx.Err())
		}
		if index.Busy(err) {
			l.UI.Warn(s.Accounts[0].Name, "another run is writing the index: the newest mail can be searched later")
		} else if err != nil {
			l.UI.Warn(s.Accounts[0].Name, fmt.Sprintf("not all mail can be searched: %v", err))
		}
	}
	return nil
}

// indexText indexes what is not indexed yet of a shelf, and shows how it goes.
func (l *Library) indexText(ctx context.Context, s *Shelf, o query.TextOptions) error {
	for _, account := range s.Accounts {
		o.Bodies = o.Bodies || account.IndexBodies
	}
	task := l.UI.Task(s.Accounts[0].Name)
	defer task.Done()
	last := -1
	o.Progress = func(done, total int) {
		if last < 0 || done < last { // headers, then bodies
			task.Phase("indexing", ui.Amount{Messages: total})
		}
		last = done
		task.Set(ui.Amount{Messages: done})
	}
	return query.IndexText(ctx, s.Index, o)
}
