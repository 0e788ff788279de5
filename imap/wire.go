package imap

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// wire is the connection that imapclient believes to be the server's. See the package comment for what it does.
// Its own goroutine (run) reads from the server, so that it can answer the library at any time.
type wire struct {
	idle   *idleConn
	stream stream
	in     *lines
	show   func(dir byte, line string) // nil: no trace
	event  func(Event)                 // nil: nobody listens

	toLibrary queue
	out       outgoing

	mu        sync.Mutex
	inbox     *inbox            // of the command under way; nil: none
	pending   map[string]string // tag → verb, of commands not yet answered
	waiting   []string          // tags that wait for a continuation request
	bye       *Error
	complaint string // the last untagged BAD since a command was answered
	tally     Tally  // of the selected mailbox
	leaving   bool   // LOGOUT was sent
	nonSync   func(size int64) bool

	own   map[string]reply // answers to commands of ours, before the library begins
	tags  int
	flags map[string][]Flag // flag lists seen, so that equal ones are kept once
	moved bool              // messages were expunged

	cleartext bool // TLS is to come: what is said is not to be shown

	strays int // lines that were passed over

	joins  bool              // the command that the library ends next is to go on with its next one
	group  *group            // that is being sent; nil: none is
	groups map[string]*group // that are sent, by the tag that the server knows

	unsynced       map[string]bool // commands with a literal that was sent without leave
	literalDoubted bool            // one of them was answered with BAD: what of it was a literal may be read as commands
	literalRefused bool            // and it was

	once sync.Once
	dead chan struct{} // closed when the connection is over
	err  error         // why; read it only after dead is closed
	read atomic.Int64  // octets read before the stream was changed
}

func newWire(conn net.Conn, o *Options) *wire {
	w := &wire{
		idle:     newIdleConn(conn, o.Idle),
		event:    o.Event,
		pending:  map[string]string{},
		unsynced: map[string]bool{},
		groups:   map[string]*group{},
		own:      map[string]reply{},
		flags:    map[string][]Flag{},
		nonSync:  func(int64) bool { return false },
		dead:     make(chan struct{}),
	}
	if o.Trace != nil {
		var mu sync.Mutex // both directions trace
		w.show = func(dir byte, line string) { mu.Lock(); defer mu.Unlock(); o.Trace(dir, line) }
	}
	w.stream = newStream(w.idle)
	w.in = &lines{s: &w.stream, trace: w.show, came: w.idle.came}
	w.toLibrary.init()
	return w
}

// fail ends the connection for good; the first cause is kept.
func (w *wire) fail(err error) {
	w.once.Do(func() {
		w.err = err
		bottom(w.idle.Conn).Close()
		close(w.dead)
		w.toLibrary.close()
	})
}

// cause is why the connection is over; nil: it is not.
func (w *wire) cause() error {
	select {
	case <-w.dead:
		return w.err
	default:
		return nil
	}
}

// run reads responses until the connection is over.
func (w *wire) run() {
	for {
		if err := cmp.Or(w.response(), w.flooded()); err != nil {
			w.fail(err)
			return
		}
	}
}

// response reads one response and brings it to where it belongs.
func (w *wire) response() error {
	line, err := w.in.next()
	if err != nil {
		return w.lost(err)
	}
	switch {
	case bytes.HasPrefix(line, []byte("+")):
		w.continued()
		return nil
	case bytes.HasPrefix(line, []byte("* ")):
		return w.untagged(line[2:])
	case len(line) == 0:
		return nil // some servers send an empty line behind a literal
	case line[0] == '[':
		return w.stray(nonsense(line, "response code without a response"))
	case numbered(line):
		return w.untagged(line)
	}
	return w.tagged(line)
}

// lost says what the end of the input means.
func (w *wire) lost(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.bye != nil {
		return w.bye
	}
	if err = cut(err); errors.Is(err, io.ErrUnexpectedEOF) && w.complaint != "" {
		return fmt.Errorf("the server said %q and hung up: %w", w.complaint, err)
	} else if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the server hung up: %w", err)
	}
	return err // silence, a line that broke, TLS: each says it all
}

// continued passes a continuation request on, if somebody waits for one: the library closes the connection at any other.
func (w *wire) continued() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		return
	}
	tag := w.waiting[0]
	w.waiting = w.waiting[1:]
	if w.pending[tag] == "IDLE" {
		w.idle.expect(false) // RFC 2177: silence is all that may come now
	}
	w.toLibrary.put("+ \r\n")
}

// tagged ends a command.
func (w *wire) tagged(line []byte) error {
	tag, rest, _ := bytes.Cut(line, []byte(" "))
	status, rest, _ := bytes.Cut(rest, []byte(" "))
	r := parseReply(string(status), rest)
	known := w.awaits(string(tag))
	switch status := r.Status == "OK" || r.Status == "NO" || r.Status == "BAD"; {
	case !known && !status:
		return w.stray(nonsense(line, "no response"))
	case !status:
		return nonsense(line, "no tagged reply")
	case !known && w.refusesLiterals(r):
		return w.stray(nonsense(line, "a literal taken for a command"))
	case !w.ends(string(tag), r):
		return nonsense(line, "reply to no command")
	}
	if r.Status == "OK" || tag[0] != ownTag { // a refusal of ours becomes an error, which says it
		w.alert(r)
	}
	return nil
}

// refusesLiterals takes a BAD to nothing, and says whether that tells of a server that offers LITERAL+ (RFC 7888) and does not know it: it
// refuses the command and then reads the literal as commands.
func (w *wire) refusesLiterals(r reply) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.literalRefused = w.literalRefused || w.literalDoubted && r.Status == "BAD"
	return w.literalRefused
}

// numbered says whether a line is a response about a message whose star is missing.
func numbered(line []byte) bool {
	number, rest, _ := bytes.Cut(line, []byte(" "))
	name, _, _ := bytes.Cut(rest, []byte(" "))
	_, err := strconv.ParseUint(string(number), 10, 32)
	return err == nil && slices.Contains([]string{"FETCH", "EXISTS", "EXPUNGE", "RECENT"}, strings.ToUpper(string(name)))
}

func (w *wire) awaits(tag string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pending[tag] != ""
}

// ends brings a reply to its command.
func (w *wire) ends(tag string, r reply) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.pending[tag]; !known {
		return false
	}
	tags := w.grouped(tag, r)
	for i, t := range tags {
		w.endsOne(t, r.share(i, len(tags)))
	}
	return true
}

// endsOne brings a reply to one command.
func (w *wire) endsOne(tag string, r reply) {
	delete(w.pending, tag)
	w.complaint = ""
	w.literalDoubted = w.literalDoubted || w.unsynced[tag] && r.Status == "BAD"
	delete(w.unsynced, tag)
	w.idle.expect(len(w.pending) > 0 || tag[0] == ownTag) // before the session is up each silence is a fault
	w.inbox.answered(tag, r)
	if tag[0] == ownTag {
		w.own[tag] = r
	} else {
		w.answer(tag, r)
	}
}

// alert tells what the user has to see: RFC 9051 section 7.1 ALERT, in any status response; Gmail's WEBALERT, with an
// address where the account is unlocked; RFC 2221 section 4.1 REFERRAL, with the server to go to. Before TLS that is to come
// anybody may have said it.
func (w *wire) alert(r reply) {
	switch r.Code.Name {
	case "ALERT", "WEBALERT", "REFERRAL":
		if !w.cleartext {
			w.tell(Alert(strings.TrimSpace(r.Text + " " + r.Code.address())))
		}
	}
}

// answer gives a reply to the library. Of the response code only the name goes along, and that only with a refusal:
// the library reads some codes and closes the connection when they are not to its liking.
func (w *wire) answer(tag string, r reply) {
	text := tag + " OK done\r\n"
	if r.Status != "OK" {
		text = fmt.Sprintf("%s %s %s\r\n", tag, r.Status, bracket(r))
	}
	if w.out.open && w.out.tag == tag {
		w.refuse(tag, text)
		return
	}
	w.stopWaiting(tag)
	w.toLibrary.put(text)
}

func bracket(r reply) string {
	switch name := r.Code.Name; {
	case !isAtom(name), name == "CAPABILITY", name == "APPENDUID", name == "COPYUID": // the library would read what follows these
		return r.Text
	default:
		return "[" + name + "] " + r.Text
	}
}

func (w *wire) stopWaiting(tag string) bool {
	for i, t := range w.waiting {
		if t == tag {
			w.waiting = append(w.waiting[:i:i], w.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// What follows makes wire the net.Conn of the library, which sets deadlines of its own: they are not meant for the server.

func (w *wire) Read(p []byte) (int, error) { return w.toLibrary.read(p) }

func (w *wire) Close() error                     { w.fail(errLibrary); return nil }
func (w *wire) LocalAddr() net.Addr              { return w.idle.LocalAddr() }
func (w *wire) RemoteAddr() net.Addr             { return w.idle.RemoteAddr() }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }
