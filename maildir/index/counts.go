package index

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"postie/maildir"
)

// Count is how many messages a mailbox has.
type Count struct {
	Mailbox  string
	Messages int
	Unread   int
	Flagged  int
	Waiting  int // to be pushed to the server by the next sync, as far as can be told without a scan
}

// Counts counts the messages of each mailbox, INBOX first, then by name. hidden is what Follow returned.
func (s *Store) Counts(ctx context.Context, hidden map[int64]bool) ([]Count, error) {
	all, err := s.counts(ctx)
	if err != nil || len(hidden) == 0 {
		return all, verb("count messages", err)
	}
	ms, err := s.ByIDs(ctx, slices.Sorted(maps.Keys(hidden)))
	for _, m := range ms {
		i := slices.IndexFunc(all, func(c Count) bool { return c.Mailbox == m.Mailbox })
		if i < 0 {
			continue // it came since
		}
		c := &all[i]
		c.Messages--
		c.Unread -= int(^m.Flags.Set & maildir.FlagSeen / maildir.FlagSeen)
		c.Flagged -= int(m.Flags.Set & maildir.FlagFlagged / maildir.FlagFlagged)
		if m.Entry.Name != "" { // a file is missing; pending changes are counted already
			c.Waiting++
		}
	}
	return all, verb("count messages", err)
}

func (s *Store) counts(ctx context.Context) ([]Count, error) {
	return query(ctx, s, func(rows *sql.Rows) (c Count, err error) {
		return c, rows.Scan(&c.Mailbox, &c.Messages, &c.Unread, &c.Flagged, &c.Waiting)
	}, fmt.Sprintf(`WITH
		every AS (SELECT mailbox, count(*) n FROM message INDEXED BY message_mailbox GROUP BY mailbox),
		unread AS (SELECT mailbox, count(*) n FROM message INDEXED BY message_unread WHERE flags & 16 = 0 GROUP BY mailbox),
		flagged AS (SELECT mailbox, count(*) n FROM message INDEXED BY message_flagged WHERE flags & 2 <> 0 GROUP BY mailbox),
		mirrored AS (SELECT id FROM mailbox WHERE folder IS NOT NULL AND EXISTS (SELECT 1 FROM account)), -- else no sync is known of
		fresh AS (SELECT mailbox, count(*) n FROM message -- looked for only if there are any
			WHERE (SELECT sum(n) FROM every WHERE mailbox = 0 OR mailbox IN mirrored) > (SELECT count(DISTINCT message) FROM pair)
			AND mailbox IN mirrored AND `+Unpaired+` GROUP BY mailbox),
		changed AS (SELECT b.mailbox, count(*) n FROM box b JOIN pair p ON p.box = b.id JOIN message m ON m.id = p.message
			WHERE p.state <> %d AND (m.flags <> p.local OR m.keywords <> p.local_keywords OR m.mailbox <> b.mailbox
			OR EXISTS (SELECT 1 FROM wish w WHERE w.box = p.box AND w.uid = p.uid)) GROUP BY b.mailbox)
		SELECT b.name, coalesce(every.n, 0), coalesce(unread.n, 0), coalesce(flagged.n, 0), coalesce(changed.n, 0) + coalesce(fresh.n, 0) FROM mailbox b
		LEFT JOIN every ON every.mailbox = b.id LEFT JOIN unread ON unread.mailbox = b.id
		LEFT JOIN flagged ON flagged.mailbox = b.id LEFT JOIN changed ON changed.mailbox = b.id LEFT JOIN fresh ON fresh.mailbox = b.id
		WHERE coalesce(every.n, 0) > 0 OR b.name = '`+Inbox+`' OR b.folder IS NOT NULL ORDER BY b.name <> '`+Inbox+`', b.name`, Arriving))
}
