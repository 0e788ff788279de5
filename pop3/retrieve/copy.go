package retrieve

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"io"
	"os"

	"postie/maildir"
)

// state is what a file is, beside the message that was stored in it.
type state uint8

const (
	whole    state = iota
	damaged        // cut by a full disk, filled with NULs by a file system that was repaired, grown by what is no part of it
	unproved       // by all that can be seen it may be whole: what another program compressed
)

// holds says whether the file at a place still holds all of the message that was stored there, octet for octet. Programs may have added
// fields to its header, in one place, or compressed it.
func (p place) holds(stored maildir.Wire) (state, error) {
	file, info, err := maildir.Open(p.dir.Path(p.entry))
	if err != nil {
		return damaged, err
	}
	defer file.Close()
	now, err := maildir.WireOf(file)
	switch {
	case err != nil:
		return damaged, err
	case now.Hash == stored.Hash:
		return whole, nil
	case stored.Exact && now.Size > stored.Size:
		added, err := labelled(file, info.Size(), stored, now.Size-stored.Size)
		if added || err != nil {
			return whole, err
		}
	case !stored.Exact && info.Size() > 0 && info.Size() == p.entry.Size:
		return whole, nil // what does not turn back into its wire form is told by the size that its name says
	}
	return p.unpacked(file, stored)
}

// maxLabelled is the part of a file in which added fields are looked for, and maxLabels how many places are tried.
const (
	maxLabelled = 256 << 10
	maxLabels   = 16
)

// labelled says whether a file is the message that was stored, with lines of more octets (on the wire) added to its header in one place.
func labelled(file io.ReaderAt, size int64, stored maildir.Wire, more int64) (bool, error) {
	header, err := io.ReadAll(io.NewSectionReader(file, 0, maxLabelled))
	if err != nil {
		return false, err
	}
	starts, wires := []int64{0}, []int64{0} // of lines: on disk, and on the wire
	for at := int64(0); ; {
		n := int64(bytes.IndexByte(header[at:], '\n')) + 1
		line := bytes.TrimSuffix(header[at:at+n], []byte("\n"))
		if n == 0 || len(bytes.TrimSuffix(line, []byte("\r"))) == 0 {
			break
		}
		at += n
		wire := n
		if !bytes.HasSuffix(line, []byte("\r")) {
			wire++
		}
		starts, wires = append(starts, at), append(wires, wires[len(wires)-1]+wire)
	}
	tries := 0
	for from, to := 0, 0; to < len(wires); {
		switch got := wires[to] - wires[from]; {
		case got < more:
			to++
			continue
		case got == more:
			if tries++; tries > maxLabels {
				return false, nil
			}
			rest := io.MultiReader(io.NewSectionReader(file, 0, starts[from]), io.NewSectionReader(file, starts[to], size-starts[to]))
			if now, err := maildir.WireOf(rest); err != nil || now.Hash == stored.Hash {
				return err == nil, err
			}
		}
		from++
	}
	return false, nil
}

// unpacked looks into a file that begins like those that Dovecot's plugins make of messages: gzip and bzip2 are read; xz, zstd, lz4 and what is
// encrypted is left as it is, and nothing is believed of it.
func (p place) unpacked(file *os.File, stored maildir.Wire) (state, error) {
	var begin [8]byte
	n, _ := file.ReadAt(begin[:], 0)
	is := func(magic string) bool { return bytes.HasPrefix(begin[:n], []byte(magic)) }
	for _, magic := range []string{"\xfd7zX", "\x28\xb5\x2f\xfd", "\x04\x22\x4d\x18", "Dovecot-", "CRYPTED\x03"} {
		if is(magic) {
			return unproved, nil
		}
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return damaged, err
	}
	var inner io.Reader
	switch {
	case is("\x1f\x8b"):
		r, err := gzip.NewReader(file)
		if err != nil {
			return damaged, nil
		}
		inner = r
	case is("BZh"):
		inner = bzip2.NewReader(file)
	default:
		return damaged, nil
	}
	now, err := maildir.WireOf(io.LimitReader(inner, 2*stored.Size+maxLabelled)) // no bomb
	switch {
	case err != nil: // of what it holds, or of the disk: either way nothing is proved
		return damaged, nil
	case now.Hash == stored.Hash:
		return whole, nil
	case !stored.Exact:
		return unproved, nil
	}
	return damaged, nil
}

// replaced removes a damaged file whose message was stored anew, if all that is left in it is the beginning of that message.
func (p place) replaced(by string) error {
	old, _, err := maildir.Open(p.dir.Path(p.entry))
	if err != nil {
		return err
	}
	defer old.Close()
	fresh, _, err := maildir.Open(by)
	if err != nil {
		return err
	}
	defer fresh.Close()
	a, b := make([]byte, 32<<10), make([]byte, 32<<10)
	for {
		n, err := old.Read(a)
		if m, _ := io.ReadFull(fresh, b[:n]); !bytes.Equal(a[:n], b[:m]) {
			return nil
		}
		if err == io.EOF {
			return p.dir.Remove(p.entry)
		}
		if err != nil {
			return err
		}
	}
}
