// Package pop3 is the client side of POP3 (RFC 1939), made for retrieving mail that must not be lost.
//
// A Session is made by Connect and goes through one maildrop: Survey says what is there, Top and Retrieve bring
// headers and messages, Delete marks, Quit commits. Nothing is deleted on the server unless Quit returned nil.
//
// Commands and status lines are carried by knadh/go-pop3. It is kept behind a fence, a net.Conn whose Read never
// goes past the end of a line, so that after each status line its buffer is empty and this package reads lists,
// challenges and bodies itself: streamed, exact to the byte, with limits and deadlines, and pipelined.
//
// Blame is a type: *Error is a refusal (-ERR) and leaves the session usable; *ProtocolError is nonsense;
// *LoginError and *TLSRefusedError end Connect; anything else comes from the line (net.Error, io.ErrUnexpectedEOF)
// or is the cause of the context. All but *Error end the session.
//
// Obeyed here: RFC 1939 (POP3), RFC 2449 (CAPA, response codes, PIPELINING), RFC 2595 (STLS), RFC 3206 (AUTH and
// SYS codes), RFC 5034 (SASL; its elder RFC 1734). UTF8 (RFC 6856) is read from CAPA and never asked for: messages
// are wanted as they were stored, not converted.
package pop3
