package retrieve

import (
	"postie/maildir/message"
	"postie/pop3"
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

// judge is message.Judge, but for servers whose sizes are none. Where one size is given to all, less than half of it is doubtful only. And
// where no size says that something is missing, nothing, or a header without a body, is doubtful.
func (s *sizes) judge(listed, size int64, ended bool, body int64) message.Verdict {
	complete := ended && body > 0
	if complete {
		missing, slack := listed-size, message.Slack(listed)
		s.right = s.right || missing <= slack && -missing <= slack
		if s.low == 0 || size < s.low {
			s.low = size
		}
		s.high = max(s.high, size)
	}
	v := message.Judge(listed, size, ended, body)
	if v == message.CutOff && complete && s.uniform && !s.right {
		return message.Doubtful
	}
	if v == message.Whole && !complete && (listed <= 0 || s.uniform && !s.right) {
		return message.Doubtful
	}
	return v
}

// believes says whether a doubtful message that came twice alike is what the server has. One of less than half its size is, if
// the sizes listed are plainly no sizes: the same for all, and right for none of messages that differ. If they do not differ, it
// may be the server that cuts each.
func (s *sizes) believes(listed, size int64) bool {
	return size*2 >= listed || size == 0 || s.uniform && !s.right && s.low != s.high || listed-size <= message.Slack(listed)
}
