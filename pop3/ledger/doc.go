// Package ledger remembers what was agreed with a POP3 server: which messages of a maildrop were stored under which UIDL, which
// of them the server has deleted for us, and which it could not give. It is kept in the database of maildir/index.
//
// A Receipt is written before a file gets its name, and confirmed when the name is durable. So a run that was killed in between
// leaves a row that tells the next one where to look, and a message is never deleted on the server before its row says Stored.
package ledger
