package restore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"testing"

	"postie/imap/imaptest"
	"postie/testdata/dovecot"
)

// crashRungs are those on which another thing happens after a crash.
func crashRungs() map[string]dovecot.Options {
	all := rungs()
	return map[string]dovecot.Options{"full": all["full"], "no UIDPLUS": all["no UIDPLUS"], "bare": all["bare"]}
}

// A run keeps nothing on disk, so to the server its death is the end of a connection: here before each of its steps.
func TestKilledAtEveryStep(t *testing.T) {
	servers := crashRungs()
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			next := street(t, servers[name])
			root := tree(t)
			want := here(t, root)
			killed := errors.New("killed")
			step := 1
			for ; ; step++ {
				a := next(t)
				_, err := a.run(root, func(o *Options) {
					dial, n := o.IMAP.Dial, 0
					var conn net.Conn
					o.IMAP.Dial = func(ctx context.Context) (net.Conn, error) {
						if conn != nil {
							return nil, killed
						}
						var err error
						conn, err = dial(ctx)
						return conn, err
					}
					o.Step = func(string) {
						if n++; n == step {
							conn.Close()
						}
					}
				})
				if err == nil {
					break
				}
				a.recovers(root, want, fmt.Sprintf("step %d (%v)", step, err))
			}
			if step < 15 {
				t.Errorf("only %d steps", step)
			}
		})
	}
}

// The connection breaks after each read, and in the middle of each write: the run ends, or every second time goes on over another one, where it
// can.
func TestCutEverywhere(t *testing.T) {
	servers := crashRungs()
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			next := street(t, servers[name])
			root := tree(t)
			want := here(t, root)
			for what, cuts := range map[string]func(n int) *imaptest.Cut{
				"read":  func(n int) *imaptest.Cut { return &imaptest.Cut{Reads: n, Writes: -1} },
				"write": func(n int) *imaptest.Cut { return &imaptest.Cut{Reads: -1, Writes: n} },
			} {
				n := 0
				for ; ; n++ {
					a := next(t)
					c := cuts(n)
					_, err := a.run(root, func(o *Options) { o.IMAP.Dial = c.First(o.IMAP.Dial, n%2 != 0) })
					if !c.Broken() {
						a.ok(err)
						break
					}
					a.recovers(root, want, fmt.Sprintf("%s %d (%v)", what, n, err))
				}
				if n < 10 {
					t.Errorf("only %d %ss", n, what)
				}
			}
		})
	}
}

// recovers demands that another run brings all, once, and a third does nothing.
func (a *account) recovers(root string, want mail, when string) {
	a.Helper()
	a.restore(root)
	a.equal(want, when)
	a.rests(root)
}
