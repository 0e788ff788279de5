package imap

import (
	"io"
	"sync"
)

// queue carries what the library shall read. It holds at most a few lines: the library reads all the time.
type queue struct {
	mu     sync.Mutex
	filled sync.Cond
	buf    []byte
	closed bool
}

func (q *queue) init() { q.filled.L = &q.mu }

func (q *queue) put(s string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.buf = append(q.buf, s...)
	q.filled.Signal()
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.filled.Broadcast()
}

// read gives everything that was put before the queue was closed, then io.EOF.
func (q *queue) read(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.buf) == 0 && !q.closed {
		q.filled.Wait()
	}
	if len(q.buf) == 0 {
		return 0, io.EOF
	}
	n := copy(p, q.buf)
	if q.buf = q.buf[n:]; len(q.buf) == 0 {
		q.buf = nil
	}
	return n, nil
}
