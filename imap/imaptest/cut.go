package imaptest

import (
	"context"
	"io"
	"net"
	"sync/atomic"
)

// Cut is a connection that breaks after so many reads, or in the middle of the write after so many; below 0: never.
type Cut struct {
	net.Conn
	Reads, Writes int
	broken        atomic.Bool
}

// Broken says whether it broke.
func (c *Cut) Broken() bool { return c.broken.Load() }

func (c *Cut) Read(p []byte) (int, error) {
	if c.Reads == 0 {
		c.broken.Store(true)
		c.Close()
		return 0, io.ErrUnexpectedEOF
	}
	c.Reads--
	return c.Conn.Read(p)
}

func (c *Cut) Write(p []byte) (int, error) {
	if c.Writes == 0 {
		c.broken.Store(true)
		c.Conn.Write(p[:len(p)/2])
		c.Close()
		return 0, io.ErrClosedPipe
	}
	c.Writes--
	return c.Conn.Write(p)
}

// First dials, and makes of the first connection the one that breaks. After that none comes, or, with again, ones that hold.
func (c *Cut) First(dial func(context.Context) (net.Conn, error), again bool) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		if c.Conn != nil && !again {
			return nil, io.ErrClosedPipe
		}
		conn, err := dial(ctx)
		if c.Conn != nil || err != nil {
			return conn, err
		}
		c.Conn = conn
		return c, nil
	}
}
