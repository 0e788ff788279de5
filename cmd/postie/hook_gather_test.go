package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/hook"
	"postie/cmd/postie/internal/ui"
)

// Under watch bursts are gathered, what is due at the end is run, and of a hook that fails each time one hears once.
func TestHooksGathered(t *testing.T) {
	t.Parallel()
	said := filepath.Join(t.TempDir(), "said")
	var out output
	synctest.Test(t, func(t *testing.T) {
		a := newApp(&out, &out, &interruption{cancel: func(error) {}})
		if err := a.begin(); err != nil {
			t.Fatal(err)
		}
		account := config.Account{Name: "a", Hooks: config.Hooks{NewMail: []string{"sh", "-c", `echo "$POSTIE_NEW $POSTIE_MAILBOXES" >>"$1"; exit 1`, "sh", said}}}
		h := newHooking(a, "a")
		quit, ended := make(chan struct{}), make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { h.loop(ctx, quit); close(ended) }()
		came := func(n int, mailbox string) {
			h.add(hook.Run{Account: account, Summary: ui.Summary{OK: true, New: n, Changed: []string{mailbox}}})
		}
		came(1, "INBOX")
		time.Sleep(900 * time.Millisecond)
		came(2, "Lists")
		time.Sleep(5 * time.Second)
		h.add(hook.Run{Account: account, Summary: ui.Summary{OK: true}}) // nothing new
		time.Sleep(5 * time.Second)
		came(4, "INBOX")
		time.Sleep(5 * time.Second)
		came(5, "INBOX")
		cancel() // watch ends: what is at work has some seconds left, as has what is pending
		time.Sleep(5 * time.Second)
		came(6, "INBOX")
		close(quit)
		<-ended
	})
	got, _ := os.ReadFile(said)
	if want := "3 INBOX\nLists\n4 INBOX\n5 INBOX\n6 INBOX\n"; string(got) != want {
		t.Errorf("said:\n%swant:\n%s", got, want)
	}
	if n := strings.Count(out.String(), "hook new_mail: sh: exit status 1"); n != 2 {
		t.Errorf("told %d times: once, and once more after it had gone well\n%s", n, out.String())
	}
}

// A hook at work when watch ends has hooksAtEnd, and not longer.
func TestOutlasting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		late, cancel := outlasting(ctx)
		defer cancel()
		end()
		began := time.Now()
		if <-late.Done(); time.Since(began) != hooksAtEnd {
			t.Errorf("it ended after %v", time.Since(began))
		}
	})
}

// A message in hand that stands still when its part of the work has ended already: the account goes on.
func TestPartEndedMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, g, leave := (&interruption{cancel: func(error) {}}).enter(t.Context())
		defer leave()
		part, done := g.part(ctx)
		release := g.hold()
		defer release()
		g.stop(errors.New("enough"))
		done()
		time.Sleep(2 * stalled)
		if ctx.Err() != nil || part.Err() == nil {
			t.Errorf("the account: %v, the part: %v", ctx.Err(), part.Err())
		}
	})
}
