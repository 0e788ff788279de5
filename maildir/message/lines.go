package message

import (
	"bufio"
	"bytes"
	"io"
	"strings"
)

// maxLine is how much of a line is read at once; longer ones come in pieces.
const maxLine = 32 << 10

// lines reads a message line by line, up to the boundaries of the multiparts that are open. Lines may be looked at before they
// are taken.
type lines struct {
	in     *bufio.Reader
	err    error // of reading, other than io.EOF
	over   bool  // nothing more to read
	inside bool  // the next piece to be read continues a line

	open []delimiter // of the multiparts around, outermost first
	hit  int         // index in open of the boundary that ended the part, else -1
	last bool        // that boundary closes its multipart
	edge []byte      // the line of that boundary, until it is taken

	ahead []byte // pieces that were looked at before they are taken
	ends  []int  // where in ahead each of them ends
	next  int    // the next one to be taken

	offset int64 // bytes taken
	end    int64 // where the last line taken ended, without its line end
	mark   int64 // where the line before the last boundary ended, likewise
	copies []*rawCopy
}

// delimiter is the boundary of a multipart. RFC 2046 section 5.1.1 forbids white space at its end; some senders write it, and
// repeat it before the "--" that closes.
type delimiter struct {
	text   string
	padded bool
}

func newDelimiter(boundary string) delimiter {
	text := strings.TrimRight(boundary, " \t")
	return delimiter{text, text != boundary}
}

func newLines(r io.Reader) lines {
	return lines{in: bufio.NewReaderSize(r, maxLine), hit: -1}
}

// line takes the next piece of the current part, at most a line with its end; valid until the next call. False: the part ended,
// at a boundary (hit >= 0) or with the message.
func (l *lines) line() ([]byte, bool) {
	if len(l.ends) == l.next { // nothing was looked at before
		piece := l.read()
		if piece == nil {
			l.takeEdge()
			return nil, false
		}
		l.take(piece)
		return piece, true
	}
	piece, _ := l.peek(0)
	if l.next++; l.next == len(l.ends) {
		l.ahead, l.ends, l.next = l.ahead[:0], l.ends[:0], 0
	}
	l.take(piece)
	return piece, true
}

// peek looks at the piece that comes after n others. False: the part ends before it.
func (l *lines) peek(n int) ([]byte, bool) {
	for n += l.next; len(l.ends) <= n; {
		piece := l.read()
		if piece == nil {
			return nil, false
		}
		l.ahead = append(l.ahead, piece...)
		l.ends = append(l.ends, len(l.ahead))
	}
	start := 0
	if n > 0 {
		start = l.ends[n-1]
	}
	return l.ahead[start:l.ends[n]:l.ends[n]], true
}

// read reads the next piece; nil: the part ends.
func (l *lines) read() []byte {
	if l.hit >= 0 || l.over {
		return nil
	}
	piece, err := l.in.ReadSlice('\n')
	if err != nil && err != bufio.ErrBufferFull {
		l.over = true
		if err != io.EOF {
			l.err = err
		}
	}
	start := !l.inside
	l.inside = err == bufio.ErrBufferFull
	if start && l.boundary(piece) {
		l.edge = bytes.Clone(piece)
		return nil
	}
	if len(piece) == 0 {
		return nil
	}
	return piece
}

// take counts and copies a piece that is given out.
func (l *lines) take(piece []byte) {
	text, _ := cutEnd(piece)
	l.end = l.offset + int64(len(text))
	l.offset += int64(len(piece))
	for _, c := range l.copies {
		c.piece(piece)
	}
}

// takeEdge takes the boundary that ended the part.
func (l *lines) takeEdge() {
	if l.edge == nil {
		return
	}
	l.mark = l.end
	for _, c := range l.copies {
		c.over = c.over || l.hit < c.level
	}
	l.take(l.edge)
	l.edge = nil
}

// boundary reports whether line is a delimiter of a multipart that is open (RFC 2046 section 5.1.1).
func (l *lines) boundary(line []byte) bool {
	if len(line) < 3 || line[0] != '-' || line[1] != '-' {
		return false
	}
	text := string(bytes.TrimRight(line[2:], " \t\r\n"))
	for i := len(l.open) - 1; i >= 0; i-- {
		rest, ok := strings.CutPrefix(text, l.open[i].text)
		if ok && l.open[i].padded {
			rest = strings.TrimLeft(rest, " \t")
		}
		if ok && (rest == "" || rest == "--") {
			l.hit, l.last = i, rest != ""
			return true
		}
	}
	return false
}

// skip takes all to the end of the part.
func (l *lines) skip() {
	for ok := true; ok; {
		_, ok = l.line()
	}
}

// cutEnd parts a line from its end, LF or CR LF.
func cutEnd(piece []byte) (text, end []byte) {
	text = bytes.TrimSuffix(piece, []byte("\n"))
	if len(text) < len(piece) {
		text = bytes.TrimSuffix(text, []byte("\r"))
	}
	return text, piece[len(text):]
}

// rawCopy writes the lines of a message inside as they stand, without the line end before the boundary that ends it.
type rawCopy struct {
	to    io.Writer
	level int    // how many multiparts were open when it began
	held  []byte // a line end
	over  bool
	err   error
}

func (c *rawCopy) piece(piece []byte) {
	if c.over || c.err != nil {
		return
	}
	text, end := cutEnd(piece)
	if _, c.err = c.to.Write(c.held); c.err == nil {
		_, c.err = c.to.Write(text)
	}
	c.held = append(c.held[:0], end...)
}

// close writes the end of the last line, unless a boundary follows it.
func (c *rawCopy) close() error {
	if !c.over && c.err == nil {
		_, c.err = c.to.Write(c.held)
	}
	return c.err
}
