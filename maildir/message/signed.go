package message

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// mayBeSigned reports whether e may be S/MIME signed data with its text inside (RFC 8551 section 3.5.2).
func mayBeSigned(e *entity) bool {
	switch e.typ {
	case "application/pkcs7-mime", "application/x-pkcs7-mime":
		return true
	}
	return e.typ == "application/octet-stream" && strings.HasSuffix(strings.ToLower(e.name), ".p7m")
}

// signed walks into what was signed. Nothing here checks the signature.
func (w *walker) signed(e *entity) error {
	body := bufio.NewReader(newBody(&w.lines, e))
	if !beginsSigned(body) { // encrypted, or only certificates
		return w.leaf(e, body)
	}
	w.count(e)
	if w.sign != nil {
		w.sign()
	}
	all := w.counted(e, body)
	content := &signedContent{in: bufio.NewReader(all)}
	inner := &walker{newLines(content), w.visitor, w.counts}
	return w.finish(e, all, inner.entity("text/plain", e.depth+1, e.choices), inner)
}

// The tags of the Basic Encoding Rules (X.690 section 8) that signed data begins with.
const (
	tagEnd         = 0x00 // of a length that was not told
	tagInteger     = 0x02
	tagOctets      = 0x04
	tagOID         = 0x06
	tagPieces      = 0x24 // octets in pieces
	tagSequence    = 0x30
	tagSet         = 0x31
	tagContext0    = 0xa0
	unknownLength  = -1
	maxSignedDepth = 20
)

// signedData is the encoding of the OID 1.2.840.113549.1.7.2, with tag and length.
const signedData = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"

// beginsSigned reports whether that is a ContentInfo of signed data (RFC 5652 section 5.1).
func beginsSigned(in *bufio.Reader) bool {
	start, _ := in.Peek(2 + 8 + len(signedData))
	if len(start) < 2 || start[0] != tagSequence {
		return false
	}
	length := 0
	if start[1] > 0x80 {
		length = int(start[1] & 0x7f)
	}
	return len(start) > 2+length && strings.HasPrefix(string(start[2+length:]), signedData)
}

// signedContent reads what was signed out of signed data: a stream, whatever its size. What is damaged ends it.
type signedContent struct {
	in      *bufio.Reader
	started bool
	left    int64 // octets of the piece that is read
	ended   bool
}

func (c *signedContent) Read(p []byte) (int, error) {
	if !c.started {
		c.started = true
		c.ended = c.start() != nil
	}
	for c.left == 0 && !c.ended {
		c.next()
	}
	if c.ended {
		return 0, io.EOF
	}
	n, err := c.in.Read(p[:min(int64(len(p)), c.left)])
	if c.left -= int64(n); err == io.EOF {
		c.ended = true
	}
	return n, err
}

// start reads up to the octets of the content: ContentInfo, SignedData with version and digest algorithms, EncapsulatedContentInfo.
func (c *signedContent) start() error {
	for _, step := range [...]struct {
		tag  byte
		pass bool // over what it holds
	}{{tagSequence, false}, {tagOID, true}, {tagContext0, false}, {tagSequence, false}, {tagInteger, true}, {tagSet, true},
		{tagSequence, false}, {tagOID, true}, {tagContext0, false}} {
		tag, length, err := c.head()
		if err == nil && tag != step.tag {
			err = errors.New("no signed data")
		}
		if err == nil && step.pass {
			err = c.pass(length, 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// next begins the next piece of the octets. Other tags than theirs come after the last.
func (c *signedContent) next() {
	tag, length, err := c.head()
	switch {
	case err != nil:
		c.ended = true
	case tag == tagOctets && length >= 0:
		c.left = length
	case tag == tagPieces, tag == tagEnd && length == 0:
	default:
		c.ended = true
	}
}

// head reads tag and length (X.690 section 8.1).
func (c *signedContent) head() (tag byte, length int64, err error) {
	if tag, err = c.in.ReadByte(); err != nil {
		return 0, 0, err
	}
	b, err := c.in.ReadByte()
	switch {
	case err != nil:
		return 0, 0, err
	case b == 0x80:
		return tag, unknownLength, nil
	case b < 0x80:
		return tag, int64(b), nil
	case b > 0x80+7:
		return 0, 0, errors.New("a length beyond measure")
	}
	for range b & 0x7f {
		if b, err = c.in.ReadByte(); err != nil {
			return 0, 0, err
		}
		length = length<<8 | int64(b)
	}
	return tag, length, nil
}

// pass passes over what a tag holds.
func (c *signedContent) pass(length int64, depth int) error {
	if length >= 0 {
		_, err := io.CopyN(io.Discard, c.in, length)
		return err
	}
	for depth < maxSignedDepth {
		tag, length, err := c.head()
		if err != nil || tag == tagEnd {
			return err
		}
		if err := c.pass(length, depth+1); err != nil {
			return err
		}
	}
	return errors.New("nested too deep")
}
