package quota

import "sync"

// Meter counts what an account receives and sends.
type Meter struct {
	mu      sync.Mutex
	limit   int64
	day     int64 // in 24 hours, and recorded
	pending int64 // since
	total   int64 // ever
	spent   func()
}

// Begin begins a run, or goes on with one: so much came and went in 24 hours, what is not recorded yet included. spent is called, once, when the limit is reached; from another goroutine.
func (m *Meter) Begin(limit, day int64, spent func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limit, m.day, m.spent = limit, day-m.pending, spent
}

// Total is how much came and went since the program began.
func (m *Meter) Total() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.total
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
	m.total += int64(n)
	var spent func()
	if m.limit > 0 && m.day+m.pending >= m.limit {
		spent, m.spent = m.spent, nil
	}
	m.mu.Unlock()
	if spent != nil {
		spent()
	}
}
