package pop3

import (
	"context"
	"fmt"
	"iter"
	"strconv"
)

// flight is one run of a command over many messages: those that were sent, and not yet answered.
type flight struct {
	verb, tail string // "RETR", ""; "TOP", " 0"
	multi      bool   // a body follows +OK
	numbers    []Number
	current    Number // answered last
	body       *body  // of the current answer, until it is skipped
}

func (f *flight) line(n Number) string { return f.verb + " " + strconv.Itoa(int(n)) + f.tail }

// each sends the command for all numbers, up to a window of them ahead, and yields the answers in order.
//
// A loop that is left early leaves answers in flight, and perhaps half a body. They stay where they are until the next
// method reads and drops them.
func (s *Session) each(ctx context.Context, f flight, nums iter.Seq[Number]) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		end, err := s.begin(ctx)
		if err != nil {
			yield(Message{}, err)
			return
		}
		defer end()
		next, stop := iter.Pull(nums) // not a goroutine of its own: nums may touch what the loop touches
		defer stop()
		f := f
		for s.pending = &f; ; {
			m, err := s.step(&f, next)
			if err == nil && m.Number == 0 {
				s.pending = nil
				return
			}
			if err != nil {
				yield(Message{Number: f.current}, s.fail(err))
				return
			}
			more := yield(m, nil)
			f.takeBack()
			if !more {
				return
			}
		}
	}
}

// step drops what the loop left of the last body, keeps the window full and reads the next answer. A Message without
// Number is the end.
func (s *Session) step(f *flight, next func() (Number, bool)) (Message, error) {
	if err := f.skip(); err != nil {
		return Message{}, err
	}
	if err := s.fill(f, next); err != nil || len(f.numbers) == 0 {
		return Message{}, err
	}
	return s.answer(f)
}

// fill tops the window up when half of it is answered, in one write.
func (s *Session) fill(f *flight, next func() (Number, bool)) error {
	if len(f.numbers) > s.window/2 {
		return nil
	}
	var lines []byte
	for len(f.numbers) < s.window {
		n, ok := next()
		if !ok {
			break
		}
		if n < 1 {
			return fmt.Errorf("%s: no message has number %d", f.verb, n)
		}
		line := f.line(n)
		s.trace(line)
		if len(lines) > 0 {
			lines = append(lines, "\r\n"...)
		}
		lines = append(lines, line...)
		f.numbers = append(f.numbers, n)
	}
	if len(lines) == 0 {
		return nil
	}
	return s.send(string(lines))
}

// answer reads the status line for the oldest number in flight.
func (s *Session) answer(f *flight) (Message, error) {
	f.current, f.numbers = f.numbers[0], f.numbers[1:]
	m := Message{Number: f.current}
	_, err := s.status(f.line(f.current))
	if refusal, ok := err.(*Error); ok {
		m.Refused = refusal
		return m, nil
	}
	if err == nil && f.multi {
		f.body = newBody(s.fence)
		m.Body = f.body
	}
	return m, err
}

// takeBack makes the body unreadable for whoever kept it.
func (f *flight) takeBack() {
	if f.body != nil {
		f.body.gone = true
	}
}

// skip drops the rest of the current body.
func (f *flight) skip() error {
	if f.body == nil {
		return nil
	}
	err := f.body.skip()
	f.body = nil
	if err != nil {
		return fmt.Errorf("%s: %w", f.line(f.current), err)
	}
	return nil
}

// drain drops what an iteration left early has not read.
func (s *Session) drain() error {
	f := s.pending
	if f == nil {
		return nil
	}
	s.pending = nil
	for {
		if err := f.skip(); err != nil || len(f.numbers) == 0 {
			return err
		}
		if _, err := s.answer(f); err != nil {
			return err
		}
	}
}
