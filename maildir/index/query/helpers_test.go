package query

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"postie/maildir"
	"postie/maildir/index"
)

// now of these tests: a Saturday, in a zone of its own.
func testNow() time.Time {
	return time.Date(2026, 11, 21, 15, 4, 5, 0, time.FixedZone("", 3600))
}

// opened makes an empty Maildir and opens its index until the end of the test.
func opened(t testing.TB) (*index.Store, maildir.Dir) {
	t.Helper()
	root := maildir.Dir(filepath.Join(t.TempDir(), "mail box %?#"))
	if err := root.Ensure(); err != nil {
		t.Fatal(err)
	}
	s, err := index.Open(t.Context(), root, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, root
}

// put writes a file as another mail program would.
func put(t testing.TB, dir maildir.Dir, rel, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(string(dir), rel), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func refreshed(t testing.TB, s *index.Store) {
	t.Helper()
	if _, err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func letter(n int) string {
	return fmt.Sprintf("From: Ann <ann@example.org>\nTo: bob@example.org\nSubject: letter %d\nMessage-ID: <%d@example.org>\n"+
		"Date: Mon, 03 Nov 2025 10:00:00 +0000\n\nHello %d.\n", n, n, n)
}

// all lists the whole index, the oldest NUMBER first.
func all(t testing.TB, s *index.Store) []index.Message {
	t.Helper()
	ms, err := s.Select(t.Context(), "", "TRUE ORDER BY m.id")
	if err != nil {
		t.Fatal(err)
	}
	return ms
}

// fill puts n messages into the index that have no files; set changes those of ordinary mail before.
func fill(t testing.TB, s *index.Store, n int, set func(i int, m *index.Message)) {
	t.Helper()
	err := s.Write(t.Context(), func(tx *sql.Tx) error {
		st, err := tx.Prepare(`INSERT INTO message (mailbox, key, tail, new, flags, keywords, date, size, hash, exact, header, sender, recipients, subject,
			message_id, written) VALUES ((SELECT id FROM mailbox WHERE name = ?), ?, '', 1, ?, '', ?, ?, x'', 1, x'', ?, ?, ?, ?, ?)`)
		if err != nil {
			return err
		}
		defer st.Close()
		for i := range n {
			m := index.Message{Mailbox: index.Inbox, Date: time.UnixMilli(1763763600000 + int64(i)*1000)}
			m.Summary.From, m.Summary.To = fmt.Sprintf("User Number %d <user%d@example.org>", i%5000, i%5000), "bob@example.org"
			m.Summary.Subject, m.Summary.MessageID = fmt.Sprintf("Re: proposal number %d word%d", i, i%1000), fmt.Sprint(i, "@example.org")
			m.Summary.Date, m.Wire.Size = m.Date, int64(1000+i%16000)
			if set != nil {
				set(i, &m)
			}
			if _, err := tx.Exec("INSERT INTO mailbox (name) VALUES (?) ON CONFLICT DO NOTHING", m.Mailbox); i < 4 && err != nil {
				return err
			}
			sum := m.Summary
			if _, err := st.Exec(m.Mailbox, fmt.Sprint(i), m.Flags.Set, m.Date.UnixMilli(), m.Wire.Size, sum.From, sum.To, sum.Subject, sum.MessageID, sum.Date.UnixMilli()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func want(t testing.TB, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}
