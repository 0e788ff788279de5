package message_test

import (
	"testing"

	"postie/maildir/message"
)

func TestBaseSubject(t *testing.T) {
	for in, want := range map[string]string{
		"apples": "apples", "Re: apples": "apples", "RE : re: Re[2]: apples": "apples", "[list] Re: [list] apples (fwd)": "apples",
		"AW: WG: Äpfel": "Äpfel", "[fwd: apples]": "apples", "[Fwd: Re: apples]": "apples", "Re:": "", "": "", "[apples]": "[apples]", "[a] [b]": "[a] [b]",
		"regarding: apples": "regarding: apples", "10:30": "10:30", " a \t b ": "a b", "回复: 苹果": "苹果",
	} {
		if got := message.BaseSubject(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
