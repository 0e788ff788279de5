package index

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"postie/imap/plan"
)

// Free removes the files of messages that their server has as they are here; the summaries stay, and what full text
// knows of them. The caller holds the lock of the root. It returns those that it was done to; the error names the others.
func (s *Store) Free(ctx context.Context, ms []Message) ([]Message, error) {
	return s.change(ctx, ms, func(m *Message) error {
		if m.Entry.Name == "" {
			return nil
		}
		e, dir := m.Entry, s.dirOf(*m)
		// First the record: a file that is missing and has a record would be taken for one that the user deleted. Stopped in
		// between, the file is new to the next sync, which knows it by its content.
		err := s.write(ctx, func(tx *sql.Tx) error { return release(tx, m) })
		if err == nil {
			err = dir.Remove(e)
		}
		return err
	}, func(*sql.Tx, *Message) error { return nil })
}

// release makes the pair of a message one without a body, if nothing about it waits for the next sync.
func release(tx *sql.Tx, m *Message) error {
	r, err := tx.Exec(`UPDATE pair SET key = NULL WHERE message = ? AND uid IS NOT NULL AND key = ? AND state = ? AND local = ? AND local_keywords = ?`,
		m.ID, string(m.Entry.Key), plan.Agreed, m.Flags.Set, string(m.Flags.Keywords))
	if err != nil {
		return err
	}
	if n, _ := r.RowsAffected(); n != 1 {
		return errors.New("the server does not have it as it is here; run postie sync first")
	}
	if _, err := tx.Exec("UPDATE message SET key = '', tail = '', new = 0, twin = id WHERE id = ? AND key = ?", m.ID, string(m.Entry.Key)); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	m.Entry.Name, m.Entry.Key = "", ""
	return nil
}
