// Package imap is a client session of IMAP4rev1 (RFC 3501) with the extensions that cheap synchronisation needs.
//
// It stands on emersion/go-imap/v2 (imapclient, pinned at v2.0.0-beta.8), which writes commands and matches their
// replies. Between imapclient and the socket lies the wire (wire*.go), which knows lines and literals:
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
//
// Blame is a type: *Error is a refusal (NO, BAD) and leaves the session usable, as do *MissingError (messages that did not
// come), *UnsupportedError (nothing was sent) and *UnreadableError (a line was passed over that counts); *ProtocolError is nonsense;
// *LoginError and *TLSRefusedError end Connect; anything else comes from the line (net.Error, io.ErrUnexpectedEOF; an *Error with Status BYE), from the source of an
// upload, or is the cause of the context.
//
// Obeyed here: RFC 3501 and what of RFC 9051 explains it, RFC 2177 (IDLE), RFC 2342 (NAMESPACE), RFC 2971 (ID), RFC 4315
// (UIDPLUS), RFC 4731 (ESEARCH), RFC 4959 (SASL-IR), RFC 4978 (COMPRESS), RFC 5161 (ENABLE), RFC 5258 and 5819 (LIST),
// RFC 5465 (NOTIFY), RFC 5530 (response codes), RFC 6154 (special use), RFC 6851 (MOVE), RFC 7162 (CONDSTORE, QRESYNC),
// RFC 7888 (literals), RFC 7889 (APPENDLIMIT), RFC 8474 (OBJECTID). IMAP4rev2 and UTF8=ACCEPT are never enabled: mailbox names
// are modified UTF-7 on the wire and UTF-8 here.
package imap
