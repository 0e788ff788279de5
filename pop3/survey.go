package pop3

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Item is one message as the lists show it.
type Item struct {
	Number Number
	Size   int64  // octets, as LIST says; servers err here; 0 also when it says nothing of use
	UIDL   string // unique id, foreign text; "" when the server gives it none
}

// Survey lists the maildrop by STAT, LIST and UIDL, in one round trip if the server takes pipelined commands; else an
// empty maildrop costs only STAT. Items are in the order of their numbers. Where STAT and LIST differ LIST is right.
//
// UIDL is tried also when the capabilities do not name it; if it is then refused, no Item has one. Lists that are
// merely untidy are read: spaces at the end, more fields after the size, no size; as an id all that stands behind the number, be
// it longer than 70 octets, with blanks, or in 8 bits (against RFC 1939 section 7). A message that UIDL leaves out, or gives two ids or
// an empty one, has none. A line of LIST without a number, and a number that comes twice there, is a *ProtocolError. *Error: STAT,
// LIST or an offered UIDL was refused.
func (s *Session) Survey(ctx context.Context) ([]Item, error) {
	end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	items, err := s.survey()
	if err != nil {
		return nil, s.fail(err)
	}
	return items, nil
}

func (s *Session) survey() ([]Item, error) {
	together := s.window > 1
	if together {
		for _, c := range []string{"STAT", "LIST", "UIDL"} {
			s.trace(c)
		}
		if err := s.send("STAT\r\nLIST\r\nUIDL"); err != nil {
			return nil, err
		}
	}
	answer := s.command
	if together {
		answer = s.status
	}
	count, refusedStat := s.stat(answer)
	if fatal(refusedStat) || !together && (refusedStat != nil || count == 0) {
		return nil, refusedStat
	}
	items, refusedList := s.sizes(answer)
	if fatal(refusedList) || !together && refusedList != nil {
		return nil, refusedList
	}
	refusedUIDL := s.uidl(answer, items)
	if !fatal(refusedUIDL) && refusedStat == nil && count == 0 && len(items) == 0 {
		return nil, nil // some servers refuse to list nothing
	}
	return items, cmp.Or(refusedStat, refusedList, refusedUIDL)
}

// fatal says whether err ends the session.
func fatal(err error) bool {
	var refusal *Error
	return err != nil && !errors.As(err, &refusal)
}

// answer gives the status line of a command, which it may have to send first.
type answer func(command string) (text string, err error)

// stat reads the number of messages (RFC 1939 section 5).
func (s *Session) stat(a answer) (int64, error) {
	text, err := a("STAT")
	if err != nil {
		return 0, err
	}
	count, _, ok := pair([]byte(text))
	if !ok {
		return 0, fmt.Errorf("STAT: %w", nonsense("no number of messages", []byte(text)))
	}
	return count, nil
}

// sizes reads LIST.
func (s *Session) sizes(a answer) ([]Item, error) {
	if _, err := a("LIST"); err != nil {
		return nil, err
	}
	var items []Item
	err := s.list(maxList, func(line []byte) error {
		number, rest, ok := pair(line)
		if !ok || number < 1 || number > math.MaxInt32 {
			return nonsense("no number and size", line)
		}
		if len(items) == maxMessages {
			return nonsense("more messages than anybody has", line)
		}
		size, _ := leading(rest) // a size that is no number, or none that can be, is 0: not known
		if size > maxSize {
			size = 0
		}
		items = append(items, Item{Number: Number(number), Size: size})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("LIST: %w", err)
	}
	slices.SortFunc(items, byNumber)
	for i := range items[:max(1, len(items))-1] {
		if items[i].Number == items[i+1].Number {
			return nil, fmt.Errorf("LIST: %w", &ProtocolError{Problem: fmt.Sprintf("message %d twice", items[i].Number)})
		}
	}
	return items, nil
}

func byNumber(a, b Item) int { return cmp.Compare(a.Number, b.Number) }

// uidl reads UIDL into items, which are in order.
func (s *Session) uidl(a answer, items []Item) error {
	if _, err := a("UIDL"); err != nil {
		if !fatal(err) && !s.caps.UIDL {
			return nil
		}
		return err
	}
	given := make([]bool, len(items))
	err := s.list(maxList, func(line []byte) error {
		number, id, ok := pair(line)
		i, listed := slices.BinarySearchFunc(items, Item{Number: Number(number)}, byNumber)
		switch {
		case !ok || !listed: // nobody's
		case given[i] && items[i].UIDL != string(id):
			items[i].UIDL = "" // it has two, so that neither names it
		default:
			items[i].UIDL, given[i] = string(id), true
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("UIDL: %w", err)
	}
	return nil
}

// pair cuts a line into its leading number and the rest, without the blanks between and after.
func pair(line []byte) (number int64, rest []byte, ok bool) {
	line = bytes.Trim(line, " \t")
	i := bytes.IndexAny(line, " \t")
	if i < 0 {
		i = len(line)
	}
	number, ok = leading(line[:i])
	return number, bytes.TrimLeft(line[i:], " \t"), ok
}

// leading reads the number that text begins with, up to a blank.
func leading(text []byte) (int64, bool) {
	if i := bytes.IndexAny(text, " \t"); i >= 0 {
		text = text[:i]
	}
	n, err := strconv.ParseUint(string(text), 10, 63)
	if err != nil {
		return 0, false
	}
	return int64(n), true
}
