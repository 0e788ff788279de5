package maildir

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"time"
)

// bufferSize is what a Delivery writes at once. Buffers are kept for the next message: 10,000 of them, made anew each time,
// were more than half of what a fetch allocated.
const bufferSize = 64 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// Delivery is a message on its way in: an io.Writer that takes the wire form in any chunking and writes the LF form to a
// file in tmp/. CRLF becomes LF; anything else (bare CR, bare LF, NUL, 8-bit) stays as it is. It ends in a [Batch], or is
// discarded by Close. Not for use by several goroutines at once.
type Delivery struct {
	dir   Dir
	key   Key
	path  string       // in tmp/
	file  *messageFile // nil once durable
	buf   []byte       // room from buffers, once something is written; nil once complete: a batch may hold hundreds of deliveries
	hash  hash.Hash
	size  int64 // octets of the wire form
	disk  int64 // octets of the LF form
	last  [2]byte
	held  bool // last[1] is a CR at the end of a chunk that is not written yet: an LF may follow
	lossy bool // the LF form does not give the wire form back
	mtime time.Time
	flags Flags
	entry Entry
	state state
	err   error // the first one; it sticks
}

type state uint8

const (
	writing   state = iota
	staged          // written out, entry known
	durable         // fsynced
	published       // no longer ours to remove
	discarded
)

// Create begins a message: a new file in tmp/ with mode 0600, named by its key.
func (d Dir) Create() (*Delivery, error) {
	key := NewKey(time.Now())
	path := d.sub("tmp", string(key))
	file, err := createMessageFile(path)
	if errors.Is(err, fs.ErrNotExist) && d.Complete() == nil {
		file, err = createMessageFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("create message: %w", err)
	}
	return &Delivery{dir: d, key: key, path: path, file: file, hash: sha256.New()}, nil
}

// Write takes a piece of the wire form. It is buffered: an error (a full disk) may show in a later Write or in Batch.Sync.
// After an error the delivery is good for nothing but Close.
func (f *Delivery) Write(p []byte) (int, error) {
	if f.state != writing && f.err == nil {
		return 0, fmt.Errorf("write message: %w", fs.ErrClosed)
	}
	f.hash.Write(p)
	f.size += int64(len(p))
	for rest := p; len(rest) > 0; {
		line := rest
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			line = rest[:i+1]
		}
		f.line(line)
		rest = rest[len(line):]
	}
	if f.err != nil {
		return 0, f.err
	}
	return len(p), nil
}

// Fill writes all of a message into the delivery, and its beginning into header too, which ignores what it does not want. It
// tells received how many octets came, many times. whole is false where the message did not come to its end: for an
// error of the delivery, or, without an error, because from broke off.
func (f *Delivery) Fill(from io.Reader, header io.Writer, received func(octets int)) (whole bool, err error) {
	w := filling{f, header, received, nil}
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	_, err = io.CopyBuffer(&w, from, buf[:])
	return err == nil, w.err
}

// filling tells a failure to store from one to read.
type filling struct {
	delivery *Delivery
	header   io.Writer
	received func(int)
	err      error
}

func (w *filling) Write(p []byte) (n int, err error) {
	w.header.Write(p)
	n, w.err = w.delivery.Write(p)
	w.received(len(p))
	return n, w.err
}

// line takes a piece with no LF but at its end.
func (f *Delivery) line(p []byte) {
	text, lf := bytes.CutSuffix(p, []byte("\n"))
	if f.held && len(text) > 0 {
		f.put('\r')
	}
	if n := len(text); n > 0 {
		f.last = [2]byte{f.last[1], text[n-1]}
		if n > 1 {
			f.last[0] = text[n-2]
		}
		if f.held = text[n-1] == '\r'; f.held {
			text = text[:n-1]
		}
	}
	f.put(text...)
	if lf {
		// A bare LF, and CR CR LF, come back from disk as CRLF.
		f.lossy = f.lossy || !f.held || f.last[0] == '\r'
		f.last, f.held = [2]byte{f.last[1], '\n'}, false
		f.put('\n')
	}
}

func (f *Delivery) put(p ...byte) {
	f.disk += int64(len(p))
	for len(p) > 0 && f.err == nil {
		if len(f.buf) == cap(f.buf) {
			f.makeRoom()
		}
		n := copy(f.buf[len(f.buf):cap(f.buf)], p)
		f.buf, p = f.buf[:len(f.buf)+n], p[n:]
	}
}

func (f *Delivery) makeRoom() {
	if f.buf == nil {
		f.buf = buffers.Get().(*[bufferSize]byte)[:0]
		return
	}
	f.flush()
}

// letGo gives the buffer back.
func (f *Delivery) letGo() {
	if f.buf != nil {
		buffers.Put((*[bufferSize]byte)(f.buf[:bufferSize]))
		f.buf = nil
	}
}

func (f *Delivery) flush() {
	if len(f.buf) > 0 {
		_, err := f.file.Write(f.buf)
		f.fail("write message", err)
		f.buf = f.buf[:0]
	}
}

func (f *Delivery) fail(verb string, err error) {
	if f.err == nil && err != nil {
		f.err = fmt.Errorf("%s: %w", verb, err)
	}
}

// Wire describes what was written so far.
func (f *Delivery) Wire() Wire {
	w := Wire{Size: f.size, Exact: !f.lossy}
	f.hash.Sum(w.Hash[:0])
	return w
}

// Own is the hash of the wire form that the file gives, which is not Wire's where that is not Exact. The delivery must be durable.
func (f *Delivery) Own() ([32]byte, error) {
	w, err := WireAt(f.path)
	return w.Hash, err
}

// SetTime gives the file's mtime (IMAP INTERNALDATE); zero leaves it at the time of writing. Call it before Batch.Add.
func (f *Delivery) SetTime(t time.Time) { f.mtime = t }

// Key is the key of the message: its name in tmp/, and in new/ or cur/ up to the first ',' or ':'.
func (f *Delivery) Key() Key { return f.key }

// Entry is what the message is once published. Known after Batch.Add; with keywords, after Batch.Sync.
func (f *Delivery) Entry() Entry { return f.entry }

// stage writes out what is buffered. The file stays open until Batch.Sync: only an fsync of the descriptor that wrote is
// sure to hear of every write error. Errors stick, for Batch.Sync to report.
func (f *Delivery) stage(flags Flags) {
	if f.state != writing {
		f.fail("add message", fs.ErrClosed)
		return
	}
	if f.held {
		f.held = false
		f.put('\r')
	}
	f.flush()
	f.file.startWriteback() // the disk works while the next message comes in
	f.letGo()
	f.state = staged
	if !f.mtime.IsZero() {
		f.fail("set time of message", os.Chtimes(f.path, time.Time{}, f.mtime))
	}
	f.flags = flags
	f.name(0)
}

// sync makes the file durable in tmp/ and closes it.
func (f *Delivery) sync() {
	f.fail("fsync message", f.file.Sync())
	f.fail("write message", f.file.Close())
	f.file = nil
	if f.err == nil {
		f.state = durable
	}
}

// name decides under which name the message will be published.
func (f *Delivery) name(l letterSet) {
	base := EntryOf(string(f.key)+",S="+strconv.FormatInt(f.disk, 10), true)
	f.entry = base.withFlags(f.flags.Set, l)
}

// Close discards the message unless it was published, also when it is part of a batch. It is safe to call it again,
// and after publishing.
func (f *Delivery) Close() error {
	if f.state >= published {
		return nil
	}
	var err error
	if f.file != nil {
		err = f.file.Close()
	}
	f.letGo()
	f.file, f.state = nil, discarded
	f.fail("message discarded", fs.ErrClosed)
	if rm := os.Remove(f.path); rm != nil && !errors.Is(rm, fs.ErrNotExist) {
		err = errors.Join(err, rm)
	}
	return err
}
