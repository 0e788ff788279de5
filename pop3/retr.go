package pop3

import (
	"context"
	"io"
	"iter"
)

// Message is one answer to RETR or TOP.
type Message struct {
	Number Number

	// Body is the message in wire form: unstuffed, with its CRLFs, every octet as the server sent it. It is valid
	// until the next iteration; what was not read by then is skipped. It is complete only when Read said io.EOF: if
	// the connection breaks, Read gives the error, and so does the next iteration. It is an io.WriterTo as well.
	Body io.Reader

	// Dots are those at the begin of a line that were taken away (RFC 1939 section 3): all of them once Body has come to its end.
	Dots *Dots

	Refused *Error // -ERR for this message; Body is nil

	// InStep says that every message before this one is the one that was asked for. With Retrieve it is false after a
	// message that is smaller than LIST said, until the server has shown that its answers still belong to the commands. It is
	// told beside an error too; a loop that ends without an error is in step.
	InStep bool
}

// KeepDots says whether Retrieve leaves the dots at the begin of a line to the messages, for a server that doubles none; see Dots.
func (s *Session) KeepDots(keep bool) { s.keepDots = keep }

// Retrieve fetches messages by RETR (RFC 1939 section 5), in the order of items, which Survey listed. If the server
// offers PIPELINING, Options.Window commands are in flight, else one. items is run in the caller's goroutine, up to a
// window ahead of what is yielded.
//
// A refused message is yielded with Refused and the next one follows. An error (*ProtocolError, the line's, the cause
// of ctx) is yielded last, with the number of the message that it struck, if any; the session is then closed.
// A loop that is left early (break) leaves the session usable: the next method first reads and drops the answers in
// flight, at most a window of messages. If they are not worth that, Close instead.
func (s *Session) Retrieve(ctx context.Context, items iter.Seq[Item]) iter.Seq2[Message, error] {
	return s.each(ctx, flight{verb: "RETR", multi: true, check: true}, items)
}
