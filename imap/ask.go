package imap

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Commands of ours, before the library begins: written and awaited in one goroutine.

const ownTag = 'P' // the library's tags begin with T

// request writes one command, or its first line. The trace gets shown in place of it; "": the line itself.
func (w *wire) request(line, shown string) (tag string, err error) {
	w.tags++
	tag = fmt.Sprintf("%c%d", ownTag, w.tags)
	w.pending[tag], _, _ = strings.Cut(line, " ")
	w.idle.expect(true)
	return tag, w.line(tag+" "+line, tag+" "+shown)
}

// line writes a line. The trace gets shown.
func (w *wire) line(line, shown string) error {
	if w.show != nil {
		w.show('C', shown)
	}
	_, err := w.stream.Write([]byte(line + "\r\n"))
	return err
}

// await reads until the command is answered. more, when not nil, answers continuation requests.
func (w *wire) await(tag string, more func(challenge string) error) (reply, error) {
	verb := w.pending[tag]
	if err := w.stream.flush(); err != nil {
		return reply{}, fmt.Errorf("%s: %w", verb, err)
	}
	for {
		if r, ok := w.own[tag]; ok {
			return r, nil
		}
		challenge, err := w.step(more != nil)
		if bye := (*Error)(nil); errors.As(err, &bye) && bye.Status == "BYE" && w.parting(tag) {
			continue
		}
		if err != nil {
			return reply{}, w.during(verb, err)
		}
		if challenge == nil {
			continue
		}
		if err := more(*challenge); err != nil {
			return reply{}, err
		}
	}
}

// during says in which command the connection was lost. What the server said itself speaks for itself.
func (w *wire) during(verb string, err error) error {
	var said *Error
	var nonsense *ProtocolError
	if errors.As(err, &said) || errors.As(err, &nonsense) {
		return err
	}
	return fmt.Errorf("%s: %w", verb, err)
}

// parting reads what comes behind a BYE: the answer to the command, where it comes, says more than "logging out". Servers
// that neither say it nor close the connection are not waited for long.
func (w *wire) parting(tag string) bool {
	w.idle.hurry(partingWait)
	for range 16 {
		if err := w.response(); err != nil && (w.idle.ended != nil || !errors.As(err, new(*Error))) {
			return false
		}
		if r, ok := w.own[tag]; ok {
			return r.Status != "OK"
		}
	}
	return false
}

const partingWait = 2 * time.Second

// step reads one response; a continuation request is given to the caller, if he wants one.
func (w *wire) step(wanted bool) (*string, error) {
	next, err := w.stream.r.Peek(1)
	switch {
	case err != nil:
		return nil, w.lost(err)
	case next[0] != '+' || !wanted:
		return nil, w.response()
	}
	line, err := w.in.next()
	if err != nil {
		return nil, w.lost(err)
	}
	challenge := strings.TrimSpace(string(line[1:]))
	return &challenge, nil
}

// ask sends commands in one flight and reads all their answers; the refusals are the error.
func (w *wire) ask(box *inbox, commands ...string) error {
	w.open(box)
	tags := make([]string, len(commands))
	for i, c := range commands {
		var err error
		if tags[i], err = w.request(c, c); err != nil {
			return err
		}
	}
	var refused error
	for i, tag := range tags {
		r, err := w.await(tag, nil)
		if err != nil {
			return err
		}
		name, _, _ := strings.Cut(commands[i], " ")
		refused = errors.Join(refused, r.refusal(name))
	}
	return refused
}

// outcome is how the last command of ours went, or one so many before it.
func (w *wire) outcome(before int) error {
	return w.own[fmt.Sprintf("%c%d", ownTag, w.tags-before)].refusal("")
}

// quote writes a string of RFC 9051 section 4.3 that holds no line end, NUL or octet over 127.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func quotable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
