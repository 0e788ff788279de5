package message

import (
	"fmt"
	"io"
)

// Part is one part of a message that can be had on its own: text, an attachment, a message inside.
type Part struct {
	Number     int    // 1, 2, … in the order of the message
	Depth      int    // how many multiparts and messages it lies in
	Type       string // media type in lower case: "text/plain"
	Name       string // file name without folders, as its sender gave it (clean it before use); "" when it has none
	Size       int64  // bytes without transfer encoding
	Attachment bool   // no text for reading, or one that its sender calls an attachment
}

// NoPart is the error of WritePart when the message has no such part.
type NoPart struct {
	Number, Have int
}

func (e *NoPart) Error() string {
	return fmt.Sprintf("no part %d: the message has %d", e.Number, e.Have)
}

// Parts lists the parts of the message in r (wire or LF form), at most the first thousand, and says how many it has. A message
// inside is one part and its own parts follow it; likewise what is signed as a whole. The error is that of reading r; what was
// found until then is returned with it.
func Parts(r io.Reader) (list []Part, total int, err error) {
	total, err = walk(r, visitor{
		leaf: func(e *entity, body io.Reader) error {
			if e.number > maxParts {
				return nil
			}
			size, err := io.Copy(io.Discard, body)
			list = append(list, partOf(e, size))
			return err
		},
		copy: func(e *entity) io.Writer {
			if e.number <= maxParts {
				list = append(list, partOf(e, 0))
			}
			return nil
		},
		leave: func(e *entity, size int64) {
			if e.number <= len(list) {
				list[e.number-1].Size = size
			}
		},
	})
	return list, total, err
}

// WritePart writes the part of that number, its transfer encoding removed but in its own charset, to w,
// however large it is.
func WritePart(w io.Writer, r io.Reader, number int) (Part, error) {
	var part Part
	have, err := walk(r, visitor{
		leaf: func(e *entity, body io.Reader) error {
			if e.number != number {
				return nil
			}
			size, err := io.Copy(w, body)
			part = partOf(e, size)
			return err
		},
		copy: func(e *entity) io.Writer {
			if e.number == number {
				return w
			}
			return nil
		},
		leave: func(e *entity, size int64) {
			if e.number == number {
				part = partOf(e, size)
			}
		},
	})
	if err == nil && part.Number == 0 {
		err = &NoPart{number, have}
	}
	return part, err
}

func partOf(e *entity, size int64) Part {
	return Part{Number: e.number, Depth: e.depth, Type: e.typ, Name: e.name, Size: size, Attachment: e.reading() >= lastResort}
}
