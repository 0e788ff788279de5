package restore

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// Mail of 20 mailboxes is put back by runs whose connection ends again and again, each some steps later than the one before, on servers that
// differ: all is there then, octet for octet, with flags and dates, and another run does nothing. With POSTIE_TEST_LONG=1 they are 10,000
// messages.
func TestManyMailboxes(t *testing.T) {
	messages, stride := 200, 45
	if os.Getenv("POSTIE_TEST_LONG") != "" {
		messages, stride = 10000, 170
	}
	for _, name := range slices.Sorted(maps.Keys(rungs())) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := street(t, rungs()[name])(t)
			root := many(t, messages)
			runs, began := 0, time.Now()
			for {
				runs++
				var conn net.Conn
				_, err := a.run(root, func(o *Options) {
					dial, n := o.IMAP.Dial, 0
					o.IMAP.Dial = func(ctx context.Context) (net.Conn, error) {
						if conn != nil {
							return nil, io.ErrClosedPipe
						}
						var err error
						conn, err = dial(ctx)
						return conn, err
					}
					o.Step = func(string) {
						if n++; n == stride {
							conn.Close()
						}
					}
				})
				if err == nil {
					break
				}
			}
			if want := messages/stride/4 + 1; runs < want {
				t.Errorf("%d runs, fewer than %d", runs, want)
			}
			a.equal(here(t, root), "cut off again and again")
			a.rests(root)
			t.Logf("%d messages, %d runs, %v", messages, runs, time.Since(began).Round(time.Second))
		})
	}
}

// many is mail in 20 mailboxes: flags, keywords, equal copies, dates, sizes.
func many(t *testing.T, messages int) string {
	root := tree(t)
	for n := range messages {
		mailbox := fmt.Sprintf("Archive/year %d/cur", 2000+n%20)
		text := letter(1000 + n - n%2*(n%3)/2) // some are equal
		text += strings.Repeat("more text\n", n%31)
		put(t, root, fmt.Sprintf("%s/%d.m:2,%s", mailbox, n, []string{"", "S", "FS", "RS", "S", "P"}[n%6]), text, n%2000) // a date to come is another one to Dovecot
	}
	return root
}
