package index

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/emersion/go-imap/v2"
	sqlite3 "modernc.org/sqlite/lib"

	"postie/maildir"
	"postie/maildir/look"
	"postie/maildir/message"
)

// Inbox is the mailbox of the root itself.
const Inbox = "INBOX"

// Message is one message as the index knows it.
type Message struct {
	ID      int64         // NUMBER of ACCOUNT/MAILBOX/NUMBER: never reused
	Receipt int64         // only for pop3/ledger: the row that it came by
	Mailbox string        // Inbox or the mailbox of a Maildir++ subfolder
	Entry   maildir.Entry // where it lies now; zero: it has no body here
	Flags   maildir.Flags
	Date    time.Time // arrival (INTERNALDATE), UTC, ms
	Wire    maildir.Wire
	Own     [32]byte // hash of the wire form that the file gives, of one that was just read or written and is not Wire.Exact; else zero
	Header  [32]byte // message.Header.Hash
	Marks   int64    // message.Header.Marks, of what was just read: it is not kept
	Summary message.Summary
	UID     imap.UID // on its IMAP server; 0: it has none, or none is known

	Attached Attached // something is

	folder string // of its mailbox, where that is not told by its name
}

// Attached says whether something is attached to a message.
type Attached uint8

const (
	AttachedUnknown Attached = iota // its body was not read yet
	NothingAttached
	HasAttachment
)

// columns are what scanMessage reads, of message m joined with its mailbox b.
const columns = `SELECT m.id, b.name, m.key, m.tail, m.new, m.flags, m.keywords, m.date, m.size, m.hash, m.exact, m.header,
	m.sender, m.recipients, m.subject, m.message_id, m.written, coalesce(b.folder, ''), m.attached,
	coalesce((SELECT uid FROM pair WHERE message = m.id), 0) FROM message m %s JOIN mailbox b ON b.id = m.mailbox WHERE `

func scanMessage(rows *sql.Rows) (m Message, err error) {
	var key, tail string
	var inNew bool
	var date int64
	var hash, header sql.RawBytes
	var written sql.NullInt64
	var attached sql.NullBool
	err = rows.Scan(&m.ID, &m.Mailbox, &key, &tail, &inNew, &m.Flags.Set, &m.Flags.Keywords, &date, &m.Wire.Size, &hash,
		&m.Wire.Exact, &header, &m.Summary.From, &m.Summary.To, &m.Summary.Subject, &m.Summary.MessageID, &written, &m.folder, &attached, &m.UID)
	if key != "" {
		m.Entry = maildir.EntryOf(key+tail, inNew)
	}
	m.Date = time.UnixMilli(date).UTC()
	copy(m.Wire.Hash[:], hash)
	copy(m.Header[:], header)
	if written.Valid {
		m.Summary.Date = time.UnixMilli(written.Int64).UTC()
	}
	switch {
	case attached.Bool:
		m.Attached = HasAttachment
	case attached.Valid:
		m.Attached = NothingAttached
	}
	return m, err
}

// Inserting begins the statement that puts messages into the table, for Insert.
const Inserting = `INSERT OR FAIL INTO message (mailbox, key, tail, new, flags, keywords, date, size, hash, exact, header,
	sender, recipients, subject, message_id, written, twin)`

// Insertion begins the statement that puts one message into the table; how it ends says what happens with a key and twin
// that the folder has already.
const Insertion = Inserting + ` VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) `

// insert puts messages into the table and sets their IDs. twin is 0 but for a further file of one key in one folder.
// conflict, an upsert clause, is for the few that are there already.
func insert(tx *sql.Tx, ms []Message, twin int64, now time.Time, conflict string) error {
	mailboxes := make(map[string]int64)
	for i := range ms {
		if m := &ms[i]; m.Date.IsZero() {
			m.Date = now
		}
		if box := cmp.Or(ms[i].Mailbox, Inbox); mailboxes[box] == 0 {
			var err error
			if mailboxes[box], err = MailboxID(tx, box); err != nil {
				return err
			}
		}
	}
	values := func(m *Message) []any { return m.Values(mailboxes[cmp.Or(m.Mailbox, Inbox)], twin) }
	err := Insert(tx, Inserting, ms, values, func(i int, id int64) { ms[i].ID = id })
	if code(err) == sqlite3.SQLITE_CONSTRAINT { // one is there already, and those that Insert put there are too
		err = insertEach(tx, ms, Insertion+conflict+" RETURNING id", values)
	}
	if err != nil {
		return err
	}
	all := make([]*Message, len(ms))
	for i := range ms {
		all[i] = &ms[i]
	}
	return EnterMore(tx, all)
}

// insertEach puts messages into the table one by one.
func insertEach(tx *sql.Tx, ms []Message, q string, values func(*Message) []any) error {
	st, err := tx.Prepare(q)
	if err != nil {
		return err
	}
	defer st.Close()
	for i := range ms {
		if err := st.QueryRow(values(&ms[i])...).Scan(&ms[i].ID); err != nil {
			return err
		}
	}
	return nil
}

// EnterMore writes down what not every message has, of messages that were just put into the table: references and Cc, and Own.
func EnterMore(tx *sql.Tx, ms []*Message) error {
	var detailed, owning []*Message
	for _, m := range ms {
		if m.Detailed() {
			detailed = append(detailed, m)
		}
		if m.Own != [32]byte{} {
			owning = append(owning, m)
		}
	}
	err := Insert(tx, "INSERT OR REPLACE INTO detail (message, refs, cc)", detailed, func(m **Message) []any { return (*m).Details() }, nil)
	if err == nil {
		err = each(tx, Owning, owning, func(m **Message) []any { return []any{(*m).ID, (*m).Own[:]} }, nil)
	}
	return err
}

// Values are those of Insertion.
func (m *Message) Values(mailbox, twin int64) []any {
	sum, key := &m.Summary, string(m.Entry.Key)
	written := sql.NullInt64{Int64: sum.Date.UnixMilli(), Valid: !sum.Date.IsZero()}
	return []any{mailbox, key, m.Entry.Name[len(key):], m.Entry.New, m.Flags.Set, string(m.Flags.Keywords),
		m.Date.UnixMilli(), m.Wire.Size, m.Wire.Hash[:], m.Wire.Exact, m.Header[:], sum.From, sum.To, sum.Subject,
		sum.MessageID, written, twin}
}

// Detailing writes what else of a header is looked for, of a message that has it.
const Detailing = "INSERT OR REPLACE INTO detail (message, refs, cc) VALUES (?, ?, ?)"

// Owning writes down Own of a message, by its NUMBER.
const Owning = "INSERT OR REPLACE INTO own (message, hash) VALUES (?, ?)"

// Detailed says whether it has any.
func (m *Message) Detailed() bool { return m.Summary.References != "" || m.Summary.Cc != "" }

// Details are the values of Detailing.
func (m *Message) Details() []any { return []any{m.ID, m.Summary.References, m.Summary.Cc} }

// MailboxID gives the id of a mailbox, a new one if need be.
func MailboxID(tx *sql.Tx, name string) (id int64, err error) {
	err = tx.QueryRow("INSERT INTO mailbox (name) VALUES (?) ON CONFLICT DO UPDATE SET name = name RETURNING id", name).Scan(&id)
	return id, err
}

// messages returns those for which a condition on m holds, in the order of their IDs.
func (s *Store) messages(ctx context.Context, where string, args ...any) ([]Message, error) {
	ms, err := query(ctx, s, scanMessage, fmt.Sprintf(columns, "")+where+" ORDER BY m.id", args...)
	return ms, verb("read index", err)
}

// first is the first of those messages, if there is one.
func (s *Store) first(ctx context.Context, where string, args ...any) (Message, bool, error) {
	ms, err := s.messages(ctx, where, args...)
	if err != nil || len(ms) == 0 {
		return Message{}, false, err
	}
	return ms[0], true, nil
}

// MessageOf makes a message of what its file tells.
func MessageOf(c look.Content) *Message {
	return &Message{Wire: c.Wire, Date: c.Date, Header: c.Header, Marks: c.Marks, Summary: c.Summary}
}

// ByKey returns the message of a key, whatever mailbox it is in.
func (s *Store) ByKey(ctx context.Context, key maildir.Key) (Message, bool, error) {
	return s.first(ctx, "m.key = ?", string(key))
}

// ByID returns the message of a NUMBER.
func (s *Store) ByID(ctx context.Context, id int64) (Message, bool, error) {
	return s.first(ctx, "m.id = ?", id)
}
