package message

import (
	"io"
	"slices"
	"strings"
)

// The bounds of a reading: what lies deeper is taken as it is, what comes later is told but not listed.
const (
	maxDepth    = 32
	maxParts    = 1000
	maxPreamble = 256 << 10 // more text before the first boundary of a multipart is its text
)

// entity is a message or a part of one (RFC 2045 section 2.4): what its header says.
type entity struct {
	header      []byte
	typ         string // media type in lower case
	params      map[string]string
	disposition string // in lower case
	name        string // of the file, "" when it has none
	depth       int    // multiparts and messages around it
	choices     []choice
	number      int // leaves and messages, from 1
}

// choice says in which branch of which multipart/alternative something lies.
type choice struct{ group, branch int }

// visitor is told what a walk finds.
type visitor struct {
	leaf  func(e *entity, body io.Reader) error // body: transfer encoding removed; need not be read
	enter func(e *entity, nested []byte)        // a message inside, with the header nested
	leave func(e *entity, size int64)           // after all of a message inside, with its size as WritePart writes it
	copy  func(e *entity) io.Writer             // where the bytes of a message inside go; nil: nowhere
	sign  func()                                // something signed comes
}

// walker cuts a message into its parts, line by line.
//
// Not by go-message's MultipartReader: that gives up at the first malformed header line of a part, at a
// mixture of line ends, at a preamble line over 4 KB, and its decoders stop at the first foreign byte.
// Here each of these costs at most what is itself damaged, and a boundary of an outer multipart ends an
// inner one that was never closed.
type walker struct {
	lines
	*visitor
	*counts
}

// counts number the parts of a message, those inside of encoded parts too.
type counts struct {
	parts  int
	groups int // multipart/alternative
}

// walk shows the parts of the message in r to v, in order, and gives their number. The error is that of reading r or of v.
func walk(r io.Reader, v visitor) (int, error) {
	w := &walker{newLines(r), &v, new(counts)}
	if err := w.entity("text/plain", 0, nil); err != nil {
		return w.parts, err
	}
	return w.parts, w.err
}

// entity reads one message or part; assumed is its type when it does not say.
func (w *walker) entity(assumed string, depth int, choices []choice) error {
	return w.body(readEntity(w.readHeader(), assumed, depth, choices))
}

func (w *walker) body(e *entity) error {
	boundary := newDelimiter(e.params["boundary"])
	switch {
	case e.depth >= maxDepth:
	case strings.HasPrefix(e.typ, "multipart/") && boundary.text != "":
		return w.multipart(e, boundary)
	case isMessage(e.typ) && (plainEncoding(e) || w.mislabelled(e)):
		return w.message(e)
	case isMessage(e.typ):
		return w.encodedMessage(e)
	case mayBeSigned(e):
		return w.signed(e)
	}
	return w.leaf(e, newBody(&w.lines, e))
}

// isMessage reports whether a part of that type is a message: RFC 2046 section 5.2.1, RFC 6532 section 3.7, RFC 5537 section 4.1.
func isMessage(typ string) bool {
	return typ == "message/rfc822" || typ == "message/global" || typ == "message/news"
}

// mislabelled reports whether a header follows, though it should be in base64.
func (w *walker) mislabelled(e *entity) bool {
	first, ok := w.peek(0)
	return ok && transferEncoding(e) == "base64" && isField(first)
}

// count gives e its number.
func (w *walker) count(e *entity) {
	w.parts++
	e.number = w.parts
}

func (w *walker) leaf(e *entity, body io.Reader) error {
	w.count(e)
	if err := w.visitor.leaf(e, body); err != nil {
		return err
	}
	w.skip()
	return nil
}

// message walks into a message that stands there as it is.
func (w *walker) message(e *entity) error {
	w.count(e)
	start := w.offset
	var raw *rawCopy
	if to := w.copyOf(e); to != nil {
		raw = &rawCopy{to: to, level: len(w.open)}
		w.copies = append(w.copies, raw)
	}
	if err := w.nested(e); err != nil {
		return err
	}
	end := w.offset
	if w.hit >= 0 {
		end = max(w.mark, start)
	}
	if raw != nil {
		w.copies = w.copies[:len(w.copies)-1]
		if err := raw.close(); err != nil {
			return err
		}
	}
	w.left(e, end-start)
	return nil
}

// nested walks into the message that comes next.
func (w *walker) nested(e *entity) error {
	inner := readEntity(w.readHeader(), "text/plain", e.depth+1, e.choices)
	if w.enter != nil {
		w.enter(e, inner.header)
	}
	return w.body(inner)
}

// encodedMessage walks into a message with a transfer encoding: RFC 2046 section 5.2.1 forbids it, RFC 6532 section 3.7 does
// not, and Outlook and others do it.
func (w *walker) encodedMessage(e *entity) error {
	w.count(e)
	body := w.counted(e, newBody(&w.lines, e))
	inner := &walker{newLines(body), w.visitor, w.counts}
	return w.finish(e, body, inner.nested(e), inner)
}

// finish ends a walk through what was encoded in e: the rest of it is read, for its size.
func (w *walker) finish(e *entity, body *counter, err error, inner *walker) error {
	if err == nil {
		err = inner.err
	}
	if err == nil {
		_, err = io.Copy(io.Discard, body)
	}
	if err != nil {
		return err
	}
	w.skip()
	w.left(e, body.size)
	return nil
}

func (w *walker) left(e *entity, size int64) {
	if w.leave != nil {
		w.leave(e, size)
	}
}

// copyOf is where the bytes of e go as they are read, nil: nowhere.
func (w *walker) copyOf(e *entity) io.Writer {
	if w.copy == nil {
		return nil
	}
	return w.copy(e)
}

// counter counts what is read through it.
type counter struct {
	io.Reader
	size int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.size += int64(n)
	return n, err
}

func (w *walker) counted(e *entity, r io.Reader) *counter {
	if to := w.copyOf(e); to != nil {
		r = io.TeeReader(r, to)
	}
	return &counter{Reader: r}
}

func (w *walker) multipart(e *entity, boundary delimiter) error {
	level := len(w.open)
	w.open = append(w.open, boundary)
	defer func() { w.open = w.open[:level] }()
	if !w.begins(level) {
		return w.unparted(e)
	}
	if e.typ == "multipart/signed" && w.sign != nil {
		w.sign()
	}
	child, group := "text/plain", 0
	switch e.typ {
	case "multipart/alternative":
		w.groups++
		group = w.groups
	case "multipart/digest": // RFC 2046 section 5.1.5
		child = "message/rfc822"
	}
	w.skip() // the preamble
	for branch := 0; w.hit == level && !w.last; branch++ {
		w.hit = -1
		choices := e.choices
		if group != 0 {
			choices = append(slices.Clip(choices), choice{group, branch})
		}
		if err := w.entity(child, e.depth+1, choices); err != nil {
			return err
		}
	}
	if w.hit == level { // closed: an epilogue may follow
		w.hit = -1
		w.open = w.open[:level]
		w.skip()
	}
	return nil
}

// begins reports whether the boundary of that level follows. What stands before it says only that the mail is in MIME format.
func (w *walker) begins(level int) bool {
	for n, size := 0, 0; size < maxPreamble; n++ {
		line, ok := w.peek(n)
		if !ok {
			return w.hit == level
		}
		size += len(line)
	}
	return false
}

// unparted shows a multipart whose boundary never comes: what stands there is its text.
func (w *walker) unparted(e *entity) error {
	w.open = w.open[:len(w.open)-1]
	if first, ok := w.peek(0); !ok || isBlank(first) && !w.more() {
		w.skip()
		return nil
	}
	e.typ = "text/plain"
	return w.leaf(e, newBody(&w.lines, e))
}

// more reports whether the part holds more than empty lines.
func (w *walker) more() bool {
	for n := 0; ; n++ {
		line, ok := w.peek(n)
		if !ok || !isBlank(line) || n == maxParts {
			return ok
		}
	}
}

// readHeader takes the header of a message or part, and the line that separates it from the body. Text that starts at once,
// without a header, is left for the body.
func (w *walker) readHeader() []byte {
	var h Header
	var end ending
	for first := true; ; first = false {
		if ended, separator := end.ends(w.peek, first); ended {
			if _, ok := w.peek(0); separator || !ok {
				w.line()
			}
			return h.Bytes()
		}
		for piece, ok := w.line(); ok; piece, ok = w.line() {
			if h.Write(piece); piece[len(piece)-1] == '\n' { // else it is a long line, which goes on
				break
			}
		}
	}
}

// readEntity takes from a header what says how to read the body.
func readEntity(header []byte, assumed string, depth int, choices []choice) *entity {
	e := &entity{header: header, depth: depth, choices: choices}
	e.typ, e.params = parameters(field(header, "Content-Type"))
	if !strings.Contains(e.typ, "/") { // RFC 2045 section 5.2
		e.typ = assumed
	}
	disposition, params := parameters(field(header, "Content-Disposition"))
	e.disposition = disposition
	for _, name := range [...]string{params["filename"], e.params["name"], params["name"], e.params["filename"]} {
		if e.name = baseName(name); e.name != "" {
			break
		}
	}
	return e
}

// baseName is the last element of a path, of whichever system.
func baseName(path string) string {
	return line(path[strings.LastIndexAny(path, `/\`)+1:], maxName)
}
