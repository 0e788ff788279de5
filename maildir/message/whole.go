package message

import "fmt"

// Verdict says whether a message came whole, as far as its size tells.
type Verdict uint8

const (
	Whole    Verdict = iota
	Doubtful         // to be asked for once more: what comes twice alike is believed
	CutOff           // not what the server announced: to be left there
)

// Judge compares a message that came with the size that its server announced (LIST, RFC822.SIZE): octets as they are on the wire.
// ended says that its header came to its end, body how many octets followed (Header.Done, Header.Body).
//
// More than was announced, or nothing announced, says nothing: Exchange estimates sizes, Gmail counts a little more than it sends, some
// count each line's end as one octet. Some octets less are forgiven in a message that has a header and a body: up to half of what
// was announced. A message without the one or the other, as a server gives whose storage is not there, must not fall short by
// more than servers miscount (a sixteenth and some octets); by less it is asked for again.
func Judge(announced, came int64, ended bool, body int64) Verdict {
	complete := ended && body > 0
	missing, slack := announced-came, Slack(announced)
	switch {
	case announced <= 0 || missing <= 0:
		return Whole
	case !complete && missing > slack:
		return CutOff
	case !complete:
		return Doubtful
	case came*2 >= announced:
		return Whole
	}
	return CutOff
}

// Slack is by how many octets servers miscount a message of that size.
func Slack(announced int64) int64 { return announced/16 + 128 }

// Short is the error of a message of which less came than the server announced.
type Short struct{ Announced, Came int64 }

func (e *Short) Error() string {
	return fmt.Sprintf("%d octets came of %d that the server announced: nothing was stored, it stays there and is asked for again in the next run", e.Came, e.Announced)
}
