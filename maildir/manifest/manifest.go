// Package manifest writes down what mail there is, a line for each message, so that two copies can be compared with diff, and a later
// copy can prove that nothing was changed or taken away.
//
// # The format
//
//	postie-manifest 1 after sha256:9f86d0…        or: after nothing
//	HASH SIZE FLAGS MAILBOX MESSAGE-ID
//	…
//	end COUNT
//
// Lines end in LF, fields are parted by one space. HASH is the SHA-256 of the message in wire form (RFC 5322 section 2.1: with CRLF),
// 64 hexadecimal digits in lower case, SIZE its octets. FLAGS are the letters of a Maildir (DFPRST) and, each behind a comma, IMAP
// keywords: "FS,$Label1". MAILBOX is the mailbox with its hierarchy joined by "/". A field that is empty is "-". Octets that are no
// printable UTF-8, spaces and '%' are written as %XX, as are ',' in a keyword and a '-' that is the whole field. The lines of messages
// are sorted by their octets (sort in the C locale). COUNT is how many they are: without that line a manifest was cut off.
//
// The first line names the manifest before this one by the SHA-256 of its octets: who changes an old one breaks the chain.
package manifest

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"postie/maildir"
)

const (
	magic   = "postie-manifest 1 after "
	nothing = "nothing"
	hashed  = "sha256:"
	trailer = "end "
)

// maxLine is longer than any line of ours: a Message-ID is one line of a header.
const maxLine = 1 << 20

// Entry is one message.
type Entry struct {
	Wire      maildir.Wire // Exact is not looked at
	Flags     maildir.Flags
	Mailbox   string
	MessageID string // "": it has none
}

// Header is the first line.
type Header struct {
	After [32]byte // SHA-256 of the manifest before; zero: there is none
}

func (h Header) String() string {
	if h.After == [32]byte{} {
		return magic + nothing
	}
	return magic + hashed + hex.EncodeToString(h.After[:])
}

// FormatError is the error of what is no manifest.
type FormatError struct {
	Line    int
	Problem string
}

func (e *FormatError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Problem) }

var errForm = errors.New("not as a line is written: HASH SIZE FLAGS MAILBOX MESSAGE-ID")

// String is the line of a message, without its end.
func (e Entry) String() string {
	flags := e.Flags.Set.String()
	if flags == "" && e.Flags.Keywords != "" {
		flags = "-"
	}
	for _, k := range e.Flags.Keywords.Names() {
		flags += "," + escape(k, ",")
	}
	if flags == "" {
		flags = "-"
	}
	return hex.EncodeToString(e.Wire.Hash[:]) + " " + strconv.FormatInt(e.Wire.Size, 10) + " " + flags + " " + field(e.Mailbox) + " " + field(e.MessageID)
}

// Parse reads the line of a message. It takes only what String gives, so that equal messages have equal lines.
func Parse(line string) (e Entry, err error) {
	fields := strings.Split(line, " ")
	if len(fields) != 5 {
		return e, errForm
	}
	hash, err := hex.DecodeString(fields[0])
	if err != nil || len(hash) != len(e.Wire.Hash) {
		return e, errForm
	}
	copy(e.Wire.Hash[:], hash)
	if e.Wire.Size, err = strconv.ParseInt(fields[1], 10, 64); err != nil || e.Wire.Size < 0 {
		return e, errForm
	}
	letters, keywords, _ := strings.Cut(fields[2], ",")
	e.Flags.Set = maildir.EntryOf("x:2,"+letters, false).Set
	var names []string
	for k := range strings.SplitSeq(keywords, ",") {
		names = append(names, unescape(k))
	}
	e.Flags.Keywords = maildir.NewKeywords(names...)
	if e.Mailbox, e.MessageID = unfield(fields[3]), unfield(fields[4]); e.String() != line {
		return Entry{}, errForm
	}
	return e, nil
}

// Write writes a manifest. The entries come sorted by their lines, as Sorter.All gives them.
func Write(w io.Writer, h Header, lines iter.Seq2[string, error]) error {
	out := bufio.NewWriter(w)
	out.WriteString(h.String() + "\n") // its error is Flush's
	n := 0
	for line, err := range lines {
		if err != nil {
			return err
		}
		n++
		out.WriteString(line)
		out.WriteByte('\n')
	}
	fmt.Fprintf(out, "%s%d\n", trailer, n)
	return out.Flush()
}

// Reader reads a manifest as a stream.
type Reader struct {
	Header Header
	in     *bufio.Scanner
	line   int
	hash   interface{ Sum([]byte) []byte }
}

// NewReader reads the first line. Errors: *FormatError; those of reading.
func NewReader(r io.Reader) (*Reader, error) {
	h := sha256.New()
	m := &Reader{in: bufio.NewScanner(io.TeeReader(r, h)), hash: h}
	m.in.Buffer(nil, maxLine)
	m.in.Split(whole)
	line, err := m.next()
	if err != nil {
		return nil, err
	}
	after, ok := strings.CutPrefix(line, magic)
	if !ok {
		return nil, &FormatError{1, "this is no manifest of postie's: it begins otherwise"}
	}
	if digits, ok := strings.CutPrefix(after, hashed); ok {
		hash, _ := hex.DecodeString(digits)
		copy(m.Header.After[:], hash)
	}
	if m.Header.String() != line {
		return nil, &FormatError{1, "it does not say which manifest came before"}
	}
	return m, nil
}

// whole splits at LF. What comes behind the last one is a line that was cut off.
func whole(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return 0, nil, errCut
	}
	return 0, nil, nil
}

var errCut = errors.New("the manifest is cut off")

func (r *Reader) next() (string, error) {
	r.line++
	if r.in.Scan() {
		return r.in.Text(), nil
	}
	switch err := r.in.Err(); {
	case err == nil, errors.Is(err, errCut):
		return "", &FormatError{r.line, errCut.Error()}
	case errors.Is(err, bufio.ErrTooLong):
		return "", &FormatError{r.line, "the line is too long"}
	default:
		return "", err
	}
}

// All gives the messages, once, in the order in which they stand. Errors: *FormatError, also where a manifest was cut off or is not sorted;
// those of reading.
func (r *Reader) All() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		last := ""
		for n := 0; ; n++ {
			line, err := r.next()
			if err == nil && strings.HasPrefix(line, trailer) {
				if err = r.end(line, n); err != nil {
					yield(Entry{}, err)
				}
				return
			}
			var e Entry
			if err == nil {
				if e, err = Parse(line); err != nil {
					err = &FormatError{r.line, err.Error()}
				} else if line < last {
					err = &FormatError{r.line, "the lines are not sorted"}
				}
			}
			if !yield(e, err) || err != nil {
				return
			}
			last = line
		}
	}
}

// end checks the last line, which nothing may follow.
func (r *Reader) end(line string, n int) error {
	if line != trailer+strconv.Itoa(n) {
		return &FormatError{r.line, fmt.Sprintf("it says %q behind %d messages", line, n)}
	}
	if r.in.Scan() || r.in.Err() != nil {
		return &FormatError{r.line + 1, "something follows the end"}
	}
	return nil
}

// Hash is the SHA-256 of a whole manifest, which the next one names. Errors: *FormatError where it is none; those of reading.
func Hash(r io.Reader) (sum [32]byte, err error) {
	m, err := NewReader(r)
	if err != nil {
		return sum, err
	}
	for _, err := range m.All() {
		if err != nil {
			return sum, err
		}
	}
	return m.Sum(), nil
}

// Sum is the SHA-256 of the manifest, once All has come to its end.
func (r *Reader) Sum() (sum [32]byte) {
	r.hash.Sum(sum[:0])
	return sum
}
