package imap

import (
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"maps"
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// fetch is a FETCH under way: it makes messages of responses. A response need not hold all of a message, nor in any order
// (RFC 9051 section 7.5.2; trap 3): a body that comes before what must be known of it is kept in a file until then.
type fetch struct {
	c    *command
	set  imap.UIDSet
	want items  // what must be known of a message before its body is given
	body string // the section that is the Body; "": none
	send func(part imap.UIDSet) *imapclient.FetchCommand
	hand *handover

	extras []imap.Cap // of which it asks for items that may be left away

	unnamed bool // what tells a mod-sequence is given without a UID too

	vanished *imap.UIDSet // gets VANISHED (EARLIER); nil: nobody asked

	heavy int                // weight of those that were held and are no small ones
	held  map[SeqNum]*part   // messages not yet given
	known map[imap.UID]*part // of them those that have another number now
	got   imap.UIDSet        // bodies given
	spool spool
	yield func(Message, error) bool
	left  bool // the loop was left: nothing is given any more
}

// ahead is how many commands of a fetch are sent before the first is answered.
const ahead = 2

// messages runs a fetch as a sequence. As long as the server does not understand it at all, it is asked for less.
func (s *Session) messages(ctx context.Context, f *fetch) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for again := true; again; {
			came := false
			again = false
			once := *f
			for m, err := range s.messagesOnce(ctx, &once) {
				if again = !came && s.asksLess(f, err); again {
					break
				}
				if came = came || err == nil; !yield(m, err) {
					return
				}
			}
		}
	}
}

// asksLess does without what a refused fetch asked for beyond RFC 3501, if there was anything: first without long lines.
func (s *Session) asksLess(f *fetch, err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Status != "BAD" {
		return false
	}
	if s.CondStore() && !s.shortSets && len(f.set.String()) > ShortSet {
		s.shortSets = true // RFC 7162 section 4 asks servers to take longer ones
		return true
	}
	for _, c := range f.extras {
		if s.Has(c) {
			s.Lose(c)
			return true
		}
	}
	return false
}

func (s *Session) messagesOnce(ctx context.Context, f *fetch) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		f.hand = newHandover(f.body)
		f.held, f.known, f.spool.dir = map[SeqNum]*part{}, map[imap.UID]*part{}, s.spool
		c, err := s.begin(ctx, "FETCH", &inbox{Fetch: f.hand, Vanishing: f.vanished != nil})
		if err != nil {
			yield(Message{}, err)
			return
		}
		f.c, f.yield = c, yield
		f.run()
	}
}

// run gives messages as they come, until the commands are answered or the loop is left.
func (f *fetch) run() {
	answered := make(chan error, 1)
	go func() { answered <- f.commands() }()
	for {
		select {
		case a := <-f.hand.ready:
			f.arrived(a)
			if f.left {
				f.leave(answered)
				return
			}
			f.resume()
		case err := <-answered:
			f.end(err)
			return
		}
	}
}

func (f *fetch) resume() {
	select {
	case f.hand.resume <- struct{}{}:
	case <-f.c.s.wire.dead:
	}
}

// leave puts off the rest until the next command, or for ever.
func (f *fetch) leave(answered chan error) {
	f.c.stop()
	s := f.c.s
	s.left = func() {
		for f.resume(); ; f.resume() {
			select {
			case <-f.hand.ready:
			case err := <-answered:
				f.spool.close()
				f.c.close(err)
				return
			}
		}
	}
	s.busy.Store(false)
}

// commands sends the set in portions and waits for the answers.
func (f *fetch) commands() (refusal error) {
	var sent []*imapclient.FetchCommand
	wait := func() error {
		err := sent[0].Close()
		if sent = sent[1:]; isRefusal(err) {
			refusal, err = err, nil
		}
		return err
	}
	for part := range f.c.s.portions(f.set) {
		if sent = append(sent, f.send(part)); len(sent) < ahead {
			continue
		}
		if err := wait(); err != nil {
			return err
		}
	}
	for len(sent) > 0 {
		if err := wait(); err != nil {
			return err
		}
	}
	return refusal
}

// part is what is known of a message so far.
type part struct {
	Message
	has items
}

// arrived takes a response, or its beginning.
func (f *fetch) arrived(a *arrival) {
	if a.moved {
		f.renumber()
	}
	if a.given {
		return
	}
	if f.body == "" {
		f.plain(a)
		return
	}
	p := f.merge(a)
	known := p.UID != 0
	if known && (!f.set.Contains(p.UID) || f.got.Contains(p.UID)) { // news of another, or once more
		a.given = true
		delete(f.held, a.Seq)
		f.stray(a)
		return
	}
	switch ready := p.has&f.want == f.want; {
	case !a.ended && ready:
		a.given, p.Body = true, a.body
		f.give(p)
	case !a.ended:
		f.keep(p, a.body)
	case p.Body != nil && ready:
		f.give(p)
	case p.Body == nil && !known:
		f.stray(a)
	default:
		f.hold(p)
	}
}

// plain gives a message of a fetch without bodies, as soon as all that was asked for is told. A server may tell it in several
// responses, in any order, and tell more of it than was asked for (RFC 9051 section 7.5.2).
func (f *fetch) plain(a *arrival) {
	if !a.ended {
		return
	}
	p := f.merge(a)
	switch {
	case p.UID != 0 && !f.set.Contains(p.UID):
		delete(f.held, a.Seq)
		f.stray(a)
	case p.has&f.want == f.want:
		f.give(p)
	default:
		f.hold(p)
	}
}

// hold keeps a message of which more is to be told.
func (f *fetch) hold(p *part) {
	if n := weight(p.Message); n > maxLight {
		f.heavy += n
	}
	if f.held[p.Seq] = p; len(f.held)+len(f.known) > maxKept || f.heavy > maxWeight {
		f.c.s.wire.fail(&ProtocolError{Problem: "too many FETCH responses that tell half of a message"})
	}
}

// stray is a response that nobody asked for: somebody else changed flags.
func (f *fetch) stray(a *arrival) {
	if a.has&hasFlags != 0 && a.body == nil {
		f.c.s.wire.tell(Changed(a.Message))
	}
}

// merge puts together what this response and those before it say.
func (f *fetch) merge(a *arrival) *part {
	p := f.held[a.Seq]
	if known := f.known[a.UID]; known != nil && p == nil {
		p, known.Seq = known, a.Seq
		delete(f.known, a.UID)
	}
	if p == nil || a.UID != 0 && p.UID != 0 && a.UID != p.UID {
		return &part{a.Message, a.has}
	}
	if a.has&hasUID != 0 {
		p.UID = a.UID
	}
	if a.has&hasFlags != 0 {
		p.Flags = a.Flags
	}
	if a.has&hasDate != 0 {
		p.Date = a.Date
	}
	if a.has&hasSize != 0 || p.Size < 0 {
		p.Size = a.Size
	}
	if a.has&hasModSeq != 0 {
		p.ModSeq = a.ModSeq
	}
	p.EmailID = cmp.Or(a.EmailID, p.EmailID)
	p.has |= a.has
	return p
}

// keep stores a body until all is known.
func (f *fetch) keep(p *part, body io.Reader) {
	kept, err := f.spool.put(body)
	if err != nil {
		f.c.s.wire.fail(err)
		return
	}
	p.Body = kept
	f.hold(p)
}

func (f *fetch) give(p *part) {
	if f.held[p.Seq] == p {
		delete(f.held, p.Seq)
	}
	if f.body != "" {
		f.got.AddNum(p.UID)
	}
	f.c.s.wire.idle.answered() // each message that was asked for is an answer, however long a server thinks about it
	if !f.left {
		f.left = !f.yield(p.Message, nil)
	}
	if _, kept := p.Body.(*io.SectionReader); kept {
		f.spool.done()
	}
}

// renumber takes care that the rest of a message is not looked for under its old number.
func (f *fetch) renumber() {
	for _, p := range f.held {
		if p.UID != 0 {
			f.known[p.UID] = p
		}
	}
	clear(f.held)
}

// settle gives what has a UID, and a body where one was asked for, though not all of it is known: no more will come.
func (f *fetch) settle() {
	enough := func(p *part) bool { return p.UID != 0 && f.set.Contains(p.UID) && (f.body == "" || p.Body != nil) }
	for _, uid := range slices.Sorted(maps.Keys(f.known)) {
		if p := f.known[uid]; enough(p) {
			f.give(p)
		}
	}
	for _, seq := range slices.Sorted(maps.Keys(f.held)) {
		if p := f.held[seq]; enough(p) {
			f.give(p)
		} else if f.unnamed && p.UID == 0 && p.has&hasModSeq != 0 {
			f.give(p)
		} else if p.has&hasFlags != 0 && f.body == "" {
			f.c.s.wire.tell(Changed(p.Message)) // somebody else changed them
		}
	}
	clear(f.held)
}

// end tells what did not come, and why.
func (f *fetch) end(err error) {
	f.settle()
	f.spool.close()
	err = f.c.end(err)
	if f.vanished != nil {
		f.vanished.AddSet(overlap(f.c.box.Vanished.set(), f.set))
	}
	if f.left {
		return
	}
	var missing imap.UIDSet
	if f.body != "" && !f.set.Dynamic() && (err == nil || refused(err)) {
		missing = without(f.set, f.got)
	}
	if len(missing) > 0 {
		err = &MissingError{missing, err}
	}
	if err != nil {
		f.yield(Message{}, err)
	}
}
