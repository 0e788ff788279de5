package ui

import (
	"bytes"
	"errors"
	"testing"
)

// In the journal each line has its priority, also the second of two; elsewhere none has.
func TestJournal(t *testing.T) {
	for _, journal := range []bool{true, false} {
		var out, err bytes.Buffer
		u := New(Options{Out: &out, Err: &err, Journal: journal, Verbose: 1, Getenv: func(string) string { return "" }})
		u.Error(Failure{Account: "a", Err: errors.New("no"), Hint: "do\nthis"})
		u.Notice("a", "hm")
		u.Verbose(1, "a", "said")
		u.Change("a", "INBOX", "new", false)
		wantErr, wantOut := "<3>postie: a: no\n<3>  try: do\n<3>       this\n<4>note: a: hm\n<7>a: said\n", "<6>a: INBOX: new\n"
		if !journal {
			wantErr, wantOut = "postie: a: no\n  try: do\n       this\nnote: a: hm\na: said\n", "a: INBOX: new\n"
		}
		if err.String() != wantErr || out.String() != wantOut {
			t.Errorf("%q\n%q", err.String(), out.String())
		}
	}
}
