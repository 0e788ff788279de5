package quota

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"sync"
	"time"
)

// Host is what all accounts on one server share. Its zero value permits everything.
type Host struct {
	mu      sync.Mutex
	most    int // connections at once; 0: any number
	logins  int // so many connections may be begun within; 0: any number
	within  time.Duration
	open    int
	waiting int
	wanted  chan struct{} // a value for each that waits for another's connection to end
	freed   chan struct{} // closed when one ends, or when one that waited does not wait any more
	begun   []time.Time   // the last of them
}

// Permit says how many connections there may be at once (0: any number), and how many may be begun within a time (0: any number).
func (h *Host) Permit(most, logins int, within time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.most, h.logins, h.within = most, logins, within
}

// next says when another connection may be begun; the zero time: when one ends.
func (h *Host) next(now time.Time) time.Time {
	if h.most > 0 && h.open >= h.most {
		return time.Time{}
	}
	if h.logins > 0 && len(h.begun) >= h.logins {
		if at := h.begun[len(h.begun)-h.logins].Add(h.within); at.After(now) {
			return at
		}
	}
	return now
}

// enter waits until a connection may be begun, behind those that wait already. The error is ctx's cause.
func (h *Host) enter(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for waits, asked := false, false; ; {
		now := time.Now()
		at := h.next(now)
		if at.Equal(now) && (waits || h.waiting == 0) {
			h.entered(now)
			return nil
		}
		if at.Equal(now) {
			at = time.Time{} // it is for those that wait
		} else if at.IsZero() && !asked {
			asked = true
			h.ask()
		}
		if !waits {
			waits = true
			h.waiting++
			defer h.served()
		}
		if err := h.wait(ctx, at); err != nil {
			return err
		}
	}
}

// ErrNoSpare says that there is no connection to be had without waiting.
var ErrNoSpare = errors.New("the host's connections are all in use")

// tryEnter begins a connection that may be begun at once, and that nobody waits for.
func (h *Host) tryEnter(context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if h.waiting > 0 || !h.next(now).Equal(now) {
		return ErrNoSpare
	}
	h.entered(now)
	return nil
}

func (h *Host) entered(now time.Time) {
	h.open++
	if h.logins > 0 {
		h.begun = append(h.begun, now)
		h.begun = slices.Delete(h.begun, 0, max(0, len(h.begun)-h.logins))
	}
}

// wait waits until a time; the zero time: until a connection ends, or another waits no more. h.mu is held before and after.
func (h *Host) wait(ctx context.Context, at time.Time) error {
	if h.freed == nil {
		h.freed = make(chan struct{})
	}
	freed := h.freed
	var timer <-chan time.Time
	if !at.IsZero() {
		timer = time.After(time.Until(at))
		freed = nil
	}
	h.mu.Unlock()
	defer h.mu.Lock()
	select {
	case <-freed:
	case <-timer:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// ask makes it known that one more waits for a connection to end.
func (h *Host) ask() {
	select {
	case h.asked() <- struct{}{}:
	default: // so many ask already that nobody can overlook it
	}
}

func (h *Host) asked() chan struct{} {
	if h.wanted == nil {
		h.wanted = make(chan struct{}, 64)
	}
	return h.wanted
}

// served is called by one that waits no more. Nobody needs to give up a connection for it.
func (h *Host) served() {
	h.waiting--
	for len(h.wanted) > h.waiting {
		select {
		case <-h.wanted:
		default: // somebody took it meanwhile
		}
	}
	h.wake()
}

func (h *Host) wake() {
	if h.freed != nil {
		close(h.freed)
		h.freed = nil
	}
}

// Wanted gives a value for each connection that another account waits for: who takes it gives one up that it can do without.
func (h *Host) Wanted() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asked()
}

func (h *Host) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open--
	h.wake()
}

// Line is how an account connects to the host.
type Line struct {
	Host  *Host
	Meter *Meter // counts what comes and goes; nil: nobody does
	Alive func() // told whenever octets go either way; nil: nobody is
}

type dialer = func(context.Context) (net.Conn, error)

// Dial is dial within what the host permits. It waits for a connection to be had.
func (l Line) Dial(dial dialer) dialer { return l.dial(l.Host.enter, dial) }

// DialSpare is Dial for a connection that one can do without: it does not wait, nor does it have others give theirs up. The error is ErrNoSpare
// where there is none.
func (l Line) DialSpare(dial dialer) dialer { return l.dial(l.Host.tryEnter, dial) }

func (l Line) dial(enter func(context.Context) error, dial dialer) dialer {
	return func(ctx context.Context) (net.Conn, error) {
		if err := enter(ctx); err != nil {
			return nil, err
		}
		c, err := dial(ctx)
		if err != nil {
			l.Host.leave()
			return nil, err
		}
		counted := &conn{Conn: c, line: l, leave: sync.OnceFunc(l.Host.leave)}
		if t, ok := c.(secure); ok {
			return &secureConn{counted, t}, nil
		}
		return counted, nil
	}
}

// conn is a connection that is counted, and whose end is noticed.
type conn struct {
	net.Conn
	line  Line
	leave func()
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && c.line.Meter != nil {
		c.line.Meter.add(n)
	}
	c.line.moved(n)
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if n > 0 && c.line.Meter != nil {
		c.line.Meter.add(n)
	}
	c.line.moved(n)
	return n, err
}

func (l Line) moved(octets int) {
	if octets > 0 && l.Alive != nil {
		l.Alive()
	}
}

func (c *conn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// secure is what TLS connections have.
type secure interface {
	ConnectionState() tls.ConnectionState
	NetConn() net.Conn
}

// secureConn shows what is asked of a TLS connection. Who closes what lies below it ends it too.
type secureConn struct {
	*conn
	tls secure
}

func (c *secureConn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }
func (c *secureConn) NetConn() net.Conn                    { return &conn{Conn: c.tls.NetConn(), leave: c.leave} }
