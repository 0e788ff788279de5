package imap

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// Upload is a message to be appended.
type Upload struct {
	Mailbox string // "": that of AppendAll
	Joined  bool   // it may go up in one command with others beside it that are Joined too (MULTIAPPEND): a refusal may be for any of them
	Flags   []Flag
	Date    time.Time // INTERNALDATE; zero: the server's now
	Size    int64     // octets of Body
	Body    io.Reader // in wire form
}

// Appended says where an uploaded message lies: APPENDUID of RFC 4315. Both are 0 where the server does not say it.
type Appended struct {
	UIDValidity uint32
	UID         imap.UID
}

// Append uploads a message into a mailbox. A refusal (TRYCREATE, OVERQUOTA, TOOBIG, …) is an *Error, and the session goes on.
// If u.Body has not u.Size octets, or fails, the session ends, as there is no other way not to upload half a message;
// the server then keeps none of it.
func (s *Session) Append(ctx context.Context, name string, u Upload) (a Appended, err error) {
	for a, err = range s.AppendAll(ctx, name, func(yield func(Upload) bool) { yield(u) }) {
	}
	return a, err
}

// AppendAll is Append for many messages, into one mailbox or several: up to 1024 of them, or 16 MiB, are sent before the answer to the first
// has come. It gives one result for each, in order; after an *Error it goes on with the next. When it is left early no more are taken from uploads.
// A body may be closed as soon as uploads is asked for the next.
func (s *Session) AppendAll(ctx context.Context, name string, uploads iter.Seq[Upload]) iter.Seq2[Appended, error] {
	return func(yield func(Appended, error) bool) {
		if name != "" {
			if err := checkName(name); err != nil {
				yield(Appended{}, err)
				return
			}
		}
		box := &inbox{Tagged: map[string]code{}}
		c, err := s.begin(ctx, "APPEND", box)
		if err != nil {
			yield(Appended{}, err)
			return
		}
		a := &appending{c: c, name: name, yield: yield}
		for u := range uploads {
			if a.add(u); a.over {
				break
			}
		}
		a.close(false)
		for len(a.sent) > 0 {
			a.answered()
		}
		c.end(nil)
	}
}

// window is how many APPENDs, and octets of them, are sent before the first is answered: what is on its way on a fast line of 100 ms.
const (
	window       = 1024
	windowOctets = 16 << 20
)

// appending is an AppendAll under way.
type appending struct {
	c     *command
	name  string
	sent  []*imapclient.AppendCommand // not yet answered
	sizes []int64                     // of those
	bytes int64                       // of all of those
	done  int                         // answered
	open  *imapclient.AppendCommand   // the last: it is not known yet whether another message follows in the same command
	last  Upload                      // what it appends
	among int                         // messages, and octets, of the command that is open
	octet int64
	over  bool // no more are wanted, or can be sent
	yield func(Appended, error) bool
}

// add sends one message.
func (a *appending) add(u Upload) {
	if u.Mailbox == "" {
		u.Mailbox = a.name
	}
	if err := a.c.s.checkUpload(u); err != nil {
		a.close(false)
		for len(a.sent) > 0 {
			a.answered()
		}
		a.give(Appended{}, err)
		return
	}
	a.close(a.goesOn(u))
	cmd := a.c.s.lib.Append(u.Mailbox, u.Size, &imap.AppendOptions{Flags: u.Flags, Time: writable(u.Date)})
	if err := copyExactly(cmd, u.Body, u.Size); err != nil {
		a.c.s.wire.fail(err)
	}
	a.open, a.last, a.among, a.octet = cmd, u, a.among+1, a.octet+u.Size
	a.sent, a.sizes, a.bytes = append(a.sent, cmd), append(a.sizes, u.Size), a.bytes+u.Size
	if len(a.sent) >= window || a.bytes > windowOctets {
		a.close(false)
		for !a.over && len(a.sent) > 0 && (len(a.sent) > window-2*joined || a.bytes > windowOctets-2*joinedOctets) { // room for a command of many
			a.answered()
		}
	}
}

// goesOn says whether a message may be in one command with the one before.
func (a *appending) goesOn(u Upload) bool {
	return a.open != nil && u.Joined && a.last.Joined && u.Mailbox == a.last.Mailbox && a.among < joined && a.octet+u.Size <= joinedOctets &&
		a.c.s.Has(imap.CapMultiAppend) && a.c.s.wire.nonSync(u.Size)
}

// close ends the command that is open, for the library at least: to the server it goes on.
func (a *appending) close(on bool) {
	if a.open == nil {
		return
	}
	a.c.s.wire.join(on)
	a.open.Close() // what went wrong comes from Wait
	if a.open = nil; !on {
		a.among, a.octet = 0, 0
	}
}

// writable is a date, if it can be written: RFC 9051 section 9 gives a year four digits. A server that finds more may take what
// follows for commands.
func writable(date time.Time) time.Time {
	if y := date.Year(); y < 1 || y > 9999 {
		return time.Time{}
	}
	return date
}

// answered waits for the answer to the oldest that has none.
func (a *appending) answered() {
	_, err := a.sent[0].Wait()
	a.bytes -= a.sizes[0]
	a.sent, a.sizes = a.sent[1:], a.sizes[1:]
	uid := a.c.s.wire.appended(a.done)
	a.done++
	if err = a.c.verdict(err); err != nil {
		uid = Appended{}
	}
	a.give(uid, err)
	a.over = a.over || err != nil && !refused(err)
}

func (a *appending) give(uid Appended, err error) {
	a.over = a.over || !a.yield(uid, err)
}

// checkUpload refuses what the server has said it will refuse (RFC 7889), or the library would close the connection for (trap 8).
func (s *Session) checkUpload(u Upload) error {
	if limit, _ := s.caps.AppendLimit(); limit != nil && u.Size > int64(*limit) {
		return &Error{Command: "APPEND", Status: "NO", Code: "TOOBIG", Text: fmt.Sprintf("the server takes messages of up to %d octets", *limit)}
	}
	return cmp.Or(checkName(u.Mailbox), checkFlags(u.Flags))
}

// copyExactly copies size octets. Only a fault of the source is an error here.
func copyExactly(to io.Writer, r io.Reader, size int64) error {
	from := &faulty{r: r}
	n, _ := io.CopyN(to, from, size)
	more := 0
	if n == size {
		more, _ = io.ReadFull(r, make([]byte, 1))
	}
	switch {
	case from.err != nil && from.err != io.EOF:
		return fmt.Errorf("read message: %w", from.err)
	case n < size && from.err == io.EOF:
		return fmt.Errorf("read message: %d octets short", size-n)
	case more > 0:
		return fmt.Errorf("read message: more than %d octets", size)
	}
	return nil
}

// faulty remembers the error of a source.
type faulty struct {
	r   io.Reader
	err error
}

func (f *faulty) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	f.err = err
	return n, err
}

// appended reads RFC 4315 section 3, of the command with that number: APPENDUID validity uid. What is not of that form is not there.
func (w *wire) appended(number int) (a Appended) {
	w.note(func(b *inbox) bool {
		if number < len(b.Tags) {
			a = b.Tagged[b.Tags[number]].appended()
		}
		return true
	})
	return a
}

func (c code) appended() Appended {
	validity, uid, _ := strings.Cut(c.Args, " ")
	v, err1 := strconv.ParseUint(validity, 10, 32)
	u, err2 := strconv.ParseUint(uid, 10, 32)
	if c.Name != "APPENDUID" || err1 != nil || err2 != nil || v == 0 || u == 0 {
		return Appended{}
	}
	return Appended{uint32(v), imap.UID(u)}
}
