package retrieve

import (
	"context"
	"slices"
	"strings"

	"postie/maildir/index"
	"postie/pop3/ledger"
)

// notice records what became of the files of receipts since it was last seen, and names the folders that took some with them. What a
// folder took is remembered also if there is another one in its place by now.
func (r *run) notice(ctx context.Context) error {
	var changed map[int64]string
	if r.rests {
		changed = Losses(r.view, r.Policy)
	}
	for i := range r.view.Receipts {
		c := &r.view.Receipts[i]
		if lost, ok := changed[c.ID]; ok {
			c.Lost = lost
		}
		folder := strings.TrimPrefix(c.Lost, index.Inbox+"/") // as Options.Lost calls it
		if c.WithFolder() && r.view.Missing[c.Key] && !slices.Contains(r.view.Lost, folder) {
			r.view.Lost = append(r.view.Lost, folder)
		}
	}
	if r.DryRun {
		return nil
	}
	return r.ledger.Note(ctx, changed)
}

// Losses sorts the files that are gone, and of which nothing was said before: too many at once are an accident, and the messages stay on the
// server though they become due one by one; fewer were deleted by somebody. With AllowMassDelete all were. What is back is forgotten.
func Losses(v View, p Policy) map[int64]string {
	changed := map[int64]string{}
	if !p.Keep.tells() {
		return changed
	}
	fresh, of := 0, 0
	for _, c := range v.Receipts {
		if c.State == ledger.Stored {
			of++
			if v.Missing[c.Key] && c.Lost == ledger.Here {
				fresh++
			}
		}
	}
	verdict := ledger.Erased
	if p.many(fresh, of) || p.all(fresh, of) {
		verdict = ledger.AtOnce
	}
	for _, c := range v.Receipts {
		switch {
		case c.State != ledger.Stored:
		case !v.Missing[c.Key] && c.Lost != ledger.Here:
			changed[c.ID] = ledger.Here
		case v.Missing[c.Key] && c.Lost == ledger.Here:
			changed[c.ID] = verdict
		case v.Missing[c.Key] && c.Lost != ledger.Erased && p.AllowMassDelete:
			changed[c.ID] = ledger.Erased
		}
	}
	return changed
}

// lost names the folders that held messages, and are not there.
func (r *run) lost(ctx context.Context) ([]string, error) {
	lost, err := r.Store.LostFolders(ctx)
	if len(r.Lost) > 0 { // which says it more exactly
		lost = slices.DeleteFunc(lost, func(name string) bool { return name == index.Inbox })
	}
	return append(slices.Clone(r.Lost), lost...), err
}
