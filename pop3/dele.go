package pop3

import (
	"context"
	"iter"
)

// Deleted is one answer to DELE.
type Deleted struct {
	Number  Number
	Refused *Error // -ERR for this message: it is not marked
}

// Delete marks messages by DELE (RFC 1939 section 5), in the order of nums, pipelined like Retrieve and with its rules
// for errors and for loops that are left early. The server deletes what is marked only if Quit returns nil; commands
// that were in flight when a loop was left early are in force, too.
func (s *Session) Delete(ctx context.Context, nums iter.Seq[Number]) iter.Seq2[Deleted, error] {
	return func(yield func(Deleted, error) bool) {
		for m, err := range s.each(ctx, flight{verb: "DELE"}, bare(nums)) {
			if !yield(Deleted{m.Number, m.Refused}, err) {
				return
			}
		}
	}
}
