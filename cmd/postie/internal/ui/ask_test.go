package ui

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestAsk(t *testing.T) {
	var out, shown strings.Builder
	u := New(Options{Out: &out, Err: &shown})
	q := u.Asker(strings.NewReader("\nbob\nno\nalice@x\n9\n2\n\nmaybe\nn\nlast"))
	ask := func(def string, check func(string) error) string {
		t.Helper()
		answer, err := q.Ask(t.Context(), "Na\x1bme", def, check)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	if a := ask("def\x07ault", nil); a != "def\x07ault" {
		t.Errorf("%q", a)
	}
	if a := ask("", nil); a != "bob" {
		t.Errorf("%q", a)
	}
	at := func(s string) error {
		if !strings.Contains(s, "@") {
			return errors.New("an @ is missing")
		}
		return nil
	}
	if a := ask("", at); a != "alice@x" {
		t.Errorf("%q", a)
	}
	for _, want := range []int{1, 0} {
		if n, err := q.Choose(t.Context(), "Which", 0, "one", "two"); n != want || err != nil {
			t.Errorf("%d %v", n, err)
		}
	}
	if yes, err := q.Confirm(t.Context(), "Sure?", true); yes || err != nil {
		t.Errorf("%v %v", yes, err)
	}
	if a := ask("", nil); a != "last" {
		t.Errorf("%q", a)
	}
	if _, err := q.Ask(t.Context(), "More", "def", nil); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("the end of the input is no answer: %v", err)
	}
	if out.Len() > 0 || strings.ContainsAny(shown.String(), "\x1b\x07") {
		t.Errorf("%q %q", out.String(), shown.String())
	}
	for _, want := range []string{"Na␛me [def␇ault]: ", "  an @ is missing\n", "  1  one\n  2  two\nNumber [1]: ", "a number from 1 to 2", "Sure? [yes]: ", "yes or no"} {
		if !strings.Contains(shown.String(), want) {
			t.Errorf("%q is not in %q", want, shown.String())
		}
	}
}

func TestAskInterrupted(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if _, err := New(Options{Out: io.Discard, Err: io.Discard}).Asker(r).Ask(ctx, "?", "", nil); !errors.Is(err, why) {
		t.Error(err)
	}
}
