package credential

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestHide(t *testing.T) {
	var k Secrets
	k.Learn(NewSecret("hunter2&Co"), NewSecret("ya29.A0ARrdaM-k_5tGh7Qw8ErTyUiOpAsDfGhJkLzXcVbNm"), Secret{})
	for in, want := range map[string]string{
		"nothing here":                  "nothing here",
		"no hunter2&Co for you":         "no *** for you",
		"HUNTER2&CO hunter2&Co":         "*** ***",
		"hunter2&Cohunter2&Co":          "***",
		"pass=hunter2%26Co&x":           "pass=***&x",
		`"hunter2\&Co"`:                 `"***"`,
		"hunter2&amp;Co!":               "***!",
		"bad user \"hunter2&C":          "bad user \"***",
		`"... hunter2"`:                 `"... ***"`,
		"hunter2 is not all of it":      "hunter2 is not all of it",
		"ya29.A0ARrdaM-k_5 expired":     "*** expired",
		"GhJkLzXcVbNm":                  "***",
		"68756e7465723226436f":          "***",
		"(aHVudGVyMiZDbw==)":            "(***)",
		"token ya29 is of another kind": "token ya29 is of another kind",
	} {
		if got := k.Hide(in); got != want {
			t.Errorf("%s: %s, not %s", in, got, want)
		}
	}
	var none *Secrets
	none.Learn(NewSecret("x"))
	if got := none.Hide("x"); got != "x" {
		t.Error(got)
	}
}

// Whatever is around a secret and however it is written: nothing of it is left that would say what it is.
func TestHideProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[!-~]{8,40}`).Draw(t, "secret")
		user := rapid.StringMatching(`[a-z@.]{0,20}`).Draw(t, "user")
		var k Secrets
		k.Learn(NewSecret(secret))
		quoted, _ := json.Marshal(secret)
		initial := user + "\x00" + user + "\x00" + secret
		bearer := "n,a=" + user + ",\x01auth=Bearer " + secret + "\x01\x01"
		for _, form := range []string{secret, strings.ToUpper(secret), url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret), string(quoted),
			fmt.Sprintf("%q", secret), hex.EncodeToString([]byte(secret)), fmt.Sprintf("%X", secret),
			base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
			base64.StdEncoding.EncodeToString([]byte(initial)), base64.URLEncoding.EncodeToString([]byte(bearer))} {
			got := k.Hide("NO [X] <" + form + "> ~")
			rest := strings.ReplaceAll(got, mask, "")
			if !strings.Contains(got, mask) || len(rest) > len("NO [X] <> ~")+2 {
				t.Errorf("%s left %s", form, got)
			}
			if again := k.Hide(got); again != got {
				t.Errorf("%s becomes %s", got, again)
			}
		}
	})
}
