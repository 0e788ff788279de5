package credential

import (
	"context"
	"sync"
)

// flight asks for something once: who comes while it is being asked waits for the same answer, and the answer is kept.
// An error is told to all who waited and then forgotten, so that the next connection may try again.
type flight[T any] struct {
	mu  sync.Mutex
	now *call[T]
}

type call[T any] struct {
	done      chan struct{}
	value     T
	err       error
	abandoned bool // it failed because the caller who asked went away: no verdict on the others
}

// do returns the kept answer while fresh says so (nil: for ever), else that of ask. The caller who asks stays until ask
// returns, whatever its context says, because ask may have a terminal to restore.
func (f *flight[T]) do(ctx context.Context, fresh func(T) bool, ask func(context.Context) (T, error)) (T, error) {
	for {
		c, mine := f.join(fresh)
		if mine {
			c.value, c.err = ask(ctx)
			c.abandoned = c.err != nil && ctx.Err() != nil
			if c.err != nil {
				f.drop(c)
			}
			close(c.done)
			return c.value, c.err
		}
		select {
		case <-c.done:
		case <-ctx.Done():
			var none T
			return none, context.Cause(ctx)
		}
		if !c.abandoned {
			return c.value, c.err
		}
	}
}

// join returns the call under way or kept, or a new one that the caller must carry out.
func (f *flight[T]) join(fresh func(T) bool) (c *call[T], mine bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now != nil {
		select {
		case <-f.now.done:
			if fresh == nil || fresh(f.now.value) {
				return f.now, false
			}
		default:
			return f.now, false
		}
	}
	f.now = &call[T]{done: make(chan struct{})}
	return f.now, true
}

// drop forgets c, or with nil the answer that is kept.
func (f *flight[T]) drop(c *call[T]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c == nil || f.now == c {
		f.now = nil
	}
}

// keep sets the answer without asking.
func (f *flight[T]) keep(value T) {
	c := &call[T]{done: make(chan struct{}), value: value}
	close(c.done)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = c
}
