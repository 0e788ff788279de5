package library

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/ui"
	"postie/maildir/index"
	"postie/maildir/index/query"
)

// Deed is what is done to messages of one shelf. It returns those it was done to, as they are now.
type Deed func(context.Context, *Shelf, []index.Message) ([]index.Message, error)

// Which says which messages are meant: those of IDs, or those that a query finds.
type Which struct {
	IDs    []string
	Search string
	Yes    bool // do not ask

	ready func(context.Context, *Shelf) error // asked for each shelf that has such messages, before anything is done; nil: not
}

// Act does something to the messages meant. verb and past say what, for people: "mark", "marked".
func (l *Library) Act(ctx context.Context, w Which, verb, past string, do Deed) error {
	meant, err := l.meant(ctx, w)
	if err != nil {
		return err
	}
	for _, i := range meant {
		if err := i.Index.Writable(); err != nil {
			return fmt.Errorf("%s: %w", i.Accounts[0].Name, err)
		}
	}
	for _, s := range l.Shelves {
		if w.ready == nil || !slices.ContainsFunc(meant, func(i Item) bool { return i.Shelf == s }) {
			continue
		}
		if err := w.ready(ctx, s); err != nil {
			return err
		}
	}
	if w.Search != "" && !w.Yes {
		if ok, err := l.confirm(ctx, verb, len(meant)); err != nil || !ok {
			return err
		}
	}
	var errs []error
	n := 0
	for _, s := range l.Shelves {
		var ms []index.Message
		for _, i := range meant {
			if i.Shelf == s {
				ms = append(ms, i.Message)
			}
		}
		if len(ms) == 0 {
			continue
		}
		done, err := do(ctx, s, ms)
		errs = append(errs, err)
		n += len(done)
		for _, m := range done {
			shown := Item{Shelf: s, Message: m}.Show()
			shown.Event = past
			if err := l.UI.Event(shown); err != nil {
				return err
			}
		}
	}
	err = errors.Join(errs...)
	if n > 0 || err == nil {
		l.UI.Print(fmt.Sprintf("%s %s", ui.Count(n, "message"), past))
	}
	if err != nil && n > 0 && ctx.Err() == nil {
		l.UI.Error(ui.Failure{Err: err, Exit: exit.Partial})
		return exit.Reported(exit.Partial)
	} else if err != nil {
		return err
	}
	return nil
}

// meant are the messages of the IDs, or of the query.
func (l *Library) meant(ctx context.Context, w Which) ([]Item, error) {
	if len(w.IDs) > 0 {
		return l.Finds(ctx, w.IDs)
	}
	q, err := ParseQuery(w.Search)
	if err != nil {
		return nil, err
	}
	if err := l.Names(ctx, q); err != nil {
		return nil, err
	}
	if err := l.IndexText(ctx); err != nil {
		return nil, err
	}
	var all []Item
	for _, s := range l.Shelves {
		for i, err := range s.visible(s.search(ctx, q, query.ByArrival, 0)) {
			if err != nil {
				return nil, exit.Cause(ctx, err)
			}
			all = append(all, i)
		}
	}
	return all, nil
}

// confirm asks whether so many messages are meant. Without anybody to ask it is an error.
func (l *Library) confirm(ctx context.Context, verb string, n int) (bool, error) {
	if n == 0 {
		return true, nil
	}
	if !l.UI.Interactive() {
		return false, exit.Usage(fmt.Errorf("the query finds %s; nothing was done", ui.Count(n, "message")), "add --yes to "+verb+" them")
	}
	return l.UI.Asker(os.Stdin).Confirm(ctx, fmt.Sprintf("The query finds %s: %s them?", ui.Count(n, "message"), verb), false)
}
