package maildir

import (
	"bytes"
	"io"
)

// Compressed says whether a file begins like those that Dovecot's zlib plugin makes of messages: gzip, bzip2, xz, zstd, lz4.
func Compressed(path string) bool {
	f, _, err := Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var begin [4]byte
	n, _ := io.ReadFull(f, begin[:])
	for _, magic := range []string{"\x1f\x8b", "BZh", "\xfd7zX", "\x28\xb5\x2f\xfd", "Dove"} {
		if bytes.HasPrefix(begin[:n], []byte(magic)) {
			return true
		}
	}
	return false
}
