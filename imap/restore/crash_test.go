package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"testing"

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
				a.recovers(root, want, fmt.Sprintf("step %d (%v, %v)", step, err, killed))
			}
			if step < 15 {
				t.Errorf("only %d steps", step)
			}
		})
	}
}

// The connection breaks after each read, and in the middle of each write.
func TestCutEverywhere(t *testing.T) {
	servers := crashRungs()
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			next := street(t, servers[name])
			root := tree(t)
			want := here(t, root)
			for what, cuts := range map[string]func(n int) *cutting{
				"read":  func(n int) *cutting { return &cutting{reads: n, writes: -1} },
				"write": func(n int) *cutting { return &cutting{reads: -1, writes: n} },
			} {
				n := 0
				for ; ; n++ {
					a := next(t)
					_, err := a.run(root, func(o *Options) {
						dial := o.IMAP.Dial
						o.IMAP.Dial = func(ctx context.Context) (net.Conn, error) {
							c := cuts(n)
							var err error
							c.Conn, err = dial(ctx)
							return c, err
						}
					})
					if err == nil {
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

// cutting is a connection that breaks after so many reads, or in the middle of a write; -1: never.
type cutting struct {
	net.Conn
	reads, writes int
}

func (c *cutting) Read(p []byte) (int, error) {
	if c.reads == 0 {
		c.Close()
		return 0, io.ErrUnexpectedEOF
	}
	c.reads--
	return c.Conn.Read(p)
}

func (c *cutting) Write(p []byte) (int, error) {
	if c.writes == 0 {
		c.Conn.Write(p[:len(p)/2])
		c.Close()
		return 0, io.ErrClosedPipe
	}
	c.writes--
	return c.Conn.Write(p)
}
