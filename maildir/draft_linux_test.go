package maildir

import (
	"errors"
	"syscall"
	"testing"
)

// A full disk is told by the write that meets it, or by the batch if all was still buffered.
func TestDraftDiskFull(t *testing.T) {
	for _, size := range []int{10, 2 * bufferSize} {
		d := newDir(t)
		f, err := d.Create()
		must(t, err)
		must(t, f.file.Close())
		f.file, err = openMessageFile("/dev/full", 0)
		must(t, err)
		if _, err := f.Write(make([]byte, size)); (size > bufferSize) != errors.Is(err, syscall.ENOSPC) {
			t.Errorf("write of %d: %v", size, err)
		}
		var b Batch
		b.Add(f, Flags{})
		if err := b.Commit(); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("commit of %d: %v", size, err)
		}
	}
}
