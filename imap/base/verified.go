package base

import (
	"context"
	"database/sql"
	"math"
	"time"

	"github.com/emersion/go-imap/v2"

	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
)

// Verified says that the file of a message was read again, and held octet for octet what the server gave at that time.
type Verified struct {
	UID  imap.UID
	Key  maildir.Key
	Hash [32]byte  // SHA-256 of the wire form of both
	At   time.Time // when; zero: they differed, or the server did not give the message
}

// verifiedSchema is for what imap/mirror does for delete_after and keep_for.
const verifiedSchema = `
CREATE TABLE verified (
	box      INTEGER NOT NULL,
	validity INTEGER NOT NULL,            -- UIDVALIDITY that the UID belongs to
	uid      INTEGER NOT NULL,
	key      TEXT NOT NULL,               -- of the file that was read
	hash     BLOB NOT NULL,
	at       INTEGER NOT NULL,            -- Unix milliseconds; 0: they differed
	tried    INTEGER NOT NULL,            -- Unix milliseconds
	PRIMARY KEY (box, validity, uid)
) STRICT, WITHOUT ROWID;
CREATE INDEX verified_key ON verified (box, key);
`

// verifiedTable makes sure that there is a table.
func (a *Account) verifiedTable(ctx context.Context) error {
	return a.s.Part(ctx, "imap verified", []string{verifiedSchema})
}

// someVerified says whether there may be verified copies; to ask changes nothing.
func (a *Account) someVerified(ctx context.Context) (bool, error) {
	n, err := index.Rows(ctx, a.s, index.Number, "SELECT count(*) FROM sqlite_schema WHERE name = 'verified'")
	return err == nil && n[0] > 0, verb("read verified copies", err)
}

// Verify writes down what became of comparing copies in a mailbox. at is when.
func (a *Account) Verify(ctx context.Context, box int64, validity plan.UIDValidity, vs []Verified, at time.Time) error {
	err := a.verifiedTable(ctx)
	if err == nil {
		err = a.s.Write(ctx, func(tx *sql.Tx) error {
			return index.Each(tx, "INSERT OR REPLACE INTO verified (box, validity, uid, key, hash, at, tried) VALUES (?, ?, ?, ?, ?, ?, ?)", vs, func(v *Verified) []any {
				when := int64(0)
				if !v.At.IsZero() {
					when = v.At.UnixMilli()
				}
				return []any{box, int64(validity), int64(v.UID), string(v.Key), v.Hash[:], when, at.UnixMilli()}
			}, nil)
		})
	}
	return verb("record verified copies", err)
}

// Unverified gives the pairs of a mailbox, at most so many, whose copies were never compared, or last before retry and then differed.
func (a *Account) Unverified(ctx context.Context, box int64, validity plan.UIDValidity, retry time.Time, most int) ([]Row, error) {
	err := a.verifiedTable(ctx)
	if err != nil {
		return nil, verb("read verified copies", err)
	}
	rows, err := index.Rows(ctx, a.s, scanRow, pairColumns+`p.uid IS NOT NULL AND p.key IS NOT NULL AND p.state = ? AND NOT EXISTS
		(SELECT 1 FROM verified v WHERE v.box = p.box AND v.validity = ? AND v.uid = p.uid AND v.key = p.key AND (v.at > 0 OR v.tried > ?)) ORDER BY p.uid LIMIT ?`,
		box, plan.Agreed, int64(validity), retry.UnixMilli(), most)
	return rows, verb("read verified copies", err)
}

// VerifiedBefore gives the pairs of a mailbox whose copies were verified before a time, and are the same files still, with the SHA-256 of
// what was read of each. With a date, only those of messages from before that date.
func (a *Account) VerifiedBefore(ctx context.Context, box int64, validity plan.UIDValidity, before, date time.Time) ([]Row, map[imap.UID][32]byte, error) {
	if some, err := a.someVerified(ctx); err != nil || !some {
		return nil, nil, err
	}
	old := int64(math.MaxInt64)
	if !date.IsZero() {
		old = date.UnixMilli()
	}
	vs, err := index.Rows(ctx, a.s, scanVerified, `SELECT p.uid, v.key, v.hash, v.at FROM verified v JOIN pair p ON p.box = v.box AND p.uid = v.uid AND p.key = v.key
		WHERE v.box = ? AND v.validity = ? AND v.at BETWEEN 1 AND ? AND p.state = ? AND p.date < ?`, box, int64(validity), before.UnixMilli(), plan.Agreed, old)
	if err != nil || len(vs) == 0 {
		return nil, nil, verb("read verified copies", err)
	}
	var set imap.UIDSet
	hashes := map[imap.UID][32]byte{}
	for _, v := range vs {
		set.AddNum(v.UID)
		hashes[v.UID] = v.Hash
	}
	var rows []Row
	for row, err := range a.ByUID(ctx, box, set) {
		if err != nil {
			return nil, nil, err
		}
		rows = append(rows, row)
	}
	return rows, hashes, nil
}

// ArchivedBefore gives the pairs of a mailbox that are here only, from before that date, whose files were verified while the server had
// them too.
func (a *Account) ArchivedBefore(ctx context.Context, box int64, date time.Time) ([]Row, error) {
	if some, err := a.someVerified(ctx); err != nil || !some {
		return nil, err
	}
	rows, err := index.Rows(ctx, a.s, scanRow, pairColumns+`p.state = ? AND p.uid IS NULL AND p.date < ? AND EXISTS
		(SELECT 1 FROM verified v WHERE v.box = p.box AND v.key = p.key AND v.at > 0)`, box, plan.Archived, date.UnixMilli())
	return rows, verb("read verified copies", err)
}

func scanVerified(rows *sql.Rows) (v Verified, err error) {
	var hash sql.RawBytes
	var at int64
	err = rows.Scan(&v.UID, &v.Key, &hash, &at)
	copy(v.Hash[:], hash)
	v.At = time.UnixMilli(at).UTC()
	return v, err
}
