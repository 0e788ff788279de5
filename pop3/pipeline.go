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
	check      bool   // the items have sizes: see step.go
	asked      []asked
	current    Item  // answered last
	body       *body // of the current answer, until it is skipped
	steps      steps
}

// asked is one command in flight.
type asked struct {
	item  Item
	probe bool // not the flight's own command, but the question whether the answers are still in step
}

func (f *flight) line(n Number) string { return f.verb + " " + strconv.Itoa(int(n)) + f.tail }

// each sends the command for all items, up to a window of them ahead, and yields the answers in order.
//
// A loop that is left early leaves answers in flight, and perhaps half a body. They stay where they are until the next
// method reads and drops them.
func (s *Session) each(ctx context.Context, f flight, items iter.Seq[Item]) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		end, err := s.begin(ctx)
		if err != nil {
			yield(Message{}, err)
			return
		}
		defer end()
		next, stop := iter.Pull(items) // not a goroutine of its own: items may touch what the loop touches
		defer stop()
		f := f
		f.steps.cheap = s.window > 1
		for s.pending = &f; ; {
			m, err := s.step(&f, next)
			if err == nil && m.Number == 0 {
				s.pending = nil
				return
			}
			if err != nil {
				yield(Message{Number: f.current.Number, InStep: !f.steps.unsure && !f.steps.resized}, s.fail(err))
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

// bare yields numbers as items of which nothing else is known.
func bare(nums iter.Seq[Number]) iter.Seq[Item] {
	return func(yield func(Item) bool) {
		for n := range nums {
			if !yield(Item{Number: n}) {
				return
			}
		}
	}
}

// step drops what the loop left of the last body, keeps the window full and reads the next answer. A Message without
// Number is the end.
func (s *Session) step(f *flight, next func() (Item, bool)) (Message, error) {
	if err := f.skip(); err != nil {
		return Message{}, err
	}
	for {
		if s.window == 1 {
			if err := s.confirm(f); err != nil {
				return Message{}, err
			}
		}
		if err := s.fill(f, next); err != nil || len(f.asked) == 0 {
			return Message{}, err
		}
		if !f.asked[0].probe {
			return s.answer(f)
		}
		if err := s.answerProbe(f); err != nil {
			return Message{}, err
		}
	}
}

// fill tops the window up when half of it is answered, in one write.
func (s *Session) fill(f *flight, next func() (Item, bool)) error {
	if len(f.asked) > s.window/2 {
		return nil
	}
	var lines []byte
	ask := func(line string, a asked) {
		s.trace(line)
		if len(lines) > 0 {
			lines = append(lines, "\r\n"...)
		}
		lines = append(lines, line...)
		f.asked = append(f.asked, a)
	}
	last := f.current
	for len(f.asked) < s.window {
		it, ok := next()
		if !ok {
			break
		}
		if it.Number < 1 {
			return fmt.Errorf("%s: no message has number %d", f.verb, it.Number)
		}
		ask(f.line(it.Number), asked{item: it})
		last = it
	}
	if f.steps.unsure && !f.steps.probing && (len(lines) > 0 || len(f.asked) == 0) {
		f.steps.probing = true
		ask(probe(last), asked{item: last, probe: true})
	}
	if len(lines) == 0 {
		return nil
	}
	return s.send(string(lines))
}

// answer reads the status line for the oldest number in flight.
func (s *Session) answer(f *flight) (Message, error) {
	f.current, f.asked = f.asked[0].item, f.asked[1:]
	m := Message{Number: f.current.Number, InStep: !f.steps.unsure}
	_, err := s.status(f.line(f.current.Number))
	if refusal, ok := err.(*Error); ok {
		m.Refused = refusal
		return m, nil
	}
	if err == nil && f.multi {
		f.body = newBody(s.fence)
		f.body.limit = maxTop
		if f.check {
			f.body.limit, f.body.keep = maxBody(f.current.Size), s.keepDots
		}
		m.Body, m.Dots = f.body, &f.body.dots
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
	if err == nil && f.check {
		f.steps.came(f.current, f.body.size)
	}
	f.body = nil
	if err != nil {
		return fmt.Errorf("%s: %w", f.line(f.current.Number), err)
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
		if err := f.skip(); err != nil || len(f.asked) == 0 {
			return err
		}
		read := func() error { _, err := s.answer(f); return err }
		if f.asked[0].probe {
			read = func() error { return s.answerProbe(f) }
		}
		if err := read(); err != nil {
			return err
		}
	}
}
