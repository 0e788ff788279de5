package retrieve

import (
	"bytes"
	"io"
	"os"

	"postie/maildir"
)

// holds says whether the file at a place still holds all of the message that was stored there. Programs may have added to it. One that
// is no larger and has other octets was damaged: cut by a full disk, or filled with NULs by a file system that was repaired.
func (p place) holds(stored maildir.Wire) (bool, error) {
	path := p.dir.Path(p.entry)
	now, err := maildir.WireAt(path)
	if err != nil {
		return false, err
	}
	if now.Hash == stored.Hash || now.Size > stored.Size {
		return true, nil
	}
	if stored.Exact {
		return maildir.Compressed(path), nil
	}
	// What does not turn back into its wire form is told by the size that its name says.
	info, err := os.Stat(path)
	return err == nil && info.Size() > 0 && info.Size() == p.entry.Size || maildir.Compressed(path), err
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
