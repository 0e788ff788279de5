package base

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
)

// Free removes the files of messages that their server has as they are here; the summaries stay, and what full text
// knows of them. The caller holds the lock of the root. It returns those that it was done to; the error names the others.
//
// A file that is missing and has a pair would be taken for one that the user deleted. So the pairs first become such whose
// file is perhaps there, as with a download that is about to be published; then the files are removed, and that is made durable; then the
// pairs have no body. Stopped in between, the next run looks: a file that is there was not freed, any other was.
//
// step, if not nil, is told before each durable step (crash tests stop there).
func Free(ctx context.Context, s *index.Store, ms []index.Message, step func(string)) ([]index.Message, error) {
	if step == nil {
		step = func(string) {}
	}
	step("base freeing")
	loose, refused := loosen(ctx, s, ms)
	done, err := s.Alter(ctx, loose, func(m *index.Message) error {
		if m.Entry.Name == "" {
			return nil
		}
		step("remove " + string(m.Entry.Key))
		err := s.DirOf(*m).Remove(m.Entry)
		if errors.Is(err, fs.ErrNotExist) { // another program renamed it, and so perhaps changed its flags, or removed it
			return errors.New("another program changed it at this moment; run postie sync first")
		}
		return err
	}, func(tx *sql.Tx, m *index.Message) error { step("base freed"); return release(tx, m) })
	return done, errors.Join(refused, err, tighten(context.WithoutCancel(ctx), s, loose))
}

// loosen prepares the pairs of messages about which nothing waits for the next sync. The error names the others.
func loosen(ctx context.Context, s *index.Store, ms []index.Message) (loose []index.Message, err error) {
	var refused []error
	err = s.Write(ctx, func(tx *sql.Tx) error {
		for _, m := range ms {
			if m.Entry.Name == "" {
				loose = append(loose, m)
				continue
			}
			r, err := tx.Exec(`UPDATE pair SET state = ? WHERE message = ? AND uid IS NOT NULL AND key = ? AND state = ? AND local = ? AND local_keywords = ?`,
				arriving, m.ID, string(m.Entry.Key), plan.Agreed, m.Flags.Set, string(m.Flags.Keywords))
			if err != nil {
				return err
			}
			if n, _ := r.RowsAffected(); n != 1 {
				refused = append(refused, fmt.Errorf("%s/%d: the server does not have it as it is here; run postie sync first", m.Mailbox, m.ID))
				continue
			}
			if _, err := tx.Exec("UPDATE message SET freed = 1 WHERE id = ?", m.ID); err != nil {
				return err
			}
			loose = append(loose, m)
		}
		return nil
	})
	if err != nil {
		return nil, verb("record", err)
	}
	return loose, errors.Join(refused...)
}

// tighten takes it back for those whose file stayed.
func tighten(ctx context.Context, s *index.Store, loose []index.Message) error {
	return verb("record", s.Write(ctx, func(tx *sql.Tx) error {
		return index.Each(tx, fmt.Sprintf("UPDATE pair SET state = %d WHERE message = ? AND state = %d", plan.Agreed, arriving), loose,
			func(m *index.Message) []any { return []any{m.ID} }, nil)
	}))
}

// release makes the pair of a message, whose file is gone, one without a body.
func release(tx *sql.Tx, m *index.Message) error {
	if m.Entry.Name == "" {
		return nil
	}
	_, err := tx.Exec("UPDATE pair SET key = NULL, state = ? WHERE message = ? AND state = ?", plan.Agreed, m.ID, arriving)
	if err == nil {
		_, err = tx.Exec("UPDATE message SET key = '', tail = '', new = 0, twin = id WHERE id = ? AND key = ?", m.ID, string(m.Entry.Key))
	}
	m.Entry = maildir.Entry{}
	return err
}
