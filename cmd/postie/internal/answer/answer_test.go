package answer

import (
	"testing"
	"time"
)

func TestOf(t *testing.T) {
	for _, tt := range []struct {
		code, text string
		want       Meaning
		wait       time.Duration
	}{
		{"", "", Unknown, 0},
		{"", "no", Unknown, 0},
		{"ALERT", "Too many simultaneous connections. (Failure)", Busy, 0},
		{"", "User is authenticated but not connected.", Busy, 0},
		{"", "maildrop already locked", Busy, 0},
		{"", "[x] alice lock busy!  Is another session active? (10)", Busy, 0},
		{"OVERQUOTA", "Account exceeded command or bandwidth limits. (Failure)", Throttled, 0},
		{"", "Request is throttled. Suggested Backoff Time: 299499 milliseconds", Throttled, 299499 * time.Millisecond},
		{"", "Exceeded the login limit for a 15 minute period. Reduce the frequency of requests to the POP3 server.", Throttled, 15 * time.Minute},
		{"INUSE", "Mailbox in use", Busy, 0}, // these four in the words of RFC 5530 and of providers: a code counts whatever they are
		{"LIMIT", "Rate limit hit", Throttled, 0},
		{"SYS/TEMP", "try again in 2 minutes", Unavailable, 2 * time.Minute},
		{"THROTTLED", "password? no; wait 90 seconds", Throttled, 90 * time.Second},
		{"", "Suggested Backoff Time: 1500 milliseconds", Throttled, 1500 * time.Millisecond},
		{"UNAVAILABLE", "", Unavailable, 0},
		{"OVERQUOTA", "", Throttled, 0},
		{"", "Account exceeded bandwidth limits", Throttled, 0},
		{"", "Too many simultaneous connections", Busy, 0},
		{"LOGIN-DELAY", "please wait 30 seconds", Throttled, 30 * time.Second},
		{"UNAVAILABLE", "Temporary authentication failure.", Unavailable, 0},
		{"", "Server Unavailable. 15", Unavailable, 0},
		{"", "Temporary authentication failure", Unavailable, 0},
		{"", "server too busy", Unavailable, 0},
		{"", "try again in 999999999 hours", Unknown, 24 * time.Hour},
		{"AUTHENTICATIONFAILED", "Temporary madness, try again later", WrongPassword, 0},
		{"", "Invalid credentials (Failure)", WrongPassword, 0},
		{"", "Username and password not accepted.", WrongPassword, 0},
		{"", "AUTHENTICATE failed.", WrongPassword, 0},
		{"", "Unsupported authentication mechanism.", NotSupported, 0},
	} {
		if got := Of(tt.code, tt.text); got != (Answer{tt.want, tt.wait}) {
			t.Errorf("[%s] %s: %+v, want %v, %v", tt.code, tt.text, got, tt.want, tt.wait)
		}
	}
}

// Every row can be reached, says where it comes from, and a phrase is written as it is looked for.
func TestTable(t *testing.T) {
	for _, row := range codes() {
		if got := Of(row.code, "").Meaning; got != row.means || row.source == "" {
			t.Errorf("%s: %v, source %q", row.code, got, row.source)
		}
	}
	for _, row := range phrases() {
		if got := Of("", "x "+row.phrase+" y").Meaning; got != row.means || row.source == "" {
			t.Errorf("%s: %v, source %q", row.phrase, got, row.source)
		}
	}
}
