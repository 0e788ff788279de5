package ledger

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"postie/maildir"
	"postie/maildir/index"
)

// A ledger that forgot makes a run store again what is here. A database that is lost as a whole is noticed: no run of it ever came to its
// end (Fresh). One that was restored from a backup is not, nor one that lost some rows to a disk. So a file in the Maildir
// bears witness of how many runs stored something, and the ledger counts its rows.

// Forgot says whether the ledger is older than the mail, or has fewer rows than it had when a run last came to its end. Local mail
// is then to be matched by content, as with a ledger that is Fresh.
func (l *Ledger) Forgot(ctx context.Context, root maildir.Dir) (bool, error) {
	counts, err := index.Rows(ctx, l.s, func(rows *sql.Rows) (c [3]int64, err error) { return c, rows.Scan(&c[0], &c[1], &c[2]) },
		"SELECT runs, receipts, (SELECT count(*) FROM receipt WHERE maildrop = ?) FROM maildrop WHERE id = ?", l.id, l.id)
	if err != nil || len(counts) == 0 {
		return false, verb("read ledger", err)
	}
	seen, err := l.witnessed(root)
	return seen > counts[0][0] || counts[0][2] < counts[0][1], err
}

// Begin is told before a run stores or matches anything. The ledger counts it first: a witness that lags behind says nothing. What a ledger
// forgot makes it Fresh, until a run comes to its end.
func (l *Ledger) Begin(ctx context.Context, root maildir.Dir, forgot bool) error {
	seen, err := l.witnessed(root)
	if err != nil {
		return err
	}
	var runs int64
	err = l.s.Write(ctx, func(tx *sql.Tx) error {
		return tx.QueryRow("UPDATE maildrop SET finished = iif(?, NULL, finished), seen = NULL, runs = max(runs, ?) + 1 WHERE id = ? RETURNING runs",
			forgot, seen, l.id).Scan(&runs)
	})
	if err == nil {
		err = index.Replace(l.witness(root), fmt.Sprintln(runs))
	}
	return verb("record begin of run", err)
}

// witness is the file that counts the runs of this maildrop.
func (l *Ledger) witness(root maildir.Dir) string {
	sum := sha256.Sum256([]byte(l.of.String()))
	return filepath.Join(string(root), ".postie."+hex.EncodeToString(sum[:6])+".runs")
}

// witnessed reads it. A file that is not there, or says nothing, has seen nothing.
func (l *Ledger) witnessed(root maildir.Dir) (int64, error) {
	text, err := maildir.ReadBeside(l.witness(root), false)
	if none, ok := errors.AsType[*maildir.NotMessage](err); ok && none.Kind == "a symbolic link" {
		return 0, nil // a new one takes its place
	}
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read ledger: %w", err)
	}
	n, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 32)
	return n, nil
}
