package index

import (
	"context"
	"database/sql"
	"fmt"
)

// applicationID stands in the header of every database of ours ("post"), so that nobody else's is taken for one.
const applicationID = 0x706f7374

// migrations holds, at place n, the statements that lead from schema version n to n+1. What was released is never
// edited: a change is a new entry. Each runs in one transaction together with its PRAGMA user_version.
func migrations() []string {
	return []string{schema1, schema2, schema3, schema4, schema5, schema6, schema7, schema8, schema9, schema10, schema11, schema12, schema13, schema14, schema15, schema16, schema17, schema18, schema19, schema20}
}

// schema1, in words: Times are milliseconds since 1970 in UTC. hash and header are SHA-256. A key is unique in its
// folder but for twins (two files of one key, different content, which other programs can make). A file's name is
// its key followed by tail. indexed says what the table text holds of a message: 0 nothing, 1 header, 2 all,
// 3 header, which is enough. The table wish holds pending changes: its name is older than the word.
// Headers are not put there in the transaction that stores the summaries, because that would more than double its
// cost (10,000 messages: 0.2 s without, 0.45 s with); message_unindexed finds what is left to do.
const schema1 = `
CREATE TABLE meta (
	one     INTEGER PRIMARY KEY CHECK (one = 1),
	refresh INTEGER                     -- first message id of a refresh that has not come to its end
) STRICT;
INSERT INTO meta (one) VALUES (1);

CREATE TABLE maildrop (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	user     TEXT NOT NULL,
	host     TEXT NOT NULL,             -- lower case
	finished INTEGER,                   -- NULL: no run came to its end with this database
	UNIQUE (user, host)
) STRICT;

CREATE TABLE receipt (                  -- the POP3 ledger
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	maildrop INTEGER NOT NULL REFERENCES maildrop,
	uidl     TEXT NOT NULL,             -- not unique: servers give one UIDL twice
	state    INTEGER NOT NULL,
	key      TEXT NOT NULL,
	listed   INTEGER NOT NULL,
	size     INTEGER NOT NULL,
	hash     BLOB NOT NULL,
	exact    INTEGER NOT NULL,
	header   BLOB NOT NULL,
	read     INTEGER NOT NULL,
	at       INTEGER NOT NULL
) STRICT;
CREATE INDEX receipt_maildrop ON receipt (maildrop);
CREATE INDEX receipt_key ON receipt (key);

CREATE TABLE mailbox (
	id    INTEGER PRIMARY KEY AUTOINCREMENT,
	name  TEXT NOT NULL UNIQUE,
	stamp TEXT NOT NULL DEFAULT ''      -- mtimes of the folder when it was last scanned; '' is unknown
) STRICT;

CREATE TABLE message (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	mailbox    INTEGER NOT NULL REFERENCES mailbox,
	key        TEXT NOT NULL,
	twin       INTEGER NOT NULL DEFAULT 0,
	tail       TEXT NOT NULL,
	new        INTEGER NOT NULL,        -- lies in new/, not in cur/
	flags      INTEGER NOT NULL,        -- maildir.FlagSet
	keywords   TEXT NOT NULL,
	date       INTEGER NOT NULL,        -- arrival
	size       INTEGER NOT NULL,
	hash       BLOB NOT NULL,
	exact      INTEGER NOT NULL,
	header     BLOB NOT NULL,
	sender     TEXT NOT NULL,
	recipients TEXT NOT NULL,
	subject    TEXT NOT NULL,
	message_id TEXT NOT NULL,
	written    INTEGER,                 -- Date header; NULL: none or unreadable
	indexed    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX message_key ON message (key, mailbox, twin);
CREATE INDEX message_mailbox ON message (mailbox, date);
CREATE INDEX message_date ON message (date);
CREATE INDEX message_unread ON message (date) WHERE flags & 16 = 0;
CREATE INDEX message_flagged ON message (date) WHERE flags & 2 <> 0;
CREATE INDEX message_unindexed ON message (id) WHERE indexed < 2;

-- Full text, without a copy of it; rowid is message.id. An update must give all columns.
CREATE VIRTUAL TABLE text USING fts5 (subject, sender, recipients, body, attachments,
	content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2');
CREATE TRIGGER message_text AFTER DELETE ON message WHEN old.indexed > 0
	BEGIN DELETE FROM text WHERE rowid = old.id; END;

PRAGMA application_id = 1886352244;
`

// schema2 is what two-way synchronisation remembers. folder says where a mailbox lies below the root, and that mirror
// keeps its messages; NULL: Refresh does, and the name tells. A pair is one row of the base (plan.Pair), NULL for a side that
// it does not have; its identity lies in its message, which a pair without a body has too: with an empty key and its own id
// for a twin. An intent is what is to be looked for after a crash.
const schema2 = `
ALTER TABLE mailbox ADD COLUMN folder TEXT;

CREATE TABLE account (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	user    TEXT NOT NULL,
	host    TEXT NOT NULL,              -- lower case
	notices TEXT NOT NULL DEFAULT '[]', -- JSON: what was said in the last run, and need not be said again
	UNIQUE (user, host)
) STRICT;

CREATE TABLE box (                      -- what an account knows of a mailbox
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	account   INTEGER NOT NULL REFERENCES account,
	mailbox   INTEGER NOT NULL REFERENCES mailbox,
	validity  INTEGER NOT NULL DEFAULT 0,
	objectid  TEXT NOT NULL DEFAULT '', -- MAILBOXID
	uidnext   INTEGER NOT NULL DEFAULT 0,
	messages  INTEGER NOT NULL DEFAULT 0,
	modseq    INTEGER NOT NULL DEFAULT 0, -- up to which everything was read and is recorded here
	stamp     TEXT NOT NULL DEFAULT '', -- mtimes of the folder when nothing new was found in it; '' is unknown
	flags     INTEGER NOT NULL DEFAULT 0, -- what the server keeps
	keywords  TEXT NOT NULL DEFAULT '',
	wildcard  INTEGER NOT NULL DEFAULT 0,
	readonly  INTEGER NOT NULL DEFAULT 0,
	made      INTEGER NOT NULL DEFAULT 0,
	UNIQUE (account, mailbox)
) STRICT;

CREATE TABLE pair (
	id              INTEGER PRIMARY KEY AUTOINCREMENT,
	box             INTEGER NOT NULL REFERENCES box,
	uid             INTEGER,
	key             TEXT,
	state           INTEGER NOT NULL,   -- plan.State, or 100: its file is durable in tmp/ and perhaps published
	local           INTEGER NOT NULL,
	local_keywords  TEXT NOT NULL,
	remote          INTEGER NOT NULL,
	remote_keywords TEXT NOT NULL,
	size            INTEGER NOT NULL,
	date            INTEGER NOT NULL,
	emailid         TEXT NOT NULL,
	message         INTEGER NOT NULL REFERENCES message
) STRICT;
CREATE UNIQUE INDEX pair_uid ON pair (box, uid);
CREATE UNIQUE INDEX pair_key ON pair (box, key);
CREATE INDEX pair_odd ON pair (box) WHERE state <> 0 OR key IS NULL OR local <> remote OR local_keywords <> remote_keywords;

CREATE TABLE intent (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	box      INTEGER NOT NULL REFERENCES box,
	uid      INTEGER NOT NULL,          -- of the message that is copied; 0: a file is uploaded
	key      TEXT NOT NULL,
	dest     INTEGER NOT NULL REFERENCES box,
	validity INTEGER NOT NULL,          -- of dest
	uidnext  INTEGER NOT NULL,          -- of dest: what comes lies there or above
	tries    INTEGER NOT NULL DEFAULT 0 -- how often it was done and not found afterwards
) STRICT;
CREATE UNIQUE INDEX intent_what ON intent (box, uid, key);

CREATE TABLE wish (                     -- a local change to a pair without a body
	box      INTEGER NOT NULL REFERENCES box,
	uid      INTEGER NOT NULL,
	flags    INTEGER,                   -- NULL: no change
	keywords TEXT NOT NULL DEFAULT '',
	dest     TEXT NOT NULL DEFAULT '',  -- mailbox to be moved to
	remove   INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (box, uid)
) STRICT, WITHOUT ROWID;
`

// schema3 remembers how the last runs of an account went, and finds the pair of a message.
const schema3 = `
CREATE TABLE run (
	protocol  TEXT NOT NULL,            -- "pop3" or "imap"
	user      TEXT NOT NULL,
	host      TEXT NOT NULL,            -- lower case
	succeeded INTEGER,                  -- when the last run ended well
	failed    INTEGER,                  -- when the last run failed; NULL: it did not
	error     TEXT NOT NULL DEFAULT '',
	hint      TEXT NOT NULL DEFAULT '',
	code      INTEGER NOT NULL DEFAULT 0, -- exit code
	PRIMARY KEY (protocol, user, host)
) STRICT, WITHOUT ROWID;
CREATE INDEX pair_message ON pair (message);
`

// schema4 knows bodies that are not here: which the user freed, of which policy the user was last told, which were not wanted in
// full text (message.indexed 3). It finds the pairs that a run has to look at, however many have no body and need none
// (pair_unlike, pair_slim). A file that does not give back what the server sent is found by what it does give (own), and
// that of an upload that was cut off by what is kept with the intent, both also under another key.
const schema4 = `
ALTER TABLE message ADD COLUMN freed INTEGER NOT NULL DEFAULT 0; -- counts only while the message has no body
ALTER TABLE account ADD COLUMN bodies TEXT NOT NULL DEFAULT '';
CREATE INDEX message_slim ON message (id) WHERE indexed = 3;
CREATE INDEX pair_unlike ON pair (box) WHERE state <> 0 OR local <> remote OR local_keywords <> remote_keywords;
CREATE INDEX pair_slim ON pair (box, size, date) WHERE key IS NULL;

CREATE TABLE own (
	message INTEGER PRIMARY KEY,
	hash    BLOB NOT NULL               -- SHA-256 of the wire form of the file
) STRICT;
CREATE INDEX own_hash ON own (hash);
CREATE TRIGGER message_own AFTER DELETE ON message WHEN old.exact = 0
	BEGIN DELETE FROM own WHERE message = old.id; END;

ALTER TABLE intent ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
ALTER TABLE intent ADD COLUMN hash BLOB NOT NULL DEFAULT x'';
ALTER TABLE intent ADD COLUMN header BLOB NOT NULL DEFAULT x'';
ALTER TABLE intent ADD COLUMN message_id TEXT NOT NULL DEFAULT '';
`

// schema5 remembers whether the first sync of an account came to its end, and which mailboxes it left out: JSON, NULL as long as
// it did not. What is only here when a mailbox is looked at for the first time may be anybody's, and is not uploaded unasked.
const schema5 = `
ALTER TABLE account ADD COLUMN unseen TEXT;
UPDATE account SET unseen = '[]' WHERE id IN (SELECT account FROM box);
`

// schema6 knows what its user did to a mailbox here that the next sync is to do on the server.
const schema6 = `
ALTER TABLE box ADD COLUMN called TEXT NOT NULL DEFAULT ''; -- its new name here; '': it was not renamed
ALTER TABLE box ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
`

// schema7 remembers what a server offers and refuses, and at which messages it ends the connection (Breaker).
const schema7 = `
CREATE TABLE refused (
	account    INTEGER NOT NULL REFERENCES account,
	capability TEXT NOT NULL,
	at         INTEGER NOT NULL,
	PRIMARY KEY (account, capability)
) STRICT;

CREATE TABLE breaker (
	box      INTEGER NOT NULL REFERENCES box ON DELETE CASCADE,
	validity INTEGER NOT NULL,
	uid      INTEGER NOT NULL,
	size     INTEGER NOT NULL,
	tries    INTEGER NOT NULL,
	at       INTEGER NOT NULL,
	PRIMARY KEY (box, uid)
) STRICT;
`

// schema8 knows the name of a mailbox on the server where that does not follow from its name here.
const schema8 = `
ALTER TABLE box ADD COLUMN server TEXT NOT NULL DEFAULT '';
`

// schema9 keeps what else of a header is looked for: the Message-IDs that a message refers to, by which threads are made, and its
// Cc; a message with neither has no row. Whether something is attached is known once a body was read. Full text is made anew, for
// it knows the Cc of messages from now on.
const schema9 = `
CREATE TABLE detail (
	message INTEGER PRIMARY KEY,
	refs    TEXT NOT NULL,              -- oldest first, separated by spaces
	cc      TEXT NOT NULL
) STRICT;
CREATE TRIGGER message_detail AFTER DELETE ON message
	BEGIN DELETE FROM detail WHERE message = old.id; END;
DROP TABLE text;
CREATE VIRTUAL TABLE text USING fts5 (subject, sender, recipients, cc, body, attachments,
	content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2');
UPDATE message SET indexed = 0 WHERE indexed > 0;
ALTER TABLE message ADD COLUMN attached INTEGER; -- something is attached; NULL: its body was not read
`

// schema10 knows whose database it is: that of the root whose .postie.id says the same.
const schema10 = `
ALTER TABLE meta ADD COLUMN root TEXT NOT NULL DEFAULT '';
`

// schema11 counts the pairs of a mailbox, so that it is noticed when some are lost.
const schema11 = `
ALTER TABLE box ADD COLUMN pairs INTEGER NOT NULL DEFAULT 0;
UPDATE box SET pairs = (SELECT count(*) FROM pair WHERE pair.box = box.id);
CREATE TRIGGER pair_more AFTER INSERT ON pair BEGIN UPDATE box SET pairs = pairs + 1 WHERE id = new.box; END;
CREATE TRIGGER pair_less AFTER DELETE ON pair BEGIN UPDATE box SET pairs = pairs - 1 WHERE id = old.box; END;
`

// schema12 remembers of a receipt what became of its file (ledger.Receipt.Lost), since the row of the message goes with it.
const schema12 = `
ALTER TABLE receipt ADD COLUMN lost TEXT NOT NULL DEFAULT '';
`

// schema13 remembers at what else than messages that are asked for a connection ended: kind is what was to be done (plan.Kind), 0 is to
// look. With uid 0 and an empty key it is no message of the mailbox by itself.
const schema13 = `
CREATE TABLE breaker13 (
	box      INTEGER NOT NULL REFERENCES box ON DELETE CASCADE,
	kind     INTEGER NOT NULL,
	uid      INTEGER NOT NULL,
	key      TEXT NOT NULL,
	validity INTEGER NOT NULL,
	size     INTEGER NOT NULL,
	tries    INTEGER NOT NULL,
	at       INTEGER NOT NULL,
	PRIMARY KEY (box, kind, uid, key)
) STRICT;
INSERT INTO breaker13 SELECT box, 0, uid, '', validity, size, tries, at FROM breaker;
DROP TABLE breaker;
ALTER TABLE breaker13 RENAME TO breaker;
ALTER TABLE box ADD COLUMN ignored TEXT NOT NULL DEFAULT ''; -- JSON: flags that the server says OK to and does not keep
`

// schema14 remembers when a mailbox was last compared whole with its server.
const schema14 = `
ALTER TABLE box ADD COLUMN audited INTEGER NOT NULL DEFAULT 0;
`

// schema15 counts what accounts received, by hours since 1970 in UTC: some providers permit so much in a day.
const schema15 = `
CREATE TABLE traffic (
	protocol TEXT NOT NULL,
	user     TEXT NOT NULL,
	host     TEXT NOT NULL,             -- lower case
	hour     INTEGER NOT NULL,
	bytes    INTEGER NOT NULL,
	PRIMARY KEY (protocol, user, host, hour)
) STRICT;
`

// schema16 leaves the pairs of messages that were archived (state 4) out of those that every run looks at: an archive has very many.
const schema16 = `
DROP INDEX pair_odd;
DROP INDEX pair_unlike;
CREATE INDEX pair_odd ON pair (box) WHERE state <> 4 AND (state <> 0 OR key IS NULL OR local <> remote OR local_keywords <> remote_keywords);
CREATE INDEX pair_unlike ON pair (box) WHERE state <> 4 AND (state <> 0 OR local <> remote OR local_keywords <> remote_keywords);
`

// schema17 remembers which mailboxes are subscribed on the server, so that restore can subscribe to the same.
const schema17 = `
ALTER TABLE box ADD COLUMN subscribed INTEGER; -- NULL: the server did not say
`

// schema18 finds what was archived by its size: what is new on a server may be one of those, in whatever mailbox.
const schema18 = `
CREATE INDEX pair_archived ON pair (box, size) WHERE state = 4;
`

// schema19 remembers of the runs of an account what its user was told of them, and need not be told again.
const schema19 = `
ALTER TABLE run ADD COLUMN told TEXT NOT NULL DEFAULT ''; -- as cmd/postie has it
`

// schema20 takes from each new pair what it does not need: what has no key is found by pair_key, what else pair_odd knew by pair_unlike;
// and pairs are counted by who inserts them (imap/base), once for many.
const schema20 = `
DROP INDEX pair_odd;
DROP TRIGGER pair_more;
`

// migrate brings an open database from the schema version it has up to ours.
func migrate(ctx context.Context, db *sql.DB) error {
	var have int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	for ; have < len(migrations()); have++ {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		_, err = tx.Exec(migrations()[have] + fmt.Sprintf("; PRAGMA user_version = %d", have+1))
		if err == nil {
			err = tx.Commit()
		}
		if err != nil {
			tx.Rollback()
			return fmt.Errorf("migrate to schema version %d: %w", have+1, err)
		}
	}
	return nil
}
