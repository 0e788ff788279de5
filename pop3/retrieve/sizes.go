package retrieve

import (
	"fmt"

	"postie/pop3"
)

// verdict says whether a message came whole, as far as its size tells.
type verdict uint8

const (
	whole    verdict = iota
	doubtful         // to be asked for once more: what comes twice alike is believed
	cutOff           // not what the server lists: to be left there
)

// sizes is what a run knows of how far the server's sizes can be trusted. Exchange estimates them, Gmail counts a little more
// than it sends, some count each line's end as one octet, some give 0 or one size to all; and some send less than there is.
type sizes struct {
	uniform   bool  // it lists the same size for all of several messages
	right     bool  // one of them had that size, nearly
	low, high int64 // of those that came with header and body; 0: none did
}

// uniform says whether a list gives one size to all of several messages.
func uniform(items []pop3.Item) bool {
	for _, it := range items {
		if it.Size != items[0].Size {
			return false
		}
	}
	return len(items) > 2
}

// judge compares a message that came with what LIST said of it: octets as they are on the wire. ended says that its header came to
// its end, body how many octets followed.
//
// More than was listed, or nothing listed, says nothing. Some octets less are forgiven in a message that has a header and a
// body: up to half of what was listed. A message without the one or the other, as a server gives whose storage is not
// there, must not fall short by more than servers miscount (a sixteenth and some octets); by less it is asked for again. A
// message of less than half its size did not come, unless the server gives one size to all.
func (s *sizes) judge(listed, size int64, ended bool, body int64) verdict {
	missing, slack := listed-size, listed/16+128
	complete := ended && body > 0
	if complete {
		s.right = s.right || missing <= slack && -missing <= slack
		if s.low == 0 || size < s.low {
			s.low = size
		}
		s.high = max(s.high, size)
	}
	switch {
	case listed <= 0 || missing <= 0:
		return whole
	case !complete && missing > slack:
		return cutOff
	case !complete:
		return doubtful
	case size*2 >= listed:
		return whole
	case s.uniform && !s.right:
		return doubtful
	}
	return cutOff
}

// believes says whether a doubtful message that came twice alike is what the server has. One of less than half its size is, if
// the sizes listed are plainly no sizes: the same for all, and right for none of messages that differ. If they do not differ, it
// may be the server that cuts each.
func (s *sizes) believes(listed, size int64) bool {
	return size*2 >= listed || size == 0 || s.uniform && !s.right && s.low != s.high || listed-size <= listed/16+128
}

// Short is the error of a message of which less came than the server lists.
type Short struct{ Listed, Came int64 }

func (e *Short) Error() string {
	return fmt.Sprintf("%d octets came of %d that the server lists: nothing was stored, it stays there and is asked for again in the next run", e.Came, e.Listed)
}
