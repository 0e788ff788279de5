package base

import (
	"context"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"postie/imap/plan"
)

// What 200,000 messages without a body cost a run in which nothing happened.
func BenchmarkBodyless(b *testing.B) {
	_, a, in, _ := based(b)
	ctx := context.Background()
	uid := imap.UID(0)
	for range 200 {
		as := make([]Agreement, 1000)
		for i := range as {
			uid++
			as[i] = paired(in, uid, "")
		}
		must(b, a.Agree(ctx, as))
	}
	for name, bodies := range map[string]plan.Bodies{"none": {None: true}, "max_size": {MaxSize: 10}, "max_age": {MaxAge: time.Hour}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				always, err := a.AlwaysInView(ctx, in.ID)
				must(b, err)
				rows, err := a.Bodyless(ctx, in.ID, plan.Policy{Now: time.Now(), Terms: plan.Terms{Bodies: bodies}}.Bounds(), false)
				must(b, err)
				if len(always)+len(rows) > 0 {
					b.Fatal(len(always), len(rows))
				}
			}
		})
	}
	b.Run("all mailboxes", func(b *testing.B) {
		for b.Loop() {
			_, err := a.Mailboxes(ctx)
			must(b, err)
		}
	})
}
