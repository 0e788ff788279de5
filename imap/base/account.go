package base

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"

	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
)

// Account is what was last agreed between the Maildirs of this root and one IMAP account: the base. Every method that
// changes it is one durable transaction.
type Account struct {
	s  *index.Store
	id int64 // 0: nothing was ever agreed
	m  index.Login
}

// Mailbox is what an account knows of one mailbox.
type Mailbox struct {
	ID             int64
	Name           string // hierarchy joined by "/", without the personal namespace's prefix
	Folder         string // path below the root; ".": the root itself
	UIDValidity    plan.UIDValidity
	MailboxID      string // RFC 8474; "": the server has none
	UIDNext        imap.UID
	Messages       uint32
	ModSeq         plan.ModSeq    // up to which everything was read and is recorded; 0: read all
	Places         maildir.Places // of the folder, when all that was known of it was dealt with
	Stamp          maildir.Stamp  // of the folder when it was scanned and nothing was new; zero: scan it
	PermanentFlags plan.PermanentFlags
	ReadOnly       bool
	Ignored        Ignored
	Subscribed     sql.Null[bool] // on the server, by its last LIST; not valid: it did not say
	Server         string         // its name on the server, as imap has it; "": it follows from Name
	Called         string         // what its user named it here since the last sync; "": it was not renamed
	Deleted        bool           // its user deleted it here since the last sync
	Audited        time.Time      // when it was last compared whole, of one that has mod-sequences; UTC, ms
	Made           bool           // by us, on one side or the other: what lies in it and has no pair is new
	Some           bool           // it has pairs
	Archived       bool           // it has pairs of messages that stayed here when they vanished on the server
	AlwaysInView   bool           // it has pairs that are in view in every run: with a state but Archived, no body, or flags that differ
}

// Ignored are flags to which the server said OK, and which it did not keep.
type Ignored struct {
	maildir.Flags
	At int64 // milliseconds since 1970: when that was
}

// Open opens the base of an account, which may be new.
func Open(ctx context.Context, s *index.Store, m index.Login) (*Account, error) {
	a := &Account{s: s, m: m.Canonical()}
	ids, err := index.Rows(ctx, s, index.Number, "SELECT id FROM account WHERE user = ? AND host = ?", a.m.User, a.m.Host)
	if err != nil {
		return nil, fmt.Errorf("open base of %s: %w", m, err)
	}
	if len(ids) > 0 {
		a.id = ids[0]
	}
	if err := whole(ctx, s); err != nil {
		return nil, fmt.Errorf("open base of %s: %w", m, err)
	}
	return a, nil
}

// whole says whether all pairs belong to a mailbox, and all mailboxes to an account: rows that are lost would make the others unknown, and
// mail that is on both sides would come twice. It looks at each mailbox, not at each pair.
func whole(ctx context.Context, s *index.Store) error {
	lost, err := index.Rows(ctx, s, index.Number, `WITH RECURSIVE used (box) AS (SELECT min(box) FROM pair UNION ALL
		SELECT (SELECT min(box) FROM pair WHERE box > used.box) FROM used WHERE used.box IS NOT NULL)
		SELECT (SELECT count(*) FROM used WHERE box IS NOT NULL AND box NOT IN (SELECT id FROM box)) + (SELECT count(*) FROM box WHERE account NOT IN (SELECT id FROM account))`)
	if err == nil && lost[0] > 0 {
		err = s.Blame(index.ErrLost)
	}
	return err
}

// Others are the accounts whose mailboxes this root holds too. None is known of one that is not the root's own yet.
func (a *Account) Others(ctx context.Context) ([]index.Login, error) {
	return index.Rows(ctx, a.s, func(rows *sql.Rows) (m index.Login, err error) { return m, rows.Scan(&m.User, &m.Host) },
		"SELECT user, host FROM account WHERE id <> ? AND id IN (SELECT account FROM box) ORDER BY id", a.id)
}

// enter makes the row of the account, so that a dry run makes none.
func (a *Account) enter(tx *sql.Tx) error {
	if a.id != 0 {
		return nil
	}
	return tx.QueryRow(`INSERT INTO account (user, host) VALUES (?, ?)
		ON CONFLICT DO UPDATE SET user = user RETURNING id`, a.m.User, a.m.Host).Scan(&a.id)
}

// Statements and indexes of the table pair have these states as numbers: an index has to be named in the same words by who uses it.
var (
	_ = [1]struct{}{}[plan.Agreed]
	_ = [1]struct{}{}[plan.Archived-4]
)

// Mailboxes lists those that are known, by name.
func (a *Account) Mailboxes(ctx context.Context) ([]Mailbox, error) {
	all, err := index.Rows(ctx, a.s, scanMailbox, `SELECT b.id, m.name, m.folder, b.validity, b.objectid, b.uidnext, b.messages, max(b.modseq, 0),
		b.stamp, b.flags, b.keywords, b.wildcard, b.readonly, b.ignored, b.made, b.called, b.deleted, b.server, b.audited, b.subscribed, EXISTS (SELECT 1 FROM pair p WHERE p.box = b.id),
		EXISTS (SELECT 1 FROM pair p INDEXED BY pair_archived WHERE p.box = b.id AND state = 4),
		EXISTS (SELECT 1 FROM pair p INDEXED BY pair_unlike WHERE p.box = b.id AND `+unlike+`) OR
		EXISTS (SELECT 1 FROM pair p INDEXED BY pair_key WHERE p.box = b.id AND key IS NULL AND state <> 4)
		FROM box b LEFT JOIN mailbox m ON m.id = b.mailbox WHERE b.account = ? ORDER BY m.name`, a.id)
	return all, verb("read base", err)
}

func scanMailbox(rows *sql.Rows) (m Mailbox, err error) {
	var stamp, ignored string
	var audited int64
	err = rows.Scan(&m.ID, &m.Name, &m.Folder, &m.UIDValidity, &m.MailboxID, &m.UIDNext, &m.Messages, &m.ModSeq,
		&stamp, &m.PermanentFlags.Set, &m.PermanentFlags.Keywords, &m.PermanentFlags.Any, &m.ReadOnly, &ignored, &m.Made, &m.Called, &m.Deleted, &m.Server, &audited, &m.Subscribed, &m.Some, &m.Archived, &m.AlwaysInView)
	m.Stamp, m.Places = maildir.Recorded(stamp)
	m.Audited = time.UnixMilli(audited).UTC()
	if ignored != "" {
		json.Unmarshal([]byte(ignored), &m.Ignored) // what is not readable is tried again
	}
	return m, err
}

// Enter makes a mailbox known, or gives a known one (ID) another name and folder.
func (a *Account) Enter(ctx context.Context, m *Mailbox) error {
	return verb("record mailbox", a.s.Write(ctx, func(tx *sql.Tx) error {
		if err := a.enter(tx); err != nil {
			return err
		}
		box, err := index.MailboxID(tx, m.Name)
		if err == nil {
			_, err = tx.Exec("UPDATE mailbox SET folder = ?, stamp = '' WHERE id = ?", m.Folder, box)
		}
		if err == nil && m.ID != 0 {
			err = a.rename(tx, m.ID, box)
		} else if err == nil {
			err = tx.QueryRow(`INSERT INTO box (account, mailbox) VALUES (?, ?)
				ON CONFLICT DO UPDATE SET mailbox = mailbox RETURNING id`, a.id, box).Scan(&m.ID)
		}
		return err
	}))
}

// rename puts a mailbox, with its messages, under another row of the table mailbox.
func (a *Account) rename(tx *sql.Tx, id, to int64) error {
	var from int64
	if err := tx.QueryRow("SELECT mailbox FROM box WHERE id = ?", id).Scan(&from); err != nil || from == to {
		return err
	}
	_, err := tx.Exec("UPDATE OR REPLACE message SET mailbox = ? WHERE mailbox = ?", to, from)
	if err == nil {
		_, err = tx.Exec("UPDATE box SET mailbox = ?, called = '', deleted = 0 WHERE id = ?", to, id)
	}
	if err == nil {
		_, err = tx.Exec("DELETE FROM mailbox WHERE id = ? AND NOT EXISTS (SELECT 1 FROM box WHERE mailbox = ?1)", from)
	}
	return err
}

// Record writes down how far mailboxes were read: all but ID, Name, Folder, Some and AlwaysInView.
func (a *Account) Record(ctx context.Context, ms ...Mailbox) error {
	if len(ms) == 0 {
		return nil
	}
	return verb("record mailbox", a.s.Write(ctx, func(tx *sql.Tx) error {
		return index.Each(tx, `UPDATE box SET validity = ?, objectid = ?, uidnext = ?, messages = ?, modseq = ?, stamp = ?, flags = ?,
			keywords = ?, wildcard = ?, readonly = ?, ignored = ?, made = ?, called = ?, deleted = ?, server = ?, audited = ?, subscribed = ? WHERE id = ?`, ms, func(m *Mailbox) []any {
			ignored, _ := json.Marshal(m.Ignored)
			if m.Ignored == (Ignored{}) {
				ignored = nil
			}
			return []any{m.UIDValidity, m.MailboxID, m.UIDNext, m.Messages, int64(m.ModSeq), maildir.Record(m.Stamp, m.Places), m.PermanentFlags.Set,
				string(m.PermanentFlags.Keywords), m.PermanentFlags.Any, m.ReadOnly, string(ignored), m.Made, m.Called, m.Deleted, m.Server, m.Audited.UnixMilli(), m.Subscribed, m.ID}
		}, nil)
	}))
}

// Subscribed says of the Maildirs of a root, by their path below it, whether their mailboxes are subscribed on the server of any account.
// A Maildir of which no server said it is missing.
func Subscribed(ctx context.Context, s *index.Store) (map[string]bool, error) {
	type row struct {
		folder     string
		subscribed bool
	}
	rows, err := index.Rows(ctx, s, func(rows *sql.Rows) (r row, err error) { return r, rows.Scan(&r.folder, &r.subscribed) },
		"SELECT m.folder, max(b.subscribed) FROM box b JOIN mailbox m ON m.id = b.mailbox WHERE m.folder IS NOT NULL AND b.subscribed IS NOT NULL GROUP BY m.id")
	all := map[string]bool{}
	for _, r := range rows {
		all[r.folder] = r.subscribed
	}
	return all, verb("read subscriptions", err)
}

// Drop forgets a mailbox with all its pairs and messages.
func (a *Account) Drop(ctx context.Context, id int64) error {
	return verb("forget mailbox", a.s.Write(ctx, func(tx *sql.Tx) error {
		var box int64
		if err := tx.QueryRow("DELETE FROM box WHERE id = ? RETURNING mailbox", id).Scan(&box); errors.Is(err, sql.ErrNoRows) {
			return nil
		} else if err != nil {
			return err
		}
		for _, q := range []string{
			"DELETE FROM message WHERE id IN (SELECT message FROM pair WHERE box = ?1) AND NOT EXISTS (SELECT 1 FROM pair p WHERE p.message = message.id AND p.box <> ?1)",
			"DELETE FROM pair WHERE box = ?",
			"DELETE FROM intent WHERE ? IN (box, dest)", "DELETE FROM wish WHERE box = ?", "DELETE FROM breaker WHERE box = ?",
		} {
			if _, err := tx.Exec(q, id); err != nil {
				return err
			}
		}
		_, err := tx.Exec("DELETE FROM mailbox WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM box WHERE mailbox = ?1) AND NOT EXISTS (SELECT 1 FROM message WHERE mailbox = ?1)", box)
		return err
	}))
}

// Orphan takes the UIDs from all pairs of a mailbox that is made anew on the server: they mean nothing any more. Pairs
// without a body are forgotten.
func (a *Account) Orphan(ctx context.Context, id int64) error {
	return verb("orphan mailbox", a.s.Write(ctx, func(tx *sql.Tx) error {
		for _, q := range []string{
			"DELETE FROM message WHERE id IN (SELECT message FROM pair WHERE box = ? AND key IS NULL)",
			"DELETE FROM pair WHERE box = ? AND key IS NULL",
			fmt.Sprintf("UPDATE pair SET uid = NULL, state = %d WHERE box = ? AND state <> %d", plan.Orphan, plan.Archived),
			"UPDATE box SET validity = 0, uidnext = 0, messages = 0, modseq = 0 WHERE id = ?",
		} {
			if _, err := tx.Exec(q, id); err != nil {
				return err
			}
		}
		return nil
	}))
}

// Unseen lists the mailboxes that no sync has looked at yet though they were here when the first one ended. first: none has
// ended yet, so that no mailbox was looked at.
func (a *Account) Unseen(ctx context.Context) (names []string, first bool, err error) {
	all, err := index.Rows(ctx, a.s, func(rows *sql.Rows) (s sql.NullString, err error) { return s, rows.Scan(&s) }, "SELECT unseen FROM account WHERE id = ?", a.id)
	if err == nil && (len(all) == 0 || !all[0].Valid) {
		return nil, true, nil
	}
	if err == nil {
		if err = json.Unmarshal([]byte(all[0].String), &names); err != nil {
			err = a.s.Blame(index.Garbled(err))
		}
	}
	return names, false, verb("read mailboxes not seen yet", err)
}

// SetUnseen records which mailboxes are left to be looked at for the first time, and that the first sync has ended.
func (a *Account) SetUnseen(ctx context.Context, names []string) error {
	list, err := json.Marshal(append([]string{}, names...))
	if err != nil {
		return err
	}
	return verb("record mailboxes not seen yet", a.s.Write(ctx, func(tx *sql.Tx) error {
		if err := a.enter(tx); err != nil {
			return err
		}
		_, err := tx.Exec("UPDATE account SET unseen = ? WHERE id = ?", string(list), a.id)
		return err
	}))
}

// Notices gives what Said was last told.
func (a *Account) Notices(ctx context.Context) ([]string, error) {
	all, err := index.Rows(ctx, a.s, func(rows *sql.Rows) (s string, err error) { return s, rows.Scan(&s) }, "SELECT notices FROM account WHERE id = ?", a.id)
	var said []string
	if err == nil && len(all) > 0 {
		if err = json.Unmarshal([]byte(all[0]), &said); err != nil {
			err = a.s.Blame(index.Garbled(err))
		}
	}
	return said, verb("read notices", err)
}

// Said remembers what was said in a run.
func (a *Account) Said(ctx context.Context, notices []string) error {
	old, err := a.Notices(ctx)
	if err != nil || slices.Equal(old, notices) {
		return err
	}
	list, err := json.Marshal(notices)
	if err != nil {
		return err
	}
	return verb("record notices", a.s.Write(ctx, func(tx *sql.Tx) error {
		if err := a.enter(tx); err != nil {
			return err
		}
		_, err := tx.Exec("UPDATE account SET notices = ? WHERE id = ?", string(list), a.id)
		return err
	}))
}
