package base

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/look"
)

// asidePrefix begins the name of a damaged file that was put aside: a plain file beside cur/, which no program takes for mail.
const asidePrefix = ".postie.damaged-"

// PutAside makes messages whose file is damaged, or gone, such that have no body here, so that they are fetched again: at once, by
// mirror.Fetch, or by the next sync. The damaged file is kept beside cur/; aside is told where. Flags that were set here and are not
// pushed yet become pending changes. The caller holds the lock of the root. It returns those that it was done to; the error names the others.
//
// The order is that of Free: stopped in between, the next run looks for the file, and confirms the pair or asks for the message again.
func (a *Account) PutAside(ctx context.Context, ms []index.Message, step func(string), aside func(m index.Message, path string)) ([]index.Message, error) {
	if step == nil {
		step = func(string) {}
	}
	step("base putting aside")
	loose, refused := a.loosenDamaged(ctx, ms)
	done, err := a.s.Alter(ctx, loose, func(m *index.Message) error {
		dir := a.s.DirOf(*m)
		e, ok, err := look.File(ctx, dir, m.Entry.Key)
		if err != nil || !ok {
			return err // gone, as was said
		}
		if err := a.keepFlags(ctx, m, dir, e); err != nil {
			return err
		}
		step("put aside " + string(e.Key))
		path, err := putAside(dir, e)
		if err == nil && aside != nil {
			aside(*m, path)
		}
		return err
	}, func(tx *sql.Tx, m *index.Message) error { step("base put aside"); return release(tx, m) })
	return done, errors.Join(refused, err, tighten(context.WithoutCancel(ctx), a.s, loose))
}

// loosenDamaged prepares the pairs. The error names the messages that have none.
func (a *Account) loosenDamaged(ctx context.Context, ms []index.Message) (loose []index.Message, err error) {
	var refused []error
	err = a.s.Write(ctx, func(tx *sql.Tx) error {
		for _, m := range ms {
			r, err := tx.Exec("UPDATE pair SET state = ? WHERE message = ? AND uid IS NOT NULL AND key = ? AND state IN (?, ?)", arriving, m.ID, string(m.Entry.Key), plan.Agreed, arriving)
			if err != nil {
				return err
			}
			if n, _ := r.RowsAffected(); n == 1 {
				loose = append(loose, m)
			} else {
				refused = append(refused, fmt.Errorf("%s/%d: the server does not have it as it is here; run postie sync first", m.Mailbox, m.ID))
			}
		}
		return nil
	})
	return loose, errors.Join(errors.Join(refused...), verb("record", err))
}

// keepFlags makes a pending change of flags that the name of a file shows, and that were not agreed.
func (a *Account) keepFlags(ctx context.Context, m *index.Message, dir maildir.Dir, e maildir.Entry) error {
	table, err := dir.Keywords()
	if err != nil {
		return err
	}
	rows, err := index.Rows(ctx, a.s, func(rows *sql.Rows) (r Row, err error) {
		return r, rows.Scan(&r.ID, &r.UID, &r.Local.Set, &r.Local.Keywords)
	}, "SELECT box, uid, local, local_keywords FROM pair WHERE message = ?", m.ID)
	if err != nil || len(rows) == 0 {
		return verb("read base", err)
	}
	now := table.Flags(e, rows[0].Local.Keywords)
	if now.Same(rows[0].Local) {
		return nil
	}
	return a.Pend(ctx, rows[0].ID, maildir.PendingChange{UID: rows[0].UID, Flags: &now})
}

// putAside gives a damaged file a name beside cur/, durably. It never takes one that is taken.
func putAside(dir maildir.Dir, e maildir.Entry) (path string, err error) {
	for n := 0; ; n++ {
		path = filepath.Join(string(dir), fmt.Sprint(asidePrefix, e.Key))
		if n > 0 {
			path += fmt.Sprint("-", n)
		}
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return "", err
		}
	}
	if err := os.Rename(dir.Path(e), path); err != nil {
		return "", err
	}
	return path, maildir.SyncDir(string(dir))
}
