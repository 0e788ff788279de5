package answer

import (
	"testing"
	"time"
)

// Whatever a server says, what it means is one of the meanings, and nobody waits for longer than a day.
func FuzzOf(f *testing.F) {
	f.Add("AUTHENTICATIONFAILED", "Invalid credentials")
	f.Add("", "Suggested Backoff Time: 299499 milliseconds")
	f.Add("", "try again in 999999999 hours")
	f.Add("SYS/TEMP", "wait 0 seconds")
	f.Fuzz(func(t *testing.T, code, text string) {
		a := Of(code, text)
		if a.Wait < 0 || a.Wait > 24*time.Hour || a.Meaning > Throttled {
			t.Fatalf("%q %q: %+v", code, text, a)
		}
		if b := Of(code, text); a != b {
			t.Fatalf("%+v and %+v", a, b)
		}
	})
}
