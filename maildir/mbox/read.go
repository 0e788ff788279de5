package mbox

import (
	"bufio"
	"bytes"
	"io"
	"strings"
)

// Message is a message of a file as it was before it was put there: an io.Reader. Status is known once its header is read.
type Message struct {
	Status Status
	filter filter
	quoted bool // quotes of "From " lines are to be taken off
}

// Open reads a message of a file.
func Open(file io.ReaderAt, s Section) *Message {
	m := &Message{quoted: true}
	m.filter = filter{r: bufio.NewReaderSize(io.NewSectionReader(file, s.Start, s.End-s.Start), readSize), header: true, status: &m.Status}
	return m
}

// Whole says whether its header came to its end, once all is read.
func (m *Message) Whole() bool { return !m.filter.header }

func (m *Message) Read(p []byte) (int, error) {
	for len(m.filter.piece) == 0 {
		if err := m.filter.next(); err != nil {
			return 0, err
		}
		if m.quoted && m.filter.first && quoted(m.filter.piece) {
			m.filter.piece = m.filter.piece[1:]
		}
	}
	n := copy(p, m.filter.piece)
	m.filter.piece = m.filter.piece[n:]
	m.filter.first = false
	return n, nil
}

// quoted says whether a line is ">From ", with any number of '>'.
func quoted(line []byte) bool {
	return line[0] == '>' && bytes.HasPrefix(bytes.TrimLeft(line, ">"), []byte("From "))
}

// filter gives the lines of a message without the fields that tell of its status. What follows the header passes as it is.
type filter struct {
	r       *bufio.Reader
	piece   []byte // a line, or a part of one; valid until the next
	first   bool   // it is the beginning of a line
	header  bool   // the empty line did not come yet
	status  *Status
	inside  bool // the piece before ended within a line
	dropped bool // the field under way is left out
}

// next reads the next piece that is not left out.
func (f *filter) next() error {
	for {
		piece, err := f.r.ReadSlice('\n')
		if len(piece) == 0 {
			return err
		}
		f.first = !f.inside
		f.inside = piece[len(piece)-1] != '\n'
		if f.piece = piece; !f.header || !f.drops(piece) {
			return nil
		}
	}
}

// drops says whether a piece of a header is left out.
func (f *filter) drops(piece []byte) bool {
	switch {
	case !f.first:
	case isBlank(piece):
		f.header, f.dropped = false, false
	case piece[0] == ' ' || piece[0] == '\t': // goes on with the field before
		if f.dropped {
			f.status.keywords(string(bytes.TrimSpace(piece))) // the only one that is ever so long
		}
	default:
		name, value, ok := strings.Cut(string(piece), ":")
		f.dropped = ok && f.status.field(name, value)
	}
	return f.dropped
}

var _ io.Reader = (*Message)(nil)
