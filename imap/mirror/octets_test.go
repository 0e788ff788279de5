package mirror

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"testing"

	"postie/testdata/dovecot"
)

// trickle is a connection that brings one octet at a time, and ends after so many.
type trickle struct {
	net.Conn
	came *int
	last int // 0: it does not end
}

func (c *trickle) Read(p []byte) (int, error) {
	if c.last > 0 && *c.came >= c.last {
		c.Close()
		return 0, io.ErrUnexpectedEOF
	}
	n, err := c.Conn.Read(p[:min(1, len(p))])
	*c.came += n
	return n, err
}

// All comes one octet at a time, and the line is cut after an octet: one more run ends as if nothing had happened. POSTIE_TEST_LONG=1 cuts
// after every seventh.
func TestOctetByOctet(t *testing.T) {
	t.Parallel()
	w := newTemplate(t, dovecot.Options{})
	run := func(last int) (came int, err error) {
		d := w.copy()
		_, err = d.run(func(o *Options) {
			o.Batch = 2
			dial := o.IMAP.Dial
			o.IMAP.Dial = func(ctx context.Context) (net.Conn, error) {
				c, err := dial(ctx)
				return &trickle{c, &came, last}, err
			}
		})
		w.recovers(d, fmt.Sprintf("after %d octets (%v)", last, err))
		return came, err
	}
	all, err := run(0)
	if err != nil || all < 2000 {
		t.Fatalf("%d octets, %v", all, err)
	}
	stride, cuts := all/11, 0
	if os.Getenv("POSTIE_TEST_LONG") != "" {
		stride = 7
	}
	for last := 1 + stride/2; last < all; last += stride {
		if _, err := run(last); err == nil && last < all-200 {
			t.Errorf("after %d of %d octets: no error", last, all)
		}
		cuts++
	}
	t.Logf("%d octets, %d cuts", all, cuts)
}
