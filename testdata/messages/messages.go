// Package messages holds sample mail: messages written for this project, one property of real mail
// each, and generators of large and of many messages. Tests feed on it, and the demo shows it.
//
// The files are in wire form, as a server sends them: CRLF at the end of each line, except where a
// bare CR or LF is the point (.gitattributes keeps git from mending them).
package messages

import (
	"bytes"
	"embed"
	"io/fs"
	"slices"
	"strings"
)

//go:embed *.eml
var files embed.FS

// Sample is one message of this folder.
type Sample struct {
	Name string // file name without ".eml": says which property the message has
	Wire []byte // the message in wire form; a copy of the caller's own

	// NoFinalNewline: Wire does not end in CRLF. A POP3 server adds one (RFC 1939 section 3: the
	// terminating dot stands on a line of its own), an IMAP literal carries the message as it is.
	NoFinalNewline bool
}

// All returns the samples, sorted by name.
func All() []Sample {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil // an embedded root is always readable
	}
	samples := make([]Sample, 0, len(entries))
	for _, entry := range entries {
		wire, err := files.ReadFile(entry.Name())
		if err != nil {
			return nil // likewise
		}
		samples = append(samples, Sample{
			Name:           strings.TrimSuffix(entry.Name(), ".eml"),
			Wire:           wire,
			NoFinalNewline: len(wire) > 0 && !bytes.HasSuffix(wire, []byte("\r\n")),
		})
	}
	slices.SortFunc(samples, func(a, b Sample) int { return strings.Compare(a.Name, b.Name) })
	return samples
}
