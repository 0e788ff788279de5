package credential

import (
	"encoding/base64"
	"strings"
	"testing"
)

// Whatever stands around a secret, none of it comes through; to hide twice changes nothing; a text that has nothing to do with it
// stays as it is.
func FuzzHide(f *testing.F) {
	f.Add("hunter2&Co", "NO [x] ", " wrong", "plain text")
	f.Add(`p"\%41<é`, "&amp;", "%2", `\u0070\"`)
	f.Add("aaaaaaaa", "aaa", "aaa", "a a a")
	f.Add("0123456789abcdef0123456789abcdef", "=", "%3", "0123456789ab")
	f.Fuzz(func(t *testing.T, secret, before, behind, other string) {
		if len(secret) < shortest || len(secret) > 200 || len(before)+len(behind)+len(other) > 2000 {
			return
		}
		var k Secrets
		k.Learn(NewSecret(secret))
		for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))} {
			said := before + form + behind
			got := k.Hide(said)
			if strings.Contains(got, form) && !strings.Contains(mask, form) {
				t.Fatalf("%q becomes %q", said, got)
			}
			if len(got) > len(said)+len(mask)*(1+len(said)/shortest) {
				t.Fatalf("%q becomes %q", said, got)
			}
		}
		got := k.Hide(other)
		if again := k.Hide(got); again != got && !strings.Contains(secret, "*") {
			t.Fatalf("%q becomes %q, and that %q", other, got, again)
		}
		if got != other && !strings.Contains(got, mask) {
			t.Fatalf("%q becomes %q", other, got)
		}
	})
}
