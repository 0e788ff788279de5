package imap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
)

// Appended says where an uploaded message lies: APPENDUID of RFC 4315. Both are 0 where the server does not say it.
type Appended struct {
	UIDValidity uint32
	UID         imap.UID
}

// Append uploads size octets of r, in wire form, into a mailbox, with flags and INTERNALDATE (zero: the server's now).
// A refusal (TRYCREATE, OVERQUOTA, TOOBIG, …) is an *Error, and the session goes on. If r has fewer octets or fails, the
// session ends, as there is no other way not to upload half a message; the server then keeps none of it.
func (s *Session) Append(ctx context.Context, name string, flags []Flag, date time.Time, size int64, r io.Reader) (Appended, error) {
	if err := errors.Join(checkName(name), checkFlags(flags)); err != nil {
		return Appended{}, err
	}
	box := &inbox{}
	c, err := s.begin(ctx, "APPEND", box)
	if err != nil {
		return Appended{}, err
	}
	cmd := s.lib.Append(name, size, &imap.AppendOptions{Flags: flags, Time: date})
	err = s.upload(cmd, r, size)
	cmd.Close() // what went wrong comes from Wait
	if _, refused := cmd.Wait(); err == nil {
		err = refused
	}
	if err := c.end(err); err != nil {
		return Appended{}, err
	}
	return box.appended(), nil
}

// upload copies exactly size octets. Only a fault of the source counts here.
func (s *Session) upload(to io.Writer, r io.Reader, size int64) error {
	from := &faulty{r: r}
	n, err := io.CopyN(to, from, size)
	switch {
	case from.err != nil && from.err != io.EOF:
		err = fmt.Errorf("read message: %w", from.err)
	case n < size && from.err == io.EOF:
		err = fmt.Errorf("read message: %d octets short: %w", size-n, io.ErrUnexpectedEOF)
	default:
		return nil
	}
	s.wire.fail(err)
	return err
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

// appended reads RFC 4315 section 3: APPENDUID validity uid. What is not of that form is not there.
func (b *inbox) appended() Appended {
	args, _ := b.find("APPENDUID")
	validity, uid, _ := strings.Cut(args, " ")
	v, err1 := strconv.ParseUint(validity, 10, 32)
	u, err2 := strconv.ParseUint(uid, 10, 32)
	if err1 != nil || err2 != nil || v == 0 || u == 0 {
		return Appended{}
	}
	return Appended{uint32(v), imap.UID(u)}
}
