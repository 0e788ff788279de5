package ledger

// migrations are those of the part "pop3" (index.Store.Part). The tables maildrop and receipt are older than parts: schema 1 of
// maildir/index made them, and every database has them.
func migrations() []string { return []string{breakers, runs, seen} }

// breakers remembers messages at which sessions broke, or that did not come whole: they are asked for last, and ever more seldom.
const breakers = `
CREATE TABLE breaker_pop3 (
	maildrop INTEGER NOT NULL REFERENCES maildrop,
	uidl     TEXT NOT NULL,             -- the server's, or one that was derived
	listed   INTEGER NOT NULL,          -- octets as LIST gave them
	tries    INTEGER NOT NULL,          -- how often it failed, one run after the other
	at       INTEGER NOT NULL,          -- when it failed last
	PRIMARY KEY (maildrop, uidl, listed)
) STRICT, WITHOUT ROWID;
`

// runs counts the runs that stored something, as does a file in the Maildir (witness.go), and the receipts at the end of the last run.
const runs = `
ALTER TABLE maildrop ADD COLUMN runs INTEGER NOT NULL DEFAULT 0;
ALTER TABLE maildrop ADD COLUMN receipts INTEGER NOT NULL DEFAULT 0;
`

// seen is what the last run that came to its end left as it was: Seen.
const seen = `
ALTER TABLE maildrop ADD COLUMN seen BLOB;
ALTER TABLE maildrop ADD COLUMN oldest INTEGER;
`
