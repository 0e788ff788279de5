package imap

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// lines reads responses line by line, without the line end.
type lines struct {
	s     *stream
	long  []byte // a line that did not fit into the buffer
	trace func(dir byte, line string)
	came  func(n int) // told of octets that may have been asked for; nil: nobody counts them
}

// next returns a line, valid until the next read. A lone LF ends a line too, as the library has it.
func (l *lines) next() ([]byte, error) {
	l.long = l.long[:0]
	for {
		part, err := l.s.r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			if len(part)+len(l.long) > 0 {
				err = cut(err)
			}
			return nil, err
		}
		if err == nil && len(l.long) == 0 {
			l.count(part, len(part))
			return l.done(part), nil
		}
		l.long = append(l.long, part...)
		l.count(l.long, len(part))
		if err == nil {
			return l.done(l.long), nil
		}
		if len(l.long) > limitOf(l.long) {
			return nil, nonsense(l.long, "line of more than %d octets", limitOf(l.long))
		}
	}
}

// count takes n octets of a line for progress, unless the line is one that servers send unasked. What they send
// unasked as FETCH, LIST or STATUS is rare, and the least rate tells it from a dialogue.
func (l *lines) count(line []byte, n int) {
	star, rest, _ := bytes.Cut(line[:min(len(line), 40)], []byte(" "))
	first, rest, _ := bytes.Cut(rest, []byte(" "))
	second, _, _ := bytes.Cut(rest, []byte(" "))
	if l.came == nil || string(star) == "*" && !asked(first) && !asked(second) {
		return
	}
	l.came(n)
}

// asked says whether a response of that name answers a command.
func asked(name []byte) bool {
	name = bytes.TrimRight(name, "\r\n")
	for _, known := range []string{"FETCH", "LIST", "LSUB", "STATUS", "SEARCH", "ESEARCH", "VANISHED", "EXPUNGE"} {
		if len(name) == len(known) && strings.EqualFold(string(name), known) {
			return true
		}
	}
	return false
}

func (l *lines) done(line []byte) []byte {
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	if l.trace != nil {
		l.trace('S', string(line[:min(len(line), maxTrace)]))
	}
	return line
}

// limitOf is the number of octets that a line may have, told from how it begins.
func limitOf(line []byte) int {
	for _, bulk := range []string{"* SEARCH", "* ESEARCH", "* VANISHED"} {
		if len(line) >= len(bulk) && strings.EqualFold(string(line[:len(bulk)]), bulk) {
			return maxBulk
		}
	}
	return maxLine
}

// cut makes the end of the input in the middle of something what it is.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
