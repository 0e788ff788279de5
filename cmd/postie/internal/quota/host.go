package quota

import (
	"context"
	"crypto/tls"
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
	wanted  chan struct{} // closed when somebody waits for a connection, and made anew when nobody does
	freed   chan struct{} // closed when one ends
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

// enter waits until a connection may be begun. The error is ctx's cause.
func (h *Host) enter(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for first := true; ; first = false {
		now := time.Now()
		at := h.next(now)
		if at.Equal(now) {
			h.open++
			if h.logins > 0 {
				h.begun = append(h.begun, now)
				h.begun = slices.Delete(h.begun, 0, max(0, len(h.begun)-h.logins))
			}
			return nil
		}
		if first {
			h.waiting++
			defer h.served()
			h.ask()
		}
		if err := h.wait(ctx, at); err != nil {
			return err
		}
	}
}

// wait waits until a time, or for a connection that ends. h.mu is held before and after.
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

// ask makes it known that somebody waits.
func (h *Host) ask() {
	if h.wanted == nil {
		h.wanted = make(chan struct{})
	}
	select {
	case <-h.wanted:
	default:
		close(h.wanted)
	}
}

func (h *Host) served() {
	if h.waiting--; h.waiting == 0 {
		h.wanted = nil
	}
}

// Wanted gives a channel that is closed when another account waits for a connection: who has one that it can do without gives it up.
func (h *Host) Wanted() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.wanted == nil {
		h.wanted = make(chan struct{})
	}
	return h.wanted
}

// Spare says whether one more connection may be had without anybody's waiting for it.
func (h *Host) Spare() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.waiting == 0 && (h.most == 0 || h.open < h.most)
}

func (h *Host) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open--
	if h.freed != nil {
		close(h.freed)
		h.freed = nil
	}
}

// Dial is dial within what the host permits, on which m counts (nil: nobody). It waits for a connection to be had.
func (h *Host) Dial(m *Meter, dial func(context.Context) (net.Conn, error)) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		if err := h.enter(ctx); err != nil {
			return nil, err
		}
		c, err := dial(ctx)
		if err != nil {
			h.leave()
			return nil, err
		}
		counted := &conn{Conn: c, meter: m, leave: sync.OnceFunc(h.leave)}
		if t, ok := c.(secure); ok {
			return &secureConn{counted, t}, nil
		}
		return counted, nil
	}
}

// conn is a connection that is counted, and whose end is noticed.
type conn struct {
	net.Conn
	meter *Meter
	leave func()
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.meter != nil && n > 0 {
		c.meter.add(n)
	}
	return n, err
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

// Meter counts what an account receives.
type Meter struct {
	mu      sync.Mutex
	limit   int64
	day     int64 // received in 24 hours, and recorded
	pending int64 // received since
	spent   func()
}

// Begin begins a run: so much was received in 24 hours. spent is called, once, when the limit is reached; from another goroutine.
func (m *Meter) Begin(limit, day int64, spent func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limit, m.day, m.spent = limit, day, spent
}

// Take gives what is to be recorded.
func (m *Meter) Take() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.pending
	m.day, m.pending = m.day+n, 0
	return n
}

func (m *Meter) add(n int) {
	m.mu.Lock()
	m.pending += int64(n)
	var spent func()
	if m.limit > 0 && m.day+m.pending >= m.limit {
		spent, m.spent = m.spent, nil
	}
	m.mu.Unlock()
	if spent != nil {
		spent()
	}
}
