package mbox

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"postie/maildir"
)

// Writer writes an mbox file. The same messages give the same octets.
type Writer struct{ w *bufio.Writer }

// NewWriter returns a Writer. Flush has to follow the last message.
func NewWriter(w io.Writer) *Writer { return &Writer{bufio.NewWriterSize(w, readSize)} }

// Flush writes what is still held.
func (w *Writer) Flush() error { return w.w.Flush() }

// Message is one that is written: who sent it (an address without spaces; "": nobody knows) and when it arrived go into its
// "From " line, the flags into its header.
func (w *Writer) Message(sender string, date time.Time, flags maildir.Flags, body io.Reader) error {
	if sender == "" {
		sender = "MAILER-DAEMON"
	}
	fmt.Fprintf(w.w, "From %s %s\n", sender, date.UTC().Format(time.ANSIC))
	f := filter{r: bufio.NewReaderSize(body, readSize), header: true, status: new(Status)}
	last := byte('\n')
	for in := true; ; {
		err := f.next()
		if err == io.EOF {
			return w.end(last, in, flags)
		}
		if err != nil {
			return err
		}
		if in && !f.header { // the empty line comes next
			in = false
			w.w.WriteString(statusFields(flags))
		}
		if f.first && quotable(f.piece) {
			w.w.WriteByte('>')
		}
		last = f.piece[len(f.piece)-1]
		if _, err := w.w.Write(f.piece); err != nil {
			return errWrite{err}
		}
	}
}

// end ends a message: with the line end that it may lack, its flags if its header did not end, and an empty line.
func (w *Writer) end(last byte, header bool, flags maildir.Flags) error {
	if last != '\n' {
		w.w.WriteByte('\n')
	}
	if header {
		w.w.WriteString(statusFields(flags) + "\n")
	}
	if _, err := w.w.WriteString("\n"); err != nil {
		return errWrite{err}
	}
	return nil
}

// quotable says whether a line begins as the line before a message does, quoted or not.
func quotable(line []byte) bool {
	return quoted(line) || len(line) >= 5 && string(line[:5]) == "From "
}

// errWrite is an error of the file that is written, not of the message.
type errWrite struct{ error }

func (e errWrite) Unwrap() error { return e.error }

// IsWrite says whether an error of Message is that of the file that is written: nothing more can be.
func IsWrite(err error) bool { return errors.As(err, new(errWrite)) }
