package message

import (
	"bufio"
	"bytes"
	"io"
	"strings"
)

// The bounds of a walk: what lies deeper is taken as it is, what comes later is passed over.
const (
	maxDepth = 32
	maxParts = 1000
	maxLine  = 32 << 10 // longer lines are read in pieces
)

// entity is a message or a part of one (RFC 2045 section 2.4): what its header says.
type entity struct {
	header      []byte
	typ         string // media type in lower case
	params      map[string]string
	disposition string // in lower case
	name        string // of the file, "" when it has none
	depth       int    // multiparts and messages around it
	alternative int    // which multipart/alternative of the message it lies in; 0: none
	number      int    // leaves and messages, from 1
	preamble    bool   // not a part: what stands before the first boundary of a multipart
}

// visitor is told what a walk finds.
type visitor struct {
	leaf  func(e *entity, body io.Reader) error // body: transfer encoding removed; need not be read
	enter func(e *entity, nested []byte) bool   // a message/rfc822 with the header nested: walk into it? nil: yes
	leave func(e *entity, size int64)           // after all of it, with its size as it stands; nil: not told
	whole func(e *entity) (leaf bool)           // take this message/rfc822 as a leaf? nil: no
}

// walker cuts a message into its parts, line by line.
//
// Not by go-message's MultipartReader: that gives up at the first malformed header line of a part, at a
// mixture of line ends, at a preamble line over 4 KB, and its decoders stop at the first foreign byte.
// Here each of these costs at most what is itself damaged, and a boundary of an outer multipart ends an
// inner one that was never closed.
type walker struct {
	in   *bufio.Reader
	err  error // of reading, other than io.EOF
	over bool  // nothing more to read

	open []string // the boundaries of the multiparts around, outermost first
	hit  int      // index in open of the boundary just met, else -1
	last bool     // that boundary closes its multipart

	again  []byte // a line to be given out once more
	inside bool   // the next piece continues a line
	offset int64  // bytes read
	mark   int64  // where the line before the last boundary ended

	visitor      visitor
	parts        int
	alternatives int
}

// walk shows the parts of the message in r to v, in order. The error is that of reading r or of v.
func walk(r io.Reader, v visitor) error {
	w := &walker{in: bufio.NewReaderSize(r, maxLine), hit: -1, visitor: v}
	if err := w.entity("text/plain", 0, 0); err != nil {
		return err
	}
	return w.err
}

// line returns the next piece of the current part, at most a line with its end; valid until the next
// call. False: the part ended, at a boundary (hit >= 0) or with the message.
func (w *walker) line() ([]byte, bool) {
	if w.again != nil {
		line := w.again
		w.again = nil
		return line, true
	}
	if w.hit >= 0 || w.over {
		return nil, false
	}
	line, err := w.in.ReadSlice('\n')
	if err != nil && err != bufio.ErrBufferFull {
		w.over = true
		if err != io.EOF {
			w.err = err
		}
	}
	start := !w.inside
	w.inside = err == bufio.ErrBufferFull
	if start && w.boundary(line) {
		w.offset += int64(len(line))
		return nil, false
	}
	w.offset += int64(len(line))
	w.mark = w.offset - int64(len(line)-len(bytes.TrimRight(line, "\r\n")))
	return line, len(line) > 0
}

// boundary reports whether line is a delimiter of a multipart that is open (RFC 2046 section 5.1.1).
func (w *walker) boundary(line []byte) bool {
	if len(line) < 3 || line[0] != '-' || line[1] != '-' {
		return false
	}
	text := string(bytes.TrimRight(line[2:], " \t\r\n"))
	for i := len(w.open) - 1; i >= 0; i-- {
		if rest, ok := strings.CutPrefix(text, w.open[i]); ok && (rest == "" || rest == "--") {
			w.hit, w.last = i, rest != ""
			return true
		}
	}
	return false
}

// skip reads to the end of the part.
func (w *walker) skip() {
	for ok := true; ok; {
		_, ok = w.line()
	}
}

// entity reads one message or part; assumed is its type when it does not say.
func (w *walker) entity(assumed string, depth, alternative int) error {
	return w.body(w.readEntity(w.readHeader(), assumed, depth, alternative))
}

func (w *walker) body(e *entity) error {
	boundary := e.params["boundary"]
	switch {
	case strings.HasPrefix(e.typ, "multipart/") && boundary != "" && e.depth < maxDepth:
		return w.multipart(e, boundary)
	case e.typ == "message/rfc822" && plainEncoding(e) && e.depth < maxDepth && !(w.visitor.whole != nil && w.visitor.whole(w.count(e))):
		return w.message(e)
	}
	return w.leaf(w.count(e))
}

// count gives e its number.
func (w *walker) count(e *entity) *entity {
	if e.number == 0 {
		w.parts++
		e.number = w.parts
	}
	return e
}

func (w *walker) leaf(e *entity) error {
	if w.parts <= maxParts {
		if err := w.visitor.leaf(e, newBody(w, e)); err != nil {
			return err
		}
	}
	w.skip()
	return nil
}

// message walks into a message/rfc822.
func (w *walker) message(e *entity) error {
	w.count(e)
	start := w.offset
	nested := w.readEntity(w.readHeader(), "text/plain", e.depth+1, 0)
	if w.visitor.enter != nil && !w.visitor.enter(e, nested.header) {
		w.skip()
	} else if err := w.body(nested); err != nil {
		return err
	}
	if w.visitor.leave != nil {
		w.visitor.leave(e, max(w.mark-start, 0))
	}
	return nil
}

func (w *walker) multipart(e *entity, boundary string) error {
	level := len(w.open)
	w.open = append(w.open, boundary)
	defer func() { w.open = w.open[:level] }()
	child, alternative := "text/plain", e.alternative
	switch e.typ {
	case "multipart/alternative":
		w.alternatives++
		alternative = w.alternatives
	case "multipart/digest": // RFC 2046 section 5.1.5
		child = "message/rfc822"
	}
	if err := w.preamble(e); err != nil {
		return err
	}
	for w.hit == level && !w.last {
		w.hit = -1
		if err := w.entity(child, e.depth+1, alternative); err != nil {
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

// preamble shows what stands before the first boundary: should none follow, it is all there is.
func (w *walker) preamble(e *entity) error {
	p := &entity{typ: "text/plain", depth: e.depth, alternative: e.alternative, preamble: true}
	if err := w.visitor.leaf(p, newBody(w, p)); err != nil {
		return err
	}
	w.skip()
	return nil
}

// readHeader reads the header of a message or part up to its empty line or a boundary. Text that
// starts at once, without a header, is left for the body.
func (w *walker) readHeader() []byte {
	line, ok := w.line()
	if !ok {
		return nil
	}
	if !isBlank(line) && !startsHeader(line) {
		w.again = bytes.Clone(line)
		return nil
	}
	var h Header
	for ok {
		h.Write(line)
		if h.Done() {
			break
		}
		line, ok = w.line()
	}
	return h.Bytes()
}

// startsHeader reports whether a header may begin with that line: a field, or the "From " of an mbox.
func startsHeader(line []byte) bool {
	for range fields(line) {
		return true
	}
	return bytes.HasPrefix(line, []byte("From ")) || bytes.HasPrefix(line, []byte(">From "))
}

// readEntity takes from a header what says how to read the body.
func (w *walker) readEntity(header []byte, assumed string, depth, alternative int) *entity {
	e := &entity{header: header, depth: depth, alternative: alternative}
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
