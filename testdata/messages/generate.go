package messages

import (
	"encoding/base64"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// DefaultSize is the size in bytes of a message of Generated when none is given.
const DefaultSize = 12 << 10

// Large returns a message in wire form with one base64 attachment, "large.bin", of size bytes
// (before encoding). It is made while it is read, the same bytes each time.
func Large(size int) io.Reader {
	const head = "Date: Sat, 20 Apr 2024 10:00:00 +0000\r\n" +
		"From: Ann Example <ann@example.org>\r\n" +
		"To: Bob Sample <bob@example.test>\r\n" +
		"Subject: The film of the picnic (%d bytes)\r\n" +
		"Message-ID: <large-%[1]d@example.org>\r\n" +
		"MIME-Version: 1.0\r\n" +
		"Content-Type: multipart/mixed; boundary=\"large\"\r\n" +
		"\r\n" +
		"--large\r\n" +
		"Content-Type: text/plain; charset=us-ascii\r\n" +
		"\r\n" +
		"Bob, here is the film. It is a bit long.\r\n" +
		"--large\r\n" +
		"Content-Type: application/octet-stream; name=\"large.bin\"\r\n" +
		"Content-Disposition: attachment; filename=\"large.bin\"\r\n" +
		"Content-Transfer-Encoding: base64\r\n" +
		"\r\n"
	return io.MultiReader(
		strings.NewReader(fmt.Sprintf(head, size)),
		&noise{left: size, source: rand.NewChaCha8([32]byte{})},
		strings.NewReader("--large--\r\n"),
	)
}

// noise is left random bytes as lines of base64.
type noise struct {
	left   int
	source *rand.ChaCha8
	line   []byte // what Read has yet to give out
	buf    [78]byte
}

func (n *noise) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	done := 0
	for done < len(p) {
		if len(n.line) == 0 && !n.next() {
			break
		}
		c := copy(p[done:], n.line)
		n.line = n.line[c:]
		done += c
	}
	if done == 0 {
		return 0, io.EOF
	}
	return done, nil
}

// next makes the next line of 76 characters: 57 bytes (RFC 2045 section 6.8).
func (n *noise) next() bool {
	if n.left <= 0 {
		return false
	}
	var raw [57]byte
	count := min(n.left, len(raw))
	n.left -= count
	n.source.Read(raw[:]) // never fails, always fills
	base64.StdEncoding.Encode(n.buf[:], raw[:count])
	n.line = append(n.buf[:base64.StdEncoding.EncodedLen(count)], '\r', '\n')
	return true
}

// Generated yields n ordinary messages in wire form, no two alike, of about size bytes each
// (DefaultSize when size is 0). The same n and size give the same messages; each slice is the
// caller's to keep.
func Generated(n, size int) iter.Seq[[]byte] {
	if size == 0 {
		size = DefaultSize
	}
	return func(yield func([]byte) bool) {
		words, names := strings.Fields(vocabulary), strings.Fields(people)
		text := prose(words, 64<<10+size)
		start := time.Date(2024, 1, 1, 8, 0, 0, 0, time.UTC)
		random := rand.New(rand.NewPCG(uint64(n), uint64(size)))
		for i := range n {
			head := header(i, names[i%len(names)], start.Add(time.Duration(i)*37*time.Minute), words[i%len(words)], words[(i/7+3)%len(words)])
			if !yield(fill(head, size, text[random.IntN(64<<10):])) {
				return
			}
		}
	}
}

// header writes the header and the first line of the message of number i.
func header(i int, who string, at time.Time, topic ...string) []byte {
	b := fmt.Appendf(nil, "Date: %s\r\nFrom: %s Example <%s@example.org>\r\nTo: Bob Sample <bob@example.test>\r\n",
		at.Format(time.RFC1123Z), who, strings.ToLower(who))
	b = fmt.Appendf(b, "Subject: Letter %d: the %s\r\nMessage-ID: <letter-%[1]d@example.org>\r\n", i+1, strings.Join(topic, " "))
	return fmt.Appendf(b, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nDear Bob, this is letter %d.\r\n\r\n", i+1)
}

// fill adds whole lines of text to head, up to size bytes in all.
func fill(head []byte, size int, text string) []byte {
	_, text, _ = strings.Cut(text, "\r\n") // begins in the middle of a line
	text = text[:min(max(size-len(head), 0), len(text))]
	if end := strings.LastIndex(text, "\r\n"); end >= 0 {
		head = slices.Grow(head, end+2)
		head = append(head, text[:end+2]...)
	}
	return head
}

// prose is at least size bytes of lines of these words, CRLF at their ends.
func prose(words []string, size int) string {
	random := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for b.Len() < size {
		column := 0
		for column < 64 {
			word := words[random.IntN(len(words))]
			if column > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(word)
			column += len(word) + 1
		}
		b.WriteString(".\r\n")
	}
	return b.String()
}

// vocabulary is the words, separated by spaces, of which generated mail is made.
const vocabulary = "apple apricot autumn baker balcony barley basket beach bicycle birch blanket boat book bread " +
	"bridge butter button candle canal carpet castle cellar cherry chess choir cinema clay cloud " +
	"clover coffee copper cotton cricket dance dawn desk dinner donkey drum evening feather ferry " +
	"fiddle field fig flute forest fountain garden ginger glove goose grain harbour hazel heron hill " +
	"honey island ivy jacket kettle kitchen kite ladder lake lantern lavender lemon letter lighthouse " +
	"linen lock maple market meadow mill mirror moon morning mountain museum needle nettle night " +
	"nutmeg oak orchard oven owl paper parcel path pear pebble pencil pepper piano picnic pillow plum " +
	"pond potato quilt rain raven ribbon river roof rose rye saddle sail salt school shed silver snow " +
	"song spoon spring stable station stone storm street summer swallow table teapot theatre thimble " +
	"timber tower train tulip umbrella valley velvet village violin walnut water weir wheat willow " +
	"window winter wool yarn"

// people are the first names of its authors.
const people = "Ann Carol Dave Edda Farid Greta Hugo Ines Jonas Kaja Lars Mona"
