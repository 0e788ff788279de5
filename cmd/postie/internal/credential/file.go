package credential

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// readPrivate returns the first line of a file that nobody but its owner can touch.
func readPrivate(path string) (Secret, error) {
	text, err := slurp(path, private)
	if err != nil {
		return Secret{}, err
	}
	return firstLine(text)
}

// slurp reads a small file, after check (nil: none) has seen what was opened: asking the name first would leave a gap in
// which the file could be exchanged.
func slurp(path string, check func(fs.FileInfo) error) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && check != nil {
		err = check(info)
	}
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	return string(text), err
}

func private(info fs.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("refused, others than its owner have access (mode %04o): chmod 600", mode)
	}
	return nil
}

// systemd reads the credential that a unit was given by LoadCredential= or SetCredential=; systemd sees to its
// permissions, which may show group bits (an ACL's mask).
func (s *Source) systemd(context.Context) (Secret, error) {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" || strings.Contains(s.Account, "/") {
		return Secret{}, fs.ErrNotExist
	}
	text, err := slurp(filepath.Join(dir, "postie."+s.Account), nil)
	if err != nil {
		return Secret{}, err
	}
	return firstLine(text)
}

// writePrivate replaces a file atomically and durably: readers see the old secret or the new one.
func writePrivate(path string, s Secret) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // does nothing once it is renamed
	_, err = io.WriteString(f, s.Reveal()+"\n")
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
