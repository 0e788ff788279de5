package pop3

import (
	"context"
	"iter"
)

// Top fetches headers by TOP n 0 (RFC 1939 section 7): the header and the empty line after it. All else is as with
// Retrieve. A server without TOP refuses each message; Capabilities().TOP tells beforehand if the server knows CAPA.
func (s *Session) Top(ctx context.Context, nums iter.Seq[Number]) iter.Seq2[Message, error] {
	return s.each(ctx, flight{verb: "TOP", tail: " 0", multi: true}, bare(nums))
}
