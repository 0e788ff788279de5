package pop3

import (
	"strconv"
	"strings"
)

// A server that does not double the dots at the begin of a line (RFC 1939 section 3) sends a message with a line of one
// dot as two: the message ends there, and its rest is taken for the answers to the commands that follow. If that rest begins
// with "+OK" each message gets the content of the one before it. Such a message is shorter than LIST said. So a size
// that is another makes Retrieve doubt that the answers still belong to the commands, until the server answers something that no message
// can know beforehand: the unique id of a message.

// steps is what a flight knows of the dialogue.
type steps struct {
	resized bool // the last message was not as large as LIST said
	unsure  bool // since the last sure sign, a message had a size that says the answers may be out of step
	probing bool // a probe is in flight
	cheap   bool // probes go with other commands, and cost no round trip
}

// came takes note of a message that has come to its end. Where probes cost no round trip of their own, any other size is doubted: a
// server may count each line's end as one octet, and double no dots either.
func (s *steps) came(it Item, size int64) {
	s.resized = size != it.Size
	s.unsure = s.unsure || size < it.Size || s.resized && (s.cheap || it.Size <= 0)
}

// probe is the question whose answer shows that the dialogue is in step.
func probe(it Item) string {
	if it.UIDL == "" {
		return "LIST " + strconv.Itoa(int(it.Number))
	}
	return "UIDL " + strconv.Itoa(int(it.Number))
}

// shows says whether text, which followed +OK, answers the probe of an item. What LIST says of its size may have changed: some
// servers know better once they have sent a message.
func shows(text string, it Item) bool {
	number, id, _ := strings.Cut(text, " ")
	n, err := strconv.Atoi(number)
	return err == nil && Number(n) == it.Number && (it.UIDL == "" || strings.TrimSpace(id) == it.UIDL)
}

// answerProbe reads the answer to the probe that is the oldest command in flight.
func (s *Session) answerProbe(f *flight) error {
	it := f.asked[0].item
	f.asked = f.asked[1:]
	text, err := s.status(probe(it))
	if fatal(err) {
		return err
	}
	if err != nil || !shows(text, it) {
		return nonsense("answers that do not belong to the commands", []byte(text))
	}
	f.steps.unsure, f.steps.probing = false, false
	return nil
}

// confirm makes sure, when one command is sent at a time, that the dialogue is in step before the next one is. A server may
// refuse the forms of UIDL and LIST that name a message: then it has to refuse both, and answer NOOP, which takes more luck
// than the rest of a message has, for that ends in a line of one dot.
func (s *Session) confirm(f *flight) error {
	if !f.steps.unsure {
		return nil
	}
	it := f.current
	for _, ask := range []Item{it, {Number: it.Number}} {
		text, err := s.command(probe(ask))
		if fatal(err) {
			return err
		}
		if err == nil && shows(text, ask) {
			f.steps.unsure = false
			return nil
		}
	}
	if _, err := s.command("NOOP"); err != nil {
		if !fatal(err) {
			err = &ProtocolError{Problem: err.Error()}
		}
		return err
	}
	f.steps.unsure = false
	return nil
}
