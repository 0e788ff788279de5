package imap

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// outgoing is the command that the library is writing. The first fields belong to the writer alone, the others are
// guarded by wire.mu, which is never held while the socket is written: the reader must go on meanwhile.
type outgoing struct {
	line    []byte // its line so far
	literal int64  // octets of a literal still to come

	amend   *amendment
	open    bool // begun and not ended
	tag     string
	refused bool   // the server said NO to the literal: the rest is swallowed
	held    string // its reply, kept until the library has written the command to its end
}

// amendment is a change to the next command on its way out, for what the library cannot say.
type amendment struct {
	old, new string
	first    bool // old is at its first place in the line, not its last
}

// amend announces a change: in the last line of the next command old becomes new. A command without old is an error
// that ends the session, as the library then writes otherwise than the pinned one.
func (w *wire) amend(a amendment) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.out.amend = &a
}

// Write takes what the library writes, in any pieces. Once the connection is over it must fail, even for what would only be
// buffered: the library waits for ever for the answer to a command that it could write.
func (w *wire) Write(p []byte) (int, error) {
	if err := w.cause(); err != nil {
		return 0, err
	}
	for rest := p; len(rest) > 0; {
		n, err := w.absorb(rest)
		if err != nil {
			w.fail(err)
			return 0, err
		}
		rest = rest[n:]
	}
	return len(p), nil
}

func (w *wire) absorb(p []byte) (int, error) {
	o := &w.out
	if o.literal > 0 {
		n := min(int64(len(p)), o.literal)
		o.literal -= n
		return int(n), w.send(p[:n])
	}
	i := bytes.IndexByte(p, '\n')
	if i < 0 {
		o.line = append(o.line, p...)
		return len(p), nil
	}
	o.line = append(o.line, p[:i+1]...)
	line := bytes.TrimSuffix(o.line, []byte("\r\n"))
	o.line = o.line[:0]
	return i + 1, w.written(line)
}

// written treats one line of a command: its first, one behind a literal, or the DONE of IDLE.
func (w *wire) written(line []byte) error {
	line = restoreRaw(line)
	if !w.out.open { // only the writer sets it
		if string(line) == "DONE" {
			return w.done(line)
		}
		if err := w.begun(line); err != nil {
			return err
		}
		line, _ = w.continues(line)
	}
	if size, ok := trailing(line); ok {
		return w.announce(line, size)
	}
	line, err := w.amended(line)
	if err != nil {
		return err
	}
	tag := w.out.tag
	refused, held := w.ended()
	if w.withheld(tag, refused || held != "") {
		return nil
	}
	defer w.closed()
	if refused {
		w.toLibrary.put(held)
		return nil
	}
	err = w.flush(line)
	w.toLibrary.put(held)
	return err
}

// ended closes the command before its last octets go out: its reply, which may come at once, is not held any more.
func (w *wire) ended() (refused bool, held string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	refused, held = w.out.refused, w.out.held
	w.out = outgoing{line: w.out.line}
	return refused, held
}

// done ends an IDLE, unless the server has ended it already: to it DONE would be a command then.
func (w *wire) done(line []byte) error {
	w.mu.Lock()
	idling := len(w.pending) > 0
	w.mu.Unlock()
	if !idling {
		return nil
	}
	w.idle.expect(true)
	return w.flush(line)
}

// begun notes tag and verb of a new command.
func (w *wire) begun(line []byte) error {
	tag, rest, ok := strings.Cut(string(line), " ")
	if !ok {
		return fmt.Errorf("%w: %q", errUnexpected, line)
	}
	verb, _, _ := strings.Cut(rest, " ")
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending[tag] = verb
	if w.inbox != nil {
		w.inbox.Tags = append(w.inbox.Tags, tag)
	}
	w.out.open, w.out.tag = true, tag
	switch verb {
	case "IDLE":
		w.waiting = append(w.waiting, tag)
	case "LOGOUT":
		w.leaving = true
	}
	w.idle.expect(true)
	return nil
}

// trailing reads the announcement of a literal at the end of a line.
func trailing(line []byte) (int64, bool) {
	i := bytes.LastIndexByte(line, '{')
	if i < 0 || line[len(line)-1] != '}' {
		return 0, false
	}
	n, err := strconv.ParseInt(string(line[i+1:len(line)-1]), 10, 64)
	return n, err == nil
}

// announce sends a line that ends in a literal. The library always waits for a continuation request (trap 11); where the
// server takes the literal without one (RFC 7888), the library gets it from here.
func (w *wire) announce(line []byte, size int64) error {
	w.out.literal = size
	if w.nonSync(size) && !w.refusesLiterals(reply{}) {
		w.mu.Lock()
		w.unsynced[w.out.tag] = true
		w.mu.Unlock()
		w.toLibrary.put("+ \r\n")
		return w.sendLine([]byte(strings.TrimSuffix(string(line), "}") + "+}"))
	}
	w.mu.Lock()
	w.waiting = append(w.waiting, w.out.tag)
	w.mu.Unlock()
	return w.flush(line)
}

// refuse keeps the reply to a command that is still being written. If the library waits for leave to send a literal it
// gets it, and what it writes is swallowed: otherwise it would close the connection (trap 8).
func (w *wire) refuse(tag, reply string) {
	w.out.held = reply
	if w.stopWaiting(tag) {
		w.out.refused = true
		w.toLibrary.put("+ \r\n")
	}
}

func (w *wire) amended(line []byte) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.out.amend
	if a == nil {
		return line, nil
	}
	find := strings.LastIndex
	if a.first {
		find = strings.Index
	}
	text := string(line)
	i := find(text, a.old)
	if i < 0 {
		return nil, fmt.Errorf("%w: no %q in %q", errUnexpected, a.old, line)
	}
	return []byte(text[:i] + a.new + text[i+len(a.old):]), nil
}

func (w *wire) swallows() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.refused
}

// send writes octets to the server, unless it refused them.
func (w *wire) send(p []byte) error {
	if w.swallows() {
		return nil
	}
	_, err := w.stream.Write(p)
	return err
}

func (w *wire) sendLine(line []byte) error {
	if w.swallows() {
		return nil
	}
	if w.show != nil {
		w.show('C', string(line))
	}
	_, err := w.stream.Write(append(line[:len(line):len(line)], "\r\n"...))
	return err
}

// flush sends a line and everything before it.
func (w *wire) flush(line []byte) error {
	if err := w.sendLine(line); err != nil || w.swallows() {
		return err
	}
	return w.stream.flush()
}
