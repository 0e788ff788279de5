// Package imap is a client session of IMAP4rev1 (RFC 3501) with the extensions that cheap synchronisation needs.
//
// It stands on emersion/go-imap/v2 (imapclient, pinned at v2.0.0-beta.8), which writes commands, matches their replies,
// and reads SEARCH, ESEARCH and NAMESPACE. Between imapclient and the socket lies the wire (wire*.go), which knows lines and literals:
//
//   - Connect runs greeting, STARTTLS, login, ID, ENABLE and COMPRESS by itself, one step after the other; the library begins
//     after the login, greeted with PREAUTH, so nothing learnt in cleartext and no half-done exchange ever reaches it.
//   - Out: a command is passed on as the library wrote it, apart from one announced change (amend): QRESYNC for CONDSTORE, LSUB for LIST, …
//     A literal goes out unsynchronised where the server allows it, and a refused one is swallowed: a refused APPEND leaves the session alive.
//   - In: tagged replies and continuations go to the library, response codes apart. Untagged responses are read here, because
//     the library closes the connection at every one that it does not know and loses FETCH responses that are not in the order it expects.
//     What belongs to the command under way is collected for it (inbox); everything else becomes an Event.
//
// Deadlines, line limits, cancellation and the trace live in the wire too.
package imap
