package imap

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
)

// Message is what one FETCH said of a message. What was not asked for, or not said, is zero.
type Message struct {
	Seq     SeqNum
	UID     imap.UID
	Flags   []Flag    // never \Recent; nil: not said. Messages share it: do not write to it
	Date    time.Time // INTERNALDATE; zero also when the server's is not a date
	Size    int64     // octets of the whole message, as the server reports them (Exchange's are not the true ones), else as they came; -1: not said
	ModSeq  ModSeq
	EmailID string // RFC 8474 EMAILID, or Gmail's X-GM-MSGID: equal for copies of one message in an account

	// Body is the body, or the header, as the server has it. It is valid until the next iteration; an unread rest is
	// passed over. It ends in an error when the connection breaks before its end: only io.EOF says that it is whole.
	Body io.Reader
}

const wholeBody = "BODY[]"

// fetched reads one FETCH response, its items in any order, those that nobody asked for too (RFC 9051 section 7.5.2).
func (w *wire) fetched(s *scanner, seq SeqNum) error {
	a := &arrival{Message: Message{Seq: seq, Size: -1}}
	s.list(func() { w.item(s, a) })
	if s.err != nil {
		return s.err
	}
	if err := s.drop(); err != nil { // some servers put more behind the list
		return err
	}
	if a.ended = true; w.hand(a) {
		return nil
	}
	if !w.note(func(b *inbox) bool {
		if b.weight += weight(a.Message); b.Keep && len(b.Kept) < maxKept && b.weight <= maxWeight {
			b.Kept = append(b.Kept, a.Message)
		} else if b.Keep {
			b.kept = true
		}
		return b.Keep
	}) && a.has&hasFlags != 0 {
		w.tell(Changed(a.Message))
	}
	return nil
}

// item reads one item and its value.
func (w *wire) item(s *scanner, a *arrival) {
	name := strings.ToUpper(s.word())
	s.spaces()
	switch name {
	case "UID":
		if a.UID = imap.UID(s.number(32)); a.UID != 0 { // RFC 9051 section 9: a UID is not zero
			a.has |= hasUID
		}
	case "FLAGS":
		a.Flags = w.flagList(s)
		a.has |= hasFlags
	case "MODSEQ":
		s.list(func() { a.ModSeq = ModSeq(s.value(modSeqBits)) })
		a.has |= hasModSeq
	case "INTERNALDATE":
		text, _ := s.text()
		a.Date, _ = time.Parse("_2-Jan-2006 15:04:05 -0700", text) // trap 10: a bad one is no date, no more
		a.has |= hasDate
	case "RFC822.SIZE":
		if n := int64(s.value(sizeBits)); n > 0 {
			a.Size = n
			a.has |= hasSize
		}
	case "EMAILID":
		if s.peek() == '(' {
			s.list(func() { a.EmailID = s.atom() })
		} else {
			s.skip() // NIL
		}
		a.known()
	case "X-GM-MSGID":
		a.EmailID, _ = s.text()
		a.known()
	default:
		if strings.HasPrefix(name, "BODY[") && a.body == nil && w.wants(name) {
			w.section(s, a, name == wholeBody)
		} else {
			s.skip()
		}
	}
}

// known forgets an id that no message has.
func (a *arrival) known() {
	if len(a.EmailID) > maxEmailID {
		a.EmailID = ""
	}
}

// section reads the value of BODY[…]: a literal mostly, a string, or NIL.
func (w *wire) section(s *scanner, a *arrival, whole bool) {
	n, lit := s.literal()
	if most := maxBody(a.Size); lit && n > most {
		problem := fmt.Sprintf("a body of %d octets", n)
		if a.Size >= 0 {
			problem += fmt.Sprintf(" for a message of %d", a.Size)
		}
		s.broke(&ProtocolError{Problem: problem})
		return
	}
	if !lit {
		if text, ok := s.text(); ok {
			w.begins(s, a, &literal{r: bufio.NewReaderSize(strings.NewReader(text), len(text)), left: int64(len(text))}, whole)
		}
		return
	}
	body := &literal{r: w.stream.r, left: n, broke: w.broke, came: w.idle.came}
	if w.begins(s, a, body, whole); s.err != nil {
		return
	}
	if err := body.discard(); err != nil {
		s.broke(err)
		return
	}
	s.resume()
}

// begins hands a message over whose body stands next on the connection.
func (w *wire) begins(s *scanner, a *arrival, body *literal, whole bool) {
	if whole && a.Size < 0 {
		a.Size = body.left
	}
	a.body = body
	w.hand(a)
	if err := w.cause(); err != nil { // the receiver may be at it still: hands off
		s.broke(err)
	}
}

// broke ends the connection for a fault that the reader of a body met.
func (w *wire) broke(err error) { w.fail(w.lost(err)) }

// hand brings an arrival to the one that waits for it, and waits until it is done with. It reports false when nobody does.
func (w *wire) hand(a *arrival) bool {
	w.mu.Lock()
	var h *handover
	if w.inbox != nil {
		h = w.inbox.Fetch
	}
	w.mu.Unlock()
	if h == nil {
		return false
	}
	a.moved, w.moved = w.moved, false
	select {
	case h.ready <- a:
	case <-h.gone:
		return false
	case <-w.dead:
		return true
	}
	select {
	case <-h.resume:
	case <-w.dead:
	}
	return true
}

// literal reads the octets of one literal from the connection, and no more.
type literal struct {
	r     *bufio.Reader
	left  int64
	broke func(error)
	came  func(n int) // told of what was read; nil: nobody counts it
	err   error
}

func (l *literal) Read(p []byte) (int, error) {
	switch {
	case l.err != nil:
		return 0, l.err
	case l.left == 0:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.took(n)
	if err != nil && l.left > 0 {
		l.short(err)
	}
	return n, l.err
}

// WriteTo hands on what was read from the connection where it lies: io.Copy would make a buffer for each message.
func (l *literal) WriteTo(w io.Writer) (written int64, err error) {
	for l.err == nil && l.left > 0 {
		if _, err := l.r.Peek(1); err != nil {
			l.short(err)
			break
		}
		p, _ := l.r.Peek(int(min(int64(l.r.Buffered()), l.left)))
		n, err := w.Write(p)
		l.r.Discard(n)
		l.took(n)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, l.err
}

func (l *literal) took(n int) {
	l.left -= int64(n)
	if l.came != nil {
		l.came(n)
	}
}

// short: the connection ended before the literal did (trap 2).
func (l *literal) short(err error) {
	l.err = cut(err)
	if l.broke != nil {
		l.broke(err)
	}
}

func (l *literal) discard() error {
	_, err := io.Copy(io.Discard, l)
	return err
}
