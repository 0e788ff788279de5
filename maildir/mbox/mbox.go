// Package mbox reads and writes mbox files: many messages in one file, each behind a line that begins with "From ".
//
// Written is mboxrd (RFC 4155 names the family): a line that begins with any number of '>' and "From " gets one '>' more, so
// that reading takes back exactly what writing did. Read is what programs make of it: mboxrd, mboxo, Thunderbird's folders,
// with lines that end in LF or in CR LF. What a message is marked with lies in fields of its header (Status, X-Status,
// X-Keywords, X-Mozilla-Status and its like), which are no part of the message: writing puts them there, reading takes them out.
package mbox

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"iter"
	"time"
)

// ErrForeign is the error of a file that does not begin with "From ".
var ErrForeign = errors.New("it is no mbox file: it does not begin with \"From \"")

// Section is where a message lies in a file.
type Section struct {
	Line  int       // of its "From " line, counted from 1
	Start int64     // octets before the message
	End   int64     // octets before what follows it
	Date  time.Time // of its "From " line; zero: none
	Open  bool      // the file ends within one of its lines, so that it may be half a message
}

// readSize is what a file is read by at once. A line that is longer comes in pieces.
const readSize = 64 << 10

// Scan finds the messages of a file. The error is ErrForeign, or that of reading; it is yielded once and ends the sequence.
// An empty file has no messages.
func Scan(r io.Reader) iter.Seq2[Section, error] {
	return func(yield func(Section, error) bool) {
		s := &scanner{r: bufio.NewReaderSize(r, readSize), blank: true}
		for {
			section, err := s.next()
			if err == io.EOF || !yield(section, err) || err != nil {
				return
			}
		}
	}
}

// scanner reads line by line.
type scanner struct {
	r      *bufio.Reader
	offset int64
	line   int
	blank  bool // the line before was empty, or there is none
	found  *Section
	lines  int   // of the section
	blanks int   // of those
	end    int64 // before the empty line that may belong to the file and not to the message
}

func (s *scanner) next() (Section, error) {
	for {
		start := s.offset
		line, whole, err := s.read()
		if err != nil && err != io.EOF {
			return Section{}, err
		}
		if len(line) == 0 && err == io.EOF {
			return s.close()
		}
		empty := len(bytes.TrimSpace(line)) == 0
		blank := isBlank(line)
		if date, ok := s.begins(line); ok { // line is not valid any more
			done := s.found
			if done != nil {
				done.End = s.trimmed(start)
			}
			s.found = &Section{Line: s.line, Start: s.offset, Date: date}
			s.lines, s.blanks, s.blank = 0, 0, false
			if done != nil {
				return *done, nil
			}
			continue
		}
		if s.found == nil {
			if empty { // some programs begin with an empty line
				continue
			}
			return Section{}, ErrForeign
		}
		s.lines++
		if s.blank = blank; blank {
			s.blanks, s.end = s.blanks+1, start
		}
		s.found.Open = !whole
	}
}

// close ends the last section.
func (s *scanner) close() (Section, error) {
	if s.found == nil {
		return Section{}, io.EOF
	}
	done := *s.found
	s.found = nil
	done.End = s.trimmed(s.offset)
	return done, nil
}

// trimmed is the end of a section: without the empty line that writers put behind a message, unless it is the one that ends the
// header of a message without a body.
func (s *scanner) trimmed(end int64) int64 {
	if s.blank && s.blanks > 1 {
		return s.end
	}
	return end
}

// read reads a line, or the first readSize octets of it and passes over the rest. whole: it has its LF.
func (s *scanner) read() (line []byte, whole bool, err error) {
	line, err = s.r.ReadSlice('\n')
	s.offset += int64(len(line))
	s.line++
	if err != bufio.ErrBufferFull {
		return line, err == nil, err
	}
	line = bytes.Clone(line[:1]) // no empty line, and no "From "
	for err == bufio.ErrBufferFull {
		var more []byte
		more, err = s.r.ReadSlice('\n')
		s.offset += int64(len(more))
	}
	return line, err == nil, err
}

// begins says whether a line begins a message. A message may have a line "From " behind an empty one where its writer did not
// quote it: so what follows has to be a header, and the line has to have a date, or nothing, as with Thunderbird. At the
// beginning of a file "From " will do.
func (s *scanner) begins(line []byte) (date time.Time, ok bool) {
	if !s.blank || !bytes.HasPrefix(line, []byte("From ")) {
		return time.Time{}, false
	}
	date, ok = postmark(line)
	if s.found == nil {
		return date, true
	}
	following, _ := s.r.Peek(256)
	return date, ok && isField(following)
}

// isField says whether a line begins as a header field does (RFC 5322 section 2.2), or as a quoted "From " that some
// programs leave in a header.
func isField(line []byte) bool {
	if bytes.HasPrefix(line, []byte(">From ")) {
		return true
	}
	for i, c := range line {
		if c == ':' {
			return i > 0
		}
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return false
}

func isBlank(line []byte) bool {
	return len(line) == 1 && line[0] == '\n' || len(line) == 2 && line[0] == '\r' && line[1] == '\n'
}
