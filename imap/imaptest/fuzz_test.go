package imaptest

import (
	"bufio"
	"strings"
	"testing"
)

// A response that passes a man in the middle who changes nothing comes out as it went in, literals and all.
func FuzzOutside(f *testing.F) {
	f.Add("* 1 FETCH (UID 5 BODY[HEADER.FIELDS (A B)]<0> {5}\r\na\r\nb) FLAGS (\\Seen))\r\n")
	f.Add("* LIST () \"/\" {3}\r\n{9}\r\n")
	f.Add("a\n\r\n")
	f.Add("a {5}\r\naFLA\r\r\n")
	f.Add("a {5}\r\naFLA\r\n")
	f.Add("x {99999999999999999999}\r\n")
	f.Fuzz(func(t *testing.T, in string) {
		r := bufio.NewReader(strings.NewReader(in))
		for rest := in; ; {
			message, err := read(r, nil)
			if err != nil {
				return
			}
			if !strings.HasPrefix(rest, message) {
				t.Fatalf("read %q of %q", message, rest)
			}
			rest = strings.TrimPrefix(rest[len(message):], "\r\n")
			if same := outside(message, func(line string) string { return line }); same != message {
				t.Fatalf("%q became %q", message, same)
			}
		}
	})
}
